//! Leases that did not arrive go back: whoever asked for them is gone, or the answer was lost.

use std::sync::Arc;
use std::time::Duration;

use super::hints::Hints;
use super::writer::Db;
use super::{fetch, worker};
use tokio::sync::mpsc;

/// Leases on their way back; beyond them the ends of leases do the same, later.
const INBOX: usize = 1_024;

/// Waits before a lease is looked for again of which it is not known whether it was made: its commit may still be under
/// way, on a connection that this process has lost and the server has not.
const AGAIN: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(6)];

/// One lease on its way back.
#[derive(Debug, Clone)]
enum Lease {
    Turn(String),
    Activities(Vec<String>),
    /// Activities under one of these secrets, if there are any.
    Unknown(Vec<String>),
}

#[derive(Debug)]
struct Return {
    lease: Lease,
    /// How often it is looked for again when it is not found.
    looks: usize,
}

/// Where they are brought. Its task ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Returns {
    inbox: mpsc::Sender<Return>,
}

impl Returns {
    /// Starts its task.
    pub(super) fn start(db: Arc<Db>, hints: Arc<Hints>) -> Self {
        let (inbox, mut leases) = mpsc::channel::<Return>(INBOX);
        let again = inbox.downgrade();
        tokio::spawn(async move {
            while let Some(Return { lease, looks }) = leases.recv().await {
                if !give_back(&db, &hints, lease.clone()).await && looks > 0 {
                    let inbox = again.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(AGAIN[AGAIN.len() - looks]).await;
                        if let Some(inbox) = inbox.upgrade() {
                            let _ = inbox.try_send(Return { lease, looks: looks - 1 });
                        }
                    });
                }
            }
        });
        Returns { inbox }
    }

    /// Gives a turn back, if it was leased: the answer that would have told was lost.
    pub(super) fn doubtful_turn(&self, token: String) {
        self.give(Lease::Turn(token), AGAIN.len());
    }

    /// The same for the activities under these secrets, however many there are.
    pub(super) fn unknown(&self, secrets: Vec<String>) {
        if !secrets.is_empty() {
            self.give(Lease::Unknown(secrets), AGAIN.len());
        }
    }

    fn give(&self, lease: Lease, looks: usize) {
        // A full inbox leaves the lease to its end.
        let _ = self.inbox.try_send(Return { lease, looks });
    }

    /// Carries a turn to whoever asked for it: unless it arrives, it is given back.
    pub(super) fn deliver_turn<T>(&self, token: String, leased: T) -> Delivery<T> {
        Delivery { leased: Some(leased), lease: Some(Lease::Turn(token)), returns: self.clone() }
    }

    /// The same for activities.
    pub(super) fn deliver_activities<T>(&self, tokens: Vec<String>, leased: T) -> Delivery<T> {
        let lease = (!tokens.is_empty()).then_some(Lease::Activities(tokens));
        Delivery { leased: Some(leased), lease, returns: self.clone() }
    }
}

/// Whether it is back. Refused when the lease ended meanwhile, was never made, or is not
/// made yet.
async fn give_back(db: &Db, hints: &Hints, lease: Lease) -> bool {
    match lease {
        Lease::Turn(token) => fetch::abandon(db, hints, &token, None, true).await.is_ok(),
        Lease::Activities(tokens) => {
            for token in tokens {
                let _ = worker::abandon(db, hints, &token, None, true).await;
            }
            true
        }
        Lease::Unknown(secrets) => worker::abandon_all(db, hints, &secrets).await.unwrap_or(false),
    }
}

/// A lease on its way to whoever asked for it.
#[derive(Debug)]
pub(super) struct Delivery<T> {
    leased: Option<T>,
    lease: Option<Lease>,
    returns: Returns,
}

impl<T> Delivery<T> {
    /// It arrived.
    pub(super) fn take(mut self) -> T {
        self.lease = None;
        self.leased.take().expect("only `take` empties it, and consumes it")
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.returns.give(lease, 0);
        }
    }
}
