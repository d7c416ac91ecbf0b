//! What user code holds.

pub(crate) mod combinators;
pub(crate) mod delay;
pub(crate) mod durable;
pub(crate) mod future;
pub(crate) mod handler;
pub(crate) mod kv;
pub(crate) mod measure;
pub(crate) mod orchestration;
pub(crate) mod retry;
pub(crate) mod schedule;
pub(crate) mod typed;

#[cfg(test)]
mod tests;
