//! PostgreSQL: what is particular to this store.

mod bounds;
mod chaos;
mod clocks;
mod contention;
mod express;
mod lost;
mod place;
mod proxy;
mod roles;
pub(crate) mod server;
mod settings;
mod spoilt;
mod stage;
mod standing;
mod visits;
