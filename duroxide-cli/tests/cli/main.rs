//! The real program, run on real stores.

mod changes;
mod codes;
#[cfg(feature = "dashboard")]
mod dashboard;
mod hostile;
mod large;
mod lists;
mod live;
#[cfg(feature = "mcp")]
mod mcp;
mod moves;
mod pages;
mod program;
mod shop;
mod sick;
#[cfg(unix)]
mod terminal;
mod typed;
