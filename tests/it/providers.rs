//! Every store keeps every law, and a store that breaks one is caught.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::conformance::{self, Law, StoreFactory};
use duroxide::providers::Provider;
use duroxide::providers::encoded::Encoded;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::test_hooks;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::encoded::Sealed;
use crate::flawed_store::{Flaw, FlawedStore};
use crate::flawed_traces::FLAWS;

/// Memory stores on the wall clock.
struct Memory;

#[async_trait]
impl StoreFactory for Memory {
    async fn create(&self) -> Arc<dyn Provider> {
        Arc::new(MemoryProvider::new())
    }

    fn has_hooks(&self) -> bool {
        true
    }

    async fn corrupt_history(&self, store: &dyn Provider, instance: &str) {
        memory_in(store).corrupt_history(instance);
    }

    async fn corrupt_activity(&self, store: &dyn Provider, _instance: &str, activity_id: u64) -> bool {
        memory_in(store).replace_activity(activity_id, "{not json");
        true
    }

    async fn max_attempt_count(&self, store: &dyn Provider, instance: &str) -> u32 {
        memory_in(store).max_attempt_count(instance)
    }
}

fn memory_in(store: &dyn Provider) -> &MemoryProvider {
    let store: &dyn Any = store;
    store.downcast_ref().expect("this factory makes memory stores")
}

/// SQLite stores, each in a file of its own, or in memory.
struct Sqlite {
    directory: Option<TempDir>,
    created: AtomicU32,
}

impl Sqlite {
    fn in_files() -> Self {
        Sqlite { directory: Some(TempDir::new().expect("a place for files")), created: AtomicU32::new(0) }
    }

    fn in_memory() -> Self {
        Sqlite { directory: None, created: AtomicU32::new(0) }
    }
}

fn sqlite_in(store: &dyn Provider) -> &SqliteProvider {
    let store: &dyn Any = store;
    store.downcast_ref().expect("this factory makes SQLite stores")
}

#[async_trait]
impl StoreFactory for Sqlite {
    async fn create(&self) -> Arc<dyn Provider> {
        let opened = match &self.directory {
            Some(directory) => {
                let number = self.created.fetch_add(1, Ordering::Relaxed);
                SqliteProvider::open(directory.path().join(format!("{number}.db"))).await
            }
            None => SqliteProvider::new_in_memory().await,
        };
        Arc::new(opened.expect("a fresh database opens"))
    }

    fn has_hooks(&self) -> bool {
        true
    }

    async fn corrupt_history(&self, store: &dyn Provider, instance: &str) {
        sqlx::query("UPDATE history SET event_data = '{not json' WHERE instance_id = ?")
            .bind(instance)
            .execute(sqlite_in(store).get_pool())
            .await
            .expect("rows can be edited");
    }

    async fn corrupt_activity(&self, store: &dyn Provider, instance: &str, activity_id: u64) -> bool {
        sqlx::query("UPDATE worker_queue SET work_item = '{not json' WHERE instance_id = ? AND activity_id = ?")
            .bind(instance)
            .bind(i64::try_from(activity_id).expect("a small number"))
            .execute(sqlite_in(store).get_pool())
            .await
            .expect("rows can be edited");
        true
    }

    async fn max_attempt_count(&self, store: &dyn Provider, instance: &str) -> u32 {
        sqlx::query_scalar("SELECT COALESCE(MAX(attempt_count), 0) FROM orchestrator_queue WHERE instance_id = ?")
            .bind(instance)
            .fetch_one(sqlite_in(store).get_pool())
            .await
            .expect("rows can be read")
    }
}

/// PostgreSQL stores, each in a schema of its own of one server.
struct Postgres;

fn postgres_in(store: &dyn Provider) -> &PostgresProvider {
    let store: &dyn Any = store;
    store.downcast_ref().expect("this factory makes PostgreSQL stores")
}

#[async_trait]
impl StoreFactory for Postgres {
    async fn create(&self) -> Arc<dyn Provider> {
        crate::stores::postgres().await.0
    }

    fn has_hooks(&self) -> bool {
        true
    }

    async fn corrupt_history(&self, store: &dyn Provider, instance: &str) {
        let store = postgres_in(store);
        let sql = format!("UPDATE {}.history SET event_data = '{{not json' WHERE instance_id = $1", store.schema());
        let corrupted = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(instance).execute(store.get_pool()).await;
        corrupted.expect("rows can be edited");
    }

    async fn corrupt_activity(&self, store: &dyn Provider, instance: &str, activity_id: u64) -> bool {
        let store = postgres_in(store);
        let sql = format!(
            "UPDATE {}.worker_queue SET work_item = '{{not json' WHERE instance_id = $1 AND activity_id = $2",
            store.schema()
        );
        let id = i64::try_from(activity_id).expect("a small number");
        let corrupted = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(instance).bind(id).execute(store.get_pool()).await;
        corrupted.expect("rows can be edited");
        true
    }

    async fn max_attempt_count(&self, store: &dyn Provider, instance: &str) -> u32 {
        let store = postgres_in(store);
        // The attempt that is under way is counted with the lease.
        let sql = format!(
            "SELECT COALESCE(MAX(q.attempt_count + CASE WHEN q.id = ANY(l.batch) THEN 1 ELSE 0 END
                 + COALESCE(cardinality(array_positions(l.lapsed, q.id)), 0)), 0)
             FROM {0}.orchestrator_queue q LEFT JOIN {0}.instance_locks l ON l.instance_id = q.instance_id
             WHERE q.instance_id = $1",
            store.schema()
        );
        let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).bind(instance);
        let count = query.fetch_one(store.get_pool()).await.expect("rows can be read");
        u32::try_from(count).expect("a small number")
    }
}

/// Stores of another factory, their payloads encoded.
struct EncodedStores<F>(F);

fn below(store: &dyn Provider) -> &dyn Provider {
    let store: &dyn Any = store;
    store.downcast_ref::<Encoded>().expect("this factory makes encoded stores").store().as_ref()
}

#[async_trait]
impl<F: StoreFactory> StoreFactory for EncodedStores<F> {
    async fn create(&self) -> Arc<dyn Provider> {
        Arc::new(Encoded::new(self.0.create().await, Sealed::default()))
    }

    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn has_hooks(&self) -> bool {
        self.0.has_hooks()
    }

    async fn corrupt_history(&self, store: &dyn Provider, instance: &str) {
        self.0.corrupt_history(below(store), instance).await;
    }

    async fn corrupt_activity(&self, store: &dyn Provider, instance: &str, activity_id: u64) -> bool {
        self.0.corrupt_activity(below(store), instance, activity_id).await
    }

    async fn max_attempt_count(&self, store: &dyn Provider, instance: &str) -> u32 {
        self.0.max_attempt_count(below(store), instance).await
    }
}

/// Memory stores in virtual time, with or without a flaw. As long as it lives, virtual time is what its thread takes
/// for the wall clock, too: wake-ups for delayed rows go by that.
struct Virtual {
    epoch_ms: u64,
    began: Instant,
    flaw: Option<Flaw>,
}

impl Virtual {
    fn new(flaw: Option<Flaw>) -> Self {
        let (epoch_ms, began) = (Memory.now_ms(), Instant::now());
        test_hooks::set_clock(Some(Rc::new(move || virtual_ms(epoch_ms, began))));
        Virtual { epoch_ms, began, flaw }
    }
}

impl Drop for Virtual {
    fn drop(&mut self) {
        test_hooks::set_clock(None);
    }
}

fn virtual_ms(epoch_ms: u64, since: Instant) -> u64 {
    epoch_ms + u64::try_from(since.elapsed().as_millis()).expect("tests are short")
}

#[async_trait]
impl StoreFactory for Virtual {
    async fn create(&self) -> Arc<dyn Provider> {
        let (epoch_ms, began) = (self.epoch_ms, self.began);
        let sound = MemoryProvider::with_clock(Arc::new(move || virtual_ms(epoch_ms, began)));
        match self.flaw {
            Some(flaw) => Arc::new(FlawedStore::new(sound, flaw)),
            None => Arc::new(sound),
        }
    }

    fn now_ms(&self) -> u64 {
        virtual_ms(self.epoch_ms, self.began)
    }
}

/// The law of this name.
fn law(capability: &str, name: &str) -> Law {
    let mut laws = conformance::laws().into_iter();
    laws.find(|law| law.capability == capability && law.name == name)
        .unwrap_or_else(|| panic!("there is a law {capability}::{name}"))
}

#[tokio::test]
async fn the_memory_store_keeps_every_law() {
    let report = conformance::exercise(&Memory).await;
    report.assert_kept();
    assert!(report.passed_over.is_empty());
    assert_eq!(report.kept.len(), conformance::laws().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_in_a_file_keeps_every_law() {
    conformance::exercise(&Sqlite::in_files()).await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_in_memory_keeps_every_law() {
    conformance::exercise(&Sqlite::in_memory()).await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_keeps_every_law() {
    let report = conformance::exercise(&Postgres).await;
    report.assert_kept();
    assert!(report.passed_over.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_keeps_every_law_in_virtual_time() {
    let report = conformance::exercise(&Virtual::new(None)).await;
    report.assert_kept();
    assert!(report.passed_over.iter().all(|law| law.needs_hooks));
}

#[tokio::test]
async fn an_encoded_memory_store_keeps_every_law() {
    let report = conformance::exercise(&EncodedStores(Memory)).await;
    report.assert_kept();
    assert!(report.passed_over.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_sqlite_store_keeps_every_law() {
    conformance::exercise(&EncodedStores(Sqlite::in_memory())).await.assert_kept();
}

#[test]
fn there_are_as_many_laws_as_the_contract_needs() {
    assert!(conformance::laws().len() >= 250, "{}", conformance::laws().len());
}

#[test]
fn every_law_has_its_own_name() {
    let mut names: Vec<&str> = conformance::laws().iter().map(|law| law.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test(start_paused = true)]
async fn a_law_that_never_ends_is_a_breach() {
    let found = law("fetch", "an_empty_queue_gives_nothing")
        .hold(&Virtual::new(Some(Flaw::NeverAnswers)))
        .await
        .expect_err("the store never answers");
    assert!(found.found.contains("found none"), "{found:?}");
}

/// One test for each planted bug: the law that must go red.
macro_rules! caught {
    ($($name:ident: $flaw:ident by $capability:ident::$law:ident;)+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let law = law(stringify!($capability), stringify!($law));
            law.hold(&Virtual::new(None)).await.expect("a sound store keeps it");
            let breach = law.hold(&Virtual::new(Some(Flaw::$flaw))).await;
            let breach = breach.expect_err("a store with this flaw breaks it");
            assert!(!breach.found.is_empty());
        }
    )+};
}

caught! {
    a_store_that_renews_any_lock_is_caught:
        RenewsAnything by locking::an_expired_lock_cannot_be_renewed;
    a_store_that_renews_any_lease_is_caught:
        RenewsAnything by worker::an_unknown_token_of_an_activity_can_do_nothing;
    a_store_that_accepts_an_expired_ack_is_caught:
        AcksExpired by locking::expired_ack_is_refused_even_if_nobody_took_the_lease;
    a_store_that_accepts_a_superseded_ack_is_caught:
        AcksExpired by locking::stale_ack_by_a_superseded_token_is_refused;
    a_store_that_counts_no_attempts_is_caught:
        CountsNoAttempts by attempts::every_fetch_counts;
    a_store_that_counts_ignored_attempts_is_caught:
        CountsIgnoredAttempts by attempts::an_ignored_attempt_does_not_count;
    a_store_that_ignores_tags_is_caught:
        IgnoresTags by tags::default_only_takes_untagged_activities;
    a_store_that_ignores_cancellations_is_caught:
        IgnoresCancellations by atomicity::stale_result_of_a_cancelled_activity_is_refused;
    a_store_that_cancels_too_much_is_caught:
        CancelsNeighbours by atomicity::cancelling_matches_the_whole_identity;
    a_store_that_loses_completions_is_caught:
        LosesCompletions by worker::acking_delivers_the_completion;
    a_store_that_commits_half_a_turn_is_caught:
        CommitsHalfATurn by atomicity::a_duplicate_event_refuses_the_whole_turn;
    a_store_that_ignores_the_version_filter_is_caught:
        IgnoresFilter by capability::an_execution_outside_the_range_is_not;
    a_store_that_stamps_events_again_is_caught:
        RestampsEvents by history::nothing_in_an_event_is_rewritten;
    a_store_that_forgets_delays_is_caught:
        ForgetsDelays by fetch::a_delayed_message_is_invisible_until_due;
    a_store_that_shows_running_values_is_caught:
        SnapshotsRunningValues by kv::the_snapshot_leaves_out_the_running_execution;
    a_store_that_shares_sessions_is_caught:
        SharesSessions by sessions::the_first_to_fetch_owns_the_session;
    a_store_that_leaves_unborn_children_is_caught:
        LeavesUnbornChildren by deletion::a_child_that_just_begins_goes_with_its_parent;
    a_store_that_hands_out_twice_is_caught:
        HandsOutTwice by locking::a_locked_instance_is_not_fetched_again;
    a_store_that_repeats_fences_is_caught:
        RepeatsFences by heartbeat::a_fence_grows_with_every_delivery;
    a_store_that_lets_anybody_speak_is_caught:
        LetsAnybodySpeak by heartbeat::a_superseded_lease_cannot_say_anything;
    a_store_that_has_room_for_all_is_caught:
        HasRoomForAll by heartbeat::an_inbox_takes_messages_up_to_its_bound;
    a_store_that_counts_attempts_from_zero_is_caught:
        CountsFromZero by attempts::the_first_fetch_is_attempt_one;
    a_store_that_reverses_batches_is_caught:
        ReversesBatches by fetch::a_batch_holds_all_visible_messages_in_order;
    a_store_that_loses_snapshots_is_caught:
        LosesSnapshots by kv::the_snapshot_has_what_ended_executions_left;
    a_store_that_loses_messages_of_a_turn_is_caught:
        LosesMessages by atomicity::a_result_of_a_child_goes_to_its_parent;
    a_store_that_forgets_how_executions_ended_is_caught:
        ForgetsEnds by atomicity::status_and_output_are_set_without_events;
    a_store_that_forgets_pinned_versions_is_caught:
        ForgetsPins by capability::each_execution_has_its_own_pin;
    a_store_that_forgets_names_is_caught:
        ForgetsNames by instance_creation::the_first_ack_with_both_names_creates_the_instance;
    a_store_that_forgets_the_delay_of_a_batch_is_caught:
        ForgetsAbandonDelays by locking::an_abandoned_batch_stays_hidden_for_the_delay;
    a_store_that_forgets_the_delay_of_an_activity_is_caught:
        ForgetsAbandonDelays by worker::an_abandoned_activity_stays_hidden_for_the_delay;
    a_store_that_abandons_anything_is_caught:
        AbandonsAnything by locking::renew_zero_rows_is_a_refusal_as_is_all_by_an_unknown_token;
    a_store_that_reads_the_first_execution_is_caught:
        ReadsTheFirstExecution by executions::reading_means_the_newest_execution;
    a_store_that_accepts_duplicates_is_caught:
        AcceptsDuplicates by history::appending_refuses_zero_and_duplicates;
    a_store_that_loses_tags_is_caught:
        LosesTags by tags::tags_take_theirs_only;
    a_store_that_takes_any_answer_of_an_activity_is_caught:
        AcksAnyKind by worker::acking_with_another_kind_is_refused;
    a_store_that_renews_idle_sessions_is_caught:
        RenewsIdleSessions by sessions::renewing_leaves_out_idle_sessions;
    a_store_that_never_cleans_sessions_is_caught:
        NeverCleansSessions by sessions::cleaning_removes_expired_sessions_without_activities;
    a_store_that_repeats_an_old_status_is_caught:
        RepeatsOldStatus by custom_status::a_reader_who_has_seen_the_version_gets_nothing;
    a_store_that_invents_values_is_caught:
        InventsValues by kv::what_is_not_there_is_none;
    a_store_that_measures_nothing_is_caught:
        MeasuresNothing by management::stats_describe_the_current_execution;
}

/// What a store tells operators may be wrong in two ways, and every law for it catches one of them at least.
#[tokio::test(start_paused = true)]
async fn a_store_that_tells_operators_nothing_or_nonsense_breaks_every_law_for_it() {
    let laws = [conformance::insight::LAWS, conformance::waiting::LAWS].concat();
    for law in laws.into_iter().filter(|law| !law.needs_hooks) {
        law.hold(&Virtual::new(None)).await.expect("a sound store keeps it");
        let mut is_broken = false;
        for flaw in [Flaw::TellsNothing, Flaw::Babbles] {
            is_broken |= law.hold(&Virtual::new(Some(flaw))).await.is_err();
        }
        assert!(is_broken, "{law:?} catches neither");
    }
}

/// The same of what it keeps of traces.
#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_wrong_contexts_breaks_every_law_for_them() {
    for law in conformance::traces::LAWS {
        law.hold(&Virtual::new(None)).await.expect("a sound store keeps it");
        let mut is_broken = false;
        for flaw in FLAWS {
            is_broken |= law.hold(&Virtual::new(Some(flaw))).await.is_err();
        }
        assert!(is_broken, "{law:?} catches none");
    }
}

/// Memory needs no time of its own: laws only wait for leases to expire.
#[tokio::test(start_paused = true)]
async fn laws_wait_for_conditions_and_not_for_long() {
    let factory = Virtual::new(None);
    conformance::exercise(&factory).await.assert_kept();
    assert!(factory.began.elapsed() < Duration::from_secs(10));
}
