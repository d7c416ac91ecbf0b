//! Adapters for programs that drive the engine step by step; nothing inside imports this.

pub(crate) mod history_manager;
pub(crate) mod idle_types;
pub(crate) mod replay_engine;
pub(crate) mod work_item_reader;

#[cfg(test)]
mod tests;
