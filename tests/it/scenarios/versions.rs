//! Several versions of one orchestration side by side.

use duroxide::{OrchestrationContext, orchestration};

use super::{PATIENCE, World, on_every_store};

mod old {
    use super::*;

    #[orchestration(name = "Tax", version = "1.0.0")]
    pub(super) async fn tax(_ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
        Ok(cents * 16 / 100)
    }
}

mod new {
    use super::*;

    #[orchestration(name = "Tax", version = "2.0.0")]
    pub(super) async fn tax(_ctx: OrchestrationContext, cents: u64) -> Result<u64, String> {
        Ok(cents * 19 / 100)
    }
}

on_every_store!(each_caller_gets_the_version_it_was_written_for, a_start_by_name_gets_the_latest);

async fn each_caller_gets_the_version_it_was_written_for(world: &World) {
    let before = old::tax::start(&world.client, "old", 1_000).await.unwrap();
    let after = new::tax::start(&world.client, "new", 1_000).await.unwrap();
    assert_eq!((before.wait(PATIENCE).await.unwrap(), after.wait(PATIENCE).await.unwrap()), (160, 190));
}

async fn a_start_by_name_gets_the_latest(world: &World) {
    world.client.start_orchestration("by-name", "Tax", "1000").await.unwrap();
    assert_eq!(new::tax::attach(&world.client, "by-name").wait(PATIENCE).await.unwrap(), 190);
}
