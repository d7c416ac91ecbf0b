//! Everything that is tested from outside the library, in one binary: it links once.

mod flawed_store;
mod providers;
mod scenarios;
mod stores;
