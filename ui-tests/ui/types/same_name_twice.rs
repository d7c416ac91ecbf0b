//! A module and a handler of one name, and a handler twice.
use duroxide::activity;

mod charge {}

#[activity]
async fn charge() -> Result<(), String> {
    Ok(())
}

fn main() {}
