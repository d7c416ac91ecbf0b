//! What stores promise: times, durability, identity, atomicity, size, and clear errors.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, Provider, SemverRange, WorkItem, current_build_version,
};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client};

use super::faulty::{Fault, Faulty};
use super::{
    Stage, activities, eventually, now_ms, on_every_store, on_every_store_in_real_time, options, orchestrations,
};

on_every_store!(d16_versions_are_compared_by_their_parts);

on_every_store_in_real_time!(d09_times_are_those_of_the_wall_clock);

const LEASE: Duration = Duration::from_secs(30);

async fn d09_times_are_those_of_the_wall_clock(store: Arc<dyn Provider>) {
    let before_ms = now_ms();
    let stage = Stage::on(store, orchestrations()).await;
    stage.start("i", "Waits", "").await;
    stage.until_waiting("i").await;
    let running = stage.client.get_instance_info("i").await.unwrap();
    let execution = stage.client.get_execution_info("i", 1).await.unwrap();
    assert_eq!(execution.completed_at, None);
    stage.client.raise_event("i", "go", "").await.unwrap();
    stage.ended("i").await.unwrap();
    let ended = stage.client.get_instance_info("i").await.unwrap();
    let execution = stage.client.get_execution_info("i", 1).await.unwrap();
    let times_ms = [before_ms, running.created_at, running.updated_at, ended.updated_at, now_ms()];
    assert!(times_ms.is_sorted(), "created and updated: {times_ms:?}");
    let times_ms = [before_ms, execution.started_at, execution.completed_at.unwrap(), now_ms()];
    assert!(times_ms.is_sorted(), "started and completed: {times_ms:?}");
    assert_eq!(ended.created_at, running.created_at);
    stage.end().await;
}

/// What a kill leaves is what the operating system has; the flush that a power cut needs cannot be seen from here.
#[tokio::test]
async fn d10_what_was_acknowledged_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let store = Arc::new(SqliteProvider::open(&file).await.unwrap());
    let client = Client::new(Arc::clone(&store) as _);
    client.start_orchestration("i", "Echo", "kept").await.unwrap();
    for suffix in ["", "-wal"] {
        let with_suffix = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(with_suffix(&file), with_suffix(&copy)).unwrap();
    }
    let left = SqliteProvider::open(&copy).await.unwrap();
    let stage = Stage::on(Arc::new(left), orchestrations()).await;
    assert_eq!(stage.ended("i").await.as_deref(), Ok("kept"));
    stage.end().await;
}

/// Of 65536 ids, 1500 draws repeat one with a probability of 0.99999997.
#[tokio::test(start_paused = true)]
async fn d13_runtimes_do_not_share_sessions() {
    let store = Faulty::over(Arc::new(MemoryProvider::new()), []);
    for started in 1..=1_500 {
        let options =
            RuntimeOptions { orchestration_concurrency: 0, worker_concurrency: 1, ..RuntimeOptions::default() };
        let store_of_runtime = Arc::clone(&store) as Arc<dyn Provider>;
        let runtime =
            Runtime::start_with_options(store_of_runtime, activities(), OrchestrationRegistry::default(), options)
                .await;
        eventually("the runtime asks for work", async || store.answered("fetch_work_item").len() == started).await;
        runtime.shutdown(Some(0)).await;
    }
    let owners: HashSet<_> = store.answered("fetch_work_item").into_iter().collect();
    assert_eq!(owners.len(), 1_500);
}

fn start(instance: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.to_owned(),
        orchestration: "Waits".to_owned(),
        input: String::new(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn next(instance: &str) -> WorkItem {
    WorkItem::ContinueAsNew {
        instance: instance.to_owned(),
        orchestration: "Waits".to_owned(),
        input: String::new(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: vec![],
        initial_custom_status: None,
    }
}

fn named() -> ExecutionMetadata {
    ExecutionMetadata {
        orchestration_name: Some("Waits".to_owned()),
        orchestration_version: Some("1.0.0".to_owned()),
        ..ExecutionMetadata::default()
    }
}

async fn fetch(store: &dyn Provider, filter: Option<&DispatcherCapabilityFilter>) -> Option<String> {
    let fetched = store.fetch_orchestration_item(LEASE, Duration::ZERO, filter).await;
    fetched.unwrap().map(|(_, token, _)| token)
}

async fn d16_versions_are_compared_by_their_parts(store: Arc<dyn Provider>) {
    let version = |(major, minor, patch)| {
        let mut version = current_build_version();
        (version.major, version.minor, version.patch) = (major, minor, patch);
        version
    };
    // A part from 1000 up, and the version that a packed number takes it for.
    for (pinned, mistaken) in [((0, 1, 1_000), (0, 2, 0)), ((1, 1_000, 0), (2, 0, 0)), ((0, 1_001, 2), (1, 1, 2))] {
        let instance = format!("{pinned:?}");
        store.enqueue_for_orchestrator(start(&instance), None).await.unwrap();
        let token = fetch(&*store, None).await.unwrap();
        let metadata = ExecutionMetadata { pinned_duroxide_version: Some(version(pinned)), ..named() };
        let again =
            vec![WorkItem::ExternalRaised { instance: instance.clone(), name: "go".to_owned(), data: String::new() }];
        let acked = store.ack_orchestration_item(&token, 1, vec![], vec![], again, metadata, vec![]);
        acked.await.unwrap();
        let only = |only| DispatcherCapabilityFilter {
            supported_duroxide_versions: vec![SemverRange::new(version(only), version(only))],
        };
        assert_eq!(fetch(&*store, Some(&only(mistaken))).await, None, "{pinned:?}");
        assert!(fetch(&*store, Some(&only(pinned))).await.is_some(), "{pinned:?}");
    }
}

/// Between two executions an instance may be deleted, and it may go on; never both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d16_a_deletion_sees_what_it_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let runs = SqliteProvider::open(folder.path().join("store.db")).await.unwrap();
    let deletes = SqliteProvider::open(folder.path().join("store.db")).await.unwrap();
    let (mut deletions, mut turns) = (0, 0);
    for round in 0..100 {
        let instance = format!("i-{round}");
        runs.enqueue_for_orchestrator(start(&instance), None).await.unwrap();
        let token = fetch(&runs, None).await.unwrap();
        let ended = ExecutionMetadata { status: Some("ContinuedAsNew".to_owned()), ..named() };
        let again = vec![next(&instance)];
        let acked = runs.ack_orchestration_item(&token, 1, vec![], vec![], again, ended, vec![]);
        acked.await.unwrap();
        let token = fetch(&runs, None).await.unwrap();
        let begins = runs.ack_orchestration_item(&token, 2, vec![], vec![], vec![], named(), vec![]);
        let ids = [instance];
        let admin = deletes.as_management_capability().unwrap();
        let (begun, deleted) = tokio::join!(begins, admin.delete_instances_atomic(&ids, false));
        assert_ne!(begun.is_ok(), deleted.is_ok(), "{begun:?} {deleted:?}");
        turns += usize::from(begun.is_ok());
        deletions += usize::from(deleted.is_ok());
    }
    assert_eq!(turns + deletions, 100);
}

/// Two programs on one file, all results at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d18_large_results_complete() {
    const BYTES: usize = 2_000_000;
    const COUNT: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let activities = ActivityRegistry::builder()
        .register("Large", |_: ActivityContext, letter: String| async move { Ok(letter.repeat(BYTES)) })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Large", |ctx, letter: String| async move { ctx.schedule_activity("Large", letter).await })
        .build();
    let mut stages = Vec::new();
    for _ in 0..2 {
        let store = SqliteProvider::open(folder.path().join("store.db")).await.unwrap();
        let options =
            RuntimeOptions { orchestration_concurrency: COUNT / 2, worker_concurrency: COUNT / 2, ..options() };
        stages.push(Stage::with(Arc::new(store), activities.clone(), orchestrations.clone(), options).await);
    }
    for i in 0..COUNT {
        stages[i % 2].start(&format!("i-{i}"), "Large", "x").await;
    }
    for i in 0..COUNT {
        let output = stages[i % 2].ended(&format!("i-{i}")).await;
        assert_eq!(output.map(|output| output.len()), Ok(BYTES), "i-{i}");
    }
    for stage in stages {
        stage.end().await;
    }
}

/// How long a user may wait to be told.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The error that opening the file ends in.
async fn refusal(file: &Path) -> String {
    let opened = tokio::time::timeout(AT_ONCE, SqliteProvider::open(file)).await;
    let opened = opened.unwrap_or_else(|_| panic!("{} was not answered for", file.display()));
    opened.expect_err("nobody can write there").to_string()
}

#[tokio::test]
async fn d19_a_place_for_no_file_is_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [file.join("store.db"), folder.path().join("missing").join("store.db")] {
        let error = refusal(&place).await;
        assert!(error.contains(&place.display().to_string()), "{error}");
    }
    let error = refusal(folder.path()).await;
    assert!(error.contains("unable to open database file"), "{error}");
}

/// The header says that only later versions of SQLite may write, so that this one reads only, whoever asks.
#[tokio::test]
async fn d19_a_database_that_cannot_be_written_says_so_at_once() {
    const WRITE_VERSION: usize = 18;
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let store = SqliteProvider::open(&file).await.unwrap();
    store.checkpoint().await.unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[WRITE_VERSION] = 3;
    fs::write(&copy, bytes).unwrap();
    let error = refusal(&copy).await;
    assert!(error.contains("readonly") || error.contains("read-only"), "{error}");
}

/// Permissions bind everybody but root, for whom the read-only file system below shows the same.
#[cfg(unix)]
#[tokio::test]
async fn d19_a_folder_that_cannot_be_written_says_so_at_once() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        return;
    }
    let error = refusal(&folder.path().join("store.db")).await;
    assert!(error.contains("ermission denied"), "{error}");
}

/// Where the folder is told to this test when it runs again, in a mount namespace of its own.
#[cfg(target_os = "linux")]
const READ_ONLY: &str = "DUROXIDE_TEST_READ_ONLY_FOLDER";

/// Root is bound by it as well, and nobody needs to be root for it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn d19_a_read_only_file_system_is_named_at_once() {
    if let Some(folder) = std::env::var_os(READ_ONLY) {
        return assert_read_only(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteProvider::open(folder.path().join("store.db")).await.unwrap();
    store.checkpoint().await.unwrap();
    drop(store);
    let mount = format!(
        "mount --bind \"${READ_ONLY}\" \"${READ_ONLY}\" && mount -o remount,ro,bind \"${READ_ONLY}\" && echo mounted && \
         exec \"$0\" --exact defects::stores::d19_a_read_only_file_system_is_named_at_once"
    );
    let inside = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &mount])
        .arg(std::env::current_exe().unwrap())
        .env(READ_ONLY, folder.path())
        .output();
    match inside {
        Ok(inside) if inside.stdout.starts_with(b"mounted") => {
            let told = [inside.stdout, inside.stderr].concat();
            assert!(inside.status.success(), "{}", String::from_utf8_lossy(&told));
            assert!(String::from_utf8_lossy(&told).contains("1 passed"), "it ran: {}", String::from_utf8_lossy(&told));
        }
        other => eprintln!("SKIPPED: nothing can be mounted here, so a read-only file system is not tested: {other:?}"),
    }
}

#[cfg(target_os = "linux")]
async fn assert_read_only(folder: &Path) {
    assert!(fs::write(folder.join("probe"), "").is_err(), "the file system can be written");
    for file in ["store.db", "new.db"] {
        let error = refusal(&folder.join(file)).await;
        assert!(error.to_lowercase().contains("read-only") || error.contains("readonly"), "{file}: {error}");
        assert!(error.contains(file), "which file: {error}");
    }
}

/// A running program tells its clients and its metrics.
#[tokio::test(start_paused = true)]
async fn d19_a_store_that_turns_read_only_is_reported() {
    let store = super::memory_in_virtual_time();
    let store = Faulty::over(
        store,
        [("fetch_orchestration_item", vec![Fault::Refused; 10]), ("enqueue_for_orchestrator", vec![Fault::Refused])],
    );
    let stage = Stage::on(Arc::clone(&store) as _, orchestrations()).await;
    let refused = stage.client.start_orchestration("i", "Echo", "").await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    eventually("every failed call is counted", async || {
        stage.runtime.metrics_snapshot().unwrap().provider_errors >= 10
    })
    .await;
    // Mended, it goes on.
    stage.assert_others_run().await;
    store.assert_all_happened();
    stage.end().await;
}
