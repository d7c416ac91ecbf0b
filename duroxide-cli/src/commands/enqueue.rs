//! `enqueue`: a message into a queue of an instance.

use clap::Args;

use super::{Desk, Ended, instance, payload};
use crate::store::Access;

/// Put a message into a queue of an instance, where it stays until it is read
#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    /// The instance
    id: String,

    /// The name of the queue
    queue: String,

    /// The message, as JSON: itself, @FILE, or - for standard input
    data: String,
}

impl Enqueue {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let data = payload::given(&self.data)?;
        let store = desk.open(Access::Change).await?;
        instance::reachable(&store.client, &self.id).await?;
        store.client.enqueue_event(&self.id, &self.queue, data).await?;
        super::done(desk, &format!("put a message into `{}` of {}", self.queue, self.id))
    }
}
