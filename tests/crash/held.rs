//! Somebody else holds the write lock of the database, for as long as it pleases.

use std::time::Duration;

use super::Stage;

/// How long, in seconds. A minute is more than the store waits for a lock by itself; the long lane sets 65.
const SECONDS: &str = "DUROXIDE_CRASH_LOCK_SECONDS";

/// Two seconds in every run of the tests; the sixty in the long lane.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_lock_60s_is_waited_for_and_everything_goes_on() {
    let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let stage = Stage::on(&file).await;
    for number in 0..20 {
        stage.client.start_orchestration(format!("i-{number}"), "Echo", "x").await.unwrap();
    }
    let foreign = rusqlite::Connection::open(&file).unwrap();
    foreign.busy_timeout(Duration::from_secs(30)).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The time is what this is about; there is nothing else to wait for.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    foreign.execute_batch("COMMIT").unwrap();
    stage.all_end(20, 1).await;
    stage.end().await;
}
