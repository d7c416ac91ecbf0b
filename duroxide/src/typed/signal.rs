//! Typed events, queues and timers of an orchestration.

use std::time::SystemTime;

use super::Payload;
use crate::codec;
use crate::context::delay::Delay;
use crate::context::future::DurableFuture;
use crate::context::orchestration::OrchestrationContext;

/// The payload of an external event; `#[event]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "put `#[duroxide::event]` above the type, and derive `Serialize` and `Deserialize`"
)]
pub trait Signal: Payload {
    /// The name of the event, and of the queue.
    const NAME: &'static str;
}

impl OrchestrationContext {
    /// Resolves to the next event `S` that arrives while this waits for it. Events that arrive earlier are not kept;
    /// for those that are, see [`queue`](Self::queue). A payload that does not decode fails the orchestration.
    pub fn wait<S: Signal>(&self) -> DurableFuture<S> {
        self.schedule_wait(S::NAME).map(|text| read(&text))
    }

    /// Resolves to the next message `S` in its queue. Messages wait for their reader, also over continue-as-new. A
    /// payload that does not decode fails the orchestration.
    pub fn queue<S: Signal>(&self) -> DurableFuture<S> {
        self.dequeue_event(S::NAME).map(|text| read(&text))
    }

    /// The time, recorded: a replay gets the same.
    pub fn now(&self) -> DurableFuture<SystemTime> {
        self.utc_now().map(|time| time.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Resolves after `delay`, a `Duration` or a text like `"24h"`; survives restarts.
    ///
    /// # Panics
    /// When the text is not a span of time.
    pub fn timer(&self, delay: impl Delay) -> DurableFuture<()> {
        self.schedule_timer(delay.duration())
    }
}

fn read<S: Signal>(text: &str) -> S {
    codec::from_json_or_text(text).unwrap_or_else(|error| panic!("the payload of event `{}`: {error}", S::NAME))
}
