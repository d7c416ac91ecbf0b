//! A runtime of registries alone: what the builder sets without any macro.

use super::*;
use crate::model::limits::Limits;
use crate::model::problem::Problem;
use crate::runtime::{Presence, Warmth};

fn echoes() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Echoes", |ctx, input: String| async move { ctx.schedule_activity("Echo", input).await })
        .build()
}

/// What `input` becomes where a payload may have eight bytes.
async fn narrow(input: &str) -> Result<String, String> {
    let store = store();
    let limits = Limits { payload_bytes: 8, ..Limits::default() };
    let runtime = Runtime::builder(Arc::clone(&store) as _)
        .activities(activities())
        .orchestrations(echoes())
        .options(RuntimeOptions { orchestration_concurrency: 1, ..RuntimeOptions::default() })
        .limits(limits)
        .warmth(Warmth::Off)
        .presence(Presence::default())
        .start()
        .await
        .expect("there is something to run");
    // The client has limits of its own, and sends what the runtime then refuses to hand on.
    let client = Client::new(store);
    client.start_orchestration("i", "Echoes", input).await.unwrap();
    let result = ended(&client, "i").await;
    runtime.shutdown(Some(0)).await;
    result
}

#[tokio::test(start_paused = true)]
async fn the_limits_given_to_a_runtime_of_registries_hold() {
    assert_eq!(narrow("eight by").await, Ok("eight by".to_owned()));
    let refused = narrow("nine byte").await.unwrap_err();
    assert!(refused.contains("expected at most 8 bytes, found 9"), "{refused}");
}

#[tokio::test]
async fn registries_without_a_handler_are_a_mistake() {
    let nothing = Runtime::builder(store()).activities(ActivityRegistry::default());
    let problems = nothing.start().await.err().expect("there is a problem");
    assert_eq!(problems.0, [Problem::Empty]);
    let way_out = if cfg!(feature = "macros") { "`discover()`" } else { "`orchestrations(..)`" };
    assert!(problems.to_string().contains(way_out), "{problems}");
}

#[tokio::test]
async fn a_name_in_two_registries_is_told_before_anything_runs() {
    let twice = Runtime::builder(store()).orchestrations(echoes()).orchestrations(echoes());
    let problems = twice.start().await.err().expect("there is a problem");
    assert!(matches!(&problems.0[..], [Problem::Registry(text)] if text.contains("Echoes")), "{problems}");
}
