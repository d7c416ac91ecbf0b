//! The surface of the published crate, used as its programs use it: what compiles here and runs green need not change.

mod client;
mod context;
mod derives;
mod engine;
mod errors;
mod history;
mod logs;
mod management;
mod names;
mod observability;
mod providers;
mod registry;
mod root;
mod runtime;
mod validations;
mod wrappers;
