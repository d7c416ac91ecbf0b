//! Orchestrations on a store whose payloads are encoded, from start to result; and what happens without the key.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationStatus, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use tempfile::TempDir;

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every payload of these tests has this in it, and no name has.
const SECRET: &str = "s3cret";

/// Hides each byte behind a number that differs each time, under a key.
#[derive(Default)]
pub(crate) struct Sealed {
    key: u8,
    numbers: AtomicU64,
}

impl Sealed {
    fn with_key(key: u8) -> Self {
        Sealed { key, numbers: AtomicU64::default() }
    }
}

impl PayloadCodec for Sealed {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mask = self.key ^ number.to_le_bytes()[0];
        let hidden: String = payload.bytes().map(|byte| format!("{:02x}", byte ^ mask)).collect();
        Ok(format!("{}.{number}.{hidden}", self.key))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        let mut parts = stored.splitn(3, '.');
        let key = parts.next().and_then(|key| key.parse::<u8>().ok());
        if key != Some(self.key) {
            return Err(CodecError::new(format!("expected key {}, found another or none", self.key)));
        }
        let broken = || CodecError::new("expected a number and hexadecimal digits, found something else");
        let number: u64 = parts.next().and_then(|number| number.parse().ok()).ok_or_else(broken)?;
        let mask = self.key ^ number.to_le_bytes()[0];
        let digits = parts.next().ok_or_else(broken)?.as_bytes();
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().map(|byte| byte ^ mask))
            .collect();
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(broken)
    }
}

fn secret(what: &str) -> String {
    format!("{what} {SECRET} ☃")
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Everything", |ctx: OrchestrationContext, input: String| async move {
            if input == secret("first") {
                ctx.set_kv_value("key", secret("value"));
                ctx.set_custom_status(secret("status"));
                let echoed = ctx.schedule_activity("Echo", secret("to an activity")).await?;
                let failed = ctx.schedule_activity("Fail", secret("error")).await.unwrap_err();
                let child = ctx.schedule_sub_orchestration("Child", secret("to a child")).await?;
                let wrong = ctx.schedule_sub_orchestration("Wrong", secret("wrong")).await.unwrap_err();
                let event = ctx.schedule_wait("event").await;
                let queued = ctx.dequeue_event("queue").await;
                let next = [echoed, failed, child, wrong, event, queued].join(" | ");
                return ctx.continue_as_new(next).await;
            }
            let carried = ctx.dequeue_event("queue").await;
            let value = ctx.get_kv_value("key").unwrap_or_default();
            let remote = ctx.get_kv_value_from_instance("i", "key").await?.unwrap_or_default();
            Ok([input, carried, value, remote].join(" | "))
        })
        .register("Child", |_, input: String| async move { Ok(input) })
        .register("Wrong", |_, input: String| async move { Err(input) })
        .register("Waits", |ctx: OrchestrationContext, _| async move { Ok(ctx.schedule_wait("event").await) })
        .build()
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |ctx: ActivityContext, input: String| async move {
            ctx.heartbeat(secret("progress")).await.unwrap();
            assert_eq!(ctx.last_progress().await.unwrap(), Some(secret("progress")));
            Ok(input)
        })
        .register("Fail", |_, input: String| async move { Err(input) })
        .build()
}

async fn start(store: Arc<dyn Provider>, options: RuntimeOptions) -> (Arc<Runtime>, Client) {
    let runtime = Runtime::start_with_options(Arc::clone(&store), activities(), orchestrations(), options).await;
    (runtime, Client::new(store))
}

async fn sqlite(path: &Path) -> Arc<SqliteProvider> {
    Arc::new(SqliteProvider::open(path).await.expect("a database opens"))
}

async fn ended(client: &Client, instance: &str) -> Result<String, String> {
    match client.wait_for_orchestration(instance, PATIENCE).await.expect("it ends") {
        OrchestrationStatus::Completed { output, .. } => Ok(output),
        OrchestrationStatus::Failed { details, .. } => Err(details.display_message()),
        unexpected => panic!("a wait ended at {unexpected:?}"),
    }
}

#[tokio::test]
async fn programs_see_no_difference_and_the_file_has_nothing_to_read() {
    let folder = TempDir::new().expect("a place for files");
    let path = folder.path().join("store.db");
    let below = sqlite(&path).await;
    let store = Arc::new(Encoded::new(below.clone(), Sealed::with_key(7)));
    let (runtime, client) = start(store.clone(), RuntimeOptions::default()).await;
    client.start_orchestration("i", "Everything", secret("first")).await.unwrap();
    client.wait_for_status_change("i", 0, Duration::from_millis(5), PATIENCE).await.unwrap();
    for message in ["one", "two"] {
        client.enqueue_event("i", "queue", secret(message)).await.unwrap();
    }
    while client.get_orchestration_stats("i").await.unwrap().unwrap().history_event_count < 13 {
        tokio::task::yield_now().await;
    }
    client.raise_event("i", "event", secret("event")).await.unwrap();
    let parts = ["to an activity", "error", "to a child", "wrong", "event", "one", "two", "value", "value"];
    let expected = parts.map(secret).join(" | ");
    assert_eq!(ended(&client, "i").await.unwrap(), expected);
    assert_eq!(client.get_instance_info("i").await.unwrap().output, Some(expected.clone()));
    assert_eq!(client.get_execution_info("i", 2).await.unwrap().output, Some(expected));
    assert_eq!(client.get_kv_value("i", "key").await.unwrap(), Some(secret("value")));
    let history = client.read_execution_history("i", 1).await.unwrap();
    assert!(format!("{history:?}").contains(&secret("to an activity")));
    // The same rows, by the store below.
    let stored = format!("{:?}", below.read_with_execution("i", 1).await.unwrap());
    assert!(!stored.contains(SECRET) && stored.contains("ActivityScheduled { name: \"Echo\""), "{stored}");
    runtime.shutdown(None).await;
    // While the store is open: its log is a file, too.
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "found a payload in {}", path.display());
    }
}

#[tokio::test]
async fn without_the_key_an_instance_fails_and_the_others_go_on() {
    let folder = TempDir::new().expect("a place for files");
    let below = sqlite(&folder.path().join("store.db")).await;
    let other = Client::new(Arc::new(Encoded::new(below.clone(), Sealed::with_key(8))));
    other.start_orchestration("theirs", "Waits", secret("input")).await.unwrap();
    let options = RuntimeOptions { max_attempts: 1, ..RuntimeOptions::default() };
    let (runtime, client) = start(Arc::new(Encoded::new(below.clone(), Sealed::with_key(7))), options).await;
    client.start_orchestration("ours", "Child", secret("ours")).await.unwrap();
    assert_eq!(ended(&client, "ours").await.unwrap(), secret("ours"));
    let error = ended(&client, "theirs").await.unwrap_err();
    assert_eq!(
        error,
        "poison: orchestration theirs history deserialization failed after 2 attempts (max 1): payload of \
         StartOrchestration: expected what the codec encoded, found what it cannot decode: expected key 7, found \
         another or none"
    );
    runtime.shutdown(None).await;
}
