//! `cancel`: an instance, with its children and activities.

use clap::Args;

use super::{Desk, Ended, instance};
use crate::store::Access;

/// Cancel an instance, its children and its activities
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The instance
    id: String,

    /// Why, for its history
    #[arg(long, default_value = "cancelled by an operator")]
    reason: String,
}

impl Cancel {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Change).await?;
        instance::reachable(&store.client, &self.id).await?;
        store.client.cancel_instance(&self.id, self.reason).await?;
        super::done(desk, &format!("asked {} to end; it fails with its next turn", self.id))
    }
}
