//! DX1013: the transaction is asked for, lent, and in its place.
use duroxide::{ActivityContext, OrchestrationContext, activity, durable, orchestration};

struct PgTransaction<'c>(&'c ());

#[activity(transaction)]
async fn without(_cents: u64) -> Result<(), String> {
    Ok(())
}

#[activity(transaction, retry(max_attempts = 3), session = "till")]
async fn last(_cents: u64, _tx: &mut PgTransaction<'_>) -> Result<(), String> {
    Ok(())
}

#[activity(transaction)]
async fn owned(_ctx: ActivityContext, _tx: PgTransaction<'static>) -> Result<(), String> {
    Ok(())
}

#[activity(transaction)]
async fn shared(_tx: &PgTransaction<'_>, _cents: u64) -> Result<(), String> {
    Ok(())
}

#[activity]
async fn unasked(_tx: &mut PgTransaction<'_>) -> Result<(), String> {
    Ok(())
}

#[orchestration]
async fn checkout(_ctx: OrchestrationContext, _tx: &mut PgTransaction<'_>) -> Result<(), String> {
    Ok(())
}

#[orchestration(transaction)]
async fn pay(_ctx: OrchestrationContext) -> Result<(), String> {
    Ok(())
}

#[durable(transaction)]
async fn settle() {}

#[activity(transaction = true, transactoin)]
async fn misspelt(_tx: &mut PgTransaction<'_>) -> Result<(), String> {
    Ok(())
}

fn main() {}
