//! Laws: what an operator sees of instances and workers, and what nobody can run; for stores that can tell.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::ops::Deref;
use std::time::Duration;

use super::StoreFactory;
use super::case::{Case, LONG, SHORT};
use super::items::{
    NAME, VERSION, activity, ends, in_execution, in_session, names, names_of_child, raised, start, start_of, tagged,
};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::insight::{
    Durability, HandlerInfo, HandlerSort, HandlerSource, InstanceQuery, InstanceRow, ParentFilter, Place, PlaceKind,
    Queue, QueueRow, TagsServed, Unserved, WorkerInfo,
};
use crate::providers::InsightProvider;

laws!("insight":
    instances_are_found_newest_first,
    instances_are_found_by_all_that_is_set,
    an_id_prefix_means_its_letters,
    a_time_of_creation_bounds_what_is_found,
    pages_follow_each_other_without_gap,
    pages_follow_each_other_under_every_filter,
    an_instance_is_listed_under_its_newest_execution,
    an_execution_that_names_nothing_is_listed_as_running,
    a_deleted_instance_is_not_found,
    a_worker_is_listed_as_it_announced_itself,
    an_announcement_takes_the_place_of_the_one_before,
    a_silent_worker_counts_as_dead_until_it_is_heard_of,
    an_unknown_worker_is_not_refreshed,
    a_retired_worker_is_forgotten,
    live_workers_are_listed_first,
    running_instances_without_a_handler_are_listed,
    starts_without_a_handler_are_listed,
    activities_without_a_handler_are_listed,
    a_tag_that_nobody_serves_is_named,
    a_dead_worker_serves_nothing,
    what_is_served_is_not_listed,
);

/// A worker that is alive as long as a law takes.
const ALIVE: Duration = LONG;

/// A fresh store that can tell.
pub(super) struct Seen<'a>(Case<'a>);

impl<'a> Deref for Seen<'a> {
    type Target = Case<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// `None` for a store without the operator's half, which is legal.
pub(super) async fn telling(factory: &dyn StoreFactory) -> Option<Seen<'_>> {
    let store = Case::of(factory).await;
    store.as_insight_capability().is_some().then_some(Seen(store))
}

impl Seen<'_> {
    pub(super) fn insight(&self) -> &dyn InsightProvider {
        self.as_insight_capability().expect("asked before")
    }

    async fn find(&self, query: InstanceQuery) -> Vec<InstanceRow> {
        let page = self.insight().find_instances(&query).await.expect("lists are readable");
        assert_eq!(page.next, None, "few enough for one page");
        page.rows
    }

    async fn ids(&self, query: InstanceQuery) -> Vec<String> {
        let mut ids: Vec<_> = self.find(query).await.into_iter().map(|row| row.instance_id).collect();
        ids.sort();
        ids
    }

    async fn announce(&self, worker: &WorkerInfo) {
        self.insight().announce_worker(worker, ALIVE).await.expect("workers are kept");
    }

    async fn workers(&self) -> Vec<WorkerInfo> {
        self.insight().list_workers().await.expect("workers are listed")
    }

    async fn unserved(&self) -> Vec<Unserved> {
        self.insight().list_unserved(0).await.expect("what is not served is listed")
    }

    pub(super) async fn queue(&self, queue: Queue) -> Vec<QueueRow> {
        self.insight().list_queue(queue, None, 0).await.expect("queues are listed")
    }

    /// The only row of a queue.
    pub(super) async fn only_row(&self, queue: Queue) -> QueueRow {
        let mut rows = self.queue(queue).await;
        assert_eq!(rows.len(), 1, "expected one row, found {rows:?}");
        rows.remove(0)
    }

    /// Two roots of one name, one of which has ended, a child, and another orchestration in another version.
    pub(super) async fn family(&self) {
        self.create("a-1").await;
        self.create_ended("a-2", "Failed").await;
        self.create_child("b-1", "a-1").await;
        let other = ExecutionMetadata {
            orchestration_name: Some("Other".into()),
            orchestration_version: Some("2.0.0".into()),
            ..names_of_child("a-1")
        };
        self.create_with("b-2", other).await;
    }
}

fn handler(kind: HandlerSort, name: &str, version: &str) -> HandlerInfo {
    HandlerInfo { kind, name: name.into(), version: version.into(), source: None }
}

/// A worker that takes activities without a tag.
fn worker(worker_id: &str, handlers: Vec<HandlerInfo>) -> WorkerInfo {
    WorkerInfo {
        worker_id: worker_id.into(),
        node: "node".into(),
        pid: 7,
        program: "orders".into(),
        library_version: "0.0.7".into(),
        orchestration_slots: 2,
        activity_slots: 8,
        tags: TagsServed { untagged: true, any: false, tags: Vec::new() },
        handlers,
        durability: None,
        // The store's clock says when.
        started_at: 1,
        seen_at: 1,
        alive_until: 1,
        is_alive: false,
    }
}

fn of_status(status: &str) -> InstanceQuery {
    InstanceQuery { status: Some(status.into()), ..InstanceQuery::default() }
}

pub async fn instances_are_found_newest_first(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.family().await;
    let found = store.find(InstanceQuery::default()).await;
    assert_eq!(found.len(), 4);
    for pair in found.windows(2) {
        let (newer, older) = (&pair[0], &pair[1]);
        let in_order = newer.created_at > older.created_at
            || (newer.created_at == older.created_at && newer.instance_id < older.instance_id);
        assert!(in_order, "{pair:?}");
    }
    let failed = found.iter().find(|row| row.instance_id == "a-2").expect("it is there");
    let info = store.admin().get_instance_info("a-2").await.expect("it is there");
    let expected = InstanceRow {
        instance_id: "a-2".into(),
        orchestration_name: NAME.into(),
        orchestration_version: Some(VERSION.into()),
        execution_id: 1,
        status: "Failed".into(),
        parent_instance_id: None,
        created_at: info.created_at,
        updated_at: info.updated_at,
    };
    assert_eq!(*failed, expected);
}

pub async fn instances_are_found_by_all_that_is_set(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.family().await;
    let any = InstanceQuery::default;
    let of = |parent: &str| Some(ParentFilter::Of(parent.into()));
    let named = |name: &str| InstanceQuery { name: Some(name.into()), ..any() };
    let versioned = |version: &str| InstanceQuery { version: Some(version.into()), ..any() };
    let rows: [(InstanceQuery, &[&str]); 14] = [
        (of_status("Running"), &["a-1", "b-1", "b-2"]),
        (of_status("Failed"), &["a-2"]),
        (of_status("Completed"), &[]),
        (named(NAME), &["a-1", "a-2", "b-1"]),
        (named("Nobody"), &[]),
        (InstanceQuery { status: Some("Failed".into()), ..named(NAME) }, &["a-2"]),
        (InstanceQuery { status: Some("Failed".into()), ..named("Other") }, &[]),
        (versioned("2.0.0"), &["b-2"]),
        (InstanceQuery { version: Some("2.0.0".into()), ..named(NAME) }, &[]),
        (InstanceQuery { parent: Some(ParentFilter::Roots), ..any() }, &["a-1", "a-2"]),
        (InstanceQuery { parent: Some(ParentFilter::Roots), ..of_status("Running") }, &["a-1"]),
        (InstanceQuery { parent: of("a-1"), ..any() }, &["b-1", "b-2"]),
        (InstanceQuery { parent: of("a-1"), ..named("Other") }, &["b-2"]),
        (InstanceQuery { parent: of("b-1"), ..any() }, &[]),
    ];
    for (query, expected) in rows {
        let told = format!("{query:?}");
        assert_eq!(store.ids(query).await, expected, "{told}");
    }
}

pub async fn an_id_prefix_means_its_letters(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for id in ["50%", "50%-é", "50-x", "50_y", "é"] {
        store.create(id).await;
    }
    for (prefix, expected) in [
        ("", &["50%", "50%-é", "50-x", "50_y", "é"][..]),
        ("50", &["50%", "50%-é", "50-x", "50_y"]),
        ("50%", &["50%", "50%-é"]),
        ("50_", &["50_y"]),
        ("50%-é", &["50%-é"]),
        ("6", &[]),
        ("é", &["é"]),
    ] {
        let query = InstanceQuery { id_prefix: Some(prefix.into()), ..InstanceQuery::default() };
        assert_eq!(store.ids(query.clone()).await, expected, "{prefix:?}");
        let gone = InstanceQuery { parent: Some(ParentFilter::Of("50%".into())), name: Some(NAME.into()), ..query };
        assert_eq!(store.ids(gone).await, [""; 0], "{prefix:?}");
    }
}

pub async fn a_time_of_creation_bounds_what_is_found(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create("one").await;
    let created_at = store.find(InstanceQuery::default()).await[0].created_at;
    let from = |from_ms| InstanceQuery { created_from_ms: Some(from_ms), ..InstanceQuery::default() };
    let before = |before_ms| InstanceQuery { created_before_ms: Some(before_ms), ..InstanceQuery::default() };
    assert_eq!(store.ids(from(created_at)).await, ["one"]);
    assert_eq!(store.ids(from(created_at + 1)).await, [""; 0]);
    assert_eq!(store.ids(before(created_at)).await, [""; 0]);
    assert_eq!(store.ids(before(created_at + 1)).await, ["one"]);
}

/// All pages of so many rows.
async fn paged(store: &Seen<'_>, query: &InstanceQuery, limit: usize) -> Vec<InstanceRow> {
    let mut query = InstanceQuery { limit, ..query.clone() };
    let mut all = Vec::new();
    loop {
        let page = store.insight().find_instances(&query).await.expect("lists are readable");
        assert!(page.rows.len() <= limit, "{page:?}");
        all.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
        assert!(all.len() < 100, "expected an end, found {all:?}");
    }
}

pub async fn pages_follow_each_other_without_gap(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for n in 0..7 {
        store.create(&format!("i-{n}")).await;
    }
    let all = store.find(InstanceQuery::default()).await;
    for limit in 1..9 {
        assert_eq!(paged(&store, &InstanceQuery::default(), limit).await, all, "{limit}");
    }
}

pub async fn pages_follow_each_other_under_every_filter(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.family().await;
    for query in [
        of_status("Running"),
        InstanceQuery { name: Some(NAME.into()), ..InstanceQuery::default() },
        InstanceQuery { parent: Some(ParentFilter::Of("a-1".into())), ..InstanceQuery::default() },
        InstanceQuery { parent: Some(ParentFilter::Roots), ..InstanceQuery::default() },
        InstanceQuery { id_prefix: Some("a-".into()), ..InstanceQuery::default() },
    ] {
        let all = store.find(query.clone()).await;
        assert!(all.len() > 1, "{query:?}");
        assert_eq!(paged(&store, &query, 1).await, all, "{query:?}");
    }
}

pub async fn an_instance_is_listed_under_its_newest_execution(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create_ended("i", "ContinuedAsNew").await;
    assert_eq!(store.ids(of_status("ContinuedAsNew")).await, ["i"]);
    let renamed = ExecutionMetadata { orchestration_version: Some("9.0.0".into()), ..names() };
    store.turn("i", Commit { metadata: renamed, ..in_execution(2) }).await;
    assert_eq!(store.ids(of_status("ContinuedAsNew")).await, [""; 0]);
    let running = store.find(of_status("Running")).await;
    assert_eq!((running[0].execution_id, running[0].orchestration_version.as_deref()), (2, Some("9.0.0")));
    store.turn("i", Commit { metadata: ends("Completed", "2"), ..in_execution(2) }).await;
    assert_eq!(store.ids(of_status("Completed")).await, ["i"]);
    // What an earlier execution says late does not count.
    store.turn("i", Commit { metadata: ends("Failed", "1"), ..in_execution(1) }).await;
    assert_eq!(store.ids(of_status("Completed")).await, ["i"]);
}

pub async fn an_execution_that_names_nothing_is_listed_as_running(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    let nothing = ExecutionMetadata::default;
    let half_named = [
        ("nothing", nothing()),
        ("a pin", ExecutionMetadata { pinned_duroxide_version: Some(semver::Version::new(0, 2, 0)), ..nothing() }),
        ("a version", ExecutionMetadata { orchestration_version: Some("9.0.0".into()), ..nothing() }),
        ("a name", ExecutionMetadata { orchestration_name: names().orchestration_name, ..nothing() }),
    ];
    for (instance, metadata) in half_named {
        store.create_ended(instance, "ContinuedAsNew").await;
        store.turn(instance, Commit { metadata: metadata.clone(), ..in_execution(2) }).await;
        let running = store.find(of_status("Running")).await;
        let found: Vec<_> = running.iter().map(|row| (row.instance_id.as_str(), row.execution_id)).collect();
        assert_eq!(found, [(instance, 2)], "it says {instance}");
        // Nor is it listed as running again once it has ended.
        store.turn(instance, Commit { metadata: ends("Completed", "1"), ..in_execution(2) }).await;
        store.turn(instance, Commit { metadata, ..in_execution(2) }).await;
        assert_eq!(store.ids(of_status("Running")).await, [""; 0], "it says {instance}");
    }
}

pub async fn a_deleted_instance_is_not_found(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create_ended("i", "Completed").await;
    store.admin().delete_instance("i", false).await.expect("it has ended");
    assert_eq!(store.find(InstanceQuery::default()).await, []);
}

pub async fn a_worker_is_listed_as_it_announced_itself(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    let source = HandlerSource {
        krate: "orders".into(),
        file: "src/checkout.rs".into(),
        line: 41,
        arguments: vec![("order".into(), "Order<'static>".into())],
        ok: "()".into(),
        err: "String".into(),
        places: vec![Place {
            kind: PlaceKind::Timer,
            name: String::new(),
            length_ms: Some(86_400_000),
            file: "src/checkout.rs".into(),
            line: 52,
        }],
    };
    let checkout = HandlerInfo { source: Some(source), ..handler(HandlerSort::Orchestration, "checkout", "1.0.0") };
    let handlers = vec![handler(HandlerSort::Activity, "charge", "1.0.0"), checkout];
    let tags = TagsServed { untagged: false, any: false, tags: vec!["gpu".into(), "tpu".into()] };
    let announced = WorkerInfo { tags, durability: Some(Durability::Kill), ..worker("w", handlers) };
    let before = store.now_ms();
    store.announce(&announced).await;
    let found = store.workers().await.remove(0);
    let alive_for = found.alive_until - found.seen_at;
    assert_eq!(u128::from(alive_for), ALIVE.as_millis());
    assert!(found.started_at >= before && found.started_at == found.seen_at && found.is_alive, "{found:?}");
    let expected = WorkerInfo {
        started_at: found.started_at,
        seen_at: found.seen_at,
        alive_until: found.alive_until,
        is_alive: true,
        ..announced
    };
    assert_eq!(found, expected);
}

pub async fn an_announcement_takes_the_place_of_the_one_before(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.announce(&worker("w", Vec::new())).await;
    let first = store.workers().await.remove(0);
    store.announce(&worker("w", vec![handler(HandlerSort::Activity, "charge", "1.0.0")])).await;
    let workers = store.workers().await;
    assert_eq!(workers.len(), 1, "{workers:?}");
    assert_eq!(workers[0].handlers.len(), 1);
    assert_eq!(workers[0].started_at, first.started_at);
}

pub async fn a_silent_worker_counts_as_dead_until_it_is_heard_of(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.insight().announce_worker(&worker("w", Vec::new()), SHORT).await.expect("workers are kept");
    store.lapse(SHORT).await;
    let dead = store.workers().await.remove(0);
    assert!(!dead.is_alive, "{dead:?}");
    assert!(store.insight().refresh_worker("w", ALIVE).await.expect("workers are refreshed"));
    let alive = store.workers().await.remove(0);
    assert!(alive.is_alive && alive.seen_at > dead.seen_at && alive.started_at == dead.started_at, "{alive:?}");
}

pub async fn an_unknown_worker_is_not_refreshed(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.announce(&worker("w", Vec::new())).await;
    assert!(!store.insight().refresh_worker("v", ALIVE).await.expect("that is an answer"));
    assert_eq!(store.workers().await.len(), 1);
}

pub async fn a_retired_worker_is_forgotten(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.announce(&worker("w", Vec::new())).await;
    store.announce(&worker("v", Vec::new())).await;
    for _ in 0..2 {
        store.insight().retire_worker("w").await.expect("nothing happens when it is gone");
    }
    assert_eq!(store.workers().await.iter().map(|worker| worker.worker_id.as_str()).collect::<Vec<_>>(), ["v"]);
    assert!(!store.insight().refresh_worker("w", ALIVE).await.expect("that is an answer"));
}

pub async fn live_workers_are_listed_first(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    let on = |worker_id: &str, node: &str| WorkerInfo { node: node.into(), ..worker(worker_id, Vec::new()) };
    store.insight().announce_worker(&on("dead", "a"), SHORT).await.expect("workers are kept");
    store.lapse(SHORT).await;
    store.announce(&on("first", "c")).await;
    store.announce(&on("second", "b")).await;
    let found: Vec<_> = store.workers().await.into_iter().map(|worker| worker.worker_id).collect();
    assert_eq!(found, ["second", "first", "dead"]);
}

fn lacking(kind: HandlerSort, name: &str, version: Option<&str>, instances: u64, example: &str) -> Unserved {
    let version = version.map(Into::into);
    Unserved { kind, name: name.into(), version, tag: None, instances, example: example.into() }
}

pub async fn running_instances_without_a_handler_are_listed(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create("a").await;
    store.create("b").await;
    store.create_ended("c", "Completed").await;
    let expected = lacking(HandlerSort::Orchestration, NAME, Some(VERSION), 2, "a");
    assert_eq!(store.unserved().await, std::slice::from_ref(&expected));
    store.announce(&worker("w", vec![handler(HandlerSort::Orchestration, NAME, "9.9.9")])).await;
    assert_eq!(store.unserved().await, [expected], "another version is no help");
    store.announce(&worker("v", vec![handler(HandlerSort::Orchestration, NAME, VERSION)])).await;
    assert_eq!(store.unserved().await, []);
}

pub async fn starts_without_a_handler_are_listed(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start_of("a", "Late", None)).await;
    store.send_later(start_of("b", "Later", Some("2.0.0")), LONG).await;
    store.announce(&worker("w", vec![handler(HandlerSort::Orchestration, "Later", "1.0.0")])).await;
    let expected = [
        lacking(HandlerSort::Orchestration, "Late", None, 1, "a"),
        lacking(HandlerSort::Orchestration, "Later", Some("2.0.0"), 1, "b"),
    ];
    assert_eq!(store.unserved().await, expected);
    let both = vec![
        handler(HandlerSort::Orchestration, "Late", "3.0.0"),
        handler(HandlerSort::Orchestration, "Later", "2.0.0"),
    ];
    store.announce(&worker("w", both)).await;
    assert_eq!(store.unserved().await, [], "a start without a version is served by any");
}

pub async fn activities_without_a_handler_are_listed(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for (instance, id) in [("a", 2), ("a", 3), ("b", 2)] {
        store.post(activity(instance, id)).await;
    }
    store.post(in_session("c", 2, "s")).await;
    // One waits for its next attempt.
    let job = store.take_job().await;
    store.abandon_work_item(&job.token, Some(LONG), false).await.expect("the holder may give back");
    store.announce(&worker("w", vec![handler(HandlerSort::Orchestration, "Charge", VERSION)])).await;
    assert_eq!(store.unserved().await, [lacking(HandlerSort::Activity, "Charge", None, 3, "a")]);
    store.announce(&worker("w", vec![handler(HandlerSort::Activity, "Charge", "0")])).await;
    assert_eq!(store.unserved().await, []);
}

pub async fn a_tag_that_nobody_serves_is_named(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.post(activity("a", 1)).await;
    store.post(tagged("b", 1, "gpu")).await;
    let charges = vec![handler(HandlerSort::Activity, "Charge", "0")];
    store.announce(&worker("w", charges.clone())).await;
    let expected = Unserved { tag: Some("gpu".into()), ..lacking(HandlerSort::Activity, "Charge", None, 1, "b") };
    assert_eq!(store.unserved().await, [expected]);
    let tags = TagsServed { untagged: false, any: false, tags: vec!["gpu".into()] };
    store.announce(&WorkerInfo { tags, ..worker("v", charges) }).await;
    assert_eq!(store.unserved().await, []);
}

pub async fn a_dead_worker_serves_nothing(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.post(activity("a", 1)).await;
    let charges = worker("w", vec![handler(HandlerSort::Activity, "Charge", "0")]);
    store.insight().announce_worker(&charges, SHORT).await.expect("workers are kept");
    store.lapse(SHORT).await;
    assert_eq!(store.unserved().await.len(), 1);
}

pub async fn what_is_served_is_not_listed(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create("a").await;
    store.post(activity("a", 2)).await;
    store.send(raised("a", "x")).await;
    store.send(start("b")).await;
    let all = vec![handler(HandlerSort::Activity, "Charge", "0"), handler(HandlerSort::Orchestration, NAME, VERSION)];
    store.announce(&worker("w", all)).await;
    assert_eq!(store.unserved().await, []);
}
