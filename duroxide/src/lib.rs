//! Durable orchestrations that survive crashes.

mod clock;
mod codec;
#[cfg(feature = "provider-test")]
pub mod conformance;
mod lease;
mod model;
pub mod providers;
mod seams;
