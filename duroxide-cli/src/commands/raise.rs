//! `raise`: an event for whoever waits for it.

use clap::Args;

use super::{Desk, Ended, instance, payload};
use crate::store::Access;

/// Raise an event in an instance that waits for it
///
/// An event that nobody waits for is recorded and never delivered; a message of a queue (`enqueue`) stays until it is
/// read.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// The instance
    id: String,

    /// The name of the event
    name: String,

    /// What comes with it, as JSON: itself, @FILE, or - for standard input
    #[arg(default_value = "null")]
    data: String,
}

impl Raise {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let data = payload::given(&self.data)?;
        let store = desk.open(Access::Change).await?;
        instance::reachable(&store.client, &self.id).await?;
        store.client.raise_event(&self.id, &self.name, data).await?;
        super::done(desk, &format!("raised `{}` in {}", self.name, self.id))
    }
}
