//! The harness with values: typed handlers, events and results.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::mock::{MockFn, MockedChild};
use super::world::World;
use super::{After, Asked, Delay, Harness, Mocked, ROOT, Takes};
use crate::activity::ActivityRegistry;
use crate::codec;
use crate::model::event::EventKind;
use crate::registry::OrchestrationRegistry;
use crate::typed::{
    self, Activity, CallError, Entry, Handler, HandlerKind, Handlers, Orchestration, Problem, Problems,
    RunOrchestration, Signal, States, glue,
};

/// What was named by its type and is not known yet: states may follow their activities.
#[derive(Default)]
pub(super) struct Unregistered {
    entries: Vec<Entry>,
    states: States,
}

impl Unregistered {
    /// Makes known what was named. Whatever is known already, mocks above all, stays as it is.
    #[track_caller]
    pub(super) fn register(&mut self, world: &mut World) {
        if self.entries.is_empty() {
            return;
        }
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|entry| entry.kind != HandlerKind::Activity || !world.answers.mocks.contains_key(entry.name));
        if let Some(entry) = entries.iter().find(|entry| entry.is_transactional()) {
            panic!("{}", no_database(entry));
        }
        let (entries, problems) = typed::check(entries, &[], &self.states);
        assert!(problems.is_empty(), "{}", Problems(problems));
        let known = Handlers {
            activities: ActivityRegistry::builder_from(&world.answers.real),
            orchestrations: OrchestrationRegistry::builder_from(&world.orchestrations),
        };
        let known = entries.iter().fold(known, |known, entry| entry.add_to(known, &self.states));
        world.answers.real = known.activities.build();
        world.orchestrations = known.orchestrations.build();
    }
}

fn no_database(entry: &Entry) -> String {
    let Entry { name, defined_at, .. } = entry;
    format!(
        "activity `{name}`, defined at {defined_at}, writes in a transaction of its store, and a test has no database\n\
         = help: `harness.mock::<{name}>(|..| Ok(..))` answers in its place\n\
         = help: the function itself can be called with a transaction of a database of the test's"
    )
}

impl Harness {
    /// Answers for an activity. The closure takes the activity's arguments in order; say the type of those whose
    /// fields or methods it uses. It is called once for each activity: one that is delivered again, after a crash,
    /// answers the same.
    ///
    /// ```
    /// # use duroxide::testing::Harness;
    /// # use duroxide::{OrchestrationContext, activity, orchestration};
    /// #[activity]
    /// async fn charge(card: String, cents: u64) -> Result<u64, String>; // run by another binary
    ///
    /// #[orchestration]
    /// async fn pay(ctx: OrchestrationContext, card: String) -> Result<u64, String> {
    ///     duroxide::select! {
    ///         paid = charge::call(&ctx, card, 50) => Ok(paid?),
    ///         _ = ctx.timer("1m") => Err("the bank sleeps".to_owned()),
    ///     }
    /// }
    ///
    /// let mut harness = Harness::new();
    /// harness.mock::<charge>(|card: String, cents| if card.is_empty() { Err("no card".to_owned()) } else { Ok(cents) });
    /// assert_eq!(harness.run::<pay>("4711".to_owned()).unwrap(), 50);
    ///
    /// let mut harness = Harness::new();
    /// harness.mock::<charge>(|_, cents| Ok(cents)).takes("2m");
    /// assert_eq!(harness.run::<pay>("4711".to_owned()).unwrap_err().to_string(), "the bank sleeps");
    /// ```
    pub fn mock<A: Activity>(&mut self, answer: impl MockFn<A::Args, Result<A::Ok, A::Err>> + 'static) -> Mocked<'_> {
        let mut answer = answer;
        let answered = move |input: &str| {
            let input = A::decode(input).map_err(|error| glue::unreadable(A::NAME, &error))?;
            glue::written(A::NAME, answer.answer(A::spread(input)))
        };
        let mock = self.world.answers.mock(A::NAME.to_owned(), Box::new(answered));
        Mocked { takes_ms: Takes::Activity(&mut mock.takes_ms) }
    }

    /// Answers for an orchestration that others call as their child, in the version of its type. The closure takes the
    /// arguments in order and is called once for each instance.
    pub fn mock_child<O: Orchestration>(
        &mut self,
        answer: impl MockFn<O::Args, Result<O::Ok, O::Err>> + Send + 'static,
    ) -> Mocked<'_> {
        let mut answer = answer;
        let answered = move |input: &str| {
            let input = O::decode(input).map_err(|error| glue::unreadable(O::NAME, &error))?;
            glue::written(O::NAME, answer.answer(O::spread(input)))
        };
        let takes_ms = Arc::new(AtomicU64::new(0));
        let handler = Arc::new(MockedChild::new(Box::new(answered), Arc::clone(&takes_ms)));
        let version = typed::parsed(O::VERSION);
        let known = OrchestrationRegistry::builder_from(&self.world.orchestrations);
        self.world.orchestrations = known.replace(O::NAME, version, handler).build();
        Mocked { takes_ms: Takes::Child(takes_ms) }
    }

    /// Makes a handler known that is to be run as it is: an activity, or an orchestration that is called by another.
    /// What is mocked stays mocked. An activity that writes in a transaction must be mocked: there is no database here,
    /// and the next call that runs something panics otherwise.
    pub fn register<H: Handler>(&mut self) {
        self.unregistered.entries.push(H::ENTRY);
    }

    /// Makes every handler of the program known, but for activities whose states are not given, and for those that write
    /// in a transaction.
    ///
    /// # Panics
    /// When two handlers have the same name and version.
    #[track_caller]
    pub fn discover(&mut self) {
        let (entries, problems) = typed::check(typed::collected(), &[], &self.unregistered.states);
        let lacking = |entry: &Entry| {
            entry.is_transactional()
                || problems.iter().any(|problem| {
                    matches!(problem, Problem::StateMissing { activity, .. } if *activity == entry.name)
                        && entry.kind == HandlerKind::Activity
                })
        };
        self.unregistered.entries.extend(entries.into_iter().filter(|entry| !lacking(entry)));
        let others = problems.into_iter().filter(|problem| !matches!(problem, Problem::StateMissing { .. }));
        let others: Vec<Problem> = others.collect();
        assert!(others.is_empty(), "{}", Problems(others));
    }

    /// Gives registered activities the value for their `#[state]` parameters of this type.
    pub fn state<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.unregistered.states.insert(value);
    }

    /// Starts an orchestration as instance [`ROOT`]; nothing happens before [`finish`](Self::finish) or
    /// [`advance`](Self::advance). Several arguments are a tuple.
    pub fn start<O: RunOrchestration + Handler>(&mut self, input: O::In) {
        self.start_as::<O>(ROOT, input);
    }

    /// Starts an orchestration as instance `id`.
    ///
    /// # Panics
    /// When the input has no JSON form.
    #[track_caller]
    pub fn start_as<O: RunOrchestration + Handler>(&mut self, id: impl Into<String>, input: O::In) {
        self.register::<O>();
        self.begin(id.into(), O::NAME.to_owned(), Some(O::VERSION.to_owned()), encoded::<O>(&input));
    }

    /// Lets [`ROOT`] run to its end, time and all.
    ///
    /// # Errors
    /// Its own error as [`CallError::App`], or what kept it from ending well.
    ///
    /// # Panics
    /// When it waits and nothing is left that could wake it, or asks for what nobody answers.
    #[track_caller]
    pub fn finish<O: Orchestration>(&mut self) -> Result<O::Ok, CallError<O::Err>> {
        self.finish_as::<O>(ROOT)
    }

    /// Lets the instance `id` run to its end.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    ///
    /// # Panics
    /// As [`finish`](Self::finish).
    #[track_caller]
    pub fn finish_as<O: Orchestration>(&mut self, id: &str) -> Result<O::Ok, CallError<O::Err>> {
        let output = self.end_of(id).map_err(CallError::of)?;
        codec::from_json_or_text(&output).map_err(|error| CallError::codec(&error))
    }

    /// Starts an orchestration as instance [`ROOT`] and runs it to its end. Several arguments are a tuple.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    ///
    /// # Panics
    /// As [`finish`](Self::finish).
    #[track_caller]
    pub fn run<O: RunOrchestration + Handler>(&mut self, input: O::In) -> Result<O::Ok, CallError<O::Err>> {
        self.start::<O>(input);
        self.finish::<O>()
    }

    /// Raises an event for [`ROOT`] now.
    ///
    /// # Panics
    /// When the payload has no JSON form.
    #[track_caller]
    pub fn raise<S: Signal>(&mut self, event: S) {
        self.after(Duration::ZERO).raise(event);
    }

    /// Puts a message into a queue of [`ROOT`] now.
    ///
    /// # Panics
    /// When the payload has no JSON form.
    #[track_caller]
    pub fn enqueue<S: Signal>(&mut self, message: S) {
        self.after(Duration::ZERO).enqueue(message);
    }

    /// The arguments of every call of an activity by [`ROOT`], in order.
    ///
    /// # Panics
    /// When the arguments of one do not fit, as those of a call by string may not.
    #[track_caller]
    pub fn calls<A: Activity>(&self) -> Vec<A::In> {
        let history = self.world.history(ROOT);
        let inputs = history.iter().filter_map(|event| match &event.kind {
            EventKind::ActivityScheduled { name, input, .. } if name == A::NAME => Some(input),
            _ => None,
        });
        let read =
            |input: &String| A::decode(input).unwrap_or_else(|error| panic!("{input} for `{}`: {error}", A::NAME));
        inputs.map(read).collect()
    }
}

impl After<'_> {
    /// An event for whoever waits for it then.
    ///
    /// # Panics
    /// When the payload has no JSON form.
    #[track_caller]
    pub fn raise<S: Signal>(self, event: S) {
        self.raise_named(S::NAME, payload(&event));
    }

    /// A message for its queue.
    ///
    /// # Panics
    /// When the payload has no JSON form.
    #[track_caller]
    pub fn enqueue<S: Signal>(self, message: S) {
        self.enqueue_named(S::NAME, payload(&message));
    }
}

/// What typed calls are recorded as.
///
/// # Panics
/// The constructors panic when their input has no JSON form.
impl Asked {
    /// A call of an activity, without session, with the tag of its attribute. Several arguments are a tuple.
    #[track_caller]
    pub fn activity<A: Activity>(input: A::In) -> Self {
        let input = A::encode(&input).unwrap_or_else(|error| panic!("the input of `{}`: {error}", A::NAME));
        Asked::Activity { name: A::NAME.to_owned(), input, session: None, tag: A::TAG.map(str::to_owned) }
    }

    /// A call of an orchestration under an id that the runtime makes.
    #[track_caller]
    pub fn child<O: Orchestration>(input: O::In) -> Self {
        Asked::Child { name: O::NAME.to_owned(), id: None, input: encoded::<O>(&input) }
    }

    /// A call of an orchestration under an id of its caller's.
    #[track_caller]
    pub fn child_as<O: Orchestration>(id: impl Into<String>, input: O::In) -> Self {
        Asked::Child { name: O::NAME.to_owned(), id: Some(id.into()), input: encoded::<O>(&input) }
    }

    /// The start of an independent orchestration.
    #[track_caller]
    pub fn start<O: Orchestration>(id: impl Into<String>, input: O::In) -> Self {
        Asked::Start { name: O::NAME.to_owned(), id: id.into(), input: encoded::<O>(&input) }
    }

    /// A timer.
    #[track_caller]
    pub fn timer(after: impl Delay) -> Self {
        Asked::Timer { after: after.duration() }
    }

    /// A wait for an event.
    pub fn event<S: Signal>() -> Self {
        Asked::Event { name: S::NAME.to_owned() }
    }

    /// A wait for the next message of a queue.
    pub fn message<S: Signal>() -> Self {
        Asked::Message { queue: S::NAME.to_owned() }
    }
}

#[track_caller]
fn encoded<O: Orchestration>(input: &O::In) -> String {
    O::encode(input).unwrap_or_else(|error| panic!("the input of `{}` has no JSON form: {error}", O::NAME))
}

#[track_caller]
fn payload<S: Signal>(signal: &S) -> String {
    codec::to_json(signal).unwrap_or_else(|error| panic!("the payload of `{}` has no JSON form: {error}", S::NAME))
}
