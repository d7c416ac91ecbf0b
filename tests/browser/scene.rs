//! A small shop in a store of its own: what the dashboard is pointed at.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duroxide::dashboard::{Dashboard, dashboard};
use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::Runtime;
use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationStatus, RetryPolicy, activity, orchestration,
};

/// How long a test waits for what must come at last.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a payload must never become.
pub(crate) const SCRIPT: &str = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>";

/// Instances whose first charge has failed.
#[derive(Clone, Default)]
struct Tried(Arc<Mutex<BTreeSet<String>>>);

#[activity]
async fn reserve(sku: String) -> Result<String, String> {
    Ok(format!("reserved {sku}"))
}

/// Fails the first time, so that there is a retry to see.
#[activity]
async fn charge(ctx: ActivityContext, #[state] tried: Tried, cents: u64) -> Result<u64, String> {
    let is_first = tried.0.lock().unwrap_or_else(PoisonError::into_inner).insert(ctx.instance_id().to_owned());
    if is_first { Err("the line to the bank is busy".to_owned()) } else { Ok(cents) }
}

#[orchestration]
async fn ship(ctx: OrchestrationContext, order: String) -> Result<String, String> {
    ctx.set_custom_status("packing");
    Ok(format!("parcel for {order}"))
}

/// Reserves, charges with a retry, and waits for an approval.
#[orchestration]
async fn checkout(ctx: OrchestrationContext, sku: String, cents: u64, gift: bool) -> Result<String, String> {
    ctx.set_kv_value("sku", SCRIPT);
    reserve::call(&ctx, sku.clone()).await?;
    let policy =
        RetryPolicy::new(3).with_backoff(duroxide::BackoffStrategy::Fixed { delay: Duration::from_millis(50) });
    charge::call(&ctx, cents).retry(policy).await?;
    ctx.set_custom_status(format!("waits for approval, gift: {gift} <b>not bold</b>"));
    let approved = ctx.schedule_wait("approved").await;
    let parcel = ship::call(&ctx, sku).await?;
    Ok(format!("{parcel}, approved by {approved}"))
}

/// Fails, and says why.
#[orchestration]
async fn doomed(_ctx: OrchestrationContext, why: String) -> Result<(), String> {
    Err(why)
}

/// Counts down, an execution for each number.
#[orchestration]
async fn countdown(ctx: OrchestrationContext, from: u64) -> Result<String, String> {
    if from == 0 {
        return Ok("lift-off".to_owned());
    }
    ctx.schedule_timer(Duration::from_millis(1)).await;
    ctx.continue_as_new((from - 1).to_string()).await
}

/// A store with a runtime, and what the tests look for in it.
pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) file: PathBuf,
    runtime: Arc<Runtime>,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// An order that waits for an approval, one that has failed, one that counted down.
    pub(crate) async fn set() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("shop.db");
        let store: Arc<dyn Provider> = Arc::new(SqliteProvider::open_without_flushes(&file).await.expect("a new file"));
        let builder =
            Runtime::builder(store.clone()).state(Tried::default()).discover().expect("handlers that fit together");
        let runtime = builder.start().await.expect("a runtime");
        let scene = Scene { client: Client::new(store), file, runtime, _folder: folder };
        scene.waiting_order("order-7", SCRIPT).await;
        scene.client.start_orchestration("order-8", "doomed", "\"out of <i>unicorns</i>\"").await.expect("a start");
        scene.client.start_orchestration("count-1", "countdown", "3").await.expect("a start");
        scene.ended("order-8").await;
        scene.ended("count-1").await;
        scene
    }

    /// Starts an order and waits until it waits.
    pub(crate) async fn waiting_order(&self, id: &str, sku: &str) {
        let input = serde_json::json!({ "sku": sku, "cents": 4_200, "gift": true }).to_string();
        self.client.start_orchestration(id, "checkout", input).await.expect("a start");
        self.client
            .wait_for_status_change(id, 0, Duration::from_millis(10), PATIENCE)
            .await
            .expect("an order that waits");
    }

    pub(crate) async fn ended(&self, id: &str) -> OrchestrationStatus {
        self.client.wait_for_orchestration(id, PATIENCE).await.expect("an end")
    }

    /// Puts a message aside, as a store does that cannot read it.
    pub(crate) fn quarantine(&self, reason: &str) {
        let file = rusqlite::Connection::open(&self.file).expect("the file");
        file.busy_timeout(PATIENCE).expect("a timeout");
        file.execute(
            "INSERT INTO quarantine (queue, instance_id, body, reason, at_ms) \
             VALUES ('worker', 'order-7', ?1, ?2, CAST(strftime('%s', 'now') AS INTEGER) * 1000)",
            (SCRIPT, reason),
        )
        .expect("a row");
    }

    pub(crate) fn dashboard(&self) -> Dashboard {
        dashboard(self.client.clone()).token(TOKEN).expect("a good token")
    }

    pub(crate) async fn strike(self) {
        self.runtime.shutdown(None).await;
    }
}

pub(crate) const TOKEN: &str = "a-token-of-the-tests-0123456789";
