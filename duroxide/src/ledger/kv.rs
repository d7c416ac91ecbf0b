//! Key-value overlay of the running execution.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::item::KvEntry;
use crate::mutants::{Bug, is_planted};

/// What reads inside the orchestration see: earlier executions' values under this execution's calls.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    values: BTreeMap<String, KvEntry>,
    /// Timestamps of the recorded `set` calls that replay has not repeated yet: a repeated call takes its own, so that
    /// pruning by age decides the same.
    recorded_ms: VecDeque<u64>,
}

impl Overlay {
    pub(crate) fn new(snapshot: HashMap<String, KvEntry>, recorded_ms: impl Iterator<Item = u64>) -> Self {
        Overlay { values: snapshot.into_iter().collect(), recorded_ms: recorded_ms.collect() }
    }

    /// Sets a value and returns the time it counts from.
    pub(crate) fn set(&mut self, key: String, value: String, now_ms: u64) -> u64 {
        let recorded_ms = self.recorded_ms.pop_front().filter(|_| !is_planted(Bug::KeysAreStampedAgain));
        let last_updated_at_ms = recorded_ms.unwrap_or(now_ms);
        self.values.insert(key, KvEntry { value, last_updated_at_ms });
        last_updated_at_ms
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|entry| entry.value.as_str())
    }

    /// Key and value, ascending by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.values.iter().map(|(key, entry)| (key, &entry.value))
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Keys last set before the given time, ascending.
    pub(crate) fn updated_before(&self, updated_before_ms: u64) -> Vec<String> {
        let old = self.values.iter().filter(|(_, entry)| entry.last_updated_at_ms < updated_before_ms);
        old.map(|(key, _)| key.clone()).collect()
    }
}
