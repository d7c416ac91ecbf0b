//! Key-values of the instance: small state that clients and later executions read.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::future::DurableFuture;
use super::orchestration::OrchestrationContext;
use crate::model::action::Action;
use crate::model::ids;

impl OrchestrationContext {
    /// Sets a key-value; clients see it after the turn is committed.
    pub fn set_kv_value(&self, key: impl Into<String>, value: impl Into<String>) {
        let (key, value) = (key.into(), value.into());
        self.ledger.with(|book| {
            let last_updated_at_ms = book.kv.set(key.clone(), value.clone(), book.now_ms);
            book.tell(Action::SetKeyValue { key, value, last_updated_at_ms });
        });
    }

    /// The same with a value as JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    pub fn set_kv_value_typed<T: Serialize>(&self, key: impl Into<String>, value: &T) {
        let json = serde_json::to_string(value).unwrap_or_else(|error| panic!("KV serialization error: {error}"));
        self.set_kv_value(key, json);
    }

    /// A key-value as this orchestration left it.
    pub fn get_kv_value(&self, key: &str) -> Option<String> {
        self.ledger.with(|book| book.kv.get(key).map(str::to_owned))
    }

    /// The same, read as JSON.
    ///
    /// # Errors
    /// When the value is not JSON of `T`.
    pub fn get_kv_value_typed<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, String> {
        let value = self.get_kv_value(key);
        value
            .map(|value| serde_json::from_str(&value))
            .transpose()
            .map_err(|error| format!("KV deserialization error for key '{key}': {error}"))
    }

    /// All key-values.
    pub fn get_kv_all_values(&self) -> HashMap<String, String> {
        self.ledger.with(|book| book.kv.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// All keys, sorted.
    pub fn get_kv_all_keys(&self) -> Vec<String> {
        self.ledger.with(|book| book.kv.iter().map(|(key, _)| key.clone()).collect())
    }

    /// How many keys there are.
    pub fn get_kv_length(&self) -> usize {
        self.ledger.with(|book| book.kv.len())
    }

    /// Removes a key-value.
    pub fn clear_kv_value(&self, key: impl Into<String>) {
        let key = key.into();
        self.ledger.with(|book| {
            book.kv.remove(&key);
            book.tell(Action::ClearKeyValue { key });
        });
    }

    /// Removes all key-values.
    pub fn clear_all_kv_values(&self) {
        self.ledger.with(|book| {
            book.kv.clear();
            book.tell(Action::ClearKeyValues);
        });
    }

    /// Removes key-values last set before a time, milliseconds since the Unix epoch; returns how many.
    pub fn prune_kv_values_updated_before(&self, updated_before_ms: u64) -> usize {
        let old = self.ledger.with(|book| book.kv.updated_before(updated_before_ms));
        let count = old.len();
        old.into_iter().for_each(|key| self.clear_kv_value(key));
        count
    }

    /// A key-value of another instance, recorded: a replay gets the same.
    pub fn get_kv_value_from_instance(
        &self,
        instance_id: impl Into<String>,
        key: impl Into<String>,
    ) -> DurableFuture<Result<Option<String>, String>> {
        self.remote_kv(instance_id.into(), key.into()).map(|result| {
            serde_json::from_str(&result?)
                .map_err(|error| format!("get_kv_value_from_instance deserialization error: {error}"))
        })
    }

    /// The same, read as JSON.
    pub fn get_kv_value_from_instance_typed<T: DeserializeOwned + Send + 'static>(
        &self,
        instance_id: impl Into<String>,
        key: impl Into<String>,
    ) -> DurableFuture<Result<Option<T>, String>> {
        self.get_kv_value_from_instance(instance_id, key).map(|result| {
            result?
                .map(|value| serde_json::from_str(&value))
                .transpose()
                .map_err(|error| format!("get_kv_value_from_instance_typed deserialization error: {error}"))
        })
    }

    fn remote_kv(&self, instance_id: String, key: String) -> DurableFuture<Result<String, String>> {
        let input = serde_json::json!({ "instance_id": instance_id, "key": key }).to_string();
        self.schedule_activity(ids::SYSCALL_GET_KV_VALUE, input)
    }
}
