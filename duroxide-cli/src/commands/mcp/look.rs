//! Tools that look.

use duroxide::providers::insight::{InstanceQuery, InstanceRow, MAX_PAGE, ParentFilter};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Server;
use super::answer::{Answer, answer};
use crate::commands::payload::Payloads;
use crate::commands::{explain, get, handlers, history};
use crate::failure::Failure;

/// Which instances.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Running, Completed, Failed or ContinuedAsNew
    status: Option<String>,
    /// The name of the orchestration
    name: Option<String>,
    /// Its version
    version: Option<String>,
    /// Only the children of this instance
    parent: Option<String>,
    /// Only those that are nobody's children
    #[serde(default)]
    roots: bool,
    /// How the id begins
    id_prefix: Option<String>,
    /// Created at this time or later, milliseconds since the Unix epoch
    created_from_ms: Option<u64>,
    /// Created before this time, milliseconds since the Unix epoch
    created_before_ms: Option<u64>,
    /// The `next` of the page before
    after: Option<String>,
    /// At most so many, 50 unless said, 1000 at most
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Page {
    instances: Vec<InstanceRow>,
    next: Option<String>,
}

/// One instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct One {
    /// The id of the instance
    instance: String,
    /// Payloads, too: inputs, results, messages
    #[serde(default)]
    payloads: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Explaining {
    /// The id of the instance
    instance: String,
    /// All descendants that are waited for, not only children
    #[serde(default)]
    deep: bool,
}

/// The events of an instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Events {
    /// The id of the instance
    instance: String,
    /// Which execution, the newest unless said
    execution: Option<u64>,
    /// Only the last so many events, 100 unless said
    last: Option<usize>,
    /// Payloads, too: inputs, results, messages
    #[serde(default)]
    payloads: bool,
}

/// Nothing.
#[derive(Debug, Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Serialize)]
struct Workers {
    workers: Vec<duroxide::providers::insight::WorkerInfo>,
    handlers: Vec<handlers::Handler>,
}

/// Events of one answer when nothing is said: an answer must be read at once.
const EVENTS: usize = 100;

#[tool_router(router = looking, vis = "pub(super)")]
impl Server {
    #[tool(description = "List instances, newest first, a page at a time", annotations(read_only_hint = true))]
    async fn list_instances(&self, Parameters(filter): Parameters<Filter>) -> Answer {
        answer(self.list(filter).await)
    }

    #[tool(
        description = "One instance: status, sizes, what it says of itself, why it failed",
        annotations(read_only_hint = true)
    )]
    async fn get_instance(&self, Parameters(One { instance, payloads }): Parameters<One>) -> Answer {
        answer(get::View::of(&self.client, &instance, whole(payloads)).await)
    }

    #[tool(
        description = "Say in sentences what an instance waits for, since when, and why",
        annotations(read_only_hint = true)
    )]
    async fn explain(&self, Parameters(Explaining { instance, deep }): Parameters<Explaining>) -> Answer {
        answer(explain::of(&self.client, &instance, deep).await)
    }

    #[tool(description = "What happened in an instance, event by event", annotations(read_only_hint = true))]
    async fn history(&self, Parameters(asked): Parameters<Events>) -> Answer {
        answer(self.events(asked).await)
    }

    #[tool(description = "Who works on the store, and what they can run", annotations(read_only_hint = true))]
    async fn workers(&self, Parameters(Nothing {}): Parameters<Nothing>) -> Answer {
        let workers = self.client.list_workers().await.map_err(Failure::from);
        answer(workers.map(|workers| Workers { handlers: handlers::of(&workers), workers }))
    }

    async fn list(&self, filter: Filter) -> Result<Page, Failure> {
        let parent = filter.parent.map(ParentFilter::Of).or(filter.roots.then_some(ParentFilter::Roots));
        let query = InstanceQuery {
            status: filter.status,
            name: filter.name,
            version: filter.version,
            parent,
            id_prefix: filter.id_prefix,
            created_from_ms: filter.created_from_ms,
            created_before_ms: filter.created_before_ms,
            after: filter
                .after
                .map(|cursor| cursor.parse())
                .transpose()
                .map_err(|error: String| Failure::usage(error))?,
            limit: filter.limit.map_or(0, |limit| usize::try_from(limit).unwrap_or(MAX_PAGE).max(1)),
        };
        let page = self.client.find_instances(&query).await?;
        Ok(Page { instances: page.rows, next: page.next.map(|next| next.to_string()) })
    }

    async fn events(&self, asked: Events) -> Result<history::Told, Failure> {
        let payloads = whole(asked.payloads);
        let (execution_id, events) = history::read(&self.client, &asked.instance, asked.execution).await?;
        let shown = history::last(&events, Some(asked.last.unwrap_or(EVENTS)));
        Ok(history::document(&asked.instance, execution_id, &events, shown, payloads))
    }
}

/// Payloads in an answer are whole, or absent.
fn whole(wanted: bool) -> Payloads {
    Payloads { payloads: wanted, full: wanted }
}
