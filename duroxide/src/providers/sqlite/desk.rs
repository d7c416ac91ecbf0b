//! One thread for reads that are over in microseconds: all that wait share one look at the database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::open::connect_reader;
use crate::providers::error::ProviderError;

/// Reads that wait for the thread; more wait with their callers.
const INBOX: usize = 1_024;

/// Reads under one look: bounds how old the first one's answer may be.
const BATCH: usize = 256;

type Read = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

/// Where reads go. The thread ends when this is dropped; nobody waits for it.
#[derive(Debug)]
pub(super) struct Desk {
    inbox: mpsc::Sender<Read>,
}

impl Desk {
    /// Starts the thread; it opens its connection when it is first needed.
    pub(super) fn start(path: PathBuf) -> std::io::Result<Self> {
        let (inbox, mut reads) = mpsc::channel(INBOX);
        let serve = move || {
            let mut conn = None;
            let mut batch = Vec::new();
            while reads.blocking_recv_many(&mut batch, BATCH) > 0 {
                serve(&mut conn, &path, batch.drain(..));
            }
        };
        std::thread::Builder::new().name("duroxide-read".to_owned()).spawn(serve)?;
        Ok(Desk { inbox })
    }

    /// Runs `work`; it sees every commit that was acknowledged before the call.
    pub(super) async fn call<T, F>(&self, operation: &'static str, work: F) -> Result<T, ProviderError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let read = move |conn: Result<&Connection, StoreError>| {
            // Nobody there is no reason to complain.
            let _ = answer.send(conn.and_then(work));
        };
        let gone = || ProviderError::permanent(operation, "the request panicked, or the store is closed");
        self.inbox.send(Box::new(read)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|error| error.during(operation))
    }
}

fn serve(conn: &mut Option<Connection>, path: &std::path::Path, reads: impl Iterator<Item = Read>) {
    for (at, read) in reads.enumerate() {
        let ready = match (at, conn.take()) {
            (0, open) => open.map_or_else(|| connect_reader(path), Ok).and_then(begin),
            (_, open) => open.map_or_else(|| connect_reader(path).and_then(begin), Ok),
        };
        match ready {
            Ok(open) => {
                // A panic ends one read, whose caller learns of it; reading leaves nothing half-done.
                let _ = catch_unwind(AssertUnwindSafe(|| read(Ok(&open))));
                *conn = Some(open);
            }
            Err(error) => read(Err(error.into())),
        }
    }
    // A connection that cannot even end its look is given up.
    *conn = conn.take().filter(|open| open.prepare_cached("COMMIT").and_then(|mut end| end.execute([])).is_ok());
}

/// One look for all that wait.
fn begin(conn: Connection) -> rusqlite::Result<Connection> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    Ok(conn)
}
