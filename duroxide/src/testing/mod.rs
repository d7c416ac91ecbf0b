//! Tests of orchestrations: in virtual time, without a store or a runtime, with answers of the test's own.
//!
//! A [`Harness`] is one process with everything an orchestration needs, in memory and on one thread. It drives the
//! machine that the runtime drives; only the time is its own, and moves when there is nothing else to do. A timer of a
//! hundred days takes a moment, and an ordinary `#[test]` is enough.
//!
//! ```
//! use duroxide::testing::{Asked, Harness};
//! use duroxide::{CallError, OrchestrationContext, activity, event, orchestration};
//! use serde::{Deserialize, Serialize};
//!
//! #[activity]
//! async fn charge(order: String, cents: u64) -> Result<String, String> {
//!     unreachable!("tests do not charge {order} {cents}")
//! }
//!
//! #[event(name = "approved")]
//! #[derive(Serialize, Deserialize)]
//! struct Approved {
//!     by: String,
//! }
//!
//! #[orchestration]
//! async fn checkout(ctx: OrchestrationContext, order: String) -> Result<String, String> {
//!     let by = duroxide::select! {
//!         approved = ctx.wait::<Approved>() => approved.by,
//!         _ = ctx.timer("100days") => return Err("nobody approved it".to_owned()),
//!     };
//!     let receipt = charge::call(&ctx, order, 1_299).await?;
//!     Ok(format!("{receipt}, approved by {by}"))
//! }
//!
//! // An approved order is charged.
//! let mut harness = Harness::new();
//! harness.mock::<charge>(|order, cents| Ok(format!("{order} for {cents}")));
//! harness.after("99days").raise(Approved { by: "eve".to_owned() });
//! assert_eq!(harness.run::<checkout>("tea".to_owned()).unwrap(), "tea for 1299, approved by eve");
//! assert_eq!(
//!     harness.asked(),
//!     [
//!         Asked::event::<Approved>(),
//!         Asked::timer("100days"),
//!         Asked::activity::<charge>(("tea".to_owned(), 1_299)),
//!     ]
//! );
//!
//! // An order that nobody approves is not.
//! let mut harness = Harness::new();
//! let error = harness.run::<checkout>("tea".to_owned()).unwrap_err();
//! assert!(matches!(error, CallError::App(text) if text == "nobody approved it"));
//! ```
//!
//! - What is neither mocked nor registered and is asked for ends the test with a message that says what to write.
//! - Every turn is replayed from its history and compared: an orchestration that looks at a clock or draws a random
//!   number fails its first test ([`Harness::replay_every_turn`] switches that off).
//! - [`crash_everywhere`] runs a test once for every point where the process could have died.
//! - [`Recording`] leads today's code through a history that was recorded before.
//! - The harness panics as `assert!` does: it is for tests.

mod answers;
mod asked;
mod crash;
#[cfg(feature = "macros")]
mod mock;
mod recording;
#[cfg(test)]
mod tests;
mod turns;
#[cfg(feature = "macros")]
mod typed;
mod world;

use std::time::Duration;

use crate::activity::ActivityRegistry;
use crate::client::Client;
use crate::model::error::ErrorDetails;
use crate::model::event::Event;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::status::OrchestrationStatus;
use crate::model::work_item::WorkItem;
use crate::registry::OrchestrationRegistry;

use crash::Crashes;
use world::World;

pub use crate::context::delay::Delay;
pub use crate::model::measure::{Figure, Measure};
pub use asked::Asked;
pub use crash::crash_everywhere;
#[cfg(feature = "macros")]
pub use mock::MockFn;
pub use recording::{Recording, ReplayError};

/// The instance id of what a test starts without an id of its own.
pub const ROOT: &str = "root";

/// One process in which orchestrations are tested; see the [module](self).
pub struct Harness {
    world: World,
    #[cfg(feature = "macros")]
    unregistered: typed::Unregistered,
}

impl Default for Harness {
    fn default() -> Self {
        Harness::new()
    }
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

impl Harness {
    /// A process that knows no handlers.
    pub fn new() -> Self {
        Harness::dying(Crashes::default())
    }

    fn dying(crashes: Crashes) -> Self {
        Harness {
            world: World::new(crashes),
            #[cfg(feature = "macros")]
            unregistered: typed::Unregistered::default(),
        }
    }

    /// Whether every turn is replayed from its history and compared, which is so unless it is switched off. The code
    /// of an orchestration runs twice then.
    pub fn replay_every_turn(&mut self, on: bool) {
        self.world.turns.compares = on;
    }

    /// Adds activities that are registered by strings. They are run as they are, unless a mock has their name.
    pub fn activities(&mut self, registry: ActivityRegistry) {
        let all = ActivityRegistry::builder_from(&self.world.answers.real).merge(registry);
        self.world.answers.real = all.build();
    }

    /// Adds orchestrations that are registered by strings; the policies of the first registry hold.
    pub fn orchestrations(&mut self, registry: OrchestrationRegistry) {
        let known = &mut self.world.orchestrations;
        *known = if known.count() == 0 {
            registry
        } else {
            OrchestrationRegistry::builder_from(known).merge(registry).build()
        };
    }

    /// Answers for the activity of this name.
    pub fn mock_named(
        &mut self,
        name: impl Into<String>,
        answer: impl FnMut(String) -> Result<String, String> + 'static,
    ) -> Mocked<'_> {
        let mut answer = answer;
        let mock = self.world.answers.mock(name.into(), Box::new(move |input| answer(input.to_owned())));
        Mocked { takes_ms: Takes::Activity(&mut mock.takes_ms) }
    }

    /// Starts the orchestration of this name, in the version that the registry resolves, as instance `id`.
    pub fn start_named(&mut self, id: impl Into<String>, name: impl Into<String>, input: impl Into<String>) {
        self.begin(id.into(), name.into(), None, input.into());
    }

    /// Starts the orchestration of this name as instance [`ROOT`] and runs it to its end.
    ///
    /// # Errors
    /// What it failed with.
    ///
    /// # Panics
    /// When it waits and nothing is left that could wake it, or asks for what nobody answers.
    #[track_caller]
    pub fn run_named(&mut self, name: impl Into<String>, input: impl Into<String>) -> Result<String, ErrorDetails> {
        self.start_named(ROOT, name, input);
        self.end_of(ROOT)
    }

    /// Lets an instance run to its end, time and all.
    ///
    /// # Errors
    /// What it failed with.
    ///
    /// # Panics
    /// When it waits and nothing is left that could wake it, or asks for what nobody answers.
    #[track_caller]
    pub fn end_of(&mut self, id: &str) -> Result<String, ErrorDetails> {
        self.prepare();
        loop {
            self.world.settle();
            match self.world.status(id) {
                OrchestrationStatus::Completed { output, .. } => return Ok(output),
                OrchestrationStatus::Failed { details, .. } => return Err(details),
                OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => {}
            }
            if !self.world.skip_to_next(u64::MAX) {
                panic!("{}", self.stalled(id));
            }
        }
    }

    /// Lets everything happen that happens within `span`, and stops the clock at its end.
    ///
    /// # Panics
    /// When something asks for what nobody answers, or `span` is a text that is not a span of time.
    #[track_caller]
    pub fn advance(&mut self, span: impl Delay) {
        self.prepare();
        self.world.advance(span.duration());
    }

    /// What happens `delay` after now: an event, a message, a cancellation.
    ///
    /// # Panics
    /// When `delay` is a text that is not a span of time.
    #[track_caller]
    pub fn after(&mut self, delay: impl Delay) -> After<'_> {
        After { world: &mut self.world, delay: delay.duration(), to: ROOT.to_owned() }
    }

    /// Cancels [`ROOT`] now.
    pub fn cancel(&mut self, reason: impl Into<String>) {
        self.after(Duration::ZERO).cancel(reason);
    }

    /// Virtual time since the test began.
    pub fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }

    /// Where an instance stands.
    pub fn status(&self, id: &str) -> OrchestrationStatus {
        self.world.status(id)
    }

    /// Everything that [`ROOT`] asked for, in order, over all its executions.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked_by(ROOT)
    }

    /// Everything that an instance asked for, in order, over all its executions.
    pub fn asked_by(&self, id: &str) -> Vec<Asked> {
        asked::asked(&self.world.history(id))
    }

    /// Everything that orchestrations measured by [`counter`](crate::OrchestrationContext::counter) and
    /// [`histogram`](crate::OrchestrationContext::histogram), in the order of the turns that did.
    pub fn measured(&self) -> &[Measure] {
        &self.world.measures
    }

    /// The events of an instance, all its executions.
    pub fn history(&self, id: &str) -> Vec<Event> {
        self.world.history(id)
    }

    /// A client of this process. Its calls are answered at once; what they ask for is done by [`advance`](Self::advance)
    /// and [`end_of`](Self::end_of), which is why its waits are of no use here.
    pub fn client(&self) -> Client {
        self.world.client()
    }

    fn begin(&mut self, instance: String, orchestration: String, version: Option<String>, input: String) {
        let start = WorkItem::StartOrchestration {
            instance,
            orchestration,
            input,
            version,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: INITIAL_EXECUTION_ID,
        };
        self.world.send(start, Duration::ZERO);
    }

    /// Handlers that were named since the last time become known.
    fn prepare(&mut self) {
        #[cfg(feature = "macros")]
        self.unregistered.register(&mut self.world);
    }

    fn stalled(&self, id: &str) -> String {
        let history = self.world.history(id);
        let Some((name, _)) = asked::started_as(&history) else {
            return format!("instance `{id}` was never started");
        };
        let waits = asked::unanswered(&history);
        let waits: String = waits.iter().map(|asked| format!("\n  {asked}")).collect();
        format!(
            "orchestration `{name}` (instance `{id}`) has not ended after {}, and nothing is left that could wake it; \
             it waits for{}\n= help: `harness.after(\"1h\").raise(..)`, `.enqueue(..)` and `.cancel(..)` send what it \
             waits for",
            humantime::format_duration(self.elapsed()),
            if waits.is_empty() { " nothing" } else { &waits },
        )
    }
}

/// A mock that was just set up.
pub struct Mocked<'a> {
    takes_ms: Takes<'a>,
}

enum Takes<'a> {
    Activity(&'a mut u64),
    #[cfg(feature = "macros")]
    Child(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Mocked<'_> {
    /// How long its answer takes; [`Duration::MAX`] is for ever.
    ///
    /// # Panics
    /// When `time` is a text that is not a span of time.
    #[track_caller]
    pub fn takes(self, time: impl Delay) {
        let time_ms = crate::clock::as_ms(time.duration());
        match self.takes_ms {
            Takes::Activity(takes_ms) => *takes_ms = time_ms,
            #[cfg(feature = "macros")]
            Takes::Child(takes_ms) => takes_ms.store(time_ms, std::sync::atomic::Ordering::Relaxed),
        }
    }
}

impl std::fmt::Debug for Mocked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mocked").finish_non_exhaustive()
    }
}

/// Something that happens at a time; made by [`Harness::after`].
#[must_use = "say what happens: `.raise(..)`, `.enqueue(..)` or `.cancel(..)`"]
pub struct After<'a> {
    world: &'a mut World,
    delay: Duration,
    to: String,
}

impl std::fmt::Debug for After<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("After").field("delay", &self.delay).field("to", &self.to).finish_non_exhaustive()
    }
}

impl After<'_> {
    /// To another instance than [`ROOT`].
    pub fn to(mut self, id: impl Into<String>) -> Self {
        self.to = id.into();
        self
    }

    /// An event for whoever waits for this name then.
    pub fn raise_named(self, name: impl Into<String>, data: impl Into<String>) {
        let After { world, delay, to: instance } = self;
        world.send(WorkItem::ExternalRaised { instance, name: name.into(), data: data.into() }, delay);
    }

    /// A message for the queue of this name.
    pub fn enqueue_named(self, queue: impl Into<String>, data: impl Into<String>) {
        let After { world, delay, to: instance } = self;
        world.send(WorkItem::QueueMessage { instance, name: queue.into(), data: data.into() }, delay);
    }

    /// Somebody cancels it.
    pub fn cancel(self, reason: impl Into<String>) {
        let After { world, delay, to: instance } = self;
        world.send(WorkItem::CancelInstance { instance, reason: reason.into() }, delay);
    }
}
