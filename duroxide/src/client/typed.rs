//! The same calls with values.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError};
use crate::codec;
use crate::model::status::OrchestrationStatus;

impl Client {
    /// [`start_orchestration`](Self::start_orchestration) with a value as input.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when the value cannot be written.
    pub async fn start_orchestration_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: In,
    ) -> Result<(), ClientError> {
        self.start_orchestration(instance, orchestration, encoded(&input)?).await
    }

    /// [`start_orchestration_versioned`](Self::start_orchestration_versioned) with a value as input.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when the value cannot be written.
    pub async fn start_orchestration_versioned_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: In,
    ) -> Result<(), ClientError> {
        self.start_orchestration_versioned(instance, orchestration, version, encoded(&input)?).await
    }

    /// [`raise_event`](Self::raise_event) with a value as payload.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when the value cannot be written.
    pub async fn raise_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: &T,
    ) -> Result<(), ClientError> {
        self.raise_event(instance, event_name, encoded(data)?).await
    }

    /// [`enqueue_event`](Self::enqueue_event) with a value as payload.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when the value cannot be written.
    pub async fn enqueue_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: &T,
    ) -> Result<(), ClientError> {
        self.enqueue_event(instance, queue, encoded(data)?).await
    }

    /// [`wait_for_orchestration`](Self::wait_for_orchestration), its output as a value. The inner error is the text
    /// with which the orchestration failed.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when the output cannot be read as `Out`.
    pub async fn wait_for_orchestration_typed<Out: DeserializeOwned>(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<Result<Out, String>, ClientError> {
        match self.wait_for_orchestration(instance, timeout).await? {
            OrchestrationStatus::Completed { output, .. } => {
                codec::decode(&output).map(Ok).map_err(|error| ClientError::invalid(format!("decode failed: {error}")))
            }
            OrchestrationStatus::Failed { details, .. } => Ok(Err(details.display_message())),
            OrchestrationStatus::NotFound | OrchestrationStatus::Running { .. } => {
                unreachable!("the wait returns only when the instance has ended")
            }
        }
    }

    /// [`get_kv_value`](Self::get_kv_value) as a value.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when it cannot be read as `T`.
    pub async fn get_kv_value_typed<T: DeserializeOwned>(
        &self,
        instance: &str,
        key: &str,
    ) -> Result<Option<T>, ClientError> {
        match self.get_kv_value(instance, key).await? {
            Some(value) => kv_decoded(&value).map(Some),
            None => Ok(None),
        }
    }

    /// [`wait_for_kv_value`](Self::wait_for_kv_value) as a value.
    ///
    /// # Errors
    /// As there, and `InvalidInput` when it cannot be read as `T`.
    pub async fn wait_for_kv_value_typed<T: DeserializeOwned>(
        &self,
        instance: &str,
        key: &str,
        timeout: Duration,
    ) -> Result<T, ClientError> {
        kv_decoded(&self.wait_for_kv_value(instance, key, timeout).await?)
    }
}

fn encoded<T: Serialize>(value: &T) -> Result<String, ClientError> {
    codec::encode(value).map_err(|error| ClientError::invalid(format!("encode: {error}")))
}

/// Key-values are plain JSON both ways: a string is stored with its quotes.
fn kv_decoded<T: DeserializeOwned>(value: &str) -> Result<T, ClientError> {
    codec::from_json(value).map_err(|error| ClientError::invalid(format!("KV deserialization error: {error}")))
}
