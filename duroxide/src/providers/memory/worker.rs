//! Take, ack, abandon and renew an activity.

use std::time::Duration;

use super::queue::text_of;
use super::tables::{ActivityRow, Tables};
use crate::lease::{self, Refusal};
use crate::model::filter::{SessionFetchConfig, TagFilter};
use crate::model::insight::Queue;
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::signal::WorkQueue;
use crate::providers::unreadable::{self, LEFT_TO_OTHERS, Reading};

impl Tables {
    /// Adds an activity at the end of the queue.
    pub(super) fn push_activity(&mut self, item: &WorkItem, now_ms: u64) {
        let mut row = ActivityRow {
            text: text_of(item),
            identity: None,
            session_id: None,
            tag: None,
            visible_at_ms: now_ms,
            lease: None,
            attempts: 0,
            progress: None,
        };
        if let WorkItem::ActivityExecute { instance, execution_id, id, session_id, tag, .. } = item {
            row.identity = Some(ScheduledActivityIdentifier {
                instance: instance.clone(),
                execution_id: *execution_id,
                activity_id: *id,
            });
            row.session_id.clone_from(session_id);
            row.tag.clone_from(tag);
        }
        let number = self.next_row();
        self.activities.insert(number, row);
        self.rings.visible_at(WorkQueue::Worker, now_ms);
    }

    /// The earliest activity that the caller may take.
    pub(super) fn fetch_activity(
        &mut self,
        lock_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tags: &TagFilter,
        now_ms: u64,
    ) -> Option<(WorkItem, String, u32)> {
        loop {
            let mut rows = self.activities.iter();
            let (number, row) = rows.find(|(_, row)| {
                row.visible_at_ms <= now_ms
                    && row.lease.as_ref().is_none_or(|lease| !lease.is_live(now_ms))
                    && tags.matches(row.tag.as_deref())
                    && self.may_take_session(row.session_id.as_deref(), session, now_ms)
            })?;
            let number = *number;
            match unreadable::read(&row.text) {
                Reading::Item(item) => {
                    let (token, attempts) = self.take_activity(number, lock_timeout, session, now_ms);
                    return Some((item, token, attempts));
                }
                Reading::LaterKind(kind) => self.leave_to_others(number, &kind, now_ms),
                Reading::Unreadable(reason) => self.set_aside(number, &reason, now_ms),
            }
        }
    }

    /// A later version may know it.
    fn leave_to_others(&mut self, number: u64, kind: &str, now_ms: u64) {
        tracing::warn!(
            row = number,
            kind,
            "an activity of a kind that this version does not know waits for a later one"
        );
        let row = self.activities.get_mut(&number).expect("found just now");
        row.visible_at_ms = lease::until(now_ms, LEFT_TO_OTHERS);
        self.rings.visible_at(WorkQueue::Worker, row.visible_at_ms);
    }

    /// Out of everybody's way; its orchestration is told, which would wait for ever.
    fn set_aside(&mut self, number: u64, reason: &str, now_ms: u64) {
        let row = self.remove_activity(number).expect("found just now");
        let instance = row.identity.as_ref().map(|of| of.instance.clone());
        let kept = self.set_row_aside(Queue::Worker, instance, row.text, reason.to_owned(), now_ms);
        if let Some(of) = row.identity {
            let kept = format!("entry {kept} of the quarantine");
            self.push_message(&unreadable::failure(&of, reason, &kept), now_ms, now_ms);
        }
    }

    pub(super) fn take_activity(
        &mut self,
        number: u64,
        timeout: Duration,
        session: Option<&SessionFetchConfig>,
        now_ms: u64,
    ) -> (String, u32) {
        let mut row = self.remove_activity(number).expect("found just now");
        let lease = self.claim(row.lease.as_ref(), now_ms, timeout).expect("only rows that nobody holds are chosen");
        let token = lease.token.clone();
        row.attempts = row.attempts.saturating_add(1);
        row.lease = Some(lease);
        if let (Some(id), Some(config)) = (&row.session_id, session) {
            self.claim_session(id, config, now_ms);
        }
        let attempts = row.attempts;
        self.activity_tokens.insert(token.clone(), number);
        self.activities.insert(number, row);
        (token, attempts)
    }

    /// `ack_work_item`.
    pub(super) fn ack_activity(
        &mut self,
        token: &str,
        completion: Option<&WorkItem>,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "ack_work_item";
        if let Some(item) = completion
            && !matches!(item, WorkItem::ActivityCompleted { .. } | WorkItem::ActivityFailed { .. })
        {
            return Err(ProviderError::permanent(
                OPERATION,
                "only ActivityCompleted and ActivityFailed complete an activity",
            ));
        }
        let number = self.held_by(OPERATION, token)?;
        let lease = self.activities[&number].lease.as_ref().expect("it has a token");
        let checked = lease.check(token, now_ms);
        checked.map_err(|refusal| refused(OPERATION, refusal))?;

        let row = self.remove_activity(number).expect("found just now");
        self.touch_session(row.session_id.as_deref(), now_ms);
        if let Some(item) = completion {
            self.push_message(item, now_ms, now_ms);
        }
        Ok(())
    }

    /// `renew_work_item_lock`.
    pub(super) fn renew_activity(
        &mut self,
        token: &str,
        extend_for: Duration,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        const OPERATION: &str = "renew_work_item_lock";
        let number = self.held_by(OPERATION, token)?;
        let row = self.activities.get_mut(&number).expect("found just now");
        let lease = row.lease.as_mut().expect("it has a token");
        lease.renew(token, now_ms, extend_for).map_err(|refusal| refused(OPERATION, refusal))?;
        let session_id = row.session_id.clone();
        self.touch_session(session_id.as_deref(), now_ms);
        Ok(())
    }

    /// `abandon_work_item`. An expired lease that nobody took over may still be given back.
    pub(super) fn abandon_activity(
        &mut self,
        token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
        now_ms: u64,
    ) -> Result<(), ProviderError> {
        let number = self.held_by("abandon_work_item", token)?;
        let mut row = self.remove_activity(number).expect("found just now");
        row.lease = None;
        row.visible_at_ms = lease::until(now_ms, delay.unwrap_or_default());
        if ignore_attempt {
            row.attempts = lease::attempts_given_back(row.attempts);
        }
        self.rings.visible_at(WorkQueue::Worker, row.visible_at_ms);
        self.activities.insert(number, row);
        Ok(())
    }

    /// Whether this token may still write.
    pub(super) fn holds_activity(&self, token: &str, now_ms: u64) -> bool {
        let row = self.activity_tokens.get(token).and_then(|number| self.activities.get(number));
        row.and_then(|row| row.lease.as_ref()).is_some_and(|lease| lease.check(token, now_ms).is_ok())
    }

    /// Takes out an activity whose completion goes into history at once.
    pub(super) fn drop_activity(&mut self, token: &str, now_ms: u64) {
        let number = self.activity_tokens.get(token).copied();
        if let Some(row) = number.and_then(|number| self.remove_activity(number)) {
            self.touch_session(row.session_id.as_deref(), now_ms);
        }
    }

    /// Whether an activity could be taken by somebody.
    pub(super) fn has_waiting_activity(&self, now_ms: u64) -> bool {
        self.activities
            .values()
            .any(|row| row.visible_at_ms <= now_ms && row.lease.as_ref().is_none_or(|lease| !lease.is_live(now_ms)))
    }

    /// The row of an activity, by what it is for.
    pub(super) fn newest_activity(&self, item: &WorkItem) -> Option<u64> {
        let WorkItem::ActivityExecute { instance, execution_id, id, .. } = item else { return None };
        let is_it = |identity: &ScheduledActivityIdentifier| {
            (&identity.instance, identity.execution_id, identity.activity_id) == (instance, *execution_id, *id)
        };
        let mut rows = self.activities.iter().rev();
        rows.find(|(_, row)| row.identity.as_ref().is_some_and(is_it)).map(|(number, _)| *number)
    }

    /// The row whose newest lease has this token, live or expired.
    pub(super) fn held_by(&self, operation: &str, token: &str) -> Result<u64, ProviderError> {
        let number = self.activity_tokens.get(token).copied();
        number.ok_or_else(|| refused(operation, Refusal::Unknown))
    }

    /// Removes rows; returns how many.
    pub(super) fn remove_activities(&mut self, which: impl Fn(&ActivityRow) -> bool) -> usize {
        let rows = self.activities.iter().filter(|(_, row)| which(row));
        let numbers: Vec<u64> = rows.map(|(number, _)| *number).collect();
        for number in &numbers {
            self.remove_activity(*number);
        }
        numbers.len()
    }

    /// Takes a row out, its token with it.
    fn remove_activity(&mut self, number: u64) -> Option<ActivityRow> {
        let row = self.activities.remove(&number)?;
        if let Some(lease) = &row.lease {
            self.activity_tokens.remove(&lease.token);
        }
        Some(row)
    }
}

pub(super) fn refused(operation: &str, refusal: Refusal) -> ProviderError {
    let message = match refusal {
        Refusal::Unknown => "Invalid lock token or already acked",
        Refusal::Expired => "Work item lock expired",
    };
    ProviderError::permanent(operation, message)
}
