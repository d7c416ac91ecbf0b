//! Laws: what an operator sees of instances, workers and queues; for stores that can tell.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use std::ops::Deref;
use std::time::Duration;

use super::StoreFactory;
use super::case::{AT_ONCE, Case, LONG, SHORT, expect_permanent};
use super::items::{
    NAME, VERSION, activity, adds, ends, identity, in_execution, in_session, names, names_of_child, nothing, queued,
    raised, says, start, start_of, tagged, timer,
};
use crate::model::commit::{Commit, ExecutionMetadata};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::insight::{
    HandlerInfo, HandlerSort, HandlerSource, InstanceQuery, InstanceRow, ParentFilter, Queue, QueueRow, RowState,
    TagsServed, Unserved, WorkerInfo,
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
    queues_are_counted_by_what_rows_wait_for,
    the_oldest_row_that_can_be_taken_tells_since_when,
    a_row_tells_whose_it_is_and_what_it_names,
    a_leased_row_tells_until_when,
    a_ready_row_tells_who_has_its_session,
    a_lease_that_is_over_leaves_its_rows_ready,
    a_message_for_nobody_is_parked,
    rows_of_a_queue_come_in_pages,
    rows_of_an_instance_come_from_both_queues,
    a_sound_store_has_no_findings,
    nothing_is_in_quarantine_at_first;
    with hooks:
    what_cannot_be_read_is_quarantined_with_its_reason,
    what_still_cannot_be_read_stays_in_quarantine,
    a_dropped_row_is_gone,
    damage_is_a_finding,
);

/// A worker that is alive as long as a law takes.
const ALIVE: Duration = LONG;

/// A fresh store that can tell.
struct Seen<'a>(Case<'a>);

impl<'a> Deref for Seen<'a> {
    type Target = Case<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// `None` for a store without the operator's half, which is legal.
async fn telling(factory: &dyn StoreFactory) -> Option<Seen<'_>> {
    let store = Case::of(factory).await;
    store.as_insight_capability().is_some().then_some(Seen(store))
}

impl Seen<'_> {
    fn insight(&self) -> &dyn InsightProvider {
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

    async fn queue(&self, queue: Queue) -> Vec<QueueRow> {
        self.insight().list_queue(queue, None, 0).await.expect("queues are listed")
    }

    /// The only row of a queue.
    async fn only_row(&self, queue: Queue) -> QueueRow {
        let mut rows = self.queue(queue).await;
        assert_eq!(rows.len(), 1, "expected one row, found {rows:?}");
        rows.remove(0)
    }

    /// Two roots of one name, one of which has ended, a child, and another orchestration in another version.
    async fn family(&self) {
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
    store.create_ended("i", "ContinuedAsNew").await;
    store.turn("i", in_execution(2)).await;
    let running = store.find(of_status("Running")).await;
    assert_eq!(running.iter().map(|row| row.execution_id).collect::<Vec<_>>(), [2]);
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
    };
    let checkout = HandlerInfo { source: Some(source), ..handler(HandlerSort::Orchestration, "checkout", "1.0.0") };
    let handlers = vec![handler(HandlerSort::Activity, "charge", "1.0.0"), checkout];
    let tags = TagsServed { untagged: false, any: false, tags: vec!["gpu".into(), "tpu".into()] };
    let announced = WorkerInfo { tags, ..worker("w", handlers) };
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

pub async fn queues_are_counted_by_what_rows_wait_for(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    assert_eq!(store.insight().queue_overview().await.expect("queues are counted"), Default::default());
    store.create("held").await;
    for data in ["1", "2"] {
        store.send(raised("held", data)).await;
    }
    let _turn = store.take().await;
    store.send(raised("held", "3")).await;
    store.send(start("ready")).await;
    store.send_later(start("delayed"), LONG).await;
    store.send(timer("held", store.now_ms() + 200_000)).await;
    for id in 1..4 {
        store.post(activity("held", id)).await;
    }
    let _job = store.take_job().await;
    let given_back = store.take_job().await;
    store.abandon_work_item(&given_back.token, Some(LONG), false).await.expect("the holder may give back");
    store.post(tagged("held", 7, "gpu")).await;
    let found = store.insight().queue_overview().await.expect("queues are counted");
    let figures = |of: &crate::model::insight::QueueFigures| (of.ready, of.delayed, of.held, of.parked);
    // A timer that is sent by itself is due at once: only a turn delays it.
    let messages = figures(&found.orchestrator);
    assert!(messages == (1, 1, 4, 0) || messages == (1, 2, 3, 0), "{messages:?}");
    assert_eq!(figures(&found.worker), (2, 1, 1, 0));
    assert_eq!(found.quarantined, 0);
}

pub async fn the_oldest_row_that_can_be_taken_tells_since_when(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send_later(start("later"), LONG).await;
    let before = store.now_ms();
    store.send(start("i")).await;
    store.post(tagged("i", 1, "gpu")).await;
    let since = store.now_ms();
    store.lapse(SHORT).await;
    store.send(start("j")).await;
    store.post(activity("j", 1)).await;
    let found = store.insight().queue_overview().await.expect("queues are counted");
    for oldest in [found.orchestrator.oldest_ready_at, found.worker.oldest_ready_at] {
        assert!(oldest.is_some_and(|at_ms| (before..=since).contains(&at_ms)), "{oldest:?} of {before}..={since}");
    }
}

pub async fn a_row_tells_whose_it_is_and_what_it_names(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.send(raised("i", "secret")).await;
    store.send(queued("i", "secret")).await;
    let told = |row: &QueueRow| (row.kind.clone(), row.name.clone(), row.event_id);
    let messages = store.queue(Queue::Orchestrator).await;
    assert!(messages.iter().all(|row| row.instance_id.as_deref() == Some("i") && row.state == RowState::Ready));
    let expected = [
        ("StartOrchestration".to_owned(), Some(NAME.to_owned()), None),
        ("ExternalRaised".to_owned(), Some("paid".to_owned()), None),
        ("QueueMessage".to_owned(), Some("inbox".to_owned()), None),
    ];
    assert_eq!(messages.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(messages.windows(2).all(|pair| pair[0].id < pair[1].id));
    store.post(super::items::activity_for("i", 4, Some("s"), Some("gpu"))).await;
    let row = store.only_row(Queue::Worker).await;
    assert_eq!(told(&row), ("ActivityExecute".to_owned(), Some("Charge".to_owned()), Some(4)));
    assert_eq!((row.session_id.as_deref(), row.tag.as_deref()), (Some("s"), Some("gpu")));
    assert_eq!((row.queue, row.attempts, row.locked_until, row.owner), (Queue::Worker, 0, None, None));
}

pub async fn a_leased_row_tells_until_when(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.post(activity("i", 1)).await;
    let before = store.now_ms();
    let (_turn, _job) = (store.take().await, store.take_job().await);
    let lease_ms = u64::try_from(LONG.as_millis()).expect("laws are short");
    let leases = before + lease_ms..=store.now_ms() + lease_ms;
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let row = store.only_row(queue).await;
        assert_eq!((row.state, row.attempts), (RowState::Held, 1), "{row:?}");
        assert!(row.locked_until.is_some_and(|until_ms| leases.contains(&until_ms)), "{row:?}");
        assert!(row.owner.is_some(), "{row:?}");
    }
}

pub async fn a_ready_row_tells_who_has_its_session(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for id in [1, 2] {
        store.post(in_session("i", id, "s")).await;
    }
    let rows = store.queue(Queue::Worker).await;
    assert!(rows.iter().all(|row| row.owner.is_none() && row.locked_until.is_none()), "{rows:?}");
    let session = SessionFetchConfig { owner_id: "slot-7".into(), lock_timeout: LONG };
    let taken = store.fetch_job(LONG, Some(&session), &TagFilter::DefaultOnly).await;
    assert_eq!(taken.map(|job| job.id()), Some(1));
    let rows = store.queue(Queue::Worker).await;
    assert_eq!((rows[0].state, rows[1].state), (RowState::Held, RowState::Ready));
    assert_eq!(rows[1].owner.as_deref(), Some("slot-7"));
    assert!(rows[1].locked_until.is_some_and(|until_ms| until_ms > store.now_ms()), "{rows:?}");
}

pub async fn a_lease_that_is_over_leaves_its_rows_ready(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(start("i")).await;
    store.post(activity("i", 1)).await;
    let (_turn, _job) = (store.take_for(SHORT).await, store.take_job_for(SHORT).await);
    store.lapse(SHORT).await;
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let row = store.only_row(queue).await;
        assert_eq!((row.state, row.attempts), (RowState::Ready, 1), "{row:?}");
        assert_eq!((row.locked_until, row.owner), (None, None), "it says nothing any more");
    }
    let found = store.insight().queue_overview().await.expect("queues are counted");
    assert_eq!((found.orchestrator.ready, found.orchestrator.held), (1, 0));
    assert_eq!((found.worker.ready, found.worker.held), (1, 0));
    assert!(found.orchestrator.oldest_ready_at.is_some() && found.worker.oldest_ready_at.is_some());
}

pub async fn a_message_for_nobody_is_parked(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.send(raised("nobody", "x")).await;
    store.expect_no_turn("nobody was started").await;
    assert_eq!(store.only_row(Queue::Orchestrator).await.state, RowState::Parked);
    let found = store.insight().queue_overview().await.expect("queues are counted").orchestrator;
    assert_eq!((found.ready, found.parked, found.oldest_ready_at), (0, 1, None));
}

pub async fn rows_of_a_queue_come_in_pages(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for n in 0..5 {
        store.send(start(&format!("i-{n}"))).await;
        store.post(activity("i", n + 1)).await;
    }
    for queue in [Queue::Orchestrator, Queue::Worker] {
        let all = store.queue(queue).await;
        assert_eq!(all.len(), 5);
        let mut paged = Vec::new();
        loop {
            let after = paged.last().map(|row: &QueueRow| row.id);
            let page = store.insight().list_queue(queue, after, 2).await.expect("queues are listed");
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}

pub async fn rows_of_an_instance_come_from_both_queues(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    for instance in ["a", "b"] {
        store.send(start(instance)).await;
        store.post(activity(instance, 1)).await;
    }
    let rows = store.insight().list_rows_of("b").await.expect("rows are listed");
    let expected: Vec<_> = [store.queue(Queue::Orchestrator).await, store.queue(Queue::Worker).await]
        .concat()
        .into_iter()
        .filter(|row| row.instance_id.as_deref() == Some("b"))
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows, expected);
    assert_eq!(store.insight().list_rows_of("c").await.expect("rows are listed"), []);
}

pub async fn a_sound_store_has_no_findings(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.family().await;
    store.post(activity("a-1", 2)).await;
    store.turn("a-1", Commit { cancelled_activities: vec![identity("a-1", 2)], ..nothing() }).await;
    store.turn("b-1", says(ends("Completed", "1"))).await;
    store.send(raised("a-1", "x")).await;
    assert_eq!(store.insight().check_integrity().await.expect("stores can be looked through"), [""; 0]);
}

pub async fn nothing_is_in_quarantine_at_first(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), []);
    assert!(!store.insight().retry_quarantined(1).await.expect("that is an answer"));
    assert!(!store.insight().drop_quarantined(1).await.expect("that is an answer"));
}

/// A store whose activity 2 of `i` and 3 of `j` cannot be read; `None` when it cannot be damaged like this.
async fn damaged(factory: &dyn StoreFactory) -> Option<Seen<'_>> {
    let store = telling(factory).await?;
    for (instance, id) in [("i", 2), ("j", 3)] {
        store.post(activity(instance, id)).await;
        if !store.corrupt_activity(instance, id).await {
            return None;
        }
        let taken = store.fetch_work_item(LONG, AT_ONCE, None, &TagFilter::DefaultOnly).await;
        assert!(!matches!(taken, Ok(Some(_))), "it cannot be read: {taken:?}");
    }
    Some(store)
}

pub async fn what_cannot_be_read_is_quarantined_with_its_reason(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    assert_eq!(rows.len(), 2, "{rows:?}");
    let of: Vec<_> = rows.iter().map(|row| (row.instance_id.as_deref(), row.queue)).collect();
    assert_eq!(of, [(Some("i"), Queue::Worker), (Some("j"), Queue::Worker)]);
    for row in &rows {
        assert!(!row.reason.is_empty() && !row.body.is_empty() && row.at_ms <= store.now_ms(), "{row:?}");
    }
    let insight = store.insight();
    assert_eq!(insight.list_quarantined(Some("j"), None, 0).await.expect("it is readable"), rows[1..]);
    assert_eq!(insight.list_quarantined(None, Some(rows[0].id), 0).await.expect("it is readable"), rows[1..]);
    assert_eq!(insight.list_quarantined(None, None, 1).await.expect("it is readable"), rows[..1]);
    assert_eq!(insight.queue_overview().await.expect("queues are counted").quarantined, 2);
}

pub async fn what_still_cannot_be_read_stays_in_quarantine(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    expect_permanent(store.insight().retry_quarantined(rows[0].id).await, "");
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), rows);
}

pub async fn a_dropped_row_is_gone(factory: &dyn StoreFactory) {
    let Some(store) = damaged(factory).await else { return };
    let rows = store.insight().list_quarantined(None, None, 0).await.expect("it is readable");
    assert!(store.insight().drop_quarantined(rows[0].id).await.expect("it is there"));
    assert!(!store.insight().drop_quarantined(rows[0].id).await.expect("that is an answer"));
    assert_eq!(store.insight().list_quarantined(None, None, 0).await.expect("it is readable"), rows[1..]);
}

pub async fn damage_is_a_finding(factory: &dyn StoreFactory) {
    let Some(store) = telling(factory).await else { return };
    store.create_with("i", names()).await;
    store.turn("i", adds(vec![super::items::scheduled("i", 2)])).await;
    store.corrupt_history("i").await;
    let findings = store.insight().check_integrity().await.expect("stores can be looked through");
    assert!(findings.iter().any(|line| line.contains("`i`")), "{findings:?}");
}
