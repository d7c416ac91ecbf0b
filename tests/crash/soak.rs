//! Work without end, and what has ended deleted: memory, the log, the file and what is open stay within bounds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide::{Client, OrchestrationStatus};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::{FOLDER, PATIENCE, Stage, again};

/// How long, in seconds. One tells little more than that the test works; the long lane says how long it lasts.
const SECONDS: &str = "DUROXIDE_SOAK_SECONDS";

/// In flight at any time.
const HANDS: u32 = 32;

/// Executions of each orchestration.
const EXECUTIONS: u64 = 3;

/// Orchestrations of each hand before anything is compared: until then connections and threads are opened when first
/// needed, and on a slow machine that takes long.
const WARM_UP: u32 = 4;

const TICK: Duration = Duration::from_millis(50);

/// Twice what the log may have when whoever writes begins it anew (8,192 pages), for what is written meanwhile.
const LOG_MAX: u64 = 64 << 20;

/// What the second half of the time may have more than the first: a quarter and this much. A leak of one orchestration's
/// memory shows after a minute; what an allocator keeps does not grow. Each hand may need a thread that reads, whenever
/// it happens that all read at once.
const SLACK: Held = Held { rss_kib: 24 << 10, log: LOG_MAX, file: 8 << 20, open: 8, threads: HANDS as u64 };

/// What the process holds at one moment, or held at most.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    rss_kib: u64,
    log: u64,
    file: u64,
    /// Descriptors.
    open: u64,
    threads: u64,
}

impl Held {
    fn now(store: &Path) -> Held {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let bytes = |suffix: &str| {
            let path = format!("{}{suffix}", store.display());
            std::fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        Held {
            rss_kib: figure("VmRSS:"),
            threads: figure("Threads:"),
            log: bytes("-wal"),
            file: bytes(""),
            open: std::fs::read_dir("/proc/self/fd").unwrap().count() as u64,
        }
    }

    fn or_more(self, other: Held) -> Held {
        Held {
            rss_kib: self.rss_kib.max(other.rss_kib),
            log: self.log.max(other.log),
            file: self.file.max(other.file),
            open: self.open.max(other.open),
            threads: self.threads.max(other.threads),
        }
    }

    /// What of `self`, which came later, is more than it may be.
    fn grown_since(self, before: Held) -> Vec<String> {
        let figures = [
            ("memory, KiB", before.rss_kib, self.rss_kib, SLACK.rss_kib),
            ("the log, bytes", before.log, self.log, SLACK.log),
            ("the file, bytes", before.file, self.file, SLACK.file),
            ("descriptors", before.open, self.open, SLACK.open),
            ("threads", before.threads, self.threads, SLACK.threads),
        ];
        let grown = figures.into_iter().filter(|(_, before, after, slack)| *after > before + before / 4 + slack);
        grown.map(|(what, before, after, _)| format!("{what}: at first at most {before}, then {after}")).collect()
    }
}

/// In a process of its own: the other tests hold something, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_keeps_memory_log_file_and_descriptors_bounded() {
    const TEST: &str = "soak::soak_keeps_memory_log_file_and_descriptors_bounded";
    let Some(folder) = std::env::var_os(FOLDER) else {
        let folder = tempfile::tempdir().unwrap();
        if let Some(told) = again(TEST, false, "true", folder.path()) {
            told.lines().filter(|line| line.starts_with("soak:")).for_each(|line| println!("{line}"));
        }
        return;
    };
    let seconds = std::env::var(SECONDS).map_or(1, |seconds| seconds.parse().expect("a number of seconds"));
    let file = Path::new(&folder).join("store.db");
    let stage = Stage::on(&file).await;
    let (first, second, ended) = soak(&stage.client, &file, Duration::from_secs(seconds)).await;
    println!("soak: {ended} orchestrations in {seconds} s");
    println!("soak: at most in the first half {first:?}");
    println!("soak: at most in the second {second:?}");
    assert!(ended > HANDS as usize, "{ended} ended");
    assert!(second.log <= LOG_MAX, "the log grew to {} bytes", second.log);
    let grown = second.grown_since(first);
    assert!(grown.is_empty(), "{grown:?}");
    stage.end().await;
}

/// Works until all are warm, and then for so long. What was held at most in the first half of that time and in the
/// second, and how many ended.
async fn soak(client: &Client, file: &Path, time: Duration) -> (Held, Held, usize) {
    // One permit for each orchestration that ended.
    let (over, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(0)));
    let hands: Vec<_> = (0..HANDS)
        .map(|hand| {
            let (client, over, ended) = (client.clone(), Arc::clone(&over), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut round = 0;
                while !over.load(Ordering::Relaxed) {
                    one(&client, &format!("soak-{hand}-{round}")).await;
                    ended.add_permits(1);
                    round += 1;
                }
            })
        })
        .collect();
    let warm = ended.acquire_many(HANDS * WARM_UP).await.expect("nobody closes it");
    // They count as well.
    drop(warm);
    let begun = Instant::now();
    let mut halves = [Held::default(); 2];
    while begun.elapsed() < time {
        // The time is what this is about.
        tokio::time::sleep(TICK).await;
        let half = usize::from(begun.elapsed() > time / 2);
        halves[half] = halves[half].or_more(Held::now(file));
    }
    over.store(true, Ordering::Relaxed);
    for hand in hands {
        hand.await.unwrap();
    }
    (halves[0], halves[1], ended.available_permits())
}

/// One orchestration from start to deletion, with what leaves something behind: executions, children, timers, messages,
/// values, a status.
async fn one(client: &Client, id: &str) {
    client.start_orchestration(id, "Soaks", "1").await.unwrap();
    client.enqueue_event(id, "inbox", id).await.unwrap();
    match client.wait_for_orchestration(id, PATIENCE).await {
        Ok(OrchestrationStatus::Completed { output, .. }) => assert_eq!(output, id),
        other => panic!("{id} did not complete: {other:?}"),
    }
    client.delete_instance(id, false).await.unwrap();
}

/// What each of them does: the message is read in its last execution, and carried there.
pub(super) async fn soaks(ctx: duroxide::OrchestrationContext, execution: String) -> Result<String, String> {
    let number: u64 = execution.parse().map_err(|error| format!("{error}"))?;
    ctx.set_custom_status(format!("execution {number}"));
    ctx.set_kv_value("execution", &execution);
    ctx.schedule_activity("Echo", "x".repeat(2_000)).await?;
    ctx.schedule_timer(Duration::from_millis(2)).await;
    ctx.schedule_sub_orchestration("Echo", "child").await?;
    if number < EXECUTIONS {
        return ctx.continue_as_new((number + 1).to_string()).await;
    }
    Ok(ctx.dequeue_event("inbox").await)
}
