//! Activities that run in this process, so that a cancel by the same process reaches them at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::model::item::ScheduledActivityIdentifier;

/// Instance, execution, schedule event.
type Key = (String, u64, u64);

/// The activities that run here.
#[derive(Default)]
pub(super) struct Running {
    tokens: Mutex<HashMap<Key, CancellationToken>>,
}

/// One running activity; dropping it says that it ended.
pub(super) struct Entered<'a> {
    running: &'a Running,
    key: Key,
}

impl Running {
    /// An activity begins; `cancelled` fires when it is cancelled. Should a lapsed delivery of the same activity
    /// still run, the newer one counts.
    pub(super) fn enter(&self, key: Key, cancelled: CancellationToken) -> Entered<'_> {
        self.tokens().insert(key.clone(), cancelled);
        Entered { running: self, key }
    }

    /// Cancels those of `gone` that run here.
    pub(super) fn cancel(&self, gone: Vec<ScheduledActivityIdentifier>) {
        let tokens = self.tokens();
        for id in gone {
            if let Some(token) = tokens.get(&(id.instance, id.execution_id, id.activity_id)) {
                token.cancel();
            }
        }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Key, CancellationToken>> {
        // Entries are put in and taken out whole.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.running.tokens().remove(&self.key);
    }
}
