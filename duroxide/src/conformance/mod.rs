//! The storage contract as named laws that any store can be held to: `exercise(factory)`.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;

use crate::clock;
use crate::providers::Provider;

/// One law after the other of a capability, as a table; those that damage rows or look inside come last.
macro_rules! laws {
    ($capability:literal: $($law:ident),+ $(,)? $(; with hooks: $($hooked:ident),+ $(,)?)?) => {
        /// The laws of this capability.
        pub const LAWS: &[$crate::conformance::Law] = &[
            $($crate::conformance::Law::new($capability, stringify!($law), false, |factory| Box::pin($law(factory))),)+
            $($($crate::conformance::Law::new(
                $capability, stringify!($hooked), true, |factory| Box::pin($hooked(factory)),
            ),)+)?
        ];
    };
}

pub mod atomicity;
pub mod attempts;
pub mod capability;
mod case;
pub mod concurrency;
pub mod custom_status;
pub mod deletion;
pub mod errors;
pub mod executions;
pub mod fetch;
pub mod heartbeat;
pub mod history;
pub mod insight;
pub mod instance_creation;
mod items;
pub mod kv;
pub mod locking;
pub mod management;
pub mod pruning;
pub mod queues;
pub mod sessions;
pub mod signal;
pub mod starts;
pub mod tags;
pub mod traces;
pub mod waiting;
pub mod worker;

/// A law that takes longer than this is broken: nothing in the contract waits for long.
const DEADLINE: Duration = Duration::from_secs(60);

/// Laws that run side by side: most of their time is waiting for leases to expire.
const SIDE_BY_SIDE: usize = 8;

/// Makes the stores to be held to the laws.
#[async_trait]
pub trait StoreFactory: Send + Sync {
    /// An empty store that shares nothing with any other.
    async fn create(&self) -> Arc<dyn Provider>;

    /// What the stores take for now, milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    /// Whether [`corrupt_history`](Self::corrupt_history) and [`max_attempt_count`](Self::max_attempt_count) work;
    /// laws that need them are passed over otherwise.
    fn has_hooks(&self) -> bool {
        false
    }

    /// Makes every event that `store` has of an instance unreadable, behind the store's back.
    async fn corrupt_history(&self, _store: &dyn Provider, instance: &str) {
        panic!("has_hooks() promises a corrupt_history() for {instance}");
    }

    /// Makes a queued activity unreadable, behind the store's back; `false`, the default, when that cannot be done,
    /// and the law that needs it is kept without trial.
    async fn corrupt_activity(&self, _store: &dyn Provider, _instance: &str, _activity_id: u64) -> bool {
        false
    }

    /// The highest attempt count among the messages that `store` has for an instance.
    async fn max_attempt_count(&self, _store: &dyn Provider, instance: &str) -> u32 {
        panic!("has_hooks() promises a max_attempt_count() for {instance}");
    }
}

/// A law at work.
type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One sentence that every store must make true.
#[derive(Clone, Copy)]
pub struct Law {
    /// The part of the contract it belongs to.
    pub capability: &'static str,
    /// What must be true.
    pub name: &'static str,
    /// Whether it damages rows or looks inside.
    pub needs_hooks: bool,
    run: fn(&dyn StoreFactory) -> Running<'_>,
}

impl Law {
    const fn new(
        capability: &'static str,
        name: &'static str,
        needs_hooks: bool,
        run: fn(&dyn StoreFactory) -> Running<'_>,
    ) -> Self {
        Law { capability, name, needs_hooks, run }
    }

    /// Holds a store to this law.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub async fn hold(&self, factory: &dyn StoreFactory) -> Result<(), Breach> {
        let breach = |found: String| Breach { law: *self, found };
        match tokio::time::timeout(DEADLINE, Contained((self.run)(factory))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(panic)) => Err(breach(text_of(panic.as_ref()))),
            Err(_) => Err(breach(format!("expected an outcome within {DEADLINE:?}, found none"))),
        }
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.capability, self.name)
    }
}

/// A law that a store breaks.
#[derive(Debug, Clone)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// What was expected and what was found.
    pub found: String,
}

/// How a store stands to all laws.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Laws that it keeps.
    pub kept: Vec<Law>,
    /// Laws that it breaks.
    pub broken: Vec<Breach>,
    /// Laws that the factory offers no hooks for.
    pub passed_over: Vec<Law>,
}

impl Report {
    /// Whether it breaks the law of this name.
    pub fn breaks(&self, law: &str) -> bool {
        self.broken.iter().any(|breach| breach.law.name == law)
    }

    /// Ends a test.
    ///
    /// # Panics
    /// When a law is broken; the text names each.
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, broken, passed_over) = (self.kept.len(), self.broken.len(), self.passed_over.len());
        writeln!(f, "{kept} laws kept, {broken} broken, {passed_over} passed over")?;
        for breach in &self.broken {
            writeln!(f, "{:?}: {}", breach.law, breach.found)?;
        }
        Ok(())
    }
}

/// All laws, by capability.
pub fn laws() -> Vec<Law> {
    [
        instance_creation::LAWS,
        fetch::LAWS,
        locking::LAWS,
        attempts::LAWS,
        atomicity::LAWS,
        history::LAWS,
        executions::LAWS,
        queues::LAWS,
        worker::LAWS,
        sessions::LAWS,
        tags::LAWS,
        kv::LAWS,
        custom_status::LAWS,
        capability::LAWS,
        management::LAWS,
        deletion::LAWS,
        pruning::LAWS,
        errors::LAWS,
        concurrency::LAWS,
        signal::LAWS,
        starts::LAWS,
        heartbeat::LAWS,
        insight::LAWS,
        traces::LAWS,
        waiting::LAWS,
    ]
    .concat()
}

/// Holds a store to every law, each on a fresh store.
pub async fn exercise(factory: &dyn StoreFactory) -> Report {
    let (able, passed_over) = laws().into_iter().partition::<Vec<_>, _>(|law| factory.has_hooks() || !law.needs_hooks);
    let mut report = Report { passed_over, ..Report::default() };
    for (law, outcome) in side_by_side(&able, factory).await {
        match outcome {
            Ok(()) => report.kept.push(law),
            Err(breach) => report.broken.push(breach),
        }
    }
    report
}

type Outcome = (Law, Result<(), Breach>);

/// Some laws at a time, in one task: so a law may borrow the factory, and a paused clock sees them all asleep.
async fn side_by_side(laws: &[Law], factory: &dyn StoreFactory) -> Vec<Outcome> {
    let start = |law: &Law| {
        let law = *law;
        Box::pin(async move { (law, law.hold(factory).await) })
    };
    let mut waiting = laws.iter();
    let mut at_work: Vec<_> = waiting.by_ref().take(SIDE_BY_SIDE).map(start).collect();
    let mut outcomes = Vec::with_capacity(laws.len());
    poll_fn(|cx| {
        let mut at = 0;
        while at < at_work.len() {
            let Poll::Ready(outcome) = at_work[at].as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            outcomes.push(outcome);
            // The next one takes the place, and is polled there at once.
            match waiting.next() {
                Some(law) => at_work[at] = start(law),
                None => drop(at_work.swap_remove(at)),
            }
        }
        if at_work.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcomes
}

/// A law whose panic is its outcome.
struct Contained<'a>(Running<'a>);

impl Future for Contained<'_> {
    type Output = Result<(), Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without text".to_owned())
}
