//! PostgreSQL: what is particular to this store.

mod chaos;
mod express;
mod proxy;
pub(crate) mod server;
