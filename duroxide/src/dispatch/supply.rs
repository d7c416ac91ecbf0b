//! Work that was leased ahead of the slots: one call to the store serves several of them.
//!
//! What always holds:
//! - Everything in here is leased and not yet begun. It leaves in the order in which it came.
//! - No more is leased ahead than waiting slots plus what short work has shown to be gone at once; what waits too long
//!   all the same is given back, so that another process may do it, and is not begun here: its lease may be over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::providers::ProviderError;

/// Most that is ever leased ahead of waiting slots: a store call for so much costs next to nothing more per piece.
const AHEAD_MAX: usize = 1_024;

/// What waited longer was too much.
const WAIT_GOAL: Duration = Duration::from_millis(20);

/// What waited this long goes back to the store.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Leased work of one kind, shared by the slots that do it.
pub(crate) struct Supply<T> {
    stock: Mutex<Stock<T>>,
    /// Slots that have nothing to do.
    hungry: AtomicUsize,
    /// One slot asks the store, for all; it notes here which look last found nothing.
    looking: tokio::sync::Mutex<u64>,
    looks: AtomicU64,
    /// One slot waits for what is handed over, for all.
    standing: tokio::sync::Mutex<()>,
    arrived: Notify,
    stocked: Notify,
}

struct Stock<T> {
    ready: VecDeque<(Instant, T)>,
    /// Pieces that a commit on its way may bring.
    promised: usize,
    /// How many pieces may wait beyond those that slots wait for.
    ahead: usize,
}

/// A slot that has nothing to do; dropping it says that it has.
pub(super) struct Hungry<T>(Arc<Supply<T>>);

impl<T> Drop for Hungry<T> {
    fn drop(&mut self) {
        self.0.hungry.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Pieces that a commit on its way may bring; dropping it says that they do not come.
pub(super) struct Promise<T> {
    supply: Arc<Supply<T>>,
    pieces: usize,
}

impl<T: Send> Promise<T> {
    /// How many.
    pub(super) fn pieces(&self) -> usize {
        self.pieces
    }

    /// They came, or as many as did.
    pub(super) fn fulfil(self, pieces: impl IntoIterator<Item = T>) {
        self.supply.put(pieces);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.supply.stock().promised -= self.pieces;
    }
}

/// Whether a slot may rely on what another one saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Look {
    /// All slots see the same work.
    Shared,
    /// There may be work that only this slot can take.
    Own,
}

impl<T: Send> Supply<T> {
    pub(super) fn new() -> Self {
        Supply {
            stock: Mutex::new(Stock { ready: VecDeque::new(), promised: 0, ahead: 0 }),
            hungry: AtomicUsize::new(0),
            looking: tokio::sync::Mutex::new(0),
            looks: AtomicU64::new(1),
            standing: tokio::sync::Mutex::new(()),
            arrived: Notify::new(),
            stocked: Notify::new(),
        }
    }

    /// A slot begins to wait for work.
    pub(super) fn hungry(self: &Arc<Self>) -> Hungry<T> {
        self.hungry.fetch_add(1, Ordering::AcqRel);
        Hungry(Arc::clone(self))
    }

    /// The next piece: from stock, or by asking the store for as many as are wanted.
    pub(super) async fn take<F>(&self, look: Look, ask: impl FnOnce(usize) -> F) -> Result<Option<T>, ProviderError>
    where
        F: Future<Output = Result<Vec<T>, ProviderError>>,
    {
        if let Some(piece) = self.pop() {
            return Ok(Some(piece));
        }
        let asked = self.looks.load(Ordering::Acquire);
        let mut found_nothing = self.looking.lock().await;
        if let Some(piece) = self.pop() {
            return Ok(Some(piece));
        }
        if look == Look::Shared && *found_nothing > asked {
            // Somebody looked after this slot had asked.
            return Ok(None);
        }
        let this = self.looks.fetch_add(1, Ordering::AcqRel) + 1;
        let wanted = self.wanted().max(1);
        let mut pieces = ask(wanted).await?.into_iter();
        let Some(first) = pieces.next() else {
            *found_nothing = this;
            return Ok(None);
        };
        if pieces.len() + 1 >= wanted {
            self.stock().grow();
        }
        self.put(pieces);
        Ok(Some(first))
    }

    /// Waits for what is handed over: the first piece is for whoever waited, the others go into stock.
    pub(super) async fn stand<F>(&self, wait: impl FnOnce(usize) -> F) -> Option<T>
    where
        F: Future<Output = Result<Vec<T>, ProviderError>>,
    {
        let _place = self.standing.lock().await;
        let Ok(pieces) = wait(self.wanted().max(1)).await else {
            // Trouble of the store is told to those who ask for work.
            return std::future::pending().await;
        };
        let mut pieces = pieces.into_iter();
        let first = pieces.next();
        self.put(pieces);
        first
    }

    /// Returns when there may be something in stock.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Announces as many of `most` pieces as are wanted.
    pub(super) fn promise(self: &Arc<Self>, most: usize) -> Promise<T> {
        let mut stock = self.stock();
        let pieces = self.missing(&stock).min(most);
        stock.promised += pieces;
        Promise { supply: Arc::clone(self), pieces }
    }

    /// All that nobody has begun.
    pub(super) fn empty(&self) -> Vec<T> {
        self.stock().ready.drain(..).map(|(_, piece)| piece).collect()
    }

    /// Returns what waited too long, as soon as there is something. May be dropped and called again at any time.
    pub(super) async fn stale(&self) -> Vec<T> {
        loop {
            if self.is_empty() {
                self.stocked.notified().await;
            }
            tokio::time::sleep(WAIT_MAX).await;
            let stale = self.stock().take_stale(Instant::now());
            if !stale.is_empty() {
                return stale;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.stock().ready.is_empty()
    }

    /// The next piece in stock.
    pub(super) fn pop(&self) -> Option<T> {
        let mut stock = self.stock();
        let stale = stock.stale(Instant::now());
        let (since, piece) = stock.ready.remove(stale)?;
        if since.elapsed() > WAIT_GOAL {
            stock.ahead /= 2;
        }
        if stock.ready.len() > stale {
            self.arrived.notify_one();
        }
        Some(piece)
    }

    fn put(&self, pieces: impl IntoIterator<Item = T>) {
        let now = Instant::now();
        let mut stock = self.stock();
        stock.ready.extend(pieces.into_iter().map(|piece| (now, piece)));
        if !stock.ready.is_empty() {
            self.arrived.notify_one();
            self.stocked.notify_one();
        }
    }

    fn wanted(&self) -> usize {
        self.missing(&self.stock())
    }

    fn missing(&self, stock: &Stock<T>) -> usize {
        let wanted = self.hungry.load(Ordering::Acquire) + stock.ahead;
        wanted.saturating_sub(stock.ready.len() + stock.promised)
    }
}

impl<T> Supply<T> {
    fn stock(&self) -> MutexGuard<'_, Stock<T>> {
        // Pieces are put in and taken out whole.
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Stock<T> {
    fn grow(&mut self) {
        self.ahead = (self.ahead * 2).clamp(4, AHEAD_MAX);
    }

    /// How many pieces at the front waited too long.
    fn stale(&self, now: Instant) -> usize {
        self.ready.partition_point(|(since, _)| now.duration_since(*since) >= WAIT_MAX)
    }

    fn take_stale(&mut self, now: Instant) -> Vec<T> {
        let stale = self.stale(now);
        if stale > 0 {
            self.ahead = 0;
        }
        self.ready.drain(..stale).map(|(_, piece)| piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: Vec<u32>) -> Result<Vec<u32>, ProviderError> {
        Ok(pieces)
    }

    #[tokio::test]
    async fn one_look_serves_all_slots_that_wait_in_order() {
        let supply = Arc::new(Supply::new());
        let _slots = [supply.hungry(), supply.hungry(), supply.hungry()];
        let first = supply.take(Look::Shared, async |wanted| {
            assert_eq!(wanted, 3);
            found(vec![1, 2, 3])
        });
        assert_eq!(first.await.unwrap(), Some(1));
        for piece in [2, 3] {
            let next = supply.take(Look::Shared, async |_| panic!("it is in stock"));
            assert_eq!(next.await.unwrap(), Some(piece));
        }
    }

    #[tokio::test]
    async fn whoever_asked_before_a_look_that_found_nothing_need_not_look_unless_it_sees_other_work() {
        let supply: Arc<Supply<u32>> = Arc::new(Supply::new());
        let door = supply.looking.lock().await;
        let looks = supply.take(Look::Shared, async |_| found(Vec::new()));
        let shares = supply.take(Look::Shared, async |_| panic!("the other slot looked"));
        let own = supply.take(Look::Own, async |_| found(vec![7]));
        let open = async { drop(door) };
        let (looks, shares, own, ()) = tokio::join!(looks, shares, own, open);
        assert_eq!((looks.unwrap(), shares.unwrap(), own.unwrap()), (None, None, Some(7)));
    }

    #[tokio::test]
    async fn no_more_is_promised_than_slots_wait_for_and_a_promise_may_be_broken() {
        let supply: Arc<Supply<u32>> = Arc::new(Supply::new());
        assert_eq!(supply.promise(5).pieces(), 0);
        let _slots = [supply.hungry(), supply.hungry()];
        let promise = supply.promise(5);
        assert_eq!((promise.pieces(), supply.promise(5).pieces()), (2, 0));
        promise.fulfil([1]);
        assert_eq!(supply.promise(5).pieces(), 1, "one is in stock, the other did not come");
        assert_eq!((supply.pop(), supply.pop()), (Some(1), None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_too_long_comes_back() {
        let supply = Arc::new(Supply::new());
        let _slot = supply.hungry();
        supply.promise(1).fulfil([1, 2]);
        let began = Instant::now();
        assert_eq!(supply.stale().await, [1, 2]);
        assert_eq!(began.elapsed(), WAIT_MAX);
        assert_eq!(supply.pop(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_too_long_is_not_begun_though_nobody_has_given_it_back_yet() {
        let supply = Arc::new(Supply::new());
        let _slots = [supply.hungry(), supply.hungry()];
        supply.promise(1).fulfil([1]);
        tokio::time::advance(WAIT_MAX).await;
        supply.promise(1).fulfil([2]);
        assert_eq!((supply.pop(), supply.pop()), (Some(2), None));
        assert_eq!(supply.stale().await, [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_for_what_waits_too_long_may_be_interrupted() {
        let supply = Arc::new(Supply::new());
        let _slot = supply.hungry();
        supply.promise(1).fulfil([1]);
        let interrupted = tokio::time::timeout(WAIT_MAX / 2, supply.stale()).await;
        assert!(interrupted.is_err());
        let found = tokio::time::timeout(WAIT_MAX * 10, supply.stale()).await;
        assert_eq!(found.ok(), Some(vec![1]));
    }
}
