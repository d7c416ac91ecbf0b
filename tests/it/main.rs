//! Everything that is tested from outside the library, in one binary: it links once.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod adoption;
mod defects;
mod differential;
mod encoded;
mod flawed_insight;
mod flawed_store;
mod flawed_traces;
mod postgres;
mod providers;
mod scenarios;
mod stores;
mod transfer;
mod warm;
