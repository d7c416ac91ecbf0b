//! Reserved names and the shapes of ids.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, ClientError, OrchestrationContext, OrchestrationRegistry};

#[test]
fn activity_names_of_the_runtime_are_reserved() {
    let registry = ActivityRegistry::builder()
        .register("__duroxide_syscall:mine", |_: ActivityContext, input: String| async move { Ok(input) })
        .build_result();
    assert_eq!(
        registry.err().as_deref(),
        Some("activity name '__duroxide_syscall:mine' uses reserved prefix '__duroxide_syscall:'")
    );
}

#[tokio::test]
async fn root_ids_must_not_look_generated() {
    let client = Client::new(Arc::new(SqliteProvider::new_in_memory().await.unwrap()));
    for id in ["sub::1", "order::sub::1"] {
        let error = client.start_orchestration(id, "Any", "").await.unwrap_err();
        let ClientError::InvalidInput { message } = error else {
            panic!("{id} is refused as invalid input");
        };
        assert_eq!(message, format!("instance id '{id}' uses the reserved sub-orchestration marker 'sub::'"));
    }
}

/// Names itself, its child, its worker and two system values.
async fn who(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    if input == "child" {
        return Ok(ctx.instance_id());
    }
    let child = ctx.schedule_sub_orchestration("Who", "child").await?;
    let worker = ctx.schedule_activity("Worker", "").await?;
    let guid = ctx.new_guid().await?;
    let now = ctx.utc_now().await?;
    let millis = now.duration_since(std::time::UNIX_EPOCH).map_err(|error| error.to_string())?;
    Ok(format!("{child} {worker} {guid} {}", millis.as_millis()))
}

#[tokio::test]
async fn ids_have_their_shapes() {
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let activities = ActivityRegistry::builder()
        .register("Worker", |ctx: ActivityContext, _: String| async move { Ok(ctx.worker_id().to_string()) })
        .build();
    let orchestrations = OrchestrationRegistry::builder().register("Who", who).build();
    let options =
        RuntimeOptions { worker_node_id: Some("node".to_string()), worker_concurrency: 1, ..Default::default() };
    let runtime = Runtime::start_with_options(store.clone(), activities, orchestrations, options).await;
    let client = Client::new(store);
    client.start_orchestration("order", "Who", "").await.unwrap();
    let wait = client.wait_for_orchestration_typed::<String>("order", Duration::from_secs(10)).await;
    let output = wait.unwrap().unwrap();
    runtime.shutdown(None).await;

    let [child, worker, guid, now] = output.split(' ').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(child, "order::sub::2");
    assert_eq!(worker, "work-0-node");
    assert!(
        guid.len() == 36 && guid.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)),
        "{guid}"
    );
    assert_eq!(&guid[14..15], "4", "a random UUID");
    assert!(now.parse::<u128>().unwrap() > 1_600_000_000_000);
}
