//! Folds the write-ahead log into the database on a thread of its own, so that the one thread that writes need not.
//!
//! While others write, such a fold never reaches the end of the log, and only whoever does may begin it anew. So the
//! thread that writes folds what is left once the log is twice as long; by then that is little.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rusqlite::Connection;

use super::open::connect_reader;

/// Where folds are asked for. The thread ends when this is dropped; nobody waits for it.
#[derive(Debug)]
pub(super) struct Folder {
    ask: SyncSender<()>,
}

impl Folder {
    /// Starts the thread; it opens its connection when it is first needed.
    pub(super) fn start(path: PathBuf) -> std::io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        std::thread::Builder::new().name("duroxide-fold".to_owned()).spawn(move || serve(&path, &asked))?;
        Ok(Folder { ask })
    }

    /// Has the log folded as far as it is now, without waiting. Nobody is told of trouble: the log is folded again, and in
    /// the end by whoever writes.
    pub(super) fn ask(&self) {
        // Full when it was asked before and has not begun.
        let _ = self.ask.try_send(());
    }
}

fn serve(path: &Path, asked: &Receiver<()>) {
    let mut conn = None;
    while asked.recv().is_ok() {
        let folded = catch_unwind(AssertUnwindSafe(|| {
            let open = match conn.take() {
                Some(open) => open,
                None => connect_reader(path)?,
            };
            fold(&open).map(|()| open)
        }));
        conn = folded.ok().and_then(Result::ok);
    }
}

/// Waits for nobody, and stands in nobody's way.
fn fold(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}

/// Pages in the log, and how many of them are folded.
pub(super) fn pages(conn: &Connection) -> rusqlite::Result<(i64, i64)> {
    conn.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
