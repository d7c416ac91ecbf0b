//! Durable orchestrations that survive crashes.

mod clock;
mod codec;
mod lease;
mod model;
pub mod providers;
mod seams;
