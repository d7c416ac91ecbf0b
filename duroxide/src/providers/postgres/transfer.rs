//! Being copied to another store, or from one: closed meanwhile, by triggers that every writer of the schema meets.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::{PgConnection, postgres::PgRow};

use super::error::StoreError;
use super::open::{PostgresOpenError, Schema};
use super::row::{int, number};
use super::writer::{Db, Durability, Tx, with_repeats};
use super::{PostgresProvider, export, import};
use crate::providers::ProviderError;
use crate::providers::signal::WorkQueue;
use crate::providers::transfer::{
    Closing, Cursor, Fits, Marks, Row, Rows, Side, Stage, Table, TransferRecord, TransferStore,
};

/// There only while the store takes part in a transfer, and after it was moved away. Roles that run workers must read it.
const CREATE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS @.transfer (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL)",
    "GRANT SELECT ON @.transfer TO PUBLIC",
];

/// Refuses as a server does that is read-only: whoever works here tries again later. No table is asked, because a
/// transaction that began before the store was closed would see it as it was then. Only who brings rows in, and says so in
/// the same transaction, is let pass.
const GUARD: &str = "CREATE OR REPLACE FUNCTION @.closed() RETURNS trigger LANGUAGE plpgsql AS $guard$
    BEGIN
        IF COALESCE(current_setting('duroxide.lifted', true), '') <> '{id}' THEN
            RAISE EXCEPTION USING ERRCODE = '25006', MESSAGE = {refusal};
        END IF;
        RETURN NULL;
    END $guard$";

#[async_trait]
impl TransferStore for PostgresProvider {
    fn place(&self) -> String {
        let options = self.db.pool().connect_options();
        let database = options.get_database().unwrap_or("its default one");
        let (host, port, schema) = (options.get_host(), options.get_port(), self.db.schema().name());
        format!("schema {schema} of the PostgreSQL database {database} on {host}:{port}")
    }

    async fn transfer_record(&self) -> Result<Option<TransferRecord>, ProviderError> {
        let found = async {
            let mut conn = self.db.pool().acquire().await?;
            record(&mut conn, self.db.schema()).await
        };
        found.await.map_err(|error| error.during("transfer_record"))
    }

    async fn close(&self, record: &TransferRecord) -> Result<Closing, ProviderError> {
        let closed = with_repeats(|| self.try_close(record)).await;
        closed.map_err(|error| error.during("close"))
    }

    async fn marks(&self) -> Result<Marks, ProviderError> {
        let look = || self.db.query("SELECT @now, last_value FROM @.fence");
        let marks = async {
            let row = self.db.one(look).await?;
            Ok(Marks { now_ms: number(&row, 0)?, fence: number(&row, 1)? })
        };
        marks.await.map_err(|error: StoreError| error.during("marks"))
    }

    async fn count_rows(&self, table: Table) -> Result<u64, ProviderError> {
        let count = format!("SELECT count(*) FROM @.{table}");
        let counted = async { number(&self.db.one(|| self.db.query(&count)).await?, 0) };
        counted.await.map_err(|error| error.during("count_rows"))
    }

    async fn export_rows(&self, table: Table, after: Option<&Cursor>, fits: Fits) -> Result<Vec<Row>, ProviderError> {
        export::rows(&self.db, table, after, fits).await.map_err(|error| error.during("export_rows"))
    }

    fn cursor_of(&self, table: Table, row: &Row) -> Cursor {
        row.cursor(export::key(table))
    }

    async fn import_rows(
        &self,
        table: Table,
        rows: Vec<Row>,
        was: &TransferRecord,
        becomes: &TransferRecord,
    ) -> Result<(), ProviderError> {
        let imported = with_repeats(|| self.try_import(table, &rows, was, becomes)).await;
        imported.map_err(|error| error.during("import_rows"))
    }

    async fn note(&self, was: &TransferRecord, becomes: &TransferRecord) -> Result<(), ProviderError> {
        let noted = with_repeats(|| async {
            let mut tx = self.db.begin(Durability::Flushed).await?;
            replace(&self.db, &mut tx, was, becomes).await?;
            tx.commit_surely().await
        });
        noted.await.map_err(|error| error.during("note"))
    }

    async fn open(
        &self,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), ProviderError> {
        let opened = with_repeats(|| self.try_open(was, becomes, fence, rows)).await;
        opened.map_err(|error| error.during("open"))?;
        // Plans follow what the tables hold; a role that may not do this leaves it to the server.
        for table in Table::ALL {
            let _ = self.db.once(self.db.query(&format!("ANALYZE @.{table}"))).await;
        }
        self.hints.tell(WorkQueue::Orchestrator);
        self.hints.tell(WorkQueue::Worker);
        Ok(())
    }

    async fn export_instance(&self, instance: &str) -> Result<Vec<(Table, Row)>, ProviderError> {
        let exported = with_repeats(|| export::instance(&self.db, instance));
        exported.await.map_err(|error| error.during("export_instance"))
    }

    async fn import_instances(&self, rows: Vec<(Table, Row)>) -> Result<Option<String>, ProviderError> {
        let imported = with_repeats(|| async {
            let mut tx = self.db.begin_long().await?;
            match import::instances(&self.db, &mut tx, &rows).await {
                Ok(None) => tx.commit_surely().await.map(|()| None),
                hindered => {
                    tx.rollback().await;
                    hindered
                }
            }
        });
        let taken = imported.await.map_err(|error| error.during("import_instances"))?;
        self.hints.tell(WorkQueue::Orchestrator);
        self.hints.tell(WorkQueue::Worker);
        Ok(taken)
    }
}

/// What a store takes part in.
pub(super) async fn record(conn: &mut PgConnection, schema: &Schema) -> Result<Option<TransferRecord>, StoreError> {
    let table = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'transfer'";
    let exists = sqlx::query(table).bind(schema.name()).fetch_optional(&mut *conn).await?;
    if exists.is_none() {
        return Ok(None);
    }
    let row = sqlx::query(schema.sql("SELECT record FROM @.transfer")).fetch_optional(conn).await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &PgRow) -> Result<TransferRecord, StoreError> {
    TransferRecord::from_text(row.try_get(0)?)
        .ok_or_else(|| StoreError::Unreadable("the record of a transfer: a newer version wrote it".to_owned()))
}

/// Refuses a store that was moved away.
pub(super) async fn check(conn: &mut PgConnection, schema: &Schema) -> Result<(), PostgresOpenError> {
    match record(conn, schema).await {
        Ok(Some(record)) if record.side == Side::Source && record.stage == Stage::Done => {
            Err(PostgresOpenError::Moved { to: record.peer })
        }
        // What else there is to know of it, whoever works here is told when he starts.
        Ok(_) | Err(StoreError::Unreadable(_)) => Ok(()),
        Err(error) => Err(PostgresOpenError::Database(Box::new(error.during("transfer_record")))),
    }
}

impl PostgresProvider {
    /// Under the locks that creating the triggers takes, so that nobody else's change is half seen.
    async fn try_close(&self, new: &TransferRecord) -> Result<Closing, StoreError> {
        let mut tx = self.db.begin_long().await?;
        let closing = self.close_in(&mut tx, new).await;
        match closing {
            Ok(Closing::Closed) => tx.commit_surely().await.map(|()| Closing::Closed),
            hindered => {
                tx.rollback().await;
                hindered
            }
        }
    }

    async fn close_in(&self, tx: &mut Tx<'_>, new: &TransferRecord) -> Result<Closing, StoreError> {
        match record(tx.conn(), self.db.schema()).await? {
            Some(found) if found == *new => return Ok(Closing::Closed),
            Some(found) if !found.is_open() => {
                return Err(StoreError::Refused(format!("expected an open store, but {}", found.refusal())));
            }
            Some(_) | None => {}
        }
        for sql in CREATE {
            tx.all(self.db.query(sql)).await?;
        }
        // The peer's path is part of it, and a path may hold anything.
        let refusal = format!("'{}'", new.refusal().replace('\'', "''").replace("$guard$", "$ guard $"));
        let guard = GUARD.replace("{refusal}", &refusal).replace("{id}", &new.id.replace('\'', "''"));
        tx.all(self.db.query(&guard)).await?;
        let remember = "INSERT INTO @.transfer (id, record) VALUES (1, $1)
            ON CONFLICT (id) DO UPDATE SET record = excluded.record";
        tx.all(self.db.query(remember).bind(new.to_text())).await?;
        for table in Table::guarded() {
            let guard = format!(
                "CREATE TRIGGER duroxide_closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @.{table}
                 FOR EACH STATEMENT EXECUTE FUNCTION @.closed()"
            );
            tx.all(self.db.query(&guard)).await?;
        }
        let hindrance = match new.side {
            Side::Source => self.busy(tx).await?,
            Side::Target => self.held(tx).await?,
        };
        if let Some(hindrance) = hindrance {
            return Ok(hindrance);
        }
        lift(&self.db, tx, new).await?;
        if new.side == Side::Target {
            // Contexts of instances that are not there, and whose starts are not: of starts that never came.
            tx.all(self.db.query("DELETE FROM @.traces")).await?;
        }
        release(&self.db, tx).await?;
        Ok(Closing::Closed)
    }

    /// Whoever works here: other stores, and leases that are not over.
    async fn busy(&self, tx: &mut Tx<'_>) -> Result<Option<Closing>, StoreError> {
        let stores = self.node.neighbours(&self.db, tx).await?;
        let leases = "WITH clock AS MATERIALIZED (SELECT @now AS ms)
            SELECT count(*), COALESCE(max(locked_until) - max(ms), 0)::bigint FROM clock, (
                SELECT locked_until FROM @.instance_locks
                UNION ALL SELECT locked_until FROM @.worker_queue) leases
            WHERE locked_until > ms";
        let row = tx.all(self.db.query(leases)).await?.into_iter().next();
        let row = row.ok_or(StoreError::from(sqlx::Error::RowNotFound))?;
        let (leases, ends_in_ms) = (number(&row, 0)?, number(&row, 1)?);
        let is_busy = stores > 0 || leases > 0;
        Ok(is_busy.then_some(Closing::Busy { stores, leases, ends_in_ms }))
    }

    async fn held(&self, tx: &mut Tx<'_>) -> Result<Option<Closing>, StoreError> {
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Traces) {
            let counted = tx.all(self.db.query(&format!("SELECT count(*) FROM @.{table}"))).await?;
            match number(&counted[0], 0)? {
                0 => {}
                rows => return Ok(Some(Closing::Holds { table, rows })),
            }
        }
        Ok(None)
    }

    async fn try_import(
        &self,
        table: Table,
        rows: &[Row],
        was: &TransferRecord,
        becomes: &TransferRecord,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin_long().await?;
        let added = async {
            replace(&self.db, &mut tx, was, becomes).await?;
            lift(&self.db, &mut tx, was).await?;
            import::rows(&self.db, &mut tx, table, rows).await
        };
        match added.await {
            Ok(()) => tx.commit_surely().await,
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn try_open(
        &self,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin_long().await?;
        match self.open_in(&mut tx, was, becomes, fence, rows).await {
            Ok(()) => tx.commit_surely().await,
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    async fn open_in(
        &self,
        tx: &mut Tx<'_>,
        was: &TransferRecord,
        becomes: Option<&TransferRecord>,
        fence: u64,
        rows: Rows,
    ) -> Result<(), StoreError> {
        replace(&self.db, tx, was, becomes.unwrap_or(was)).await?;
        lift(&self.db, tx, was).await?;
        match rows {
            Rows::Kept => raise_counters(&self.db, tx, fence).await?,
            Rows::Forgotten => {
                for table in Table::ALL {
                    tx.all(self.db.query(&format!("DELETE FROM @.{table}"))).await?;
                }
            }
        }
        // A table that is younger than the closing has none.
        for table in Table::guarded() {
            tx.all(self.db.query(&format!("DROP TRIGGER IF EXISTS duroxide_closed ON @.{table}"))).await?;
        }
        tx.all(self.db.query("DROP FUNCTION @.closed()")).await?;
        if becomes.is_none() {
            tx.all(self.db.query("DROP TABLE @.transfer")).await?;
        }
        Ok(())
    }
}

/// Gives back what is leased, by leases that are over. The attempts that they were are counted here with the messages.
async fn release(db: &Db, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    for sql in [
        "UPDATE @.orchestrator_queue q SET attempt_count = attempt_count
             + COALESCE(cardinality(array_positions(l.batch, q.id)), 0)
             + COALESCE(cardinality(array_positions(l.lapsed, q.id)), 0)
         FROM @.instance_locks l WHERE q.instance_id = l.instance_id AND (q.id = ANY(l.batch) OR q.id = ANY(l.lapsed))",
        "DELETE FROM @.instance_locks",
        "UPDATE @.worker_queue SET lock_token = NULL, locked_until = 0, owner = NULL WHERE lock_token IS NOT NULL",
        "UPDATE @.sessions SET locked_until = 0, owner = ''",
    ] {
        tx.all(db.query(sql)).await?;
    }
    Ok(())
}

/// Lets a migration pass the triggers, if there are any.
pub(super) async fn lift_for_migration(conn: &mut PgConnection, schema: &Schema) -> Result<(), PostgresOpenError> {
    // A record that cannot be read is that of a later version, which has nothing left to migrate.
    if let Ok(Some(record)) = record(conn, schema).await {
        let lift = sqlx::query("SELECT set_config('duroxide.lifted', $1, true)").bind(record.id);
        lift.execute(conn).await?;
    }
    Ok(())
}

/// Lets the rest of this transaction pass the triggers.
async fn lift(db: &Db, tx: &mut Tx<'_>, record: &TransferRecord) -> Result<(), StoreError> {
    tx.all(db.query("SELECT set_config('duroxide.lifted', $1, true)").bind(record.id.clone())).await.map(drop)
}

/// Whoever was not the last to write the record is refused.
async fn replace(db: &Db, tx: &mut Tx<'_>, was: &TransferRecord, becomes: &TransferRecord) -> Result<(), StoreError> {
    let replace = db.query("UPDATE @.transfer SET record = $2 WHERE record = $1 RETURNING id");
    let replace = replace.bind(was.to_text()).bind(becomes.to_text());
    if tx.all(replace).await?.len() == 1 {
        return Ok(());
    }
    Err(StoreError::Fenced("somebody else goes on with this transfer, or has given it up"))
}

/// Leases and rows from now on come after those that were brought.
async fn raise_counters(db: &Db, tx: &mut Tx<'_>, fence: u64) -> Result<(), StoreError> {
    let raise = "SELECT setval('@.fence', GREATEST((SELECT last_value FROM @.fence), $1, 1))";
    tx.all(db.query(raise).bind(int(fence))).await?;
    for (table, column) in
        [("instances", "row_id"), ("orchestrator_queue", "id"), ("worker_queue", "id"), ("quarantine", "id")]
    {
        let raise = format!(
            "SELECT setval(pg_get_serial_sequence('@.{table}', '{column}'),
                 (SELECT COALESCE(max({column}), 0) + 1 FROM @.{table}), false)"
        );
        tx.all(db.query(&raise)).await?;
    }
    Ok(())
}
