//! Leases that did not arrive go back: whoever asked for them is gone, or the answer was lost.

use std::sync::Arc;

use super::error::StoreError;
use super::hints::Hints;
use super::writer::Db;
use super::{fetch, worker};
use tokio::sync::mpsc;

/// Leases on their way back; beyond them the ends of leases do the same, later.
const INBOX: usize = 1_024;

/// One lease on its way back.
#[derive(Debug)]
enum Return {
    Turn(String),
    Activity(String),
    /// Activities under one of these secrets, if there are any: the answer that would have told was lost.
    Unknown(Vec<String>),
}

/// Where they are brought. Its task ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Returns {
    inbox: mpsc::Sender<Return>,
}

impl Returns {
    /// Starts its task.
    pub(super) fn start(db: Arc<Db>, hints: Arc<Hints>) -> Self {
        let (inbox, mut leases) = mpsc::channel(INBOX);
        tokio::spawn(async move {
            while let Some(lease) = leases.recv().await {
                // Fenced when the lease ended meanwhile, or its transaction came to nothing: then it is back already.
                let _: Result<(), StoreError> = match lease {
                    Return::Turn(token) => fetch::abandon(&db, &hints, &token, None, true).await,
                    Return::Activity(token) => worker::abandon(&db, &hints, &token, None, true).await,
                    Return::Unknown(secrets) => worker::abandon_all(&db, &hints, &secrets).await,
                };
            }
        });
        Returns { inbox }
    }

    /// Gives a turn back, as if it had not been fetched.
    pub(super) fn turn(&self, token: String) {
        self.give(Return::Turn(token));
    }

    /// Gives an activity back, as if it had not been fetched.
    pub(super) fn activity(&self, token: String) {
        self.give(Return::Activity(token));
    }

    /// Gives the activities under these secrets back, if a fetch whose answer was lost took any.
    pub(super) fn unknown(&self, secrets: Vec<String>) {
        self.give(Return::Unknown(secrets));
    }

    fn give(&self, lease: Return) {
        // A full inbox leaves the lease to its end.
        let _ = self.inbox.try_send(lease);
    }

    /// Carries a turn to whoever asked for it: unless it arrives, it is given back.
    pub(super) fn deliver_turn<T>(&self, token: String, leased: T) -> Delivery<T> {
        Delivery { leased: Some(leased), lease: Some(Return::Turn(token)), returns: self.clone() }
    }

    /// The same for an activity.
    pub(super) fn deliver_activity<T>(&self, token: String, leased: T) -> Delivery<T> {
        Delivery { leased: Some(leased), lease: Some(Return::Activity(token)), returns: self.clone() }
    }
}

/// A lease on its way to whoever asked for it.
#[derive(Debug)]
pub(super) struct Delivery<T> {
    leased: Option<T>,
    lease: Option<Return>,
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
            self.returns.give(lease);
        }
    }
}
