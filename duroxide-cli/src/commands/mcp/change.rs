//! Tools that change something, offered only where that was allowed.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Server;
use super::answer::{Answer, answer};
use crate::commands::instance;
use crate::failure::Failure;

/// An event for an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raising {
    /// The id of the instance
    instance: String,
    /// The name of the event
    name: String,
    /// What comes with it: any JSON, null unless said
    #[serde(default)]
    data: Value,
}

/// The end of an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cancelling {
    /// The id of the instance
    instance: String,
    /// Why, for its history
    reason: String,
}

#[derive(Serialize)]
struct Done {
    done: String,
}

#[tool_router(router = changing, vis = "pub(super)")]
impl Server {
    #[tool(description = "Raise an event in an instance that waits for it", annotations(destructive_hint = false))]
    async fn raise_event(&self, Parameters(raising): Parameters<Raising>) -> Answer {
        answer(self.raise(raising).await)
    }

    #[tool(description = "Cancel an instance, its children and its activities", annotations(destructive_hint = true))]
    async fn cancel(&self, Parameters(cancelling): Parameters<Cancelling>) -> Answer {
        answer(self.end(cancelling).await)
    }

    async fn raise(&self, Raising { instance, name, data }: Raising) -> Result<Done, Failure> {
        instance::reachable(&self.client, &instance).await?;
        self.client.raise_event(&instance, &name, data.to_string()).await?;
        Ok(Done { done: format!("raised `{name}` in {instance}") })
    }

    async fn end(&self, Cancelling { instance, reason }: Cancelling) -> Result<Done, Failure> {
        instance::reachable(&self.client, &instance).await?;
        self.client.cancel_instance(&instance, reason).await?;
        Ok(Done { done: format!("asked {instance} to end; it fails with its next turn") })
    }
}
