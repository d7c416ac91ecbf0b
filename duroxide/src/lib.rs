//! Durable orchestrations that survive crashes.

#[doc(hidden)]
#[cfg(feature = "macros")]
#[path = "private.rs"]
pub mod __private;
mod activity;
pub mod client;
mod clock;
mod codec;
mod context;
mod lease;
mod ledger;
#[cfg(feature = "macros")]
mod macros;
mod model;
mod observe;
pub mod providers;
mod registry;
mod replay;
mod seams;
#[cfg(feature = "macros")]
pub mod typed;

pub use activity::ActivityContext;
pub use client::{Client, ClientError};
pub use context::durable::{BoxDurable, Durable, assume_durable};
pub use context::orchestration::OrchestrationContext;
#[cfg(feature = "macros")]
pub use duroxide_macros::{activity, durable, event, orchestration};
#[cfg(feature = "macros")]
pub use typed::{CallError, Signal};
