//! Key-values: what ended executions left, what the running one changed, and both merged.

use std::collections::{BTreeMap, HashMap};

use super::tables::{KeyValues, Tables};
use crate::model::event::{Event, EventKind};
use crate::model::item::KvEntry;

impl Tables {
    /// The changes of a turn, in its order; they join the store when the execution ended.
    pub(super) fn change_values(&mut self, instance: &str, delta: &[Event], ended: bool) {
        let changes = delta.iter().any(|event| is_change(&event.kind));
        if !changes && !self.key_values.contains_key(instance) {
            return;
        }
        let values = self.key_values.entry(instance.to_owned()).or_default();
        for event in delta {
            values.change(&event.kind);
        }
        if ended {
            values.merge();
        }
    }

    /// What the next turn begins with: the store alone, since the running execution knows its own changes.
    pub(super) fn snapshot(&self, instance: &str) -> HashMap<String, KvEntry> {
        let store = self.key_values.get(instance).map(|values| &values.store);
        store.into_iter().flatten().map(|(key, entry)| (key.clone(), entry.clone())).collect()
    }

    /// What a reader sees.
    pub(super) fn merged_values(&self, instance: &str) -> BTreeMap<&str, &str> {
        let Some(values) = self.key_values.get(instance) else {
            return BTreeMap::new();
        };
        let mut merged: BTreeMap<&str, &str> = BTreeMap::new();
        for (key, entry) in &values.store {
            merged.insert(key, &entry.value);
        }
        for (key, change) in &values.delta {
            match change {
                Some(entry) => merged.insert(key, &entry.value),
                None => merged.remove(key.as_str()),
            };
        }
        merged
    }
}

impl KeyValues {
    fn change(&mut self, kind: &EventKind) {
        if let EventKind::KeyValueSet { key, value, last_updated_at_ms } = kind {
            let entry = KvEntry { value: value.clone(), last_updated_at_ms: *last_updated_at_ms };
            self.delta.insert(key.clone(), Some(entry));
        } else if let EventKind::KeyValueCleared { key } = kind {
            self.delta.insert(key.clone(), None);
        } else if matches!(kind, EventKind::KeyValuesCleared) {
            let keys: Vec<String> = self.store.keys().chain(self.delta.keys()).cloned().collect();
            self.delta.extend(keys.into_iter().map(|key| (key, None)));
        }
    }

    fn merge(&mut self) {
        for (key, change) in std::mem::take(&mut self.delta) {
            match change {
                Some(entry) => self.store.insert(key, entry),
                None => self.store.remove(&key),
            };
        }
    }
}

fn is_change(kind: &EventKind) -> bool {
    matches!(kind, EventKind::KeyValueSet { .. } | EventKind::KeyValueCleared { .. } | EventKind::KeyValuesCleared)
}
