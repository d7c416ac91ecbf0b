//! How many sessions this process holds, and the task that keeps them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use crate::mutants::{Bug, is_planted};
use crate::observe::target;
use crate::providers::signal::{WorkQueue, WorkSignal};
use crate::providers::{Provider, SessionFetchConfig};

/// Sessions with running activities.
pub(super) struct Sessions {
    book: Arc<Book>,
}

struct Book {
    max: usize,
    held: Mutex<Held>,
    /// Hears when one more session fits again: slots may have looked for activities without one.
    signal: Option<Arc<WorkSignal>>,
}

/// Activities by session.
type Held = HashMap<String, usize>;

/// One activity of a session; dropping it says that it ended.
pub(super) struct Entered {
    book: Arc<Book>,
    session_id: String,
}

impl Sessions {
    pub(super) fn new(max: usize, signal: Option<Arc<WorkSignal>>) -> Self {
        Sessions { book: Arc::new(Book { max, held: Mutex::default(), signal }) }
    }

    /// How to fetch: without sessions when no more of them fit.
    pub(super) fn fetch_config(&self, owner_id: &str, lock_timeout: Duration) -> Option<SessionFetchConfig> {
        (self.book.held().len() < self.book.max)
            .then(|| SessionFetchConfig { owner_id: owner_id.to_owned(), lock_timeout })
    }

    /// An activity of a session begins; `None` when that is one session too many: two slots may have fetched at once.
    pub(super) fn enter(&self, session_id: &str) -> Option<Entered> {
        let mut held = self.book.held();
        if held.len() >= self.book.max && !held.contains_key(session_id) {
            return None;
        }
        *held.entry(session_id.to_owned()).or_default() += 1;
        Some(Entered { book: Arc::clone(&self.book), session_id: session_id.to_owned() })
    }
}

impl Book {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Counts are changed in one step.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One activity less; whether a session fits that did not before.
    fn leave(&self, session_id: &str) -> bool {
        let mut held = self.held();
        let Some(count) = held.get_mut(session_id) else {
            return false;
        };
        *count -= 1;
        if *count > 0 || is_planted(Bug::SessionIsNeverLeft) {
            return false;
        }
        held.remove(session_id);
        held.len() + 1 == self.max
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.book.leave(&self.session_id)
            && let Some(signal) = &self.book.signal
        {
            signal.ready(WorkQueue::Worker);
        }
    }
}

/// Renews the sessions of `owners` and removes those that nobody owns, until `drained`.
pub(crate) async fn tend(
    store: Arc<dyn Provider>,
    owners: Vec<String>,
    settings: Settings,
    drained: CancellationToken,
) {
    let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
    let mut renew_at = Instant::now() + settings.session_lease.renew_after;
    let mut clean_at = Instant::now() + settings.session_cleanup;
    let tending = async {
        loop {
            tokio::time::sleep_until(renew_at.min(clean_at)).await;
            let now = Instant::now();
            if renew_at <= now {
                renew_at = now + renew(&*store, &owners, &settings).await;
            }
            if clean_at <= now {
                clean(&*store, &settings).await;
                clean_at = now + settings.session_cleanup;
            }
        }
    };
    tokio::select! {
        biased;
        () = drained.cancelled() => {}
        () = tending => {}
    }
}

/// Returns when to renew next: sooner when this time failed.
async fn renew(store: &dyn Provider, owners: &[&str], settings: &Settings) -> Duration {
    let terms = settings.session_lease;
    match store.renew_session_lock(owners, terms.timeout, settings.session_idle).await {
        Ok(_) => terms.renew_after,
        Err(error) => {
            tracing::warn!(target: target::WORKER, "sessions could not be renewed: {error}");
            (terms.timeout.saturating_sub(terms.renew_after) / 4).max(Duration::from_millis(100))
        }
    }
}

async fn clean(store: &dyn Provider, settings: &Settings) {
    if let Err(error) = store.cleanup_orphaned_sessions(settings.session_idle).await {
        tracing::warn!(target: target::WORKER, "orphaned sessions could not be removed: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_limit_a_held_session_takes_more_activities_and_a_new_one_none() {
        let signal = Arc::new(WorkSignal::new());
        let sessions = Sessions::new(1, Some(Arc::clone(&signal)));
        let first = sessions.enter("a").expect("one fits");
        assert!(sessions.fetch_config("me", Duration::ZERO).is_none());
        let second = sessions.enter("a");
        assert!(second.is_some());
        assert!(sessions.enter("b").is_none());
        drop(first);
        assert!(sessions.enter("b").is_none());
        let ticket = signal.ticket(WorkQueue::Worker);
        drop(second);
        assert!(
            !signal.is_quiet(WorkQueue::Worker, ticket),
            "whoever looked for activities without a session looks again"
        );
        assert!(sessions.enter("b").is_some());
    }
}
