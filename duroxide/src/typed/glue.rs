//! Typed handlers in the shape that the engine runs: from a string to a string.

use std::marker::PhantomData;

use async_trait::async_trait;
use serde::Serialize;

use super::{RunActivity, RunOrchestration, States, wire};
use crate::activity::{ActivityContext, ActivityHandler};
use crate::codec::{self, CodecError};
use crate::context::handler::OrchestrationHandler;
use crate::context::orchestration::OrchestrationContext;
#[cfg(feature = "postgres")]
use crate::providers::transaction::OpenTransaction;

pub(crate) struct ActivityGlue<A> {
    states: States,
    of: PhantomData<fn() -> A>,
}

impl<A> ActivityGlue<A> {
    pub(crate) fn new(states: States) -> Self {
        ActivityGlue { states, of: PhantomData }
    }
}

#[async_trait]
impl<A: RunActivity> ActivityHandler for ActivityGlue<A> {
    async fn invoke(&self, ctx: ActivityContext, input: String) -> Result<String, String> {
        let input = A::decode(&input).map_err(|error| unreadable(A::NAME, &error))?;
        written(A::NAME, A::run(ctx, &self.states, input).await)
    }

    fn is_transactional(&self) -> bool {
        A::TRANSACTIONAL
    }

    #[cfg(feature = "postgres")]
    async fn invoke_within(
        &self,
        ctx: ActivityContext,
        tx: OpenTransaction<'_, '_>,
        input: String,
    ) -> Result<String, String> {
        let input = A::decode(&input).map_err(|error| unreadable(A::NAME, &error))?;
        written(A::NAME, A::run_within(ctx, tx.into_postgres(), &self.states, input).await)
    }
}

pub(crate) struct OrchestrationGlue<O> {
    of: PhantomData<fn() -> O>,
}

impl<O> OrchestrationGlue<O> {
    pub(crate) fn new() -> Self {
        OrchestrationGlue { of: PhantomData }
    }
}

#[async_trait]
impl<O: RunOrchestration> OrchestrationHandler for OrchestrationGlue<O> {
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Result<String, String> {
        let input = O::decode(&input).map_err(|error| unreadable(O::NAME, &error))?;
        written(O::NAME, O::run(ctx, input).await)
    }

    fn defined_at(&self) -> Option<&'static str> {
        Some(O::DEFINED_AT)
    }
}

pub(crate) fn unreadable(name: &str, error: &CodecError) -> String {
    format!("the input of `{name}` does not fit its arguments: {error}")
}

pub(crate) fn written<T: Serialize, E: Serialize>(name: &str, result: Result<T, E>) -> Result<String, String> {
    match result {
        Ok(value) => {
            codec::to_json(&value).map_err(|error| format!("the output of `{name}` has no JSON form: {error}"))
        }
        Err(error) => Err(wire::write_error(&error)),
    }
}
