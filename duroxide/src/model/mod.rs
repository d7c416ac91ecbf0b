//! The words of the system: plain data, no behaviour, no IO.

pub(crate) mod action;
pub(crate) mod commit;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod ids;
pub(crate) mod info;
pub(crate) mod insight;
pub(crate) mod item;
pub(crate) mod limits;
pub(crate) mod measure;
pub(crate) mod problem;
pub(crate) mod prune;
pub(crate) mod retry;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod work_item;

#[cfg(test)]
mod tests;

/// The version of this crate, stamped on every event it writes.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
