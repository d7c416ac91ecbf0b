//! This store among those of the database: a session that hears hints and proves that its store is alive.

use std::sync::Arc;

use super::hints::Hints;
use super::open::PostgresOpenError;
use super::writer::Db;
use crate::seams;

/// A place among the stores of one schema.
#[derive(Debug)]
pub(super) struct Node {
    owner: Arc<str>,
}

impl Node {
    pub(super) async fn start(_db: &Arc<Db>, _hints: &Arc<Hints>, _session: bool) -> Result<Self, PostgresOpenError> {
        Ok(Node { owner: seams::new_guid().into() })
    }

    /// What leases are signed with.
    pub(super) fn owner(&self) -> Arc<str> {
        Arc::clone(&self.owner)
    }
}
