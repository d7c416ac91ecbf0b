//! What a running activity asks of its lease, and says of its progress.

use super::tables::{Progress, Tables};
use super::worker::refused;
use crate::codec;
use crate::lease::Lease;
use crate::model::info::ActivityProgress;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;

impl Tables {
    /// `activity_fence`.
    pub(super) fn activity_fence(&self, token: &str, now_ms: u64) -> Result<u64, ProviderError> {
        let (_, lease) = self.live("activity_fence", token, now_ms)?;
        Ok(lease.fence)
    }

    /// `heartbeat_work_item`.
    pub(super) fn heartbeat(&mut self, token: &str, progress: &str, now_ms: u64) -> Result<(), ProviderError> {
        let (number, _) = self.live("heartbeat_work_item", token, now_ms)?;
        let row = self.activities.get_mut(&number).expect("found just now");
        row.progress = Some(Progress { text: progress.to_owned(), attempt: row.attempts, at_ms: now_ms });
        Ok(())
    }

    /// `read_progress`.
    pub(super) fn progress(&self, instance: &str) -> Vec<ActivityProgress> {
        let rows =
            self.activities.values().filter(|row| row.identity.as_ref().is_some_and(|id| id.instance == instance));
        let mut said: Vec<_> = rows
            .filter_map(|row| {
                let Progress { text, attempt, at_ms } = row.progress.as_ref()?;
                let Ok(WorkItem::ActivityExecute { execution_id, id, name, .. }) = codec::from_json(&row.text) else {
                    return None;
                };
                Some(ActivityProgress {
                    execution_id,
                    activity_id: id,
                    activity_name: name,
                    attempt: *attempt,
                    progress: text.clone(),
                    at_ms: *at_ms,
                })
            })
            .collect();
        said.sort_by_key(|said| (said.execution_id, said.activity_id));
        said
    }

    /// The row that a token leases, and the lease.
    fn live(&self, operation: &str, token: &str, now_ms: u64) -> Result<(u64, &Lease), ProviderError> {
        let number = self.held_by(operation, token)?;
        let lease = self.activities[&number].lease.as_ref().expect("it has a token");
        lease.check(token, now_ms).map_err(|refusal| refused(operation, refusal))?;
        Ok((number, lease))
    }
}
