//! The typed layer: a handler is its input, its output and its name.

mod asks;
mod call;
mod error;
pub(crate) mod glue;
mod handle;
mod inventory;
mod key;
mod saga;
mod signal;
mod states;
#[cfg(test)]
mod tests;
mod wire;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::ActivityContext;
use crate::context::orchestration::OrchestrationContext;
use crate::model::retry::RetryPolicy;

pub use crate::codec::CodecError;
pub use crate::context::delay::Delay;
pub use crate::model::problem::{HandlerKind, Problem, Problems};
#[doc(hidden)]
pub use asks::{Ask, Helper, Renamed};
pub use call::{Again, Call, Child, Detached};
pub use error::CallError;
pub use handle::{Handle, HandleError, Start, StartError};
pub use inventory::{Argument, Entry, Expectation, handlers};
pub use key::Key;
pub use saga::{Finish, Saga, SagaError, Step, UndoFailure};
pub use signal::Signal;
pub use states::{Need, States};

pub(crate) use asks::Names;
pub(crate) use inventory::{Handlers, check, collected, expected, homeless, parsed};
#[doc(hidden)]
pub use wire::{Fields, Object};

/// A value that history can keep: it is written as JSON, and read back from it by a later process.
///
/// Nothing implements it by hand: whatever serde can write and read, and can be sent to another thread, does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in history",
    label = "neither written as JSON nor read back, as it is",
    note = "derive both: `#[derive(serde::Serialize, serde::Deserialize)]`",
    note = "it must own what it holds, and be `Send`: another thread of another process may read it back"
)]
pub trait Payload: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}

/// An activity as its callers see it; `#[activity]` implements it for the type that bears the function's name.
pub trait Activity: Sized + 'static {
    /// The name under which history records it.
    const NAME: &'static str;
    /// The tag of the workers that run it, unless a call sets another.
    const TAG: Option<&'static str> = None;
    /// The session that it runs in, unless a call sets another.
    const SESSION: Option<&'static str> = None;
    /// How often it is tried and how long an attempt may take, unless a call says otherwise.
    const POLICY: Option<RetryPolicy> = None;
    /// `()` without arguments, the argument if there is one, a tuple of several.
    type In: Send + 'static;
    /// The arguments as a tuple, whatever their number.
    #[doc(hidden)]
    type Args;
    /// What it returns when all is well.
    type Ok: Payload;
    /// What it returns otherwise.
    type Err: Payload;
    /// The input as history keeps it: `null`, the value, or an object keyed by parameter name.
    #[doc(hidden)]
    fn encode(input: &Self::In) -> Result<String, CodecError>;
    #[doc(hidden)]
    fn decode(text: &str) -> Result<Self::In, CodecError>;
    /// Names and types of the arguments, in order.
    #[doc(hidden)]
    fn arguments() -> Vec<Argument>;
    /// The input as a tuple, whatever the number of arguments.
    #[doc(hidden)]
    fn spread(input: Self::In) -> Self::Args;
}

/// An activity that this binary can run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an activity that this binary can run",
    note = "an activity declared without a body is run by another binary"
)]
pub trait RunActivity: Activity {
    /// `file:line`.
    const DEFINED_AT: &'static str;
    /// Whether it writes in a transaction of the store, which is committed together with its result.
    const TRANSACTIONAL: bool = false;
    /// The states that must be given to the runtime.
    #[doc(hidden)]
    fn needs() -> Vec<Need> {
        Vec::new()
    }
    /// Calls the function.
    #[doc(hidden)]
    fn run(
        ctx: ActivityContext,
        states: &States,
        input: Self::In,
    ) -> impl Future<Output = Result<Self::Ok, Self::Err>> + Send;
    /// Calls the function in a transaction, if it is [transactional](Self::TRANSACTIONAL).
    #[cfg(feature = "postgres")]
    #[doc(hidden)]
    fn run_within(
        ctx: ActivityContext,
        _tx: &mut sqlx::PgTransaction<'_>,
        states: &States,
        input: Self::In,
    ) -> impl Future<Output = Result<Self::Ok, Self::Err>> + Send {
        Self::run(ctx, states, input)
    }
}

/// An orchestration as its callers see it; `#[orchestration]` implements it for the type that bears the function's
/// name.
pub trait Orchestration: Sized + 'static {
    /// The name under which it is registered.
    const NAME: &'static str;
    /// Its version; what is started or called through this type runs in it, unless another is asked for.
    const VERSION: &'static str;
    /// `()` without arguments, the argument if there is one, a tuple of several.
    type In: Send + 'static;
    /// The arguments as a tuple, whatever their number.
    #[doc(hidden)]
    type Args;
    /// What it returns when all is well.
    type Ok: Payload;
    /// What it returns otherwise.
    type Err: Payload;
    /// The input as history keeps it: `null`, the value, or an object keyed by parameter name.
    #[doc(hidden)]
    fn encode(input: &Self::In) -> Result<String, CodecError>;
    #[doc(hidden)]
    fn decode(text: &str) -> Result<Self::In, CodecError>;
    /// Names and types of the arguments, in order.
    #[doc(hidden)]
    fn arguments() -> Vec<Argument>;
    /// The input as a tuple, whatever the number of arguments.
    #[doc(hidden)]
    fn spread(input: Self::In) -> Self::Args;
}

/// An orchestration that this binary can run.
pub trait RunOrchestration: Orchestration {
    /// `file:line`.
    const DEFINED_AT: &'static str;
    /// What its body asks for, and in which lines.
    #[doc(hidden)]
    const ASKS: &'static [Ask] = &[];
    /// Calls the function.
    #[doc(hidden)]
    fn run(ctx: OrchestrationContext, input: Self::In) -> impl Future<Output = Result<Self::Ok, Self::Err>> + Send;
}

/// What `Runtime::builder(..).register::<charge>()` takes: an activity or an orchestration with a body.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "`#[activity]` and `#[orchestration]` make one of a function that has a body"
)]
pub trait Handler: 'static {
    /// How it is registered.
    #[doc(hidden)]
    const ENTRY: Entry;
}

/// Takes `Ok` and `Err` out of a return type, by whatever alias it is written.
#[diagnostic::on_unimplemented(
    message = "DX1006: a handler returns a `Result`, not `{Self}`",
    label = "not a `Result`",
    note = "write `Result<{Self}, String>`, or an error type of your own"
)]
pub trait Outcome {
    /// The value.
    type Ok;
    /// The error.
    type Err;
    /// The `Result` itself.
    #[doc(hidden)]
    type Whole;
}

impl<T, E> Outcome for Result<T, E> {
    type Ok = T;
    type Err = E;
    type Whole = Self;
}
