//! The one task that keeps leases alive while work runs.
//!
//! Whoever works holds a guard; the keeper renews until the guard is dropped. A lease that cannot be renewed any more
//! is reported as lost, once, through the guard.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::clock::as_ms;
use crate::lease::retry_renewal_in;
use crate::providers::signal::WorkQueue;
use crate::providers::{Provider, ProviderError};

/// How long a lease lasts, and when it is first renewed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) timeout: Duration,
    pub(crate) renew_after: Duration,
}

/// One lease to be kept.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) queue: WorkQueue,
    pub(crate) token: Arc<str>,
    pub(crate) terms: Terms,
}

/// Extends leases in a store.
pub(crate) trait Renew: Send + Sync + 'static {
    /// Extends one lease by its full timeout from now.
    fn renew(&self, lease: &Lease) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

impl Renew for dyn Provider {
    async fn renew(&self, lease: &Lease) -> Result<(), ProviderError> {
        match lease.queue {
            WorkQueue::Orchestrator => self.renew_orchestration_item_lock(&lease.token, lease.terms.timeout).await,
            WorkQueue::Worker => self.renew_work_item_lock(&lease.token, lease.terms.timeout).await,
        }
    }
}

/// Takes leases in; its task ends when it is dropped.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    _alive: DropGuard,
}

/// A lease that is being kept; dropping it ends the renewal.
pub(crate) struct Kept {
    id: u64,
    lost: CancellationToken,
    shared: Arc<Shared>,
}

impl Kept {
    /// Fires when the lease cannot be renewed any more.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.shared.book().remove(self.id);
    }
}

struct Shared {
    book: Mutex<Book>,
    /// A lease is due before the keeper would wake.
    earlier: Notify,
}

#[derive(Default)]
struct Book {
    next_id: u64,
    held: HashMap<u64, Held>,
    /// When to renew which; a lease whose renewal is under way has no entry.
    due: BTreeSet<(Instant, u64)>,
    /// Until when the keeper sleeps. Leases come and go far more often than they are renewed, so it is woken only
    /// when it would sleep too long.
    asleep_until: Option<Instant>,
}

struct Held {
    lease: Lease,
    due: Instant,
    lapses: Instant,
    lost: CancellationToken,
}

/// One renewal: which lease, when it was asked for, and until when the answer counts.
struct Renewal {
    id: u64,
    lease: Lease,
    lapses: Instant,
}

impl Keeper {
    /// Starts the keeper's task; `tracker` also sees the renewals under way.
    pub(crate) fn start<R: Renew + ?Sized>(renewer: Arc<R>, tracker: &TaskTracker) -> Self {
        let shared = Arc::new(Shared { book: Mutex::new(Book::default()), earlier: Notify::new() });
        let alive = CancellationToken::new();
        tracker.spawn(keep(Arc::clone(&shared), renewer, alive.clone(), tracker.clone()));
        Keeper { shared, _alive: alive.drop_guard() }
    }

    /// Keeps a lease that was just taken.
    pub(crate) fn hold(&self, lease: Lease) -> Kept {
        self.hold_until(lease, CancellationToken::new())
    }

    /// The same, and `lost` fires when it cannot be renewed any more; whoever else fires it says the same.
    pub(crate) fn hold_until(&self, lease: Lease, lost: CancellationToken) -> Kept {
        let now = Instant::now();
        let (id, wake) = {
            let mut book = self.shared.book();
            let id = book.next_id;
            book.next_id += 1;
            let held = Held {
                due: now + lease.terms.renew_after,
                lapses: now + lease.terms.timeout,
                lost: lost.clone(),
                lease,
            };
            let wake = book.asleep_until.is_none_or(|until| held.due < until);
            book.due.insert((held.due, id));
            book.held.insert(id, held);
            (id, wake)
        };
        if wake {
            self.shared.earlier.notify_one();
        }
        Kept { id, lost, shared: Arc::clone(&self.shared) }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing in here runs code of others, so no panic leaves the book half-written.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn remove(&mut self, id: u64) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.due.remove(&(held.due, id));
        Some(held)
    }

    /// When to wake next; also notes that the keeper sleeps until then.
    fn sleep_until(&mut self) -> Option<Instant> {
        self.asleep_until = self.due.first().map(|(at, _)| *at);
        self.asleep_until
    }

    fn take_due(&mut self, now: Instant) -> Vec<Renewal> {
        let mut renewals = Vec::new();
        while let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let held = &self.held[&id];
            renewals.push(Renewal { id, lease: held.lease.clone(), lapses: held.lapses });
        }
        renewals
    }

    /// A renewal that was asked for at `asked` has ended.
    fn settle(&mut self, id: u64, asked: Instant, result: Result<(), ProviderError>) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let now = Instant::now();
        let next = match result {
            Ok(()) => {
                held.lapses = asked + held.lease.terms.timeout;
                Some(asked + held.lease.terms.renew_after)
            }
            Err(error) if error.is_retryable() => {
                let left = held.lapses.saturating_duration_since(now);
                retry_renewal_in(as_ms(left), 0).map(|wait| now + wait)
            }
            Err(_) => None,
        };
        match next {
            Some(next) => {
                held.due = next;
                self.due.insert((next, id));
            }
            None => {
                let held = self.remove(id).expect("it was found above");
                held.lost.cancel();
            }
        }
    }
}

async fn keep<R: Renew + ?Sized>(shared: Arc<Shared>, renewer: Arc<R>, alive: CancellationToken, tracker: TaskTracker) {
    let mut renewals = JoinSet::new();
    loop {
        let wake_at = shared.book().sleep_until();
        tokio::select! {
            biased;
            () = alive.cancelled() => return,
            Some(ended) = renewals.join_next() => {
                // A store that panics has not renewed; its lease lapses by itself.
                if let Ok((id, asked, result)) = ended {
                    shared.book().settle(id, asked, result);
                }
            }
            () = sleep_until(wake_at) => {
                for renewal in shared.book().take_due(Instant::now()) {
                    renewals.spawn(tracker.track_future(renew(Arc::clone(&renewer), renewal)));
                }
            }
            () = shared.earlier.notified() => {}
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Each renewal is a task of its own, so that one that hangs does not cost the other leases.
async fn renew<R: Renew + ?Sized>(renewer: Arc<R>, renewal: Renewal) -> (u64, Instant, Result<(), ProviderError>) {
    let asked = Instant::now();
    let result = tokio::time::timeout_at(renewal.lapses, renewer.renew(&renewal.lease))
        .await
        .unwrap_or_else(|_| Err(ProviderError::permanent("renew", "no answer before the lease lapsed")));
    (renewal.id, asked, result)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers from a script, then with `Ok`, and notes when it was asked.
    #[derive(Default)]
    struct Scripted {
        answers: Mutex<VecDeque<Result<(), ProviderError>>>,
        asked: Mutex<Vec<Instant>>,
    }

    impl Scripted {
        fn new(answers: impl IntoIterator<Item = Result<(), ProviderError>>) -> Arc<Self> {
            Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
        }

        fn asked_after(&self, began: Instant) -> Vec<u128> {
            let asked = self.asked.lock().unwrap();
            asked.iter().map(|at| (*at - began).as_millis()).collect()
        }
    }

    impl Renew for Scripted {
        async fn renew(&self, _lease: &Lease) -> Result<(), ProviderError> {
            self.asked.lock().unwrap().push(Instant::now());
            self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()))
        }
    }

    fn lease() -> Lease {
        Lease {
            queue: WorkQueue::Worker,
            token: "t".into(),
            terms: Terms { timeout: Duration::from_secs(4), renew_after: Duration::from_secs(2) },
        }
    }

    fn busy() -> Result<(), ProviderError> {
        Err(ProviderError::retryable("renew", "busy"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_lease_is_renewed_at_its_interval_until_the_guard_is_dropped() {
        let store = Scripted::new([]);
        let keeper = Keeper::start(Arc::clone(&store), &TaskTracker::new());
        let began = Instant::now();
        let kept = keeper.hold(lease());
        tokio::time::sleep(Duration::from_millis(6_500)).await;
        drop(kept);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(store.asked_after(began), [2_000, 4_000, 6_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_error_is_tried_again_every_quarter_of_what_is_left() {
        let store = Scripted::new([busy(), busy()]);
        let keeper = Keeper::start(Arc::clone(&store), &TaskTracker::new());
        let began = Instant::now();
        let kept = keeper.hold(lease());
        tokio::time::sleep(Duration::from_millis(5_000)).await;
        // 2 s are left at first, then 1.5 s; the third try holds and the interval starts anew.
        assert_eq!(store.asked_after(began), [2_000, 2_500, 2_875, 4_875]);
        assert!(!kept.lost().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_error_loses_the_lease_at_once() {
        let store = Scripted::new([Err(ProviderError::permanent("renew", "gone"))]);
        let keeper = Keeper::start(Arc::clone(&store), &TaskTracker::new());
        let began = Instant::now();
        let kept = keeper.hold(lease());
        kept.lost().cancelled().await;
        assert_eq!((Instant::now() - began).as_secs(), 2);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(store.asked_after(began), [2_000], "a lost lease is not asked for again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stays_away_loses_the_lease_when_it_lapses_and_not_before() {
        let store = Scripted::new((0..1_000).map(|_| busy()));
        let keeper = Keeper::start(Arc::clone(&store), &TaskTracker::new());
        let began = Instant::now();
        let kept = keeper.hold(lease());
        kept.lost().cancelled().await;
        let after = (Instant::now() - began).as_millis();
        assert!((3_900..=4_000).contains(&after), "lost after {after} ms");
    }

    /// Hangs on the first lease it is asked for.
    struct Hanging(Scripted);

    impl Renew for Hanging {
        async fn renew(&self, lease: &Lease) -> Result<(), ProviderError> {
            if &*lease.token == "hangs" {
                std::future::pending::<()>().await;
            }
            self.0.renew(lease).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_hangs_costs_its_own_lease_only() {
        let store = Arc::new(Hanging(Scripted::default()));
        let tracker = TaskTracker::new();
        let keeper = Keeper::start(Arc::clone(&store), &tracker);
        let hangs = keeper.hold(Lease { token: "hangs".into(), ..lease() });
        let kept = keeper.hold(lease());
        let began = Instant::now();
        hangs.lost().cancelled().await;
        assert_eq!((Instant::now() - began).as_secs(), 4);
        assert!(!kept.lost().is_cancelled());
        // With the keeper goes everything that holds the store.
        drop(keeper);
        tracker.close();
        tracker.wait().await;
        assert_eq!(Arc::strong_count(&store), 1);
    }
}
