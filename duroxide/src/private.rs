//! What generated code names: not for users, and without promises.

pub use std::convert::Into;
pub use std::future::Future;
pub use std::marker::Send;
pub use std::option::Option;
pub use std::result::Result;
pub use std::string::String;
pub use std::time::Duration;
pub use std::vec::Vec;

pub use duroxide_macros::{join_impl, link_impl, select_impl};
pub use inventory;

pub use crate::activity::ActivityContext;
pub use crate::client::Client;
pub use crate::codec::CodecError;
pub use crate::context::combinators::{Either2, Join2, Select2};
pub use crate::context::durable::{Durable, DurableBlock};
pub use crate::context::orchestration::OrchestrationContext;
pub use crate::model::retry::{BackoffStrategy, RetryPolicy};
#[cfg(feature = "postgres")]
pub use crate::providers::postgres::PgTransaction;
pub use crate::typed::{
    Activity, Again, Argument, Ask, Call, Child, Detached, Entry, Expectation, Fields, Handle, Handler, Helper, Need,
    Object, Orchestration, Outcome, Renamed, RunActivity, RunOrchestration, Signal, Start, States,
};

use crate::typed::Payload;

/// What stands before every `.await` of an orchestration.
#[inline]
pub fn durable<F: Durable>(future: F) -> F {
    future
}

/// What stands around every `async` block of an orchestration, its awaits having been checked.
#[inline]
pub fn durable_block<F: Future>(block: F) -> DurableBlock<F> {
    DurableBlock::new(block)
}

/// Two arms of `select!`. The second is durable by what it is made of: the last arm, checked, or others.
pub fn race<A: Durable, B: Future>(first: A, second: B) -> Select2<A, B> {
    Select2::new(first, second)
}

/// Two futures of `join!`. The second is durable by what it is made of: the last one, checked, or others.
pub fn both<A: Durable, B: Future>(first: A, second: B) -> Join2<A, B> {
    Join2::new(first, second)
}

/// What history keeps of no argument.
pub fn nothing() -> String {
    "null".to_owned()
}

/// What an activity that writes in a transaction does where there is none.
///
/// # Panics
/// Always: a runtime lends it one, and refuses to start on a store without.
pub fn outside_of_a_transaction(activity: &str) -> ! {
    panic!("activity `{activity}` writes in a transaction of its store, and there is none here")
}

/// One argument on its way out.
///
/// # Errors
/// When the value has no JSON form.
pub fn encode<T: Payload>(input: &T) -> Result<String, CodecError> {
    crate::codec::to_json(input)
}

/// One argument on its way in.
///
/// # Errors
/// When the text does not fit the type.
pub fn decode<T: Payload>(text: &str) -> Result<T, CodecError> {
    crate::codec::from_json_or_text(text)
}
