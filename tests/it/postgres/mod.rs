//! PostgreSQL: what is particular to this store.

pub(crate) mod server;
