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
use crate::providers::{Provider, SessionFetchConfig};

/// Sessions with running activities, each with how many.
pub(super) struct Sessions {
    max: usize,
    held: Arc<Mutex<Held>>,
}

/// Activities by session.
type Held = HashMap<String, usize>;

/// One activity of a session; dropping it says that it ended.
pub(super) struct Entered {
    held: Arc<Mutex<Held>>,
    session_id: String,
}

impl Sessions {
    pub(super) fn new(max: usize) -> Self {
        Sessions { max, held: Arc::default() }
    }

    /// How to fetch: without sessions when no more of them fit.
    pub(super) fn fetch_config(&self, owner_id: &str, lock_timeout: Duration) -> Option<SessionFetchConfig> {
        (lock(&self.held).len() < self.max).then(|| SessionFetchConfig { owner_id: owner_id.to_owned(), lock_timeout })
    }

    /// An activity of a session begins; `None` when that is one session too many: two slots may have fetched at once.
    pub(super) fn enter(&self, session_id: &str) -> Option<Entered> {
        let mut held = lock(&self.held);
        if held.len() >= self.max && !held.contains_key(session_id) {
            return None;
        }
        *held.entry(session_id.to_owned()).or_default() += 1;
        Some(Entered { held: Arc::clone(&self.held), session_id: session_id.to_owned() })
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Counts are changed in one step.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.session_id) {
            *count -= 1;
            if *count == 0 && !is_planted(Bug::SessionIsNeverLeft) {
                held.remove(&self.session_id);
            }
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
        let sessions = Sessions::new(1);
        let first = sessions.enter("a").expect("one fits");
        assert!(sessions.fetch_config("me", Duration::ZERO).is_none());
        let second = sessions.enter("a");
        assert!(second.is_some());
        assert!(sessions.enter("b").is_none());
        drop(first);
        assert!(sessions.enter("b").is_none());
        drop(second);
        assert!(sessions.enter("b").is_some());
    }
}
