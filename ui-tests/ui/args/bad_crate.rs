//! Where the library is.
use duroxide::activity;

#[activity(crate)]
async fn nowhere() -> Result<(), String> {
    Ok(())
}

#[activity(crate = "duroxide")]
async fn quoted() -> Result<(), String> {
    Ok(())
}

#[activity(crate = elsewhere)]
async fn elsewhere() -> Result<(), String> {
    Ok(())
}

fn main() {}
