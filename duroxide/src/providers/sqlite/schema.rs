//! Migrations, applied in order.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::adopt;
use super::open::SqliteOpenError;
use super::transfer::{self, Found};
use crate::clock;
use crate::observe::target;

/// Each entry brings the database from its index to the next version; entries are never changed once released.
pub(super) const MIGRATIONS: &[&str] = &[INITIAL, PROGRESS, WORKERS, TRACES, APPENDED];

/// `state` of a queue row, written as a number because partial indexes want literals:
/// 0 delayed (`visible_at` ahead), 1 ready (may be taken), 2 held (its instance or itself is leased),
/// 3 parked (no such instance yet). The next row to take is then one step into an index, however many rows are
/// delayed, held or parked.
const INITIAL: &str = "
CREATE TABLE duroxide_store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    -- Grows with every lease in this file; outlives release and deletion.
    fence INTEGER NOT NULL
);
INSERT INTO duroxide_store VALUES (1, 0, 0);

CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY NOT NULL,
    orchestration_name TEXT NOT NULL,
    orchestration_version TEXT,
    current_execution_id INTEGER NOT NULL,
    custom_status TEXT,
    custom_status_version INTEGER NOT NULL DEFAULT 0,
    -- No foreign key: a child outlives a parent that was deleted by force.
    parent_instance_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX instances_parent ON instances (parent_instance_id) WHERE parent_instance_id IS NOT NULL;

CREATE TABLE executions (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'Running',
    output TEXT,
    duroxide_version_major INTEGER,
    duroxide_version_minor INTEGER,
    duroxide_version_patch INTEGER,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    PRIMARY KEY (instance_id, execution_id)
) WITHOUT ROWID;

CREATE TABLE history (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_data TEXT NOT NULL,
    PRIMARY KEY (instance_id, execution_id, event_id)
) WITHOUT ROWID;

CREATE TABLE orchestrator_queue (
    id INTEGER PRIMARY KEY,
    instance_id TEXT NOT NULL,
    work_item TEXT NOT NULL,
    state INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    lock_token TEXT,
    attempt_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX orchestrator_queue_instance ON orchestrator_queue (instance_id);
CREATE INDEX orchestrator_queue_ready ON orchestrator_queue (state) WHERE state = 1;
CREATE INDEX orchestrator_queue_delayed ON orchestrator_queue (visible_at) WHERE state = 0;
CREATE INDEX orchestrator_queue_parked ON orchestrator_queue (enqueued_at) WHERE state = 3;

CREATE TABLE instance_locks (
    instance_id TEXT PRIMARY KEY NOT NULL,
    lock_token TEXT NOT NULL,
    locked_until INTEGER NOT NULL,
    locked_at INTEGER NOT NULL,
    owner TEXT NOT NULL,
    fence INTEGER NOT NULL,
    -- 1 once the end of the lease was noticed and its rows made ready again.
    lapsed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX instance_locks_live ON instance_locks (locked_until) WHERE lapsed = 0;

CREATE TABLE worker_queue (
    id INTEGER PRIMARY KEY,
    work_item TEXT NOT NULL,
    instance_id TEXT,
    execution_id INTEGER,
    activity_id INTEGER,
    session_id TEXT,
    tag TEXT,
    state INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    lock_token TEXT,
    locked_until INTEGER,
    owner TEXT,
    fence INTEGER,
    attempt_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX worker_queue_ready ON worker_queue (tag) WHERE state = 1 AND session_id IS NULL;
CREATE INDEX worker_queue_ready_session ON worker_queue (tag) WHERE state = 1 AND session_id IS NOT NULL;
CREATE INDEX worker_queue_delayed ON worker_queue (visible_at) WHERE state = 0;
CREATE INDEX worker_queue_held ON worker_queue (locked_until) WHERE state = 2;
CREATE INDEX worker_queue_identity ON worker_queue (instance_id, execution_id, activity_id);
CREATE INDEX worker_queue_session ON worker_queue (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY NOT NULL,
    worker_id TEXT NOT NULL,
    -- The store through which it was claimed.
    owner TEXT NOT NULL,
    locked_until INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE kv_store (
    instance_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    last_updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (instance_id, key)
) WITHOUT ROWID;

CREATE TABLE kv_delta (
    instance_id TEXT NOT NULL,
    key TEXT NOT NULL,
    -- NULL: removed by the running execution.
    value TEXT,
    last_updated_at_ms INTEGER NOT NULL,
    PRIMARY KEY (instance_id, key)
) WITHOUT ROWID;

-- What could not be read, kept for people to look at.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    instance_id TEXT,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
);
";

/// What an activity last said of its progress: it goes with the row, so nobody has to clean up.
const PROGRESS: &str = "
ALTER TABLE worker_queue ADD COLUMN progress TEXT;
ALTER TABLE worker_queue ADD COLUMN progress_at INTEGER;
ALTER TABLE worker_queue ADD COLUMN progress_attempt INTEGER;
";

/// Who is there to work, and lists of instances that are as quick as their pages are short.
///
/// `status` is that of the current execution: to list by it and by the time of creation takes one index over both, and
/// so one table. Parents get the time into their index.
const WORKERS: &str = "
CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY NOT NULL,
    -- What it said of itself, as JSON.
    info TEXT NOT NULL,
    -- The store through which it works: what its leases are signed with.
    owner TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    alive_until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX workers_owner ON workers (owner);

ALTER TABLE instances ADD COLUMN status TEXT NOT NULL DEFAULT 'Running';
UPDATE instances SET status = e.status FROM executions e
    WHERE e.instance_id = instances.instance_id AND e.execution_id = instances.current_execution_id
        AND e.status <> 'Running';
CREATE INDEX instances_status ON instances (status, created_at DESC, instance_id);
CREATE INDEX instances_name
    ON instances (orchestration_name, status, created_at DESC, instance_id, orchestration_version);
DROP INDEX instances_parent;
CREATE INDEX instances_parent ON instances (parent_instance_id, created_at DESC, instance_id);
";

/// The trace in which an instance was started, from before the instance exists: only for those that were started in one.
const TRACES: &str = "
CREATE TABLE traces (
    instance_id TEXT PRIMARY KEY NOT NULL,
    traceparent TEXT NOT NULL,
    tracestate TEXT
) WITHOUT ROWID;
";

/// Histories and executions are written at the end of their tables, whoever they belong to, and found by an index that
/// holds keys alone. In a tree of whole rows, sorted by instance, each turn of each instance wrote pages of its own, and
/// a page held so few rows that the tree was deep: 11 pages for an orchestration of 12 events, where now it is 4.
///
/// Renamed as older versions of SQLite do it, which look at no view that a program may have put on these tables.
const APPENDED: &str = "
CREATE TABLE appended_history (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_data TEXT NOT NULL,
    PRIMARY KEY (instance_id, execution_id, event_id)
);
INSERT INTO appended_history SELECT instance_id, execution_id, event_id, event_type, event_data FROM history;
DROP TABLE history;

CREATE TABLE appended_executions (
    instance_id TEXT NOT NULL,
    execution_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'Running',
    output TEXT,
    duroxide_version_major INTEGER,
    duroxide_version_minor INTEGER,
    duroxide_version_patch INTEGER,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    PRIMARY KEY (instance_id, execution_id)
);
INSERT INTO appended_executions SELECT instance_id, execution_id, status, output, duroxide_version_major,
    duroxide_version_minor, duroxide_version_patch, started_at, completed_at FROM executions;
DROP TABLE executions;

PRAGMA legacy_alter_table = ON;
ALTER TABLE appended_history RENAME TO history;
ALTER TABLE appended_executions RENAME TO executions;
PRAGMA legacy_alter_table = OFF;
";

/// What was found where the crate before its version 0.2 worked.
const PUBLISHED: &str = "a database of duroxide 0.1";

/// What an opened database was written by.
enum Form {
    /// Nobody.
    Empty,
    /// This crate, at this version of the schema.
    Ours(usize),
    /// The crate before its version 0.2, whose tables have the same names.
    Published,
}

/// Brings the database to the newest version, and its queue rows to the state that the leases in it call for.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), SqliteOpenError> {
    let newest = MIGRATIONS.len();
    let now_ms = clock::now_ms();
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_open = match transfer::look(&tx)? {
        Found::Moved(to) => return Err(SqliteOpenError::Moved { to }),
        Found::Closed => false,
        Found::Open => true,
    };
    let current = match form(&tx)? {
        Form::Empty => 0,
        Form::Ours(found) if found > newest => {
            return Err(SqliteOpenError::NewerSchema { found, expected: newest });
        }
        Form::Ours(found) => found,
        Form::Published => adopt_published(&tx, now_ms)?,
    };
    let apply = || MIGRATIONS[current..].iter().try_for_each(|migration| tx.execute_batch(migration));
    if is_open {
        apply()?;
        super::ready::repair(&tx, now_ms)?;
    } else if current < newest {
        transfer::with_guard_lifted(&tx, apply)?;
    }
    tx.execute("UPDATE duroxide_store SET schema_version = ?1", [newest as i64])?;
    tx.commit()?;
    Ok(())
}

/// Refuses whatever is not open and of the newest version; changes nothing.
pub(super) fn check(conn: &mut Connection) -> Result<(), SqliteOpenError> {
    let expected = MIGRATIONS.len();
    let tx = conn.transaction()?;
    if let Found::Moved(to) = transfer::look(&tx)? {
        return Err(SqliteOpenError::Moved { to });
    }
    let found = match form(&tx)? {
        Form::Ours(found) if found == expected => return Ok(()),
        Form::Ours(found) if found > expected => return Err(SqliteOpenError::NewerSchema { found, expected }),
        Form::Ours(found) => found.to_string(),
        Form::Published => PUBLISHED.to_owned(),
        Form::Empty => "none".to_owned(),
    };
    Err(SqliteOpenError::OlderSchema { expected, found })
}

/// All that brings tables of this version to the newest one, as one script; 0 is an empty database. Nothing for a version that
/// this crate does not know.
pub(super) fn script(from: usize) -> Option<String> {
    let newest = MIGRATIONS.len();
    let lacking = MIGRATIONS.get(from..)?;
    if lacking.is_empty() {
        return Some(format!("-- Tables of version {newest} lack nothing.\n"));
    }
    let expected = if from == 0 { String::new() } else { expected(from) };
    let lacking = lacking.concat();
    Some(format!("BEGIN;\n{expected}{lacking}\nUPDATE duroxide_store SET schema_version = {newest};\nCOMMIT;\n"))
}

/// SQL that fails unless the tables are of this version.
fn expected(version: usize) -> String {
    format!(
        "-- Stop at the first error, and nothing was changed: `sqlite3 -bail`. Fails here unless the tables are of version \
         {version}.
CREATE TEMP TABLE expected_version (found INTEGER CHECK (found = {version}));
INSERT INTO expected_version SELECT schema_version FROM duroxide_store;
DROP TABLE expected_version;
"
    )
}

/// The version of the tables, 0 for an empty database. Those of 0.1 have none.
pub(super) fn version(conn: &Connection) -> Result<usize, SqliteOpenError> {
    match form(conn)? {
        Form::Ours(found) => Ok(found),
        Form::Empty => Ok(0),
        Form::Published => {
            let (expected, found) = (MIGRATIONS.len(), PUBLISHED.to_owned());
            Err(SqliteOpenError::OlderSchema { expected, found })
        }
    }
}

/// Returns the version of the schema that the rows are in now.
fn adopt_published(conn: &Connection, now_ms: u64) -> Result<usize, SqliteOpenError> {
    adopt::set_aside(conn)?;
    conn.execute_batch(INITIAL)?;
    adopt::move_in(conn, now_ms)?;
    tracing::info!(target: target::SQLITE, "adopted a database of duroxide 0.1 with everything in flight");
    Ok(1)
}

fn form(conn: &Connection) -> Result<Form, SqliteOpenError> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let exists = |name: &str| conn.query_row(table, [name], |_| Ok(())).optional();
    if exists("duroxide_store")?.is_some() {
        let version: i64 = conn.query_row("SELECT schema_version FROM duroxide_store", [], |row| row.get(0))?;
        return Ok(Form::Ours(usize::try_from(version).unwrap_or(0)));
    }
    match exists("orchestrator_queue")? {
        Some(()) if adopt::is_published(conn)? => Ok(Form::Published),
        Some(()) => Err(SqliteOpenError::ForeignSchema),
        None => Ok(Form::Empty),
    }
}
