//! Durable orchestrations that survive crashes.

mod clock;
mod codec;
mod context;
mod lease;
mod ledger;
mod model;
pub mod providers;
mod registry;
mod replay;
mod seams;
