//! Tells other machines that work may be ready, and hears it from them: hints only, polling is the truth.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::open::Schema;
use crate::providers::signal::{Reach, WorkQueue, WorkSignal};

/// Instances that are named to others; when more changed, they look at all.
const NAMED: usize = 64;

/// Bytes of names in one message; PostgreSQL takes less than 8,000 in all.
const NAME_BYTES: usize = 6_000;

/// What a statement calls to tell of a message as a part of a user's transaction, where `$6` is [`channel`] and `$7`
/// [`FROM_A_GUEST`]: it is heard when that is committed.
pub(super) const CALL: &str = "pg_notify($6, $7)::text";

/// Messages are there, from nobody who has a place: all hear it, the process itself included.
pub(super) const FROM_A_GUEST: &str = "0 m-[]";

/// Where the stores of a schema speak to each other.
pub(super) fn channel(schema: &Schema) -> String {
    format!("duroxide_{}", schema.name())
}

/// The signal of this process, and what is to be told to others.
#[derive(Debug)]
pub(super) struct Hints {
    signal: Arc<WorkSignal>,
    untold: Mutex<News>,
    news: Notify,
}

/// What others do not know yet, or what one of them says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) messages: bool,
    pub(super) activities: bool,
    /// Instances of which waiting clients see a difference.
    pub(super) changed: BTreeSet<String>,
}

impl News {
    fn is_empty(&self) -> bool {
        !self.messages && !self.activities && self.changed.is_empty()
    }

    /// As one message: two letters for the queues, then the names; `*` for too many.
    pub(super) fn written(&self) -> String {
        let flag = |is_set: bool, letter: char| if is_set { letter } else { '-' };
        let queues: String = [flag(self.messages, 'm'), flag(self.activities, 'a')].into_iter().collect();
        let names = serde_json::to_string(&self.changed).unwrap_or_default();
        let fits = self.changed.len() <= NAMED && names.len() <= NAME_BYTES && !names.is_empty();
        if fits { format!("{queues}{names}") } else { format!("{queues}*") }
    }
}

impl Hints {
    /// `reach` says whether this process also hears of what others do.
    pub(super) fn new(reach: Reach) -> Self {
        Hints { signal: Arc::new(WorkSignal::reaching(reach)), untold: Mutex::default(), news: Notify::new() }
    }

    /// The signal of this process.
    pub(super) fn signal(&self) -> &Arc<WorkSignal> {
        &self.signal
    }

    /// Work of this queue was committed: wakes who waits here, and lets others know soon.
    pub(super) fn tell(&self, queue: WorkQueue) {
        self.signal.ready(queue);
        let mut untold = self.untold();
        match queue {
            WorkQueue::Orchestrator => untold.messages = true,
            WorkQueue::Worker => untold.activities = true,
        }
        drop(untold);
        self.news.notify_one();
    }

    /// A waiting client of another process may see a difference of this instance.
    pub(super) fn tell_changed(&self, instance: String) {
        if self.signal.reach() == Reach::All {
            // Beyond what is named the rest need not be known.
            let mut untold = self.untold();
            if untold.changed.len() <= NAMED {
                untold.changed.insert(instance);
            }
            drop(untold);
            self.news.notify_one();
        }
    }

    /// What another store said.
    pub(super) fn hear(&self, said: &str) {
        let mut letters = said.chars();
        if letters.next() == Some('m') {
            self.signal.ready(WorkQueue::Orchestrator);
        }
        if letters.next() == Some('a') {
            self.signal.ready(WorkQueue::Worker);
        }
        match serde_json::from_str::<BTreeSet<String>>(letters.as_str()) {
            Ok(changed) => changed.iter().for_each(|instance| self.signal.changed(instance)),
            Err(_) => self.signal.anything(),
        }
    }

    /// Something was perhaps not heard.
    pub(super) fn missed(&self) {
        self.signal.anything();
    }

    /// Waits until there is something to tell, and takes it: one message for however many commits.
    pub(super) async fn news(&self) -> News {
        loop {
            let news = std::mem::take(&mut *self.untold());
            if !news.is_empty() {
                return news;
            }
            self.news.notified().await;
        }
    }

    fn untold(&self) -> MutexGuard<'_, News> {
        // Whatever is in it may be told.
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
