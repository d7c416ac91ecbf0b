//! What waits in the queues, and what was set aside because it could not be read.

use super::tables::{ActivityRow, MessageRow, Tables};
use crate::model::insight::{MAX_PAGE, QuarantinedRow, Queue, QueueFigures, QueueOverview, QueueRow, RowState, page};
use crate::model::work_item::WorkItem;
use crate::providers::error::ProviderError;
use crate::providers::insight::glance::Glance;
use crate::providers::unreadable::{self, Reading};

impl Tables {
    pub(super) fn overview(&self, now_ms: u64) -> QueueOverview {
        QueueOverview {
            orchestrator: figures(self.queue_rows(Queue::Orchestrator, now_ms)),
            worker: figures(self.queue_rows(Queue::Worker, now_ms)),
            quarantined: u64::try_from(self.quarantine.len()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn queue_page(&self, queue: Queue, after: Option<u64>, limit: usize, now_ms: u64) -> Vec<QueueRow> {
        let mut rows = self.queue_rows(queue, now_ms);
        rows.retain(|row| after.is_none_or(|after| row.id > after));
        rows.truncate(page(limit));
        rows
    }

    pub(super) fn rows_of(&self, instance: &str, now_ms: u64) -> Vec<QueueRow> {
        let of = |queue| {
            let rows = self.queue_rows(queue, now_ms).into_iter();
            rows.filter(|row| row.instance_id.as_deref() == Some(instance)).take(MAX_PAGE)
        };
        of(Queue::Orchestrator).chain(of(Queue::Worker)).collect()
    }

    fn queue_rows(&self, queue: Queue, now_ms: u64) -> Vec<QueueRow> {
        match queue {
            Queue::Worker => self.activities.iter().map(|(id, row)| self.activity(*id, row, now_ms)).collect(),
            Queue::Orchestrator => {
                let inboxes = self.inboxes.iter();
                let mut rows: Vec<_> = inboxes
                    .flat_map(|(instance, inbox)| inbox.iter().map(move |(id, row)| (instance, *id, row)))
                    .map(|(instance, id, row)| self.message(instance, id, row, now_ms))
                    .collect();
                rows.sort_by_key(|row| row.id);
                rows
            }
        }
    }

    fn message(&self, instance: &str, id: u64, row: &MessageRow, now_ms: u64) -> QueueRow {
        let glance = Glance::at(&row.text);
        let lock = self.locks.get(instance).filter(|lock| lock.is_live(now_ms));
        let is_orphan = self.inboxes.get(instance).is_some_and(|inbox| self.is_orphaned(instance, inbox));
        let state = match lock {
            _ if row.visible_at_ms > now_ms => RowState::Delayed,
            Some(_) => RowState::Held,
            None if is_orphan => RowState::Parked,
            None => RowState::Ready,
        };
        let lock = lock.filter(|_| state == RowState::Held);
        QueueRow {
            id,
            queue: Queue::Orchestrator,
            instance_id: Some(instance.to_owned()),
            kind: glance.kind,
            name: glance.name,
            event_id: glance.event_id,
            tag: None,
            session_id: None,
            state,
            visible_at: row.visible_at_ms,
            locked_until: lock.map(|lock| lock.until_ms),
            owner: lock.map(|lock| self.worker_behind(&lock.owner)),
            attempts: row.attempts,
        }
    }

    fn activity(&self, id: u64, row: &ActivityRow, now_ms: u64) -> QueueRow {
        let glance = Glance::at(&row.text);
        let lease = row.lease.as_ref().filter(|lease| lease.is_live(now_ms));
        let state = match lease {
            _ if row.visible_at_ms > now_ms => RowState::Delayed,
            Some(_) => RowState::Held,
            None => RowState::Ready,
        };
        let session = row.session_id.as_ref().and_then(|id| self.sessions.get(id));
        let session = session.map(|session| &session.lease).filter(|lease| lease.is_live(now_ms));
        let (owner, lease) = match state {
            RowState::Held => (lease.map(|lease| self.worker_behind(&lease.owner)), lease),
            RowState::Ready => (session.map(|lease| lease.owner.clone()), session),
            RowState::Delayed | RowState::Parked => (None, None),
        };
        QueueRow {
            id,
            queue: Queue::Worker,
            instance_id: row.identity.as_ref().map(|identity| identity.instance.clone()).or(glance.instance),
            kind: glance.kind,
            name: glance.name,
            event_id: glance.event_id,
            tag: row.tag.clone(),
            session_id: row.session_id.clone(),
            state,
            visible_at: row.visible_at_ms,
            locked_until: lease.map(|lease| lease.until_ms),
            owner,
            attempts: row.attempts,
        }
    }

    pub(super) fn drop_parked(&mut self, id: u64, now_ms: u64) -> bool {
        let rows = self.queue_rows(Queue::Orchestrator, now_ms).into_iter();
        let parked = rows.filter(|row| row.state == RowState::Parked).find(|row| row.id == id);
        let Some(instance) = parked.and_then(|row| row.instance_id) else {
            return false;
        };
        let Some(inbox) = self.inboxes.get_mut(&instance) else {
            return false;
        };
        let was_there = inbox.remove(&id).is_some();
        if inbox.is_empty() {
            self.inboxes.remove(&instance);
        }
        was_there
    }

    /// A lease is signed by the store; where one worker alone works through it, it is the worker's.
    fn worker_behind(&self, owner: &str) -> String {
        let mut workers = self.workers.keys();
        match (workers.next(), workers.next()) {
            (Some(only), None) => only.clone(),
            _ => owner.to_owned(),
        }
    }

    pub(super) fn set_row_aside(
        &mut self,
        queue: Queue,
        instance_id: Option<String>,
        body: String,
        reason: String,
        at_ms: u64,
    ) -> u64 {
        let id = self.next_row();
        self.quarantine.insert(id, QuarantinedRow { id, queue, instance_id, body, reason, at_ms });
        id
    }

    pub(super) fn quarantined(&self, instance: Option<&str>, after: Option<u64>, limit: usize) -> Vec<QuarantinedRow> {
        let rows = self.quarantine.values().filter(|row| after.is_none_or(|after| row.id > after));
        let rows = rows.filter(|row| instance.is_none() || row.instance_id.as_deref() == instance);
        rows.take(page(limit)).cloned().collect()
    }

    pub(super) fn retry_quarantined(&mut self, id: u64, now_ms: u64) -> Result<bool, ProviderError> {
        let Some(row) = self.quarantine.get(&id) else {
            return Ok(false);
        };
        let unreadable = |reason: String| ProviderError::permanent("retry_quarantined", reason);
        match unreadable::read(&row.body) {
            Reading::Item(item @ WorkItem::ActivityExecute { .. }) => self.push_activity(&item, now_ms),
            Reading::Item(item) => self.push_message(&item, now_ms, now_ms),
            Reading::LaterKind(kind) => {
                return Err(unreadable(format!("a kind that this version does not know: {kind}")));
            }
            Reading::Unreadable(reason) => return Err(unreadable(reason)),
        }
        self.quarantine.remove(&id);
        Ok(true)
    }
}

fn figures(rows: Vec<QueueRow>) -> QueueFigures {
    let mut figures = QueueFigures::default();
    for row in rows {
        match row.state {
            RowState::Delayed => figures.delayed += 1,
            RowState::Held => figures.held += 1,
            RowState::Parked => figures.parked += 1,
            RowState::Ready => {
                figures.ready += 1;
                let oldest = figures.oldest_ready_at.get_or_insert(row.visible_at);
                *oldest = row.visible_at.min(*oldest);
            }
        }
    }
    figures
}
