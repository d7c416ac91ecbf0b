//! Opens a database: where it is, what it must promise, and who else may see it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::model::insight::Durability;
use crate::seams;

/// The first SQLite without the corruption that resetting the write-ahead log could cause: 3.51.3.
const SQLITE_FLOOR: i32 = 3_051_003;

/// How long another program's lock only delays: a backup or a slow transaction ends within it.
pub(super) const BUSY: Duration = Duration::from_secs(60);

/// Pages in the write-ahead log before it is folded into the database (16 MiB): large enough to write hot pages once.
pub(super) const FOLDED_PAGES: i64 = 4_096;

/// Pages in it before whoever writes folds the rest and begins it anew.
pub(super) const CHECKPOINT_PAGES: i64 = 2 * FOLDED_PAGES;

/// The same in bytes of the log: each page has a frame around it.
pub(super) const LOG_FOLDED_BYTES: u64 = CHECKPOINT_PAGES.unsigned_abs() * (4_096 + 24) + 32;

/// Bytes the write-ahead log keeps on disk after it was folded (64 MiB).
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// Memory for pages (6 MiB), in SQLite's negative KiB: more did not make anything quicker, and each commit may have to walk
/// through it.
const CACHE_KIB: i64 = -6 * 1024;

/// Statements kept prepared: all of ours fit.
const STATEMENTS: usize = 192;

/// Connections for programs that run SQL of their own.
const POOL: u32 = 5;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteOpenError {
    /// The URL says something that is not understood.
    #[error(
        "database URL: expected sqlite:PATH or sqlite::memory:, with ?mode=rw|rwc and &synchronous=full|normal, \
         found {found}"
    )]
    Url {
        /// The part that is wrong.
        found: String,
    },
    /// There is no such file, and nobody asked to create it.
    #[error("database file {} does not exist; `SqliteProvider::open` or `?mode=rwc` creates it", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be created or opened.
    #[error("database file {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The SQLite library is too old to be trusted with the write-ahead log.
    #[error("SQLite library: expected 3.51.3 or newer, found {found}")]
    OldLibrary {
        /// Its version.
        found: String,
    },
    /// The database refused a setting that its promises rest on.
    #[error("PRAGMA {pragma}: expected {expected}, found {found}")]
    Pragma {
        /// Which setting.
        pragma: &'static str,
        /// What was asked for.
        expected: String,
        /// What is in force.
        found: String,
    },
    /// A newer version of this crate wrote the database.
    #[error("database schema: expected version {expected} or older, found {found}")]
    NewerSchema {
        /// The newest version this crate knows.
        expected: usize,
        /// The database's version.
        found: usize,
    },
    /// A database of 0.1 that lacks what is needed to go on with it, or has what this crate does not know.
    #[error(
        "database of duroxide 0.1: expected its migrations up to {expected}, as 0.1.32 leaves them, found {found}; \
         the file is unchanged"
    )]
    UnknownMigration {
        /// The newest migration of 0.1.32.
        expected: i64,
        /// The newest that was applied.
        found: i64,
    },
    /// A visitor found what he may not bring to the newest version.
    #[error(
        "database schema: expected version {expected}, found {found}; a visitor changes nothing: \
         `SqliteProvider::open`, as every worker does it, or `duroxide db migrate` brings it there"
    )]
    OlderSchema {
        /// The version this crate works on.
        expected: usize,
        /// What is there instead.
        found: String,
    },
    /// Tables of ours are there, but in a form this crate does not know.
    #[error("database schema: expected an empty database or one of this crate, found a queue without a version")]
    ForeignSchema,
    /// All that was in it is elsewhere, where the work goes on.
    #[error("this store was moved to {to}; open that one")]
    Moved {
        /// Where it is now.
        to: String,
    },
    /// SQLite said no.
    #[error("database: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
    /// No thread for the writer, or the runtime is shutting down.
    #[error("database thread: {0}")]
    Thread(Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for SqliteOpenError {
    fn from(error: rusqlite::Error) -> Self {
        SqliteOpenError::Database(Box::new(error))
    }
}

/// So that programs whose functions return `sqlx::Error` open a store with `?`.
impl From<SqliteOpenError> for sqlx::Error {
    fn from(error: SqliteOpenError) -> Self {
        sqlx::Error::Configuration(Box::new(error))
    }
}

/// What a power cut may take of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Synchronous {
    /// Nothing: an answer comes after the flush.
    #[default]
    Full,
    /// The newest commits, back to the last checkpoint of the log. A kill takes nothing, and what is left after a cut
    /// is whole: a prefix of what was committed.
    Normal,
    /// Everything: the control of a test that looks for losses.
    #[cfg(feature = "test-hooks")]
    Off,
}

impl Synchronous {
    /// The value of the pragma, and what SQLite answers when it is in force.
    fn pragma(self) -> (i64, &'static str) {
        match self {
            Synchronous::Full => (2, "2"),
            Synchronous::Normal => (1, "1"),
            #[cfg(feature = "test-hooks")]
            Synchronous::Off => (0, "0"),
        }
    }
}

/// What a program that runs nothing does with a file in which others work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Looks: whatever would change something is refused.
    Reading,
    /// Sends messages and administers.
    Writing,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// In a file; of a visitor, or of a store that may work.
    File { path: PathBuf, create: bool, synchronous: Synchronous, visit: Option<Visit> },
    /// In this process, under a name that no other database has.
    Memory { name: String },
}

impl Location {
    /// A fresh database in memory.
    pub(super) fn memory() -> Self {
        // The leading slash lets all connections of this process see the same database.
        Location::Memory { name: format!("/duroxide-{}", seams::new_guid()) }
    }

    /// A database in a file, with everything flushed that is acknowledged.
    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Location::File { path: anchored(path.into()), create: true, synchronous: Synchronous::Full, visit: None }
    }

    /// The same for a visitor: it must be there.
    pub(super) fn visited(path: impl Into<PathBuf>, visit: Visit) -> Self {
        let (create, synchronous) = (false, Synchronous::Full);
        Location::File { path: anchored(path.into()), create, synchronous, visit: Some(visit) }
    }

    pub(super) fn visit(&self) -> Option<Visit> {
        match self {
            Location::File { visit, .. } => *visit,
            Location::Memory { .. } => None,
        }
    }

    /// `sqlite:PATH`, `sqlite://PATH`, `sqlite::memory:`, each with `?mode=…` and `&synchronous=…`.
    pub(super) fn parse(url: &str) -> Result<Self, SqliteOpenError> {
        let rest = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut create = false;
        let mut synchronous = Synchronous::Full;
        let mut memory = path == ":memory:";
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter {
                "mode=rwc" => create = true,
                "mode=memory" => memory = true,
                "synchronous=full" => synchronous = Synchronous::Full,
                "synchronous=normal" => synchronous = Synchronous::Normal,
                // The name of a database in memory is ours, so sharing by name means nothing.
                "mode=rw" | "cache=shared" | "cache=private" => {}
                other => {
                    return Err(SqliteOpenError::Url { found: other.to_owned() });
                }
            }
        }
        if memory {
            return Ok(Location::memory());
        }
        if path.is_empty() {
            return Err(SqliteOpenError::Url { found: "no path".to_owned() });
        }
        let path = anchored(PathBuf::from(percent_decoded(path)));
        Ok(Location::File { path, create, synchronous, visit: None })
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        match self {
            Location::File { path, .. } => {
                format!("the SQLite file {}", path.canonicalize().unwrap_or_else(|_| path.clone()).display())
            }
            Location::Memory { .. } => "a SQLite database in memory".to_owned(),
        }
    }

    /// What a commit survives here.
    pub(super) fn durability(&self) -> Durability {
        match self {
            Location::File { synchronous: Synchronous::Full, .. } => Durability::PowerCut,
            Location::File { synchronous: Synchronous::Normal, .. } => Durability::Kill,
            // The kernel keeps what it was given: a kill takes nothing.
            #[cfg(feature = "test-hooks")]
            Location::File { synchronous: Synchronous::Off, .. } => Durability::Kill,
            Location::Memory { .. } => Durability::Nothing,
        }
    }

    /// The connection that writes.
    pub(super) fn connect(&self) -> Result<Connection, SqliteOpenError> {
        check_library(rusqlite::version_number(), rusqlite::version())?;
        self.try_connect().map_err(|error| self.explain(error))
    }

    /// Says which file it is about, where SQLite does not.
    pub(super) fn explain(&self, error: SqliteOpenError) -> SqliteOpenError {
        match (self, error) {
            (Location::File { path, visit: None, .. }, SqliteOpenError::Database(error)) => explained(path, error),
            (Location::File { .. } | Location::Memory { .. }, error) => error,
        }
    }

    fn try_connect(&self) -> Result<Connection, SqliteOpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match self {
            Location::File { path, create, .. } => {
                ensure_file(path, *create)?;
                Connection::open_with_flags(path, flags)?
            }
            Location::Memory { name } => {
                Connection::open_with_flags_and_vfs(name, flags | OpenFlags::SQLITE_OPEN_CREATE, c"memdb")?
            }
        };
        prepare(&conn)?;
        // A visitor may have come to the wrong file: nothing is done to it before it is known.
        if self.visit().is_none() {
            enforce_journal(&conn, self)?;
        }
        let pragmas = match self {
            Location::File { synchronous, .. } => {
                let (value, expected) = synchronous.pragma();
                enforce(&conn, "synchronous", value, expected)?;
                FILE_PRAGMAS
            }
            Location::Memory { .. } => MEMORY_PRAGMAS,
        };
        for (pragma, value, expected) in pragmas {
            enforce(&conn, pragma, *value, expected)?;
        }
        if self.visit() == Some(Visit::Reading) {
            conn.execute_batch(QUERY_ONLY)?;
        }
        Ok(conn)
    }

    /// Connections for programs that run SQL of their own, opened when first used.
    pub(super) fn pool(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().busy_timeout(BUSY);
        let (options, connections) = match self {
            Location::File { path, .. } => (options.filename(path), POOL),
            // One, because in memory readers stand in each other's way.
            Location::Memory { name } => (options.filename(name).vfs("memdb"), 1),
        };
        SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options)
    }
}

/// The same file, wherever the program goes before a connection is opened.
fn anchored(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// A connection that only reads, beside the writer of the same file.
pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    prepare(&conn)?;
    conn.execute_batch(QUERY_ONLY)?;
    Ok(conn)
}

/// Whatever would change something is refused on this connection.
const QUERY_ONLY: &str = "PRAGMA query_only = ON";

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.busy_handler(Some(wait_for_lock))
}

/// Waits for another program's lock: at first briefly, because two stores of one file take turns in less than a
/// millisecond; in all about [`BUSY`].
#[expect(
    clippy::disallowed_methods,
    reason = "SQLite calls this on a thread of the store's own, never on one that runs tasks"
)]
pub(super) fn wait_for_lock(tries: i32) -> bool {
    let pause_micros = match tries {
        0..10 => 100,
        10..110 => 1_000,
        _ => 10_000,
    };
    std::thread::sleep(Duration::from_micros(pause_micros));
    u64::try_from(tries).is_ok_and(|tries| tries * 10 < BUSY.as_millis() as u64)
}

/// Setting, value, and what SQLite answers when it is in force.
type Pragma = (&'static str, i64, &'static str);

const FILE_PRAGMAS: &[Pragma] = &[
    ("wal_autocheckpoint", CHECKPOINT_PAGES, "8192"),
    ("journal_size_limit", LOG_BYTES, "67108864"),
    ("cache_size", CACHE_KIB, "-6144"),
    // Savepoints need scratch space; without this it is a temporary file.
    ("temp_store", 2, "2"),
];

const MEMORY_PRAGMAS: &[Pragma] = &[("synchronous", 0, "0"), ("temp_store", 2, "2")];

fn enforce(conn: &Connection, pragma: &'static str, value: i64, expected: &str) -> Result<(), SqliteOpenError> {
    conn.pragma_update(None, pragma, value)?;
    let found: i64 = conn.pragma_query_value(None, pragma, |row| row.get(0))?;
    check(pragma, expected, &found.to_string())
}

/// Write-ahead logging for files, so that readers and the writer do not wait for each other.
fn enforce_journal(conn: &Connection, location: &Location) -> Result<(), SqliteOpenError> {
    let expected = match location {
        Location::File { .. } => "wal",
        Location::Memory { .. } => "memory",
    };
    let found: String = conn.pragma_update_and_check(None, "journal_mode", expected, |row| row.get(0))?;
    check("journal_mode", expected, &found)
}

fn check(pragma: &'static str, expected: &str, found: &str) -> Result<(), SqliteOpenError> {
    if found == expected {
        return Ok(());
    }
    Err(SqliteOpenError::Pragma { pragma, expected: expected.to_owned(), found: found.to_owned() })
}

/// Refuses a library that is too old: its number, and how it is written.
fn check_library(number: i32, version: &str) -> Result<(), SqliteOpenError> {
    if number >= SQLITE_FLOOR {
        return Ok(());
    }
    Err(SqliteOpenError::OldLibrary { found: version.to_owned() })
}

/// The file, created if that was asked for, and then readable by its owner only: histories hold whatever users put
/// into them.
fn ensure_file(path: &Path, create: bool) -> Result<(), SqliteOpenError> {
    if path.exists() {
        return Ok(());
    }
    if !create {
        return Err(SqliteOpenError::Missing { path: path.to_owned() });
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|source| SqliteOpenError::File { path: path.to_owned(), source })
}

/// SQLite says of a place where nothing can be written only that it cannot open the file. Whether that is so is tried
/// beside the file: whoever opens and closes the file itself takes away the locks that others of this process hold on it.
fn explained(path: &Path, error: Box<dyn std::error::Error + Send + Sync>) -> SqliteOpenError {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".writable");
    let written = OpenOptions::new().write(true).create(true).truncate(false).open(&beside);
    match written {
        Ok(file) => {
            drop(file);
            // Nobody misses it, and the error to be told is another.
            let _ = std::fs::remove_file(&beside);
            SqliteOpenError::Database(error)
        }
        Err(source) => SqliteOpenError::File { path: path.to_owned(), source },
    }
}

/// `%3F` and the like, so that a path may hold a question mark.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let decoded = (first == b'%').then(|| tail.get(..2)).flatten().and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{SQLITE_FLOOR, SqliteOpenError, check, check_library};

    #[test]
    fn sqlite_version_below_the_floor_is_refused_and_the_floor_is_not() {
        let refused = check_library(SQLITE_FLOOR - 1, "3.51.2");
        assert!(matches!(refused, Err(SqliteOpenError::OldLibrary { found }) if found == "3.51.2"));
        check_library(SQLITE_FLOOR, "3.51.3").expect("the floor itself is new enough");
    }

    #[test]
    fn pragmas_that_did_not_take_are_told_with_what_was_found() {
        check("journal_mode", "wal", "wal").expect("it took");
        let error = check("journal_mode", "wal", "delete").expect_err("it did not");
        assert_eq!(error.to_string(), "PRAGMA journal_mode: expected wal, found delete");
    }
}
