//! Batches, known histories, and completions with their turns: the quick half, as the contract's half would do it.

use async_trait::async_trait;

use super::MemoryProvider;
use super::tables::Tables;
use crate::model::commit::Commit;
use crate::model::ids::INITIAL_EXECUTION_ID;
use crate::model::work_item::WorkItem;
use crate::mutants::{Bug, is_planted};
use crate::providers::error::ProviderError;
use crate::providers::express::{
    ActivityRequest, Committed, ExpressProvider, FetchedActivity, FetchedTurn, Handover, Head, Leased, TurnRequest,
};

const COMPLETE: &str = "complete_with_turn";

#[async_trait]
impl ExpressProvider for MemoryProvider {
    async fn fetch_turns(&self, request: TurnRequest) -> Result<Vec<FetchedTurn>, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.fetch_turns(&request, now_ms)))
    }

    async fn fetch_activities(&self, request: ActivityRequest) -> Result<Vec<FetchedActivity>, ProviderError> {
        Ok(self.with(|tables, now_ms| tables.fetch_activities(&request, now_ms)))
    }

    async fn commit_turn(
        &self,
        lock_token: &str,
        _base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Committed, ProviderError> {
        self.with(|tables, now_ms| tables.commit_turn(lock_token, commit, &handover, now_ms))
    }

    async fn complete_with_turn(
        &self,
        activity_tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: Handover,
    ) -> Result<Option<Committed>, ProviderError> {
        self.with(|tables, now_ms| tables.complete(activity_tokens, instance, base, commit, &handover, now_ms))
    }
}

impl Tables {
    fn fetch_turns(&mut self, request: &TurnRequest, now_ms: u64) -> Vec<FetchedTurn> {
        let mut turns = Vec::new();
        while turns.len() < request.max
            && let Some((mut item, token, attempt)) = self.fetch(request.lock_timeout, request.filter.as_ref(), now_ms)
        {
            let head = self.head(&item.instance, item.execution_id);
            let is_whole = item.history_error.is_none() && head.last_event_id > 0;
            let known = is_whole && request.known.head_of(&item.instance) == Some(head);
            if known {
                item.history.clear();
                item.kv_snapshot.clear();
            }
            turns.push(FetchedTurn { item, token, attempt, known, head });
        }
        turns
    }

    fn fetch_activities(&mut self, request: &ActivityRequest, now_ms: u64) -> Vec<FetchedActivity> {
        let mut activities = Vec::new();
        let mut session = request.session.as_ref();
        while activities.len() < request.max
            && let Some((item, token, attempt)) =
                self.fetch_activity(request.lock_timeout, session, &request.tags, now_ms)
        {
            if matches!(item, WorkItem::ActivityExecute { session_id: Some(_), .. }) {
                session = None;
            }
            activities.push(FetchedActivity { item, token, attempt });
        }
        activities
    }

    fn commit_turn(
        &mut self,
        token: &str,
        commit: Commit,
        handover: &Handover,
        now_ms: u64,
    ) -> Result<Committed, ProviderError> {
        let instance = self.check_lock("commit_turn", token, now_ms)?;
        let (execution_id, offered) = (commit.execution_id, commit.worker_items.clone());
        let may_lease = !self.has_waiting_activity(now_ms);
        self.ack(token, commit, now_ms)?;
        let leased = if may_lease { self.lease(&offered, handover, now_ms) } else { Vec::new() };
        Ok(Committed { head: self.head(&instance, execution_id), leased })
    }

    fn complete(
        &mut self,
        tokens: &[String],
        instance: &str,
        base: Head,
        commit: Commit,
        handover: &Handover,
        now_ms: u64,
    ) -> Result<Option<Committed>, ProviderError> {
        let is_leased = |token: &String| self.holds_activity(token, now_ms);
        let is_current = self.head(instance, self.current_execution_id(instance)) == base;
        let is_free = !self.is_taken_or_waited_for(instance, now_ms) || is_planted(Bug::GoesBeforeOthers);
        if !tokens.iter().all(is_leased) || !is_free || !is_current {
            return Ok(None);
        }
        let rows = self.check_append(COMPLETE, instance, commit.execution_id, &commit.delta)?;
        tokens.iter().for_each(|token| self.drop_activity(token, now_ms));
        let (execution_id, offered) = (commit.execution_id, commit.worker_items.clone());
        let may_lease = !self.has_waiting_activity(now_ms);
        self.apply(instance, commit, rows, now_ms);
        let leased = if may_lease { self.lease(&offered, handover, now_ms) } else { Vec::new() };
        Ok(Some(Committed { head: self.head(instance, execution_id), leased }))
    }

    /// Leases the first of the activities that were just put in.
    fn lease(&mut self, offered: &[WorkItem], handover: &Handover, now_ms: u64) -> Vec<Leased> {
        let mut leased = Vec::new();
        for (index, item) in offered.iter().enumerate().take(handover.max) {
            let is_meant = matches!(item, WorkItem::ActivityExecute { session_id: None, tag, .. }
                if handover.tags.matches(tag.as_deref()));
            // One that its own turn cancelled is gone.
            let Some(number) = self.newest_activity(item).filter(|_| is_meant) else { break };
            let (token, _) = self.take_activity(number, handover.lock_timeout, None, now_ms);
            leased.push(Leased { index, token });
        }
        leased
    }

    fn current_execution_id(&self, instance: &str) -> u64 {
        self.instances.get(instance).map_or(INITIAL_EXECUTION_ID, |row| row.current_execution_id)
    }

    /// Where an execution ends: its last event, and a digest of all.
    fn head(&self, instance: &str, execution_id: u64) -> Head {
        let events = self.history.get(instance).and_then(|executions| executions.get(&execution_id));
        let start = Head::of_new(execution_id, 0);
        events.into_iter().flatten().fold(start, |head, (id, text)| {
            let mix = |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            Head { last_event_id: *id, digest: text.bytes().fold(head.digest.rotate_left(1) ^ id, mix), ..head }
        })
    }

    /// Whether somebody works on the instance, or would at once.
    fn is_taken_or_waited_for(&self, instance: &str, now_ms: u64) -> bool {
        let is_held = self.locks.get(instance).is_some_and(|lock| lock.is_live(now_ms));
        let mut messages = self.inboxes.get(instance).into_iter().flatten();
        is_held || messages.any(|(_, row)| row.visible_at_ms <= now_ms)
    }
}
