//! Lengthens the write-ahead log ahead of the commits.
//!
//! Flushing what replaces bytes of a file is one write of the disk, where flushing what lengthens it also has the file
//! system write down the file's new length and places.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use rusqlite::Connection;

/// The log is lengthened by as much as it has, so that a store that is small stays so, ...
const STEP_MIN: u64 = 64 * 1024;

/// ... and by no more than this at once: whoever waits for the next commit waits for it, too.
const STEP_MAX: u64 = 1024 * 1024;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The log of one connection that writes.
///
/// ```text
/// | header | frame | frame | ... | newest frame | zeros, to be replaced by frames |
/// ```
///
/// A frame counts when it bears the numbers of the log's header and the sum of all before it, so that whoever reads the
/// log after a crash stops where the zeros begin.
pub(super) struct Log {
    /// `None`: never lengthened.
    path: Option<PathBuf>,
    /// Opened by the first commit that finds it, and no sooner closed than the connection that wrote it.
    file: Option<File>,
    /// A log so long is folded, and written over from its beginning.
    longest: u64,
    /// When the present transaction began.
    len: u64,
    /// The last transaction made it longer.
    grew: bool,
}

impl Log {
    /// The log of a database in a file, which is folded when it has so many bytes.
    pub(super) fn of(conn: &Connection, longest: u64) -> Self {
        let path = conn.path().filter(|path| !path.is_empty()).map(|path| PathBuf::from(format!("{path}-wal")));
        Log { path, longest, ..Log::untouched() }
    }

    /// A log that is left as it is.
    pub(super) fn untouched() -> Self {
        Log { path: None, file: None, longest: 0, len: 0, grew: false }
    }

    /// A transaction has begun that holds the lock for writing: nobody else writes to the log.
    pub(super) fn begun(&mut self) {
        self.len = self.bytes();
        if std::mem::take(&mut self.grew) && self.len < self.longest {
            let step = self.len.clamp(STEP_MIN, STEP_MAX).min(self.longest - self.len);
            match self.lengthen(step) {
                Ok(()) => self.len += step,
                // A disk that is nearly full needs its room for commits.
                Err(_) => *self = Log::untouched(),
            }
        }
    }

    /// That transaction was committed. Whoever finds the log longer than before has written beyond what was prepared;
    /// another connection that did so meanwhile only makes the log be lengthened once more.
    pub(super) fn committed(&mut self) {
        if let (None, Some(path)) = (&self.file, &self.path) {
            self.file = OpenOptions::new().write(true).open(path).ok();
        }
        self.grew = self.bytes() > self.len;
    }

    /// By seeking: a file system that was asked when the file was changed notes the time of the next change exactly,
    /// and each flush then has to write that down as well.
    fn bytes(&mut self) -> u64 {
        self.file.as_mut().and_then(|file| file.seek(SeekFrom::End(0)).ok()).unwrap_or_default()
    }

    /// Without effect when it fails.
    fn lengthen(&mut self, step: u64) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let filled = fill(file, self.len, step);
        if filled.is_err() {
            file.set_len(self.len)?;
        }
        filled
    }
}

fn fill(file: &mut File, from: u64, mut bytes: u64) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    while bytes > 0 {
        let piece = bytes.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..usize::try_from(piece).expect("it is a piece of them")])?;
        bytes -= piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> Connection {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
        conn
    }

    /// One row as the writer's thread writes it; how long the log is then.
    fn write(conn: &Connection, log: &mut Log) -> u64 {
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        log.begun();
        conn.execute("INSERT INTO t VALUES (zeroblob(5000))", []).unwrap();
        conn.execute_batch("COMMIT").unwrap();
        log.committed();
        log.bytes()
    }

    fn rows(conn: &Connection) -> i64 {
        conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn commits_find_room_in_the_log_and_a_crash_finds_them_all() {
        let folder = tempfile::tempdir().unwrap();
        let conn = open(&folder.path().join("a.db"));
        conn.execute_batch("CREATE TABLE t (bytes)").unwrap();
        let mut log = Log::of(&conn, u64::MAX);
        let lengths: Vec<u64> = (0..300).map(|_| write(&conn, &mut log)).collect();
        let grew = lengths.windows(2).filter(|two| two[0] != two[1]).count();
        assert!(grew < 20, "300 commits made the log longer {grew} times");
        for file in ["a.db", "a.db-wal"] {
            std::fs::copy(folder.path().join(file), folder.path().join(file.replacen('a', "b", 1))).unwrap();
        }
        assert_eq!(rows(&open(&folder.path().join("b.db"))), 300);
    }

    #[test]
    fn two_who_write_do_not_lengthen_it_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (one, other) = (open(&path), open(&path));
        one.execute_batch("CREATE TABLE t (bytes)").unwrap();
        let mut logs = [Log::of(&one, u64::MAX), Log::of(&other, u64::MAX)];
        let mut longest = 0;
        for _ in 0..100 {
            longest = write(&one, &mut logs[0]).max(write(&other, &mut logs[1]));
        }
        let needed = 200 * 3 * (4_096 + 24);
        assert!(longest < needed + 2 * STEP_MAX, "{longest} bytes for {needed}");
        assert_eq!(rows(&other), 200);
    }

    #[test]
    fn it_is_not_lengthened_beyond_where_it_is_folded() {
        let folder = tempfile::tempdir().unwrap();
        let conn = open(&folder.path().join("a.db"));
        conn.execute_batch("CREATE TABLE t (bytes)").unwrap();
        let mut log = Log::of(&conn, 100_000);
        let lengths: Vec<u64> = (0..30).map(|_| write(&conn, &mut log)).collect();
        let reached = lengths.iter().find(|len| **len >= 100_000);
        assert!(reached.is_some_and(|len| *len < 100_000 + STEP_MIN / 2), "{lengths:?}");
        let beyond = lengths.windows(2).filter(|two| two[0] >= 100_000);
        assert!(beyond.clone().count() > 10, "{lengths:?}");
        assert!(beyond.clone().all(|two| two[1] - two[0] < STEP_MIN), "{lengths:?}");
    }

    #[test]
    fn without_room_it_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let conn = open(&folder.path().join("a.db"));
        conn.execute_batch("CREATE TABLE t (bytes)").unwrap();
        let mut log = Log::of(&conn, u64::MAX);
        write(&conn, &mut log);
        // Nothing can be written through this one.
        log.file = Some(File::open(folder.path().join("a.db-wal")).unwrap());
        let before = log.bytes();
        log.grew = true;
        log.begun();
        assert!(log.path.is_none() && log.file.is_none(), "it gave up");
        let after = std::fs::metadata(folder.path().join("a.db-wal")).unwrap().len();
        assert_eq!(after, before);
    }
}
