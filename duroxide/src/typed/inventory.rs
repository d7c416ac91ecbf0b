//! Handlers that the macros collected at link time, and what is wrong with them.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use semver::Version;

use super::glue::{ActivityGlue, OrchestrationGlue};
use super::{Ask, Need, RunActivity, RunOrchestration, States};
use crate::activity::ActivityHandler;
use crate::context::handler::OrchestrationHandler;
use crate::model::problem::{HandlerKind, Problem};
use crate::providers::Provider;
use crate::registry::RegistryBuilder;

/// One handler, as a macro wrote it down.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What it is.
    pub kind: HandlerKind,
    /// The name under which it is registered.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Where in the program it is.
    pub module: &'static str,
    /// Where it is defined, as `file:line`.
    pub defined_at: &'static str,
    /// The Rust type that bears its name.
    itself: fn() -> &'static str,
    /// The Rust type of its input.
    pub input: fn() -> &'static str,
    arguments: fn() -> Vec<Argument>,
    results: [fn() -> &'static str; 2],
    needs: fn() -> Vec<Need>,
    is_transactional: bool,
    asks: &'static [Ask],
    add: fn(Handlers, &States) -> Handlers,
}

/// An argument of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name, which is its key in the input when there are several.
    pub name: &'static str,
    /// Its Rust type.
    pub type_name: &'static str,
}

impl Argument {
    #[doc(hidden)]
    pub fn of<T>(name: &'static str) -> Self {
        Argument { name, type_name: type_name::<T>() }
    }
}

/// One line: `activity charge 1.0.0 (order: shop::Order, cents: u64) -> Result<u64, shop::PayError>, src/lib.rs:12`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> =
            self.arguments().iter().map(|argument| format!("{}: {}", argument.name, argument.type_name)).collect();
        let Entry { kind, name, version, defined_at, .. } = self;
        let arguments = arguments.join(", ");
        write!(f, "{kind} {name} {version} ({arguments}) -> Result<{}, {}>, {defined_at}", self.ok(), self.err())
    }
}

/// Every handler that was linked into the program, sorted by kind, name and version: for tools that list them. Handlers
/// registered by strings are in the registries that they were put into.
///
/// ```
/// # use duroxide::activity;
/// #[activity]
/// async fn greet(name: String) -> Result<String, String> {
///     Ok(name)
/// }
///
/// let greet = duroxide::typed::handlers().into_iter().find(|handler| handler.name == "greet").unwrap();
/// assert_eq!(greet.arguments()[0].name, "name");
/// assert_eq!(greet.ok(), "alloc::string::String");
/// # assert!(greet.to_string().starts_with("activity greet 1.0.0 (name: alloc::string::String) -> Result<"));
/// ```
pub fn handlers() -> Vec<Entry> {
    collected()
}

/// Activities have one version.
const ACTIVITY_VERSION: &str = "1.0.0";

impl Entry {
    /// The entry of an activity.
    #[doc(hidden)]
    pub const fn activity<A: RunActivity>(module: &'static str) -> Self {
        Entry {
            kind: HandlerKind::Activity,
            name: A::NAME,
            version: ACTIVITY_VERSION,
            module,
            defined_at: A::DEFINED_AT,
            itself: type_name::<A>,
            input: type_name::<A::In>,
            arguments: A::arguments,
            results: [type_name::<A::Ok>, type_name::<A::Err>],
            needs: A::needs,
            is_transactional: A::TRANSACTIONAL,
            asks: &[],
            add: |handlers, states| Handlers {
                activities: handlers.activities.register_handler(
                    A::NAME,
                    parsed(ACTIVITY_VERSION),
                    Arc::new(ActivityGlue::<A>::new(states.clone())),
                ),
                orchestrations: handlers.orchestrations,
            },
        }
    }

    /// The entry of an orchestration.
    #[doc(hidden)]
    pub const fn orchestration<O: RunOrchestration>(module: &'static str) -> Self {
        Entry {
            kind: HandlerKind::Orchestration,
            name: O::NAME,
            version: O::VERSION,
            module,
            defined_at: O::DEFINED_AT,
            itself: type_name::<O>,
            input: type_name::<O::In>,
            arguments: O::arguments,
            results: [type_name::<O::Ok>, type_name::<O::Err>],
            needs: Vec::new,
            is_transactional: false,
            asks: O::ASKS,
            add: |handlers, _| Handlers {
                activities: handlers.activities,
                orchestrations: handlers.orchestrations.register_handler(
                    O::NAME,
                    parsed(O::VERSION),
                    Arc::new(OrchestrationGlue::<O>::new()),
                ),
            },
        }
    }

    pub(crate) fn add_to(&self, handlers: Handlers, states: &States) -> Handlers {
        (self.add)(handlers, states)
    }

    /// The file it is defined in, as the compiler was given it.
    pub fn file(&self) -> &'static str {
        self.defined_at.rsplit_once(':').map_or(self.defined_at, |(file, _)| file)
    }

    /// The line of its attribute, from 1.
    pub fn line(&self) -> u32 {
        self.defined_at.rsplit_once(':').and_then(|(_, line)| line.parse().ok()).unwrap_or_default()
    }

    /// Its arguments in order, without context and states.
    pub fn arguments(&self) -> Vec<Argument> {
        (self.arguments)()
    }

    /// The Rust type that it returns when all is well.
    pub fn ok(&self) -> &'static str {
        (self.results[0])()
    }

    /// The Rust type that it returns otherwise.
    pub fn err(&self) -> &'static str {
        (self.results[1])()
    }

    /// The Rust types of the states that it must be given.
    pub fn states(&self) -> Vec<&'static str> {
        (self.needs)().iter().map(|need| need.name).collect()
    }

    /// Whether it writes in a transaction of its store, which is committed together with its result.
    pub fn is_transactional(&self) -> bool {
        self.is_transactional
    }

    /// What its body asks for; nothing, when it is an activity.
    pub(super) fn asks(&self) -> &'static [Ask] {
        self.asks
    }

    /// The name of its function.
    pub(super) fn ident(&self) -> &'static str {
        let path = (self.itself)();
        path.rsplit("::").next().unwrap_or(path)
    }

    /// The crate it was written in.
    pub fn package(&self) -> &'static str {
        self.module.split("::").next().unwrap_or(self.module)
    }

    /// Registered by hand and found by `discover` is the same thing twice, not two things. Two that one call of a
    /// macro wrote stand in one line, and are two.
    fn is_same_as(&self, other: &Entry) -> bool {
        self.defined_at == other.defined_at && self.module == other.module && (self.itself)() == (other.itself)()
    }
}

pub(crate) fn parsed(version: &str) -> Version {
    Version::parse(version).expect("the macro checks the version")
}

/// What `duroxide::link!` wrote down: this crate should have registered something.
#[derive(Debug, Clone, Copy)]
pub struct Expectation {
    /// The crate.
    pub package: &'static str,
    /// Where it was said, as `file:line`.
    pub linked_at: &'static str,
}

inventory::collect!(Entry);
inventory::collect!(Expectation);

/// Registries under construction.
pub(crate) struct Handlers {
    pub activities: RegistryBuilder<dyn ActivityHandler>,
    pub orchestrations: RegistryBuilder<dyn OrchestrationHandler>,
}

/// All handlers of the program, in an order that does not depend on the linker.
pub(crate) fn collected() -> Vec<Entry> {
    sorted(inventory::iter::<Entry>.into_iter().copied().collect())
}

/// All crates that should have registered something.
pub(crate) fn expected() -> Vec<Expectation> {
    let mut all: Vec<Expectation> = inventory::iter::<Expectation>.into_iter().copied().collect();
    all.sort_by_key(|expectation| (expectation.package, expectation.linked_at));
    all
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| (entry.kind, entry.name, entry.version, entry.defined_at));
    entries
}

/// Activities that write in transactions of their store, if that has none.
pub(crate) fn homeless<'a>(entries: &'a [Entry], store: &'a dyn Provider) -> impl Iterator<Item = Problem> + 'a {
    let has_none = store.as_transaction_capability().is_none();
    entries.iter().filter(move |entry| has_none && entry.is_transactional).map(|entry| Problem::NoTransactions {
        store: store.name().to_owned(),
        activity: entry.name,
        defined_at: entry.defined_at,
    })
}

/// Puts registrations into order and finds what is wrong with them. Registered twice, the same handler counts once.
pub(crate) fn check(entries: Vec<Entry>, expected: &[Expectation], states: &States) -> (Vec<Entry>, Vec<Problem>) {
    let mut problems = Vec::new();
    // Before twins are dropped: a crate all of whose handlers are twins did register something.
    let packages: BTreeSet<&str> = entries.iter().map(Entry::package).collect();
    let mut kept: BTreeMap<(HandlerKind, &str, &str), Entry> = BTreeMap::new();
    for entry in sorted(entries) {
        match kept.get(&(entry.kind, entry.name, entry.version)) {
            None => {
                kept.insert((entry.kind, entry.name, entry.version), entry);
            }
            Some(first) if first.is_same_as(&entry) => {}
            Some(first) => problems.push(Problem::Duplicate {
                kind: entry.kind,
                name: entry.name,
                version: entry.version,
                defined_at: [first.defined_at, entry.defined_at],
            }),
        }
    }
    let entries: Vec<Entry> = kept.into_values().collect();
    for &Expectation { package, linked_at } in expected {
        if !packages.contains(package) {
            problems.push(Problem::NothingRegistered { package, linked_at });
        }
    }
    for entry in &entries {
        for need in (entry.needs)().iter().filter(|need| !states.has(need)) {
            problems.push(Problem::StateMissing {
                state: need.name,
                activity: entry.name,
                defined_at: entry.defined_at,
            });
        }
    }
    (entries, problems)
}
