//! Durable orchestrations that survive crashes.

mod clock;
mod codec;
mod context;
mod ledger;
mod lease;
mod model;
pub mod providers;
mod registry;
mod replay;
mod seams;
