//! A loop without end that keeps its history short by continuing as new.

use duroxide::{OrchestrationContext, activity, event, orchestration};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, World, on_every_store};

#[event(name = "deposit")]
#[derive(Debug, Serialize, Deserialize)]
struct Deposit {
    cents: u64,
}

#[activity]
async fn add(balance: u64, cents: u64) -> Result<u64, String> {
    Ok(balance + cents)
}

/// Ends only when a deposit of nothing arrives.
#[orchestration]
async fn account(ctx: OrchestrationContext, balance: u64) -> Result<u64, String> {
    let deposit = ctx.queue::<Deposit>().await;
    if deposit.cents == 0 {
        return Ok(balance);
    }
    let balance = add::call(&ctx, balance, deposit.cents).await?;
    ctx.set_custom_status(balance.to_string());
    ctx.continue_as_new_typed(&balance).await?;
    Ok(balance)
}

on_every_store!(messages_are_carried_from_execution_to_execution);

async fn messages_are_carried_from_execution_to_execution(world: &World) {
    let handle = account::start(&world.client, "acc-1", 0).await.unwrap();
    for cents in [1, 2, 3, 4, 5, 0] {
        handle.enqueue(Deposit { cents }).await.unwrap();
    }
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 15);
    let executions = world.client.list_executions("acc-1").await.unwrap();
    assert_eq!(executions, [1, 2, 3, 4, 5, 6]);
    for execution in executions {
        let history = world.store.read_with_execution("acc-1", execution).await.unwrap();
        assert_eq!(history[0].event_id, 1);
        assert_eq!(history.iter().filter(|event| event.is_terminal()).count(), 1, "execution {execution}");
    }
}
