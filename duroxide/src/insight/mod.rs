//! What a store's facts mean: read by people, as sentences and as pictures. Plain functions of what they are given.

pub mod explain;
pub mod picture;
pub(crate) mod span;
#[cfg(test)]
mod testing;
pub mod timeline;

pub use explain::{ActivityState, Explanation, Facts, FailureKind, Holder, Orchestration, Reason, Standing};
