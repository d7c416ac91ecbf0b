//! The workloads on the published crate: one trial per call, started by `cargo xtask bench`.

#[path = "../../harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use duroxide::RuntimeOptions;
use duroxide::providers::sqlite::SqliteProvider;

use harness::{Boxed, Fault, Opened, Subject, Sync};

static PUBLISHED: Subject = Subject { version: "0.1.32", open, best };

fn main() -> ExitCode {
    harness::main(&PUBLISHED)
}

/// It offers no choice of durability, so the one asked for is that of ours; what is in force is asked of a connection.
fn open(path: String, _: Sync) -> Boxed<Result<Opened, Fault>> {
    Box::pin(async move {
        let store = SqliteProvider::new(&format!("sqlite:{path}?mode=rwc"), None).await?;
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.get_pool()).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(store.get_pool()).await?;
        let survives = match (journal.as_str(), synchronous) {
            ("wal", 1) => "a commit survives a kill, not a power cut",
            (_, 2 | 3) => "a commit survives a power cut",
            _ => "a commit may not survive",
        };
        let durability = format!("journal_mode={journal} synchronous={synchronous}: {survives}");
        Ok(Opened { store: Arc::new(store), durability })
    })
}

/// Its best figures in these workloads: measured with 4 and 8 slots and a poll every millisecond.
fn best() -> RuntimeOptions {
    RuntimeOptions {
        orchestration_concurrency: 4,
        worker_concurrency: 8,
        dispatcher_min_poll_interval: Duration::from_millis(1),
        ..RuntimeOptions::default()
    }
}
