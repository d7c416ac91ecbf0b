//! A process whose disk fills up, whose database others hold, whose rows lose a bit, and one that works for long.
//!
//! Killed and stopped processes are in `examples/tests/kill.rs`, cut power is in `tests/power`, and what cannot be
//! written at all in `tests/it/defects/stores.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]
#![cfg(target_os = "linux")]

mod bits;
mod disk;
mod held;
mod soak;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions, UnregisteredBackoffConfig};
use duroxide::{ActivityContext, Client, OrchestrationStatus};

/// Longer than anything here takes; past it a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A runtime on a file, and a client.
struct Stage {
    store: Arc<SqliteProvider>,
    client: Client,
    runtime: Arc<Runtime>,
}

impl Stage {
    async fn on(file: &Path) -> Stage {
        Stage::with(file, RuntimeOptions::default().max_attempts).await
    }

    async fn with(file: &Path, max_attempts: u32) -> Stage {
        let store = Arc::new(SqliteProvider::open(file).await.unwrap());
        let activities = ActivityRegistry::builder()
            .register("Echo", |_: ActivityContext, input: String| async move { Ok(input) })
            .build();
        // `Echo` calls the activity twice and returns its input; `Waits` returns the event `go` after that.
        let orchestrations = OrchestrationRegistry::builder()
            .register("Echo", |ctx, input: String| async move {
                let once = ctx.schedule_activity("Echo", input).await?;
                ctx.schedule_activity("Echo", once).await
            })
            .register("Waits", |ctx, input: String| async move {
                let echo = ctx.schedule_activity("Echo", input).await?;
                Ok(format!("{echo} {}", ctx.schedule_wait("go").await))
            })
            .register("Soaks", soak::soaks)
            .build();
        let options = RuntimeOptions {
            dispatcher_min_poll_interval: Duration::from_millis(5),
            max_attempts,
            // What cannot be given back to a full disk comes back when its lease is over.
            orchestrator_lock_timeout: Duration::from_secs(2),
            worker_lock_timeout: Duration::from_secs(3),
            unregistered_backoff: UnregisteredBackoffConfig {
                base_delay: Duration::from_millis(20),
                max_delay: Duration::from_millis(20),
            },
            ..RuntimeOptions::default()
        };
        let runtime = Runtime::start_with_options(Arc::clone(&store) as _, activities, orchestrations, options).await;
        Stage { client: Client::new(Arc::clone(&store) as _), store, runtime }
    }

    async fn ended(&self, instance: &str) -> Result<String, String> {
        match self.client.wait_for_orchestration(instance, PATIENCE).await {
            Ok(OrchestrationStatus::Completed { output, .. }) => Ok(output),
            Ok(OrchestrationStatus::Failed { details, .. }) => Err(details.display_message()),
            other => panic!("{instance} did not end: {other:?}"),
        }
    }

    /// Starts one orchestration after the other, each with so many bytes, until the store says that it takes no more,
    /// in one of these words. Returns how many were acknowledged before the first that was not, and what it said.
    async fn fill(&self, bytes: usize, words: &[&str]) -> (usize, String) {
        let mut acknowledged = None;
        for number in 0..10_000 {
            let started = self.client.start_orchestration(format!("i-{number}"), "Echo", "x".repeat(bytes)).await;
            let Err(error) = started else { continue };
            assert!(error.is_retryable(), "a disk may be mended: {error}");
            let acknowledged = *acknowledged.get_or_insert(number);
            let said = error.to_string();
            // Requests that only shared a transaction with the one for which there was no room say so.
            if words.iter().any(|word| said.contains(word)) {
                return (acknowledged, said);
            }
        }
        panic!("nothing is ever full")
    }

    /// All of those end as they should, and so does another.
    async fn all_end(&self, started: usize, bytes: usize) {
        for number in 0..started {
            assert_eq!(self.ended(&format!("i-{number}")).await.map(|output| output.len()), Ok(bytes), "i-{number}");
        }
        let mut again = self.client.start_orchestration("another", "Echo", "alive").await;
        for _ in 0..100 {
            if again.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            again = self.client.start_orchestration("another", "Echo", "alive").await;
        }
        again.unwrap();
        assert_eq!(self.ended("another").await.as_deref(), Ok("alive"));
    }

    async fn end(self) {
        self.runtime.shutdown(None).await;
    }
}

/// Runs one test of this binary again, in another environment, that a shell prepares; what it printed. The folder is
/// told in [`FOLDER`]. `None` when the environment cannot be had here: then the shell did not say `ready`.
fn again(test: &str, unshared: bool, prepare: &str, folder: &Path) -> Option<String> {
    let script = format!("{prepare} && echo ready && exec \"$0\" --exact --include-ignored {test} --nocapture");
    let mut command = if unshared {
        let mut command = std::process::Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh"]);
        command
    } else {
        std::process::Command::new("sh")
    };
    let ran = command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(FOLDER, folder).output();
    match ran {
        Ok(ran) if ran.stdout.starts_with(b"ready") => {
            let told = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
            assert!(ran.status.success() && told.contains("1 passed"), "{told}");
            Some(told)
        }
        other => {
            eprintln!("SKIPPED: `{prepare}` cannot be had here, so that {test} tests nothing: {other:?}");
            None
        }
    }
}

/// Where the folder is told to a test that runs again.
const FOLDER: &str = "DUROXIDE_TEST_CRASH_FOLDER";
