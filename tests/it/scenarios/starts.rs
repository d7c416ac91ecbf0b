//! A start may be repeated, and an id stands for one thing.

use duroxide::typed::{HandleError, Key, StartError};
use duroxide::{CallError, OrchestrationContext, event, orchestration};
use serde::{Deserialize, Serialize};

use super::{PATIENCE, World, on_every_store};

const SEEN: Key<Vec<String>> = Key::new("seen");
const MISREAD: Key<u64> = Key::new("seen");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Stage {
    Waiting { for_whom: String },
    Done,
}

#[event]
#[derive(Debug, Serialize, Deserialize)]
struct Go {
    by: String,
}

#[orchestration(name = "starts_wait")]
async fn wait(ctx: OrchestrationContext, whom: String) -> Result<String, String> {
    ctx.set_status(&Stage::Waiting { for_whom: whom.clone() });
    let go = ctx.queue::<Go>().await;
    SEEN.set(&ctx, &vec![go.by.clone()]);
    ctx.set_status(&Stage::Done);
    Ok(format!("{} for {whom}", go.by))
}

#[orchestration(name = "starts_other")]
async fn other(_ctx: OrchestrationContext, whom: String) -> Result<String, String> {
    Ok(whom)
}

on_every_store!(
    a_start_may_be_repeated_at_any_time,
    an_id_stands_for_one_orchestration_and_one_input,
    a_handle_reads_what_the_instance_says_of_itself,
);

async fn a_start_may_be_repeated_at_any_time(world: &World) {
    let start = async || wait::start(&world.client, "w", "ada".to_owned()).await.expect("the same start again");
    let first = start().await;
    let second = start().await;
    second.enqueue(Go { by: "eve".to_owned() }).await.unwrap();
    assert_eq!(first.wait(PATIENCE).await.unwrap(), "eve for ada");
    assert_eq!(start().await.wait(PATIENCE).await.unwrap(), "eve for ada", "it has ended, and is not run again");
    assert_eq!(first.history().await.unwrap().iter().filter(|event| event.is_terminal()).count(), 1);
}

async fn an_id_stands_for_one_orchestration_and_one_input(world: &World) {
    let handle = wait::start(&world.client, "w", "ada".to_owned()).await.unwrap();
    let refusals = async || {
        let differs = other::start(&world.client, "w", "ada".to_owned()).await.unwrap_err();
        assert!(matches!(&differs, StartError::OtherOrchestration { .. }), "{differs:?}");
        let text = "instance `w` is an instance of `starts_wait`, and cannot be started as `starts_other`";
        assert_eq!(differs.to_string(), text);
        let differs = wait::start(&world.client, "w", "bob".to_owned()).await.unwrap_err();
        assert!(matches!(&differs, StartError::OtherInput { .. }), "{differs:?}");
        assert_eq!(differs.to_string(), "instance `w` of `starts_wait` was started before with another input");
    };
    refusals().await;
    handle.enqueue(Go { by: "eve".to_owned() }).await.unwrap();
    assert_eq!(handle.wait(PATIENCE).await.unwrap(), "eve for ada");
    refusals().await;
}

async fn a_handle_reads_what_the_instance_says_of_itself(world: &World) {
    let none = wait::attach(&world.client, "w");
    assert_eq!(none.custom_status::<Stage>().await.unwrap(), None);
    assert_eq!(none.get(&SEEN).await.unwrap(), None);
    assert!(none.history().await.unwrap().is_empty());
    wait::start(&world.client, "w", "ada".to_owned()).await.unwrap();
    let handle = wait::attach(&world.client, "w");
    handle.enqueue(Go { by: "eve".to_owned() }).await.unwrap();
    assert_eq!(handle.wait_for(&SEEN, PATIENCE).await.unwrap(), ["eve"]);
    handle.wait(PATIENCE).await.unwrap();
    assert_eq!(handle.custom_status::<Stage>().await.unwrap(), Some(Stage::Done));
    assert_eq!(handle.get(&SEEN).await.unwrap(), Some(vec!["eve".to_owned()]));
    let misread = handle.get(&MISREAD).await.unwrap_err();
    assert!(matches!(&misread, HandleError::Codec(_)) && !misread.is_retryable());
    assert_eq!(
        misread.to_string(),
        "a value does not fit its type: key `seen`: invalid type: sequence, expected u64 at line 1 column 0"
    );
    let error = other::attach(&world.client, "none").wait(std::time::Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut));
}
