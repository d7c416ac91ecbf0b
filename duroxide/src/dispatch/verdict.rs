//! What may become of a fetched item: the words of triage.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use semver::Version;

use super::settings::UnregisteredBackoffConfig;
use crate::context::handler::OrchestrationHandler;
use crate::model::commit::Commit;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::filter::SemverRange;
use crate::model::item::KvEntry;
use crate::model::work_item::WorkItem;
use crate::registry::OrchestrationRegistry;
use crate::replay::{Execution, Parent};

/// What decides beside the item itself.
pub(crate) struct Rules<'a> {
    pub(crate) registry: &'a OrchestrationRegistry,
    pub(crate) replayable: &'a SemverRange,
    pub(crate) unregistered: &'a UnregisteredBackoffConfig,
    pub(crate) max_attempts: u32,
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
}

/// What to do with a fetched item.
pub(crate) enum Verdict {
    /// Give it back; it may go better later, or elsewhere.
    Abandon { delay: Duration, why: Reluctance },
    /// It was tried too often: the execution ends without running code.
    Poison(Closing),
    /// The instance has ended: the batch goes.
    Terminal(Closing),
    /// There is nothing to deliver the batch to: it goes.
    Drop,
    /// Run a turn.
    Run(Box<Turn>),
}

/// Why an item is given back.
#[derive(Debug, PartialEq)]
pub(crate) enum Reluctance {
    /// The execution was begun by a version whose history this one cannot replay.
    Incompatible { pinned: Version },
    /// Its history cannot be read.
    Unreadable { error: String },
    /// The last execution has ended and the message that starts the next one has not been seen.
    BetweenExecutions,
    /// No such handler is registered here.
    Unregistered { name: String, version: Option<String> },
}

/// A commit that needs no code, and whom to tell. The messages are made when the parents' executions are known.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    pub(crate) commit: Commit,
    pub(crate) notices: Vec<Notice>,
    pub(crate) if_refused: IfRefused,
}

/// What to do when the store will never take a closing commit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum IfRefused {
    /// Nothing is known; the batch waits for somebody who can do better.
    #[default]
    GiveBack,
    /// The execution has been closed in this way before; the batch goes.
    DropBatch,
}

/// A parent that waits for a child that will not answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    pub(crate) parent: Parent,
    pub(crate) details: ErrorDetails,
}

/// Where an execution stands before its turn: enough to end it without running code.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) instance: String,
    pub(crate) execution_id: u64,
    pub(crate) next_event_id: u64,
    /// The start event, when history has none yet.
    pub(crate) start: Option<EventKind>,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) parent: Option<Parent>,
}

impl Head {
    /// Where an execution in memory stands.
    pub(crate) fn of_running(execution: &Execution, last_event_id: u64) -> Self {
        let identity = execution.identity();
        Head {
            instance: identity.instance.clone(),
            execution_id: identity.execution_id,
            next_event_id: last_event_id.saturating_add(1),
            start: None,
            name: identity.name.clone(),
            version: identity.version.clone(),
            parent: execution.parent().cloned(),
        }
    }
}

/// A turn to be run.
pub(crate) struct Turn {
    pub(crate) head: Head,
    pub(crate) handler: Arc<dyn OrchestrationHandler>,
    pub(crate) input: String,
    pub(crate) history: Vec<Event>,
    pub(crate) messages: Vec<WorkItem>,
    pub(crate) kv_snapshot: HashMap<String, KvEntry>,
    /// Parents of starts that came too late.
    pub(crate) collisions: Vec<Notice>,
    pub(crate) is_continue_as_new: bool,
}
