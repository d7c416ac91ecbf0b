//! Append and read events.

use std::collections::BTreeSet;

use super::tables::Tables;
use crate::codec;
use crate::model::event::{Event, EventKind};
use crate::model::stats::SystemStats;
use crate::providers::error::ProviderError;

/// Events in their stored form, checked against what is there.
pub(super) struct Rows(Vec<(u64, String)>);

impl Tables {
    /// Events as rows, if none has id 0 or an id that is taken. Changes nothing and reads no stored event.
    pub(super) fn check_append(
        &self,
        operation: &str,
        instance: &str,
        execution_id: u64,
        events: &[Event],
    ) -> Result<Rows, ProviderError> {
        let stored = self.events(instance, execution_id);
        let mut seen = BTreeSet::new();
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            let id = event.event_id;
            if id == 0 {
                return Err(ProviderError::permanent(operation, "event id 0 is not allowed"));
            }
            if !seen.insert(id) || stored.is_some_and(|stored| stored.contains_key(&id)) {
                return Err(ProviderError::permanent(
                    operation,
                    format!("duplicate event id {id} in execution {execution_id} of instance {instance}"),
                ));
            }
            let text = codec::to_json(event).expect("an event is made of strings and numbers");
            rows.push((id, text));
        }
        Ok(Rows(rows))
    }

    pub(super) fn append(&mut self, instance: &str, execution_id: u64, rows: Rows) {
        if rows.0.is_empty() {
            return;
        }
        let executions = self.history.entry(instance.to_owned()).or_default();
        executions.entry(execution_id).or_default().extend(rows.0);
    }

    fn events(&self, instance: &str, execution_id: u64) -> Option<&std::collections::BTreeMap<u64, String>> {
        self.history.get(instance)?.get(&execution_id)
    }

    /// How many events an execution has.
    pub(super) fn event_count(&self, instance: &str, execution_id: u64) -> usize {
        self.events(instance, execution_id).map_or(0, |events| events.len())
    }

    /// Events of one execution; an unreadable one is an error, never left out.
    pub(super) fn read(&self, operation: &str, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        let rows = self.events(instance, execution_id);
        rows.into_iter().flatten().map(|(id, text)| parse(operation, *id, text)).collect()
    }

    /// Name and version from the start event of the newest execution: for an instance whose first ack named neither.
    pub(super) fn started_as(&self, instance: &str) -> Option<(String, String)> {
        let latest = self.latest_execution_id(instance);
        let events = self.read("fetch_orchestration_item", instance, latest).ok()?;
        events.into_iter().find_map(|event| start_of(event.kind))
    }

    /// `get_instance_stats`.
    pub(super) fn stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        let Some(row) = self.instances.get(instance) else {
            return Ok(None);
        };
        let events = self.events(instance, row.current_execution_id);
        let first = events.and_then(|events| events.get(&1));
        let carried = first.map(|text| parse("get_instance_stats", 1, text).map(|event| carried_of(&event.kind)));
        let values = self.merged_values(instance);
        Ok(Some(SystemStats {
            history_event_count: count(events.map_or(0, |events| events.len())),
            history_size_bytes: count(events.map_or(0, |events| events.values().map(String::len).sum())),
            queue_pending_count: count(carried.transpose()?.unwrap_or(0)),
            kv_user_key_count: count(values.len()),
            kv_total_value_bytes: count(values.values().map(|value| value.len()).sum()),
        }))
    }
}

fn parse(operation: &str, event_id: u64, text: &str) -> Result<Event, ProviderError> {
    codec::from_json(text).map_err(|error| {
        ProviderError::permanent(operation, format!("history deserialization failed at event {event_id}: {error}"))
    })
}

fn start_of(kind: EventKind) -> Option<(String, String)> {
    if let EventKind::OrchestrationStarted { name, version, .. } = kind { Some((name, version)) } else { None }
}

fn carried_of(kind: &EventKind) -> usize {
    if let EventKind::OrchestrationStarted { carry_forward_events: Some(carried), .. } = kind {
        carried.len()
    } else {
        0
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
