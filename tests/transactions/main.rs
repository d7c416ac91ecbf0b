//! What a PostgreSQL store makes possible: starts and signals in users' transactions, and activities that write in one.
//!
//! In a binary of its own, because a runtime that discovers such activities starts on no other store.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod activities;
mod apart;
mod guests;
mod kill;
mod scene;

#[path = "../it/postgres/proxy.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which use all of it")]
mod proxy;
#[path = "../it/postgres/server.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which use all of it")]
mod server;
#[path = "../it/postgres/stage.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which use all of it")]
mod stage;
