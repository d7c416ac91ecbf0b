//! A turn on its way into the store: what goes before its commit, and what follows when it succeeded.

use super::activity;
use super::report::{self, Report};
use super::supply::Promise;
use super::verdict::Head;
use super::warm::Figures;
use super::{Env, LIGHT_COMMIT_BYTES, weight};
use crate::model::commit::Commit;
use crate::model::item::ScheduledActivityIdentifier;
use crate::model::work_item::WorkItem;
use crate::providers::express::{Handover, Leased};
use crate::providers::signal::Reach;

/// What is kept of a commit while the store has it.
pub(super) struct Outgoing {
    instance: String,
    report: Report,
    gone: Vec<ScheduledActivityIdentifier>,
    is_news: bool,
    figures: Figures,
    promise: Promise<activity::Fetched>,
    /// The activities that may come back leased.
    offered: Vec<WorkItem>,
}

impl Outgoing {
    /// Before the commit: an idle worker may take one of its activities the moment it is there.
    pub(super) fn new(env: &Env, head: &Head, commit: &Commit, report: Report) -> Self {
        if !commit.worker_items.is_empty() {
            env.names.note(&head.instance, head.execution_id, &head.name, &head.version);
        }
        let heavy = commit.delta.iter().map(|event| weight::of_event(&event.kind)).sum::<usize>() > LIGHT_COMMIT_BYTES;
        let promise = env.jobs.promise(if heavy { 0 } else { leading_known(env, &commit.worker_items) });
        Outgoing {
            instance: head.instance.clone(),
            report,
            gone: commit.cancelled_activities.clone(),
            is_news: report::is_news(commit),
            figures: Figures::of_turn(&commit.delta),
            offered: commit.worker_items[..promise.pieces()].to_vec(),
            promise,
        }
    }

    /// Which of the turn's activities would find a slot at once.
    pub(super) fn handover(&self, env: &Env) -> Handover {
        Handover {
            max: self.promise.pieces(),
            lock_timeout: env.settings.activity_lease.timeout,
            tags: env.settings.tags.clone(),
        }
    }

    /// It was committed, and these activities were leased. Returns what its events came to.
    pub(super) fn committed(self, env: &Env, leased: Vec<Leased>) -> Figures {
        let mut offered: Vec<Option<WorkItem>> = self.offered.into_iter().map(Some).collect();
        let mut fetch = |Leased { index, token }| {
            let item = offered.get_mut(index)?.take()?;
            Some(activity::Fetched::new(&env.running, item, token, 1))
        };
        self.promise.fulfil(leased.into_iter().filter_map(&mut fetch));
        if self.is_news {
            tell(env, &self.instance);
        }
        env.running.cancel(self.gone);
        self.report.record(&env.metrics);
        self.figures
    }
}

/// How many activities of a turn, up to the first that is not registered here: what others must do is not taken first.
fn leading_known(env: &Env, activities: &[WorkItem]) -> usize {
    let is_known = |item: &&WorkItem| match item {
        WorkItem::ActivityExecute { name, .. } => env.activities.has(name),
        _ => false,
    };
    activities.iter().take_while(is_known).count()
}

/// Tells the clients of this process that wait for the instance, where the store does not do so itself.
pub(super) fn tell(env: &Env, instance: &str) {
    if let Some(signal) = env.signal.as_ref().filter(|signal| signal.reach() == Reach::Own) {
        signal.changed(instance);
    }
}
