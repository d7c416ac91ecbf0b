//! The words of the storage contract, and the SQLite store.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::providers::{
    DeleteInstanceResult, DispatcherCapabilityFilter, ExecutionInfo, ExecutionMetadata, InstanceFilter, InstanceInfo,
    InstanceTree, KvEntry, MAX_TAG_NAME_BYTES, MAX_WORKER_TAGS, OrchestrationItem, Provider, ProviderAdmin,
    PruneOptions, PruneResult, QueueDepths, ScheduledActivityIdentifier, SemverRange, SessionFetchConfig,
    SystemMetrics, TagFilter, WorkItem, current_build_version,
};
use semver::Version;

/// Paths that stores of others import from.
#[allow(unused_imports, reason = "that they resolve is the test")]
mod paths {
    use duroxide::providers::error::ProviderError;
    use duroxide::providers::instrumented::InstrumentedProvider;
    use duroxide::providers::management::{
        DeleteInstanceResult, ExecutionInfo, InstanceFilter, InstanceInfo, InstanceTree, ManagementProvider,
        ProviderAdmin, PruneOptions, PruneResult, QueueDepths, SystemMetrics,
    };
    use duroxide::providers::{Event, EventKind, ManagementProvider as Same, SystemStats};
}

#[test]
fn a_tag_filter_takes_what_it_says() {
    let set = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<HashSet<_>>();
    let table = [
        (TagFilter::default_only(), TagFilter::DefaultOnly, [true, false, false]),
        (TagFilter::tags(["gpu"]), TagFilter::Tags(set(&["gpu"])), [false, true, false]),
        (TagFilter::default_and(vec![String::from("gpu")]), TagFilter::DefaultAnd(set(&["gpu"])), [true, true, false]),
        (TagFilter::any(), TagFilter::Any, [true; 3]),
        (TagFilter::none(), TagFilter::None, [false; 3]),
    ];
    for (built, literal, expected) in table {
        assert_eq!(built, literal.clone());
        assert_eq!([None, Some("gpu"), Some("cpu")].map(|tag| built.matches(tag)), expected, "{built:?}");
    }
    assert_eq!(TagFilter::default(), TagFilter::DefaultOnly);
    assert_eq!((MAX_WORKER_TAGS, MAX_TAG_NAME_BYTES), (5, 256));
}

#[test]
#[should_panic(expected = "requires at least one tag")]
fn a_filter_of_no_tag_panics() {
    let _ = TagFilter::tags(Vec::<String>::new());
}

#[test]
#[should_panic(expected = "at most 5 tags")]
fn a_filter_of_six_tags_panics() {
    let _ = TagFilter::default_and(["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn version_ranges_include_their_ends() {
    let range = SemverRange::new(Version::new(0, 1, 0), Version::new(0, 1, 9));
    let table = [((0, 0, 9), false), ((0, 1, 0), true), ((0, 1, 9), true), ((0, 2, 0), false)];
    let filter = DispatcherCapabilityFilter { supported_duroxide_versions: vec![range.clone()] };
    for ((major, minor, patch), inside) in table {
        let version = Version::new(major, minor, patch);
        assert_eq!((range.contains(&version), filter.is_compatible(&version)), (inside, inside), "{version}");
    }
    let SemverRange { min, max } = SemverRange::default_for_current_build();
    assert_eq!((min, max), (Version::new(0, 0, 0), current_build_version()));
    assert!(DispatcherCapabilityFilter::default_for_current_build().is_compatible(&Version::new(0, 1, 27)));
}

#[test]
fn data_of_the_contract_is_built_literally() {
    let item = OrchestrationItem {
        instance: "i".to_string(),
        orchestration_name: "o".to_string(),
        execution_id: 1,
        version: "1.0.0".to_string(),
        history: Vec::new(),
        messages: vec![WorkItem::CancelInstance { instance: "i".to_string(), reason: "r".to_string() }],
        history_error: None,
        kv_snapshot: HashMap::from([("k".to_string(), KvEntry { value: "v".to_string(), last_updated_at_ms: 1 })]),
    };
    assert_eq!(item.clone().kv_snapshot, item.kv_snapshot);
    let metadata = ExecutionMetadata {
        status: None,
        output: None,
        orchestration_name: None,
        orchestration_version: None,
        parent_instance_id: None,
        pinned_duroxide_version: Some(current_build_version()),
    };
    let _: (ExecutionMetadata, ExecutionMetadata) = (metadata.clone(), ExecutionMetadata::default());
    let identifier = ScheduledActivityIdentifier { instance: "i".to_string(), execution_id: 1, activity_id: 2 };
    assert_eq!(identifier, identifier.clone());
    let _: SessionFetchConfig = SessionFetchConfig { owner_id: "o".to_string(), lock_timeout: Duration::ZERO };
}

#[test]
fn data_of_management_is_built_literally() {
    let _ = InstanceInfo {
        instance_id: String::new(),
        orchestration_name: String::new(),
        orchestration_version: String::new(),
        current_execution_id: 1,
        status: String::new(),
        output: None,
        created_at: 0,
        updated_at: 0,
        parent_instance_id: None,
    };
    let _ = ExecutionInfo {
        execution_id: 1,
        status: String::new(),
        output: None,
        started_at: 0,
        completed_at: None,
        event_count: 0_usize,
    };
    let SystemMetrics {
        total_instances: 0,
        total_executions: 0,
        running_instances: 0,
        completed_instances: 0,
        failed_instances: 0,
        total_events: 0,
    } = SystemMetrics::default()
    else {
        panic!("all zero");
    };
    let QueueDepths { orchestrator_queue: 0, worker_queue: 0, timer_queue: 0 } = QueueDepths::default() else {
        panic!("all zero");
    };
    let InstanceFilter { instance_ids: None, completed_before: None, limit: None } = InstanceFilter::default() else {
        panic!("all absent");
    };
    let PruneOptions { keep_last: None, completed_before: None } = PruneOptions::default() else {
        panic!("all absent");
    };
    let DeleteInstanceResult {
        instances_deleted: 0,
        executions_deleted: 0,
        events_deleted: 0,
        queue_messages_deleted: 0,
    } = DeleteInstanceResult::default()
    else {
        panic!("all zero");
    };
    let PruneResult { instances_processed: 0, executions_deleted: 0, events_deleted: 0 } = PruneResult::default()
    else {
        panic!("all zero");
    };
    let tree = InstanceTree { root_id: "a".to_string(), all_ids: vec!["a".to_string(), "b".to_string()] };
    assert_eq!((tree.is_root_only(), tree.size()), (false, 2));
}

#[tokio::test]
async fn the_sqlite_store_opens_in_each_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let url = format!("sqlite:{}", path.display());
    assert!(SqliteProvider::new(&url, None).await.is_err(), "a missing file is not created");
    let created = SqliteProvider::new(&format!("{url}?mode=rwc"), Some(SqliteOptions {})).await.unwrap();
    created.checkpoint().await.unwrap();
    let _: String = created.debug_dump().await;
    drop(created);
    for url in [url.as_str(), "sqlite::memory:", "sqlite:any?mode=memory"] {
        let _: SqliteProvider = SqliteProvider::new(url, Some(SqliteOptions::default())).await.unwrap();
    }
    let store = SqliteProvider::new_in_memory_with_options(None).await.unwrap();
    assert_eq!((store.name(), store.version()), ("sqlite", current_build_version().to_string().as_str()));
    let admin: &dyn ProviderAdmin = store.as_management_capability().unwrap();
    assert!(admin.list_instances().await.unwrap().is_empty());
}

/// A function whose signature was written when opening failed with `sqlx::Error`.
async fn open(url: &str) -> Result<SqliteProvider, sqlx::Error> {
    let store = SqliteProvider::new(url, None).await?;
    store.checkpoint().await?;
    Ok(store)
}

#[tokio::test]
async fn opening_fails_as_a_database_error_where_a_program_says_so() {
    assert!(open("sqlite::memory:").await.is_ok());
    let error = open("sqlite:/no/such/file.db").await.unwrap_err().to_string();
    assert!(error.contains("/no/such/file.db"), "{error}");
}

#[tokio::test]
async fn programs_run_sql_of_their_own() {
    let store = SqliteProvider::new_in_memory().await.unwrap();
    let item = WorkItem::ExternalRaised { instance: "i".to_string(), name: "n".to_string(), data: "d".to_string() };
    store.enqueue_for_orchestrator(item, None).await.unwrap();
    let pool: &sqlx::SqlitePool = store.get_pool();
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM orchestrator_queue").fetch_one(pool).await.unwrap();
    assert_eq!(count, 1);
}
