//! The stress tests of the published crate: many orchestrations at once on a store of somebody else.
//!
//! They measure, and say what failed; what is fast enough is for their caller to say.

pub mod core;
pub mod large_payload;
pub mod parallel_orchestrations;

#[cfg(test)]
mod tests;
