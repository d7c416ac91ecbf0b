//! A transfer that dies at any of its calls, before it or after it, and is started again: the same comes of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::super::copy::Copying;
use super::super::{TransferError, TransferReport};
use crate::providers::sqlite::SqliteProvider;
use crate::providers::transfer::{Cell, Closing, Cursor, Fits, Marks, Row, Rows, Table, TransferRecord, TransferStore};
use crate::providers::{Provider, ProviderError};

/// One row a batch, nearly: as many steps as there can be.
const FITS: Fits = Fits { rows: 2, bytes: 40 };

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before it does anything.
    Before,
    /// Its answer is lost.
    After,
}

/// Calls of both stores are counted together; one of them fails, or an imported row is tampered with.
struct Plot {
    calls: AtomicUsize,
    fails: Option<(usize, When)>,
    tampers: Option<fn(Table, &mut Vec<Row>)>,
}

impl Plot {
    fn none() -> Self {
        Plot { calls: AtomicUsize::new(0), fails: None, tampers: None }
    }

    async fn through<T>(
        &self,
        call: impl Future<Output = Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.fails {
            Some((fails, When::Before)) if fails == number => Err(ProviderError::permanent("test", "planted")),
            Some((fails, When::After)) if fails == number => {
                call.await?;
                Err(ProviderError::permanent("test", "planted"))
            }
            Some(_) | None => call.await,
        }
    }
}

struct Flaky<'a> {
    inner: &'a dyn TransferStore,
    plot: &'a Plot,
}

#[async_trait]
impl TransferStore for Flaky<'_> {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn transfer_record(&self) -> Result<Option<TransferRecord>, ProviderError> {
        self.plot.through(self.inner.transfer_record()).await
    }

    async fn close(&self, record: &TransferRecord) -> Result<Closing, ProviderError> {
        self.plot.through(self.inner.close(record)).await
    }

    async fn marks(&self) -> Result<Marks, ProviderError> {
        self.plot.through(self.inner.marks()).await
    }

    async fn count_rows(&self, table: Table) -> Result<u64, ProviderError> {
        self.plot.through(self.inner.count_rows(table)).await
    }

    async fn export_rows(&self, table: Table, after: Option<&Cursor>, fits: Fits) -> Result<Vec<Row>, ProviderError> {
        self.plot.through(self.inner.export_rows(table, after, fits)).await
    }

    fn cursor_of(&self, table: Table, row: &Row) -> Cursor {
        self.inner.cursor_of(table, row)
    }

    async fn import_rows(
        &self,
        table: Table,
        mut rows: Vec<Row>,
        was: &TransferRecord,
        becomes: &TransferRecord,
    ) -> Result<(), ProviderError> {
        if let Some(tamper) = self.plot.tampers {
            tamper(table, &mut rows);
        }
        self.plot.through(self.inner.import_rows(table, rows, was, becomes)).await
    }

    async fn note(&self, was: &TransferRecord, becomes: &TransferRecord) -> Result<(), ProviderError> {
        self.plot.through(self.inner.note(was, becomes)).await
    }

    async fn open(
        &self,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), ProviderError> {
        self.plot.through(self.inner.open(was, becomes, fence, rows)).await
    }
}

/// A row or more in every table, with what is hard to carry.
async fn filled() -> SqliteProvider {
    let store = SqliteProvider::new_in_memory().await.expect("it opens");
    for sql in [
        "INSERT INTO instances (rowid, instance_id, orchestration_name, orchestration_version, current_execution_id,
             custom_status, custom_status_version, parent_instance_id, created_at, updated_at)
         VALUES (7, 'a', 'Order', '1.0.0', 2, 'half', 3, NULL, 10, 20), (3, 'a::1', 'Part', NULL, 1, NULL, 0, 'a', 11, 21),
             (9, char(0) || char(65534), '', NULL, 1, NULL, 0, NULL, 11, 21)",
        "INSERT INTO executions VALUES ('a', 1, 'ContinuedAsNew', 'x', 0, 2, 0, 10, 12), ('a', 2, 'Running', NULL, 0, 2, 0,
             12, NULL), ('a::1', 1, 'Failed', '', NULL, NULL, NULL, 11, 13)",
        "INSERT INTO history VALUES ('a', 1, 1, 'OrchestrationStarted', '{}'), ('a', 1, 2, 'X', '{\"a\":\"long enough for a
             batch of its own, and more\"}'), ('a', 2, 1, 'OrchestrationStarted', 'not json'), ('a::1', 1, 1, 'X', '☃')",
        "INSERT INTO orchestrator_queue (id, instance_id, work_item, state, visible_at, enqueued_at, attempt_count)
         VALUES (4, 'a', '{}', 1, 5, 5, 2), (5, 'a', '{}', 0, 9223372036854775807, 5, 0),
             (8, 'nobody', '{}', 3, 5, 9000000000000, 1)",
        "INSERT INTO worker_queue (id, work_item, instance_id, execution_id, activity_id, session_id, tag, state,
             visible_at, attempt_count, progress, progress_at, progress_attempt)
         VALUES (2, '{}', 'a', 2, 2, 's', NULL, 1, 5, 3, 'half', 6, 2), (3, '{}', NULL, NULL, NULL, NULL, 'gpu', 0, 99, 0,
             NULL, NULL, NULL)",
        "INSERT INTO sessions VALUES ('s', 'work-1', '', 0, 6)",
        "INSERT INTO kv_store VALUES ('a', 'k', 'v', 6), ('a', 'l', '', 6)",
        "INSERT INTO kv_delta VALUES ('a', 'k', NULL, 7), ('a', 'm', 'n', 7)",
        "INSERT INTO quarantine VALUES (1, 'worker', NULL, 'garbage', 'expected value', 8)",
        "INSERT INTO traces VALUES ('a', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', NULL),
             ('b', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', 'vendor=1')",
        "UPDATE duroxide_store SET fence = 41",
    ] {
        sqlx::query(sql).execute(store.get_pool()).await.expect("the tables are known");
    }
    store
}

async fn attempt(from: &SqliteProvider, to: &SqliteProvider, plot: &Plot) -> Result<TransferReport, TransferError> {
    let (from, to) = (Flaky { inner: from, plot }, Flaky { inner: to, plot });
    let copying = Copying { from: &from, to: &to, batch: FITS, leaves_source: false };
    copying.run(Box::new(|_| {})).await
}

async fn empty() -> SqliteProvider {
    SqliteProvider::new_in_memory().await.expect("it opens")
}

async fn rows(store: &SqliteProvider) -> Vec<(Table, Vec<Row>)> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let fits = Fits { rows: 1_000, bytes: usize::MAX };
        all.push((table, store.export_rows(table, None, fits).await.expect("a read")));
    }
    all
}

async fn is_closed(store: &SqliteProvider) -> bool {
    let mut tx = store.get_pool().begin().await.expect("a connection is free");
    let written = sqlx::query("INSERT INTO sessions VALUES ('probe', '', '', 0, 0)").execute(&mut *tx).await;
    tx.rollback().await.expect("nothing is kept");
    written.is_err_and(|error| error.to_string().contains("this store is closed"))
}

#[tokio::test]
async fn wherever_it_dies_it_goes_on_and_doubles_nothing() {
    let (from, to) = (filled().await, empty().await);
    let undisturbed = Plot::none();
    let report = attempt(&from, &to, &undisturbed).await.expect("nothing is in the way");
    let (expected, calls) = (rows(&from).await, undisturbed.calls.into_inner());
    assert!(calls > 60, "{calls}");
    assert_eq!(rows(&to).await, expected);
    assert!(expected.iter().all(|(_, rows)| !rows.is_empty()), "every table has something to lose");
    for fails in 0..calls {
        for when in [When::Before, When::After] {
            let (from, to) = (filled().await, empty().await);
            let plot = Plot { fails: Some((fails, when)), ..Plot::none() };
            assert!(attempt(&from, &to, &plot).await.is_err(), "call {fails} {when:?}");
            let open = usize::from(!is_closed(&from).await) + usize::from(!is_closed(&to).await);
            let begun = from.transfer_record().await.expect("a read").is_some();
            assert!(open <= 1 || !begun, "call {fails} {when:?}: both are open");
            let resumed = match attempt(&from, &to, &Plot::none()).await {
                // The last answer was lost: all was done.
                Err(TransferError::Moved { .. }) if fails + 1 == calls && when == When::After => continue,
                ended => ended.unwrap_or_else(|error| panic!("call {fails} {when:?}: {error}")),
            };
            assert!(rows(&to).await == expected, "call {fails} {when:?}");
            assert!(resumed.tables.is_empty() || resumed.tables == report.tables, "call {fails} {when:?}");
            assert!(is_closed(&from).await && !is_closed(&to).await, "call {fails} {when:?}");
        }
    }
}

#[tokio::test]
async fn a_target_that_holds_the_trace_of_a_start_that_never_came_is_empty() {
    let (from, to) = (filled().await, empty().await);
    let trace = "INSERT INTO traces VALUES ('a', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00', NULL)";
    sqlx::query(trace).execute(to.get_pool()).await.expect("the tables are known");
    attempt(&from, &to, &Plot::none()).await.expect("nothing is in the way");
    assert_eq!(rows(&to).await, rows(&from).await);
}

/// Its operator gives the target up, wherever it died, and starts it again.
#[tokio::test]
async fn a_target_that_was_given_up_is_copied_to_once_more() {
    let calls = {
        let plot = Plot::none();
        attempt(&filled().await, &empty().await, &plot).await.expect("nothing is in the way");
        plot.calls.into_inner()
    };
    let mut given_up = 0;
    for fails in 0..calls {
        for when in [When::Before, When::After] {
            let (from, to) = (filled().await, empty().await);
            let expected = rows(&from).await;
            attempt(&from, &to, &Plot { fails: Some((fails, when)), ..Plot::none() }).await.expect_err("it is planted");
            given_up += usize::from(crate::cancel_transfer(&to).await.is_ok());
            match attempt(&from, &to, &Plot::none()).await {
                Err(TransferError::Moved { .. }) if fails + 1 == calls && when == When::After => {}
                ended => drop(ended.unwrap_or_else(|error| panic!("call {fails} {when:?}: {error}"))),
            }
            assert!(rows(&to).await == expected, "call {fails} {when:?}");
            assert!(is_closed(&from).await && !is_closed(&to).await, "call {fails} {when:?}");
        }
    }
    assert!(given_up > 60, "{given_up}");
}

/// One that was opened and forgot it, because it was to be moved on, has rows: the source stays closed.
#[tokio::test]
async fn a_target_at_work_is_not_taken_for_one_that_was_given_up() {
    let calls = {
        let plot = Plot::none();
        attempt(&filled().await, &empty().await, &plot).await.expect("nothing is in the way");
        plot.calls.into_inner()
    };
    let (from, to, onwards) = (filled().await, empty().await, empty().await);
    attempt(&from, &to, &Plot { fails: Some((calls - 1, When::Before)), ..Plot::none() }).await.expect_err("planted");
    assert!(!is_closed(&to).await, "it is open");
    let interrupted = Plot { fails: Some((20, When::Before)), ..Plot::none() };
    attempt(&to, &onwards, &interrupted).await.expect_err("planted");
    crate::cancel_transfer(&to).await.expect("it is under way");
    let refused = attempt(&from, &to, &Plot::none()).await.expect_err("it holds rows");
    assert!(matches!(refused, TransferError::TargetNotEmpty { .. }), "{refused}");
    assert!(is_closed(&from).await && !is_closed(&to).await);
}

#[tokio::test]
async fn a_planted_mistake_is_found_and_nobody_can_work_on_the_copy() {
    let drop_one: fn(Table, &mut Vec<Row>) = |table, rows| {
        if table == Table::History {
            rows.retain(|row| row.0[0] != Cell::Text("a::1".into()));
        }
    };
    let change_one: fn(Table, &mut Vec<Row>) = |table, rows| {
        if table == Table::KvStore {
            for row in rows {
                row.0[2] = Cell::Text("w".into());
            }
        }
    };
    for (tamper, expected) in [(drop_one, Table::History), (change_one, Table::KvStore)] {
        let (from, to) = (filled().await, empty().await);
        let plot = Plot { tampers: Some(tamper), ..Plot::none() };
        let error = attempt(&from, &to, &plot).await.expect_err("the copy is wrong");
        let TransferError::Differs { table, .. } = error else { panic!("{error}") };
        assert_eq!(table, expected);
        assert!(is_closed(&from).await && is_closed(&to).await);
        // Given up on both sides, everything is as it was, and may be tried again.
        crate::cancel_transfer(&to).await.expect("it is under way");
        crate::cancel_transfer(&from).await.expect("it is under way");
        assert!(rows(&to).await.iter().all(|(_, rows)| rows.is_empty()));
        attempt(&from, &to, &Plot::none()).await.expect("nothing is in the way");
        assert_eq!(rows(&to).await, rows(&from).await);
    }
}

#[tokio::test]
async fn two_who_do_the_same_transfer_do_not_double_it() {
    let (from, to) = (filled().await, empty().await);
    let plot = Plot::none();
    let (one, other) = tokio::join!(biased; attempt(&from, &to, &plot), attempt(&from, &to, &plot));
    // One of them may have found that the other was first; whoever goes on then ends it.
    if one.is_err() && other.is_err() {
        attempt(&from, &to, &plot).await.expect("it goes on");
    }
    assert_eq!(rows(&to).await, rows(&from).await);
}

#[tokio::test]
async fn new_work_comes_after_what_was_carried() {
    let (from, to) = (filled().await, empty().await);
    attempt(&from, &to, &Plot::none()).await.expect("nothing is in the way");
    assert_eq!(to.marks().await.expect("a read").fence, 41);
    let item = crate::providers::WorkItem::ExternalRaised { instance: "a".into(), name: "e".into(), data: "1".into() };
    to.enqueue_for_orchestrator(item.clone(), None).await.expect("it is open");
    let messages = to.export_rows(Table::OrchestratorQueue, None, FITS).await.expect("a read");
    assert_eq!(messages[0].0[0], Cell::Number(4));
    let last = rows(&to).await.into_iter().find(|(table, _)| *table == Table::OrchestratorQueue).expect("it is there");
    assert_eq!(last.1.last().expect("it is there").0[0], Cell::Number(9));
    let refused = from.enqueue_for_orchestrator(item, None).await.expect_err("it was moved");
    assert!(refused.is_retryable() && refused.message.contains("this store is closed"), "{refused}");
}

/// What is not carried, because it is a lease or belongs to one store alone. A column that is new, and in neither list, would
/// be lost by every transfer.
const LEFT_TABLES: &[&str] = &["duroxide_store", "instance_locks", "workers"];
const LEFT_COLUMNS: &[&str] = &["lock_token", "locked_until", "owner", "fence"];
/// What follows from others that are carried.
const FOLLOWS: &[(&str, &str)] = &[("instances", "status")];

#[tokio::test]
async fn every_column_is_carried_or_left_for_a_reason() {
    let store = empty().await;
    let columns = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'";
    let columns: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(store.get_pool()).await.expect("a read");
    assert!(columns.len() > 60, "{columns:?}");
    for (table, column) in columns.iter().filter(|(table, _)| !LEFT_TABLES.contains(&table.as_str())) {
        let carried = Table::ALL.into_iter().find(|carried| carried.name() == table);
        let carried = carried.unwrap_or_else(|| panic!("table {table} is neither carried nor left"));
        let is_carried = carried.columns().iter().any(|carried| carried.name == column);
        let is_derived = FOLLOWS.contains(&(table.as_str(), column.as_str()));
        assert!(
            is_carried || is_derived || LEFT_COLUMNS.contains(&column.as_str()),
            "{table}.{column} is neither carried nor left"
        );
    }
}
