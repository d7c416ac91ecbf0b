//! Names that are not free.
use duroxide::activity;

#[activity(name = "__duroxide_syscall:now")]
async fn charge0() -> Result<(), String> {
    Ok(())
}

#[activity(name = "  ")]
async fn charge1() -> Result<(), String> {
    Ok(())
}

fn main() {}
