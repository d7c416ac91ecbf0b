//! Durable orchestrations that survive crashes.

mod activity;
pub mod client;
mod clock;
mod codec;
mod context;
mod dispatch;
mod lease;
mod ledger;
mod model;
mod observe;
pub mod providers;
mod registry;
mod replay;
pub mod runtime;
mod seams;

pub use activity::ActivityContext;
pub use client::{Client, ClientError};
pub use runtime::{
    OrchestrationDescriptor, OrchestrationHandler, OrchestrationRegistry, OrchestrationRegistryBuilder,
    OrchestrationStatus, RuntimeOptions,
};
