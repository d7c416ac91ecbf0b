//! The workloads on this crate: one trial per call, started by `cargo xtask bench`.

#[path = "../../harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::sync::Arc;

use duroxide::RuntimeOptions;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::SqliteProvider;

use harness::{Boxed, Fault, Opened, Subject, Sync};

static OURS: Subject = Subject { version: env!("CARGO_PKG_VERSION"), open, best };

fn main() -> ExitCode {
    harness::main(&OURS)
}

/// Names a PostgreSQL server to measure instead of SQLite; a schema of its own is made there and left.
const POSTGRES: &str = "DUROXIDE_BENCH_POSTGRES";

fn open(path: String, sync: Sync) -> Boxed<Result<Opened, Fault>> {
    if let Ok(url) = std::env::var(POSTGRES) {
        return Box::pin(open_postgres(url));
    }
    let (word, survives) = match sync {
        Sync::Full => ("full", "synchronous=FULL: a commit survives a power cut"),
        Sync::Normal => ("normal", "synchronous=NORMAL: a commit survives a kill, not a power cut"),
    };
    Box::pin(async move {
        let url = format!("sqlite:{path}?mode=rwc&synchronous={word}");
        let store = Arc::new(SqliteProvider::new(&url, None).await?);
        Ok(Opened { store, durability: survives.to_owned() })
    })
}

async fn open_postgres(url: String) -> Result<Opened, Fault> {
    let schema = format!("bench_{}", std::process::id());
    let store = PostgresProvider::connect_with(&url, PostgresOptions::default().schema(schema)).await?;
    let durability = "PostgreSQL: a commit survives what the server's settings let it survive".to_owned();
    Ok(Opened { store: Arc::new(store), durability })
}

/// Trivial activities on a machine with few cores: some slots, so that work is there while a commit is on its way.
fn best() -> RuntimeOptions {
    RuntimeOptions { orchestration_concurrency: 4, worker_concurrency: 8, ..RuntimeOptions::default() }
}
