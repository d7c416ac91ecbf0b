//! The half of `Runtime::builder` that is for handlers that macros wrote: found at link time or named by hand.

use super::builder::RuntimeBuilder;
use super::presence;
use crate::activity::ActivityRegistry;
use crate::model::problem::{Problem, Problems};
use crate::registry::OrchestrationRegistry;
use crate::typed::{self, Entry, Expectation, Handler, Handlers, States};

/// What is known of such handlers so far.
#[derive(Default)]
pub(super) struct Written {
    entries: Vec<Entry>,
    /// The crates that should have some.
    expected: Vec<Expectation>,
    states: States,
}

/// Handlers that macros wrote: with the feature `macros`.
impl RuntimeBuilder {
    /// Gives activities the value for their `#[state]` parameters of this type. Each call gets a clone; a second
    /// value of the same type takes the place of the first.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.written.states.insert(value);
        self
    }

    /// Registers one handler by hand: `.register::<charge>()`.
    pub fn register<H: Handler>(mut self) -> Self {
        self.written.entries.push(H::ENTRY);
        self
    }

    /// The handlers named so far, by [`register`](Self::register) or [`discover`](Self::discover): what will run, but for
    /// those registered by strings.
    pub fn handlers(&self) -> &[Entry] {
        &self.written.entries
    }

    /// Registers every handler of the program. Crates that are linked only for their handlers must be named in
    /// [`link!`](crate::link).
    ///
    /// # Errors
    /// All that would keep the runtime from starting. A state may still be given afterwards, if that is all that is
    /// missing: it is looked for again at the start.
    pub fn discover(mut self) -> Result<Self, Problems> {
        let Written { entries, expected, states } = &mut self.written;
        entries.extend(typed::collected());
        *expected = typed::expected();
        let (checked, problems) = typed::check(std::mem::take(entries), expected, states);
        let only_states = problems.iter().all(|problem| matches!(problem, Problem::StateMissing { .. }));
        if !only_states {
            return Err(Problems(problems));
        }
        *entries = checked;
        Ok(self)
    }

    /// Checks them, and adds them to those that were registered by strings.
    pub(super) fn with_written(mut self) -> Self {
        let Written { entries, expected, states } = std::mem::take(&mut self.written);
        let (entries, mut problems) = typed::check(entries, &expected, &states);
        problems.extend(typed::homeless(&entries, &*self.store));
        // What is wrong with registries comes last: it names no line.
        problems.append(&mut self.problems);
        self.extras.sources = presence::sources_of(&entries);
        let handlers = Handlers {
            activities: ActivityRegistry::builder_from(&self.activities),
            orchestrations: OrchestrationRegistry::builder_from(&self.orchestrations),
        };
        let handlers = entries.iter().fold(handlers, |handlers, entry| entry.add_to(handlers, &states));
        match handlers.activities.build_result() {
            Ok(activities) => self.activities = activities,
            Err(mistake) => problems.push(Problem::Registry(mistake)),
        }
        match handlers.orchestrations.build_result() {
            Ok(orchestrations) => self.orchestrations = orchestrations,
            Err(mistake) => problems.push(Problem::Registry(mistake)),
        }
        self.problems = problems;
        self
    }
}
