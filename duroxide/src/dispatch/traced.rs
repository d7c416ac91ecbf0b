//! The trace of an instance: read, put over its turns and activities, and handed to what it starts.
//!
//! Without a propagator nothing is read and nothing is stored.

use std::sync::Arc;

use tracing::Span;

use super::Env;
use super::activity::Job;
use super::remembered::Remembered;
use super::verdict::Head;
use crate::model::commit::Commit;
use crate::model::trace::TraceContext;
use crate::model::work_item::WorkItem;
use crate::observe::target;
use crate::trace::spans;

/// The context of each instance, as far as it is known; `None` for those that were started in no trace.
pub(super) type Contexts = Remembered<Option<Arc<TraceContext>>>;

/// A span, and what those that descend from it are to be given.
pub(super) struct Traced {
    pub(super) span: Span,
    pub(super) context: Option<TraceContext>,
}

/// Whether it is sure that an instance is the one that was looked at before. An id may be deleted and started again,
/// and both lives look alike from outside; an execution that is in memory has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Same,
    Unsure,
}

/// A turn begins.
pub(super) async fn turn(env: &Env, head: &Head, life: Life) -> Traced {
    let given = given(env, &head.instance, life).await;
    let span = spans::turn(&head.instance, head.execution_id, &head.name, &head.version);
    let context = env.settings.propagation.adopt(&span, given.as_deref());
    Traced { span, context }
}

/// An activity is about to run.
pub(super) async fn activity(env: &Env, job: &Job, worker_id: &str, attempt: u32) -> Traced {
    let given = given(env, &job.instance, Life::Unsure).await;
    let span = spans::activity(&spans::ActivityRun {
        instance: &job.instance,
        execution_id: job.execution_id,
        name: job.name(),
        id: job.id,
        worker_id,
        tag: job.tag(),
        attempt,
    });
    let context = env.settings.propagation.adopt(&span, given.as_deref());
    Traced { span, context }
}

/// Before a turn is committed: what it starts will find its context, whoever begins it and however soon.
pub(super) async fn hand_down(env: &Env, traced: &Traced, commit: &Commit) {
    let Some(context) = &traced.context else { return };
    let started: Vec<(String, TraceContext)> =
        commit.orchestrator_items.iter().filter_map(started).map(|instance| (instance, context.clone())).collect();
    let Some(store) = env.store.as_trace_capability().filter(|_| !started.is_empty()) else { return };
    if let Err(error) = store.keep_traces(&started).await {
        tracing::warn!(target: target::RUNTIME, "what a turn starts will be in no trace: {error}");
    }
}

fn started(item: &WorkItem) -> Option<String> {
    match item {
        WorkItem::StartOrchestration { instance, .. } => Some(instance.clone()),
        _ => None,
    }
}

/// The context in which an instance was started: as it was read for this life of it, or read now.
async fn given(env: &Env, instance: &str, life: Life) -> Option<Arc<TraceContext>> {
    env.settings.propagation.0.as_ref()?;
    let store = env.store.as_trace_capability()?;
    if life == Life::Same
        && let Some(known) = env.contexts.find(instance)
    {
        return known;
    }
    match store.read_trace(instance).await {
        Ok(found) => {
            let found = found.map(Arc::new);
            env.contexts.insert(instance, found.clone());
            found
        }
        Err(error) => {
            tracing::warn!(target: target::RUNTIME, instance, "the trace of an instance could not be read: {error}");
            None
        }
    }
}
