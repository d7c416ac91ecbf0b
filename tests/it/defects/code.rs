//! What orchestration code may do wrong, and what it may rely on.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use duroxide::TagFilter;
use duroxide::providers::{Event, Provider};
use duroxide::runtime::{OrchestrationRegistry, RuntimeOptions};

use super::{Stage, activities, on_every_store, on_every_store_in_real_time, options, orchestrations};

on_every_store!(
    d04_a_child_that_breaks_a_limit_fails_once_and_tells_its_parent,
    d05_a_late_tag_fails_its_orchestration_only,
    d17_without_workers_system_calls_are_answered,
    d20_awaiting_a_foreign_future_fails_at_once,
);

on_every_store_in_real_time!(d07_pruning_by_age_works_within_one_execution);

async fn d04_a_child_that_breaks_a_limit_fails_once_and_tells_its_parent(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", |ctx, how: String| async move {
            let id = format!("child-{how}");
            ctx.schedule_sub_orchestration_with_id("Child", id, how).await
        })
        .register("Child", |ctx, how: String| async move {
            ctx.set_kv_value("k", "x".repeat(65_537));
            match how.as_str() {
                "returns" => Ok("done".to_owned()),
                "fails" => Err("failed".to_owned()),
                "continues" => ctx.continue_as_new("").await,
                _ => Ok(ctx.schedule_wait("never").await),
            }
        })
        .build();
    let stage = Stage::on(store, orchestrations).await;
    for how in ["returns", "fails", "continues", "waits"] {
        let text = "KV value for key 'k' (65537 bytes) exceeds limit (65536 bytes)";
        let parent = format!("parent-{how}");
        assert_eq!(stage.run(&parent, "Parent", how).await.unwrap_err(), text, "{how}");
        let child = stage.store.read(&format!("child-{how}")).await.unwrap();
        let ends = child.iter().filter(|event| Event::is_terminal(event)).count();
        assert_eq!(ends, 1, "{how}: {child:#?}");
    }
    stage.end().await;
}

async fn d05_a_late_tag_fails_its_orchestration_only(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder_from(&orchestrations())
        .register("Late", |ctx, _| async move {
            let held = ctx.schedule_activity("Echo", "held");
            let late = ctx.schedule_activity("Echo", "late");
            ctx.schedule_activity("Echo", "first").await?;
            let late = late.with_tag("gpu").await;
            drop(held);
            late
        })
        .register("Wrong", |ctx, _| async move {
            ctx.schedule_timer(Duration::ZERO).with_tag("gpu").await;
            Ok(String::new())
        })
        .build();
    let stage = Stage::on(store, orchestrations).await;
    let error = stage.run("late", "Late", "").await.unwrap_err();
    assert!(error.contains("with_tag(\"gpu\") came after an await"), "{error}");
    let error = stage.run("wrong", "Wrong", "").await.unwrap_err();
    assert!(error.contains("with_tag() can only be called on activity"), "{error}");
    stage.assert_others_run().await;
    stage.end().await;
}

/// Each timer makes another turn, which replays the first `set`. A time taken in between tells old from new.
async fn d07_pruning_by_age_works_within_one_execution(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Prunes", |ctx, _| async move {
            let pause = Duration::from_millis(20);
            ctx.set_kv_value("old", "");
            ctx.schedule_timer(pause).await;
            let between = ctx.utc_now().await?.duration_since(UNIX_EPOCH);
            let between_ms = between.map_err(|error| error.to_string())?.as_millis() as u64;
            ctx.schedule_timer(pause).await;
            ctx.set_kv_value("new", "");
            let pruned = ctx.prune_kv_values_updated_before(between_ms);
            ctx.schedule_timer(pause).await;
            Ok(format!("{pruned} {:?}", ctx.get_kv_all_keys()))
        })
        .build();
    let stage = Stage::cold(store, orchestrations).await;
    assert_eq!(stage.run("i", "Prunes", "").await.as_deref(), Ok(r#"1 ["new"]"#));
    let values = stage.client.get_kv_all_values("i").await.unwrap();
    assert_eq!(values.into_keys().collect::<Vec<_>>(), ["new"]);
    stage.end().await;
}

async fn d17_without_workers_system_calls_are_answered(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Asks", |ctx, _| async move {
            let guid = ctx.new_guid().await?;
            ctx.utc_now().await?;
            Ok(guid.len().to_string())
        })
        .build();
    let without_tags = RuntimeOptions { worker_tag_filter: TagFilter::none(), ..options() };
    let without_slots = RuntimeOptions { worker_concurrency: 0, ..options() };
    for (instance, options) in [("tags", without_tags), ("slots", without_slots)] {
        let stage = Stage::with(Arc::clone(&store), activities(), orchestrations.clone(), options).await;
        assert_eq!(stage.run(instance, "Asks", "").await.as_deref(), Ok("36"), "{instance}");
        stage.end().await;
    }
}

async fn d20_awaiting_a_foreign_future_fails_at_once(store: Arc<dyn Provider>) {
    let orchestrations = OrchestrationRegistry::builder_from(&orchestrations())
        .register("Listens", |_, _| async move {
            let (_sender, receiver) = tokio::sync::oneshot::channel::<String>();
            receiver.await.map_err(|error| error.to_string())
        })
        .register("Late", |ctx, _| async move {
            ctx.schedule_activity("Echo", "").await?;
            let (_sender, receiver) = tokio::sync::oneshot::channel::<String>();
            receiver.await.map_err(|error| error.to_string())
        })
        .build();
    let stage = Stage::on(store, orchestrations).await;
    for name in ["Listens", "Late"] {
        let error = stage.run(name, name, "").await.unwrap_err();
        let says = format!("orchestration '{name}' awaits a future that is not durable");
        assert!(error.contains(&says), "{error}");
    }
    stage.assert_others_run().await;
    stage.end().await;
}
