//! Dispatchers that wait in the store: what a commit makes ready is leased to them by that commit, and is not fetched.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::claim::{self, Until};
use super::error::StoreError;
use super::fetch::{Asking, Fetch, Fetched, Wanted};
use super::lane::Reply;
use super::returns::Delivery;
use super::row::int;
use super::writer::Tx;
use crate::model::filter::Capability;
use crate::providers::error::ProviderError;
use crate::{clock, seams};

/// Who waits, and the means to serve them.
#[derive(Clone)]
pub(super) struct Standing {
    orders: Arc<Mutex<VecDeque<Asking>>>,
    fetch: Fetch,
}

impl Standing {
    pub(super) fn new(fetch: Fetch) -> Self {
        Standing { orders: Arc::default(), fetch }
    }

    /// Waits for what is handed over.
    pub(super) async fn wait(
        &self,
        operation: &'static str,
        order: impl FnOnce(Reply<Vec<Delivery<Fetched>>>) -> Asking,
    ) -> Result<Vec<Delivery<Fetched>>, ProviderError> {
        let (reply, answer) = Reply::new();
        self.orders().push_back(order(reply));
        answer.arrived(operation).await
    }

    /// The leases that a transaction may take for messages of these instances; none when nobody waits.
    pub(super) fn offer<'a>(&self, instances: impl Iterator<Item = &'a String>) -> Option<Offer> {
        let mut instances = instances.peekable();
        instances.peek()?;
        let order = Order { asking: Some(self.longest()?), standing: self.clone() };
        let mut seen = HashSet::new();
        let instances = instances.filter(|instance| seen.insert(*instance)).take(order.asking().max);
        let held = instances.map(|instance| (seams::lock_token(), instance.clone())).collect();
        Some(Offer { order, held, fetched: Vec::new() })
    }

    /// Who waits longest, and still does.
    fn longest(&self) -> Option<Asking> {
        let mut orders = self.orders();
        loop {
            let asking = orders.pop_front()?;
            if asking.reply.is_wanted() && asking.capability != Capability::Nothing {
                return Some(asking);
            }
        }
    }

    fn orders(&self) -> MutexGuard<'_, VecDeque<Asking>> {
        // Orders are put in and taken out whole.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits; unless it is served, it goes on waiting.
struct Order {
    asking: Option<Asking>,
    standing: Standing,
}

impl Order {
    fn asking(&self) -> &Asking {
        self.asking.as_ref().expect("only `deliver` and `drop` take it")
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        if let Some(asking) = self.asking.take() {
            self.standing.orders().push_front(asking);
        }
    }
}

/// What a transaction may lease to somebody who waits.
pub(super) struct Offer {
    order: Order,
    /// Secret and instance.
    held: Vec<(String, String)>,
    fetched: Vec<Fetched>,
}

impl Offer {
    /// The statement that leases what nobody holds, before the transaction looks at anything.
    pub(super) fn lease(&self) -> String {
        let held = self.held.iter().map(|(secret, instance)| (instance.as_str(), secret.as_str()));
        let until = Until::After(int(clock::as_ms(self.order.asking().lock_timeout)));
        claim::lease(&self.order.standing.fetch.owner, held, until)
    }

    /// Reads what was leased, once the messages are there. Left to a fetch is what takes a history, and the decision
    /// whether its reader may replay it.
    pub(super) async fn load(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let known = self.order.asking().known.clone();
        let fetch = &self.order.standing.fetch;
        let (fetched, _) = fetch.load(tx, std::mem::take(&mut self.held), known.as_deref(), Wanted::Light).await?;
        self.fetched = fetched;
        Ok(())
    }

    /// Whether the messages of this instance are on their way.
    pub(super) fn has(&self, instance: &str) -> bool {
        self.fetched.iter().any(|fetched| fetched.is_of(instance))
    }

    /// The transaction was committed, or why not.
    pub(super) fn end<T>(mut self, outcome: &Result<T, StoreError>) {
        let returns = self.order.standing.fetch.returns.clone();
        match outcome {
            Ok(_) if self.fetched.is_empty() => {}
            Ok(_) => {
                let share = self.fetched.into_iter();
                let share = share.map(|next| returns.deliver_turn(next.token().to_owned(), next)).collect();
                if let Some(asking) = self.order.asking.take() {
                    asking.reply.send(Ok(share));
                }
            }
            // Perhaps committed all the same: then nobody may wait for these leases to end.
            Err(StoreError::Ambiguous) => {
                self.fetched.into_iter().for_each(|next| returns.doubtful_turn(next.token().to_owned()));
            }
            Err(_) => {}
        }
    }
}
