//! Brackets that are no list of keys; the keys after them are read all the same.
use duroxide::{activity, orchestration};

#[activity(= "x", 5, name = "Charge" "Charge", tga = "bank")]
async fn charge() -> Result<(), String> {
    Ok(())
}

#[orchestration("Checkout")]
async fn checkout(ctx: duroxide::OrchestrationContext) -> Result<(), String> {
    Ok(())
}

fn main() {}
