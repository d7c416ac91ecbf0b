//! Tags and sessions.
use duroxide::activity;

#[activity(tag = "")]
async fn charge0() -> Result<(), String> {
    Ok(())
}

#[activity(session = " ")]
async fn charge1() -> Result<(), String> {
    Ok(())
}

#[activity(session = 5)]
async fn charge2() -> Result<(), String> {
    Ok(())
}

#[activity(tag)]
async fn charge3() -> Result<(), String> {
    Ok(())
}

fn main() {}
