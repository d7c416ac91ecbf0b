//! PostgreSQL: what is particular to this store.

mod express;
pub(crate) mod server;
