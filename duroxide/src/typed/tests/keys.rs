//! Typed key-values, statuses, time, and the next execution.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::context::orchestration::OrchestrationContext;
use crate::model::status::OrchestrationStatus;
use crate::testing::{Asked, Harness, ROOT};
use crate::typed::Key;

const SEEN: Key<Vec<u64>> = Key::new("seen");
/// The same name, misread.
const MISREAD: Key<String> = Key::new("seen");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Progress {
    done: u64,
    of: u64,
}

#[duroxide_macros::orchestration(name = "keys_count")]
async fn count(ctx: OrchestrationContext, left: u64) -> Result<Vec<u64>, String> {
    let mut seen = SEEN.get(&ctx)?.unwrap_or_default();
    seen.push(left);
    SEEN.set(&ctx, &seen);
    ctx.set_status(&Progress { done: seen.len() as u64, of: 3 });
    assert_eq!(ctx.status::<Progress>()?, Some(Progress { done: seen.len() as u64, of: 3 }));
    if left > 0 {
        return count::continue_as_new(&ctx, left - 1).await;
    }
    let error = MISREAD.get(&ctx).unwrap_err().to_string();
    assert!(error.starts_with("key `seen`: invalid type: sequence, expected a string"), "{error}");
    SEEN.clear(&ctx);
    assert_eq!(SEEN.get(&ctx)?, None);
    Ok(seen)
}

#[duroxide_macros::orchestration(name = "keys_other")]
async fn other(ctx: OrchestrationContext) -> Result<Option<Vec<u64>>, String> {
    SEEN.get_from(&ctx, ROOT).await
}

#[duroxide_macros::orchestration(name = "keys_time")]
async fn time(ctx: OrchestrationContext) -> Result<Duration, String> {
    let began = ctx.now().await;
    assert!(began > UNIX_EPOCH);
    ctx.timer("1day").await;
    ctx.now().await.duration_since(began).map_err(|error| error.to_string())
}

#[test]
fn values_and_statuses_live_from_execution_to_execution() {
    let mut harness = Harness::new();
    assert_eq!(harness.run::<count>(2).unwrap(), [2, 1, 0]);
    let OrchestrationStatus::Completed { custom_status, .. } = harness.status(ROOT) else { panic!("it has ended") };
    assert_eq!(custom_status.as_deref(), Some(r#"{"done":3,"of":3}"#));
    assert_eq!(harness.asked()[0], Asked::Set { key: "seen".to_owned(), value: "[2]".to_owned() });
    harness.start_as::<other>("other", ());
    assert_eq!(harness.finish_as::<other>("other").unwrap(), None);
}

#[test]
fn the_time_is_that_of_the_harness() {
    assert_eq!(Harness::new().run::<time>(()).unwrap(), Duration::from_secs(86_400));
}
