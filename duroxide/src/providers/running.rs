//! Activities that are leased in this process, so that a cancel by the same process reaches them at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::model::item::ScheduledActivityIdentifier;

/// Instance, execution, schedule event.
type Key = (String, u64, u64);

/// The activities that are leased here, whether they run or are about to.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Each with the number of its entrance.
    tokens: Mutex<HashMap<Key, (u64, CancellationToken)>>,
    entrances: AtomicU64,
}

/// One leased activity; dropping it says that it is no longer leased here.
pub(crate) struct Entered {
    running: Arc<Running>,
    key: Key,
    entrance: u64,
}

impl Running {
    /// An activity was leased; `cancelled` fires when it is cancelled. Should a lapsed delivery of the same activity
    /// still run, the newer one counts.
    pub(crate) fn enter(self: &Arc<Self>, key: Key, cancelled: CancellationToken) -> Entered {
        let entrance = self.entrances.fetch_add(1, Ordering::Relaxed);
        self.tokens().insert(key.clone(), (entrance, cancelled));
        Entered { running: Arc::clone(self), key, entrance }
    }

    /// Cancels those of `gone` that are leased here.
    pub(crate) fn cancel(&self, gone: Vec<ScheduledActivityIdentifier>) {
        let tokens = self.tokens();
        for id in gone {
            if let Some((_, token)) = tokens.get(&(id.instance, id.execution_id, id.activity_id)) {
                token.cancel();
            }
        }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Key, (u64, CancellationToken)>> {
        // Entries are put in and taken out whole.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut tokens = self.running.tokens();
        if tokens.get(&self.key).is_some_and(|(entrance, _)| *entrance == self.entrance) {
            tokens.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lapsed_delivery_that_ends_leaves_the_newer_one_within_reach() {
        let running = Arc::new(Running::default());
        let key = || ("i".to_owned(), 1, 2);
        let newer_cancelled = CancellationToken::new();
        let lapsed = running.enter(key(), CancellationToken::new());
        let newer = running.enter(key(), newer_cancelled.clone());
        drop(lapsed);
        running.cancel(vec![ScheduledActivityIdentifier { instance: "i".to_owned(), execution_id: 1, activity_id: 2 }]);
        assert!(newer_cancelled.is_cancelled());
        drop(newer);
        assert!(running.tokens().is_empty());
    }
}
