//! Many at once, and all of them awaited.

use duroxide::{OrchestrationContext, activity, orchestration};

use super::{PATIENCE, World, on_every_store};

#[activity]
async fn square(n: u64) -> Result<u64, String> {
    Ok(n * n)
}

#[orchestration]
async fn sum_of_squares(ctx: OrchestrationContext, upto: u64) -> Result<u64, String> {
    let calls = (1..=upto).map(|n| square::call(&ctx, n).into_future()).collect();
    let mut sum = 0;
    for result in ctx.join(calls).await {
        sum += result?;
    }
    Ok(sum)
}

on_every_store!(a_hundred_activities_are_joined, an_empty_join_is_no_wait, many_instances_do_not_mix);

async fn a_hundred_activities_are_joined(world: &World) {
    let handle = sum_of_squares::start(&world.client, "s-1", 100).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 338_350);
}

async fn an_empty_join_is_no_wait(world: &World) {
    let handle = sum_of_squares::start(&world.client, "s-1", 0).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), 0);
}

async fn many_instances_do_not_mix(world: &World) {
    let mut handles = Vec::new();
    for n in 0..20 {
        handles.push((n, sum_of_squares::start(&world.client, format!("s-{n}"), n).await.unwrap()));
    }
    for (n, handle) in handles {
        assert_eq!(handle.wait(PATIENCE).await.unwrap(), n * (n + 1) * (2 * n + 1) / 6);
    }
}
