//! `*_typed`: the same calls through the codec.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::future::DurableFuture;
use super::orchestration::OrchestrationContext;
use super::retry::Retry;
use super::schedule::ContinueAsNew;
use crate::codec;
use crate::model::retry::RetryPolicy;

/// A value of the program that cannot be written as JSON is a mistake in the program.
fn written<T: Serialize>(value: &T) -> String {
    codec::encode(value).unwrap_or_else(|error| panic!("encode: {error}"))
}

fn read<T: DeserializeOwned>(result: Result<String, String>) -> Result<T, String> {
    codec::decode(&result?).map_err(|error| error.to_string())
}

fn read_or_panic<T: DeserializeOwned>(text: &str) -> T {
    codec::decode(text).unwrap_or_else(|error| panic!("decode: {error}"))
}

impl OrchestrationContext {
    /// [`schedule_activity`](Self::schedule_activity) with values.
    ///
    /// # Panics
    /// When `input` cannot be written as JSON; so do all `_typed` methods.
    pub fn schedule_activity_typed<In: Serialize, Out: DeserializeOwned + Send + 'static>(
        &self,
        name: impl Into<String>,
        input: &In,
    ) -> DurableFuture<Result<Out, String>> {
        self.schedule_activity(name, written(input)).map(read)
    }

    /// [`schedule_activity_on_session`](Self::schedule_activity_on_session) with values.
    pub fn schedule_activity_on_session_typed<In: Serialize, Out: DeserializeOwned + Send + 'static>(
        &self,
        name: impl Into<String>,
        input: &In,
        session_id: impl Into<String>,
    ) -> DurableFuture<Result<Out, String>> {
        self.schedule_activity_on_session(name, written(input), session_id).map(read)
    }

    /// [`schedule_activity_with_retry`](Self::schedule_activity_with_retry) with values.
    pub fn schedule_activity_with_retry_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
        policy: RetryPolicy,
    ) -> Decoded<Retry, Out> {
        Decoded::new(self.schedule_activity_with_retry(name, written(input), policy))
    }

    /// [`schedule_activity_with_retry_on_session`](Self::schedule_activity_with_retry_on_session) with values.
    pub fn schedule_activity_with_retry_on_session_typed<In: Serialize, Out: DeserializeOwned>(
        &self,
        name: impl Into<String>,
        input: &In,
        policy: RetryPolicy,
        session_id: impl Into<String>,
    ) -> Decoded<Retry, Out> {
        Decoded::new(self.schedule_activity_with_retry_on_session(name, written(input), policy, session_id))
    }

    /// [`schedule_wait`](Self::schedule_wait) with a value. A payload that does not decode panics, and so fails the
    /// orchestration.
    pub fn schedule_wait_typed<T: DeserializeOwned + Send + 'static>(
        &self,
        name: impl Into<String>,
    ) -> DurableFuture<T> {
        self.schedule_wait(name).map(|text| read_or_panic(&text))
    }

    /// [`dequeue_event`](Self::dequeue_event) with a value. A payload that does not decode panics, and so fails the
    /// orchestration.
    pub fn dequeue_event_typed<T: DeserializeOwned>(
        &self,
        queue: impl Into<String>,
    ) -> Decoded<DurableFuture<String>, T> {
        Decoded::new(self.dequeue_event(queue))
    }

    /// The older name of [`dequeue_event_typed`](Self::dequeue_event_typed).
    #[deprecated(note = "use dequeue_event_typed")]
    pub fn schedule_wait_persistent_typed<T: DeserializeOwned>(
        &self,
        name: impl Into<String>,
    ) -> Decoded<DurableFuture<String>, T> {
        self.dequeue_event_typed(name)
    }

    /// [`schedule_sub_orchestration`](Self::schedule_sub_orchestration) with values.
    pub fn schedule_sub_orchestration_typed<In: Serialize, Out: DeserializeOwned + Send + 'static>(
        &self,
        name: impl Into<String>,
        input: &In,
    ) -> DurableFuture<Result<Out, String>> {
        self.schedule_sub_orchestration(name, written(input)).map(read)
    }

    /// [`schedule_sub_orchestration_with_id`](Self::schedule_sub_orchestration_with_id) with values.
    pub fn schedule_sub_orchestration_with_id_typed<In: Serialize, Out: DeserializeOwned + Send + 'static>(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: &In,
    ) -> DurableFuture<Result<Out, String>> {
        self.schedule_sub_orchestration_with_id(name, instance, written(input)).map(read)
    }

    /// [`schedule_orchestration`](Self::schedule_orchestration) with a value.
    pub fn schedule_orchestration_typed<In: Serialize>(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: &In,
    ) {
        self.schedule_orchestration(name, instance, written(input));
    }

    /// [`schedule_orchestration_versioned`](Self::schedule_orchestration_versioned) with a value.
    pub fn schedule_orchestration_versioned_typed<In: Serialize>(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        instance: impl Into<String>,
        input: &In,
    ) {
        self.schedule_orchestration_versioned(name, version, instance, written(input));
    }

    /// [`continue_as_new`](Self::continue_as_new) with a value.
    pub fn continue_as_new_typed<In: Serialize>(&self, input: &In) -> ContinueAsNew {
        self.continue_as_new(written(input))
    }
}

/// A durable future whose text is read as a `T`.
#[must_use = "futures do nothing unless awaited"]
pub struct Decoded<F, T> {
    inner: F,
    read_as: PhantomData<fn() -> T>,
}

impl<F, T> Decoded<F, T> {
    fn new(inner: F) -> Self {
        Decoded { inner, read_as: PhantomData }
    }
}

impl<T: DeserializeOwned> Future for Decoded<DurableFuture<String>, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.inner).poll(cx).map(|text| read_or_panic(&text))
    }
}

impl<T: DeserializeOwned> Future for Decoded<Retry, T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.inner).poll(cx).map(read)
    }
}
