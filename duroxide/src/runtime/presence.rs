//! Tells the store that this process is there and what it can run, for people who look.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::RuntimeOptions;
use super::registry::{ActivityRegistry, OrchestrationRegistry};
use crate::model::VERSION;
use crate::model::filter::TagFilter;
#[cfg(feature = "macros")]
use crate::model::insight::HandlerSource;
use crate::model::insight::{HandlerInfo, HandlerSort, TagsServed, WorkerInfo};
use crate::observe::target;
use crate::providers::{InsightProvider, Provider, ProviderError};
use crate::seams;

/// How a runtime says that it is there: what [`Client::list_workers`](crate::Client::list_workers) lists, and what
/// [`Client::list_unserved`](crate::Client::list_unserved) counts on. Nothing that runs depends on it.
///
/// ```
/// use std::time::Duration;
/// use duroxide::runtime::Presence;
///
/// let presence = Presence::default();
/// assert_eq!(presence.refreshed_every, Duration::from_secs(10));
/// assert_eq!(presence.alive_for, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// How often it says so again. At least 10 ms.
    ///
    /// 10 s: a small write, which no store flushes for its own sake.
    pub refreshed_every: Duration,
    /// How long it counts as alive without a word. Of a process that was killed this silence tells.
    ///
    /// 30 s: two words may get lost.
    pub alive_for: Duration,
}

impl Default for Presence {
    fn default() -> Self {
        Presence { refreshed_every: Duration::from_secs(10), alive_for: Duration::from_secs(30) }
    }
}

/// Shorter would be a busy loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long a runtime that ends waits for the store to forget it: otherwise its silence tells, too.
const RETIRE_MAX: Duration = Duration::from_secs(1);

/// What a runtime says of itself. `sources` are those of handlers that macros wrote.
pub(super) fn told(
    options: &RuntimeOptions,
    activities: &ActivityRegistry,
    orchestrations: &OrchestrationRegistry,
    sources: &[HandlerInfo],
) -> WorkerInfo {
    let handler = |kind: HandlerSort, name: &str, version: String| {
        let is_it = |source: &&HandlerInfo| (source.kind, &*source.name, &source.version) == (kind, name, &version);
        let source = sources.iter().find(is_it).and_then(|found| found.source.clone());
        HandlerInfo { kind, name: name.to_owned(), version, source }
    };
    let mut handlers = Vec::new();
    for name in activities.list_names() {
        let versions = activities.list_versions(&name).into_iter();
        handlers.extend(versions.map(|version| handler(HandlerSort::Activity, &name, version.to_string())));
    }
    for name in orchestrations.list_names() {
        let versions = orchestrations.list_versions(&name).into_iter();
        handlers.extend(versions.map(|version| handler(HandlerSort::Orchestration, &name, version.to_string())));
    }
    handlers.sort();
    WorkerInfo {
        worker_id: seams::runtime_id(),
        node: options.worker_node_id.clone().unwrap_or_else(machine),
        pid: std::process::id(),
        program: program(),
        library_version: VERSION.to_owned(),
        orchestration_slots: options.orchestration_concurrency,
        activity_slots: options.worker_concurrency,
        tags: served(&options.worker_tag_filter),
        handlers,
        // The store tells.
        durability: None,
        // The store's clock tells these.
        started_at: 0,
        seen_at: 0,
        alive_until: 0,
        is_alive: true,
    }
}

fn served(filter: &TagFilter) -> TagsServed {
    let (untagged, any, tags) = match filter {
        TagFilter::DefaultOnly => (true, false, None),
        TagFilter::Tags(tags) => (false, false, Some(tags)),
        TagFilter::DefaultAnd(tags) => (true, false, Some(tags)),
        TagFilter::Any => (true, true, None),
        TagFilter::None => (false, false, None),
    };
    let mut tags: Vec<String> = tags.into_iter().flatten().cloned().collect();
    tags.sort_unstable();
    TagsServed { untagged, any, tags }
}

/// The program's file name: a path may tell of its user.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(Path::file_name);
    name.map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What the machine calls itself, by whatever it says so with.
fn machine() -> String {
    let said =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter().map(|path| std::fs::read_to_string(path).ok());
    let set = ["HOSTNAME", "COMPUTERNAME"].into_iter().map(|name| std::env::var(name).ok());
    let names = said.chain(set).flatten().map(|name| name.trim().to_owned());
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// Where the handlers are that macros wrote.
#[cfg(feature = "macros")]
pub(super) fn sources_of(entries: &[crate::typed::Entry]) -> Vec<HandlerInfo> {
    let names = crate::typed::Names::with(entries);
    entries.iter().map(|entry| source_of(entry, &names)).collect()
}

#[cfg(feature = "macros")]
fn source_of(entry: &crate::typed::Entry, names: &crate::typed::Names) -> HandlerInfo {
    let text = |text: &str| text.to_owned();
    let arguments = entry.arguments().into_iter();
    HandlerInfo {
        kind: match entry.kind {
            crate::typed::HandlerKind::Activity => HandlerSort::Activity,
            crate::typed::HandlerKind::Orchestration => HandlerSort::Orchestration,
        },
        name: text(entry.name),
        version: text(entry.version),
        source: Some(HandlerSource {
            krate: text(entry.package()),
            file: text(entry.file()),
            line: entry.line(),
            arguments: arguments.map(|argument| (text(argument.name), text(argument.type_name))).collect(),
            ok: text(entry.ok()),
            err: text(entry.err()),
            places: names.places(entry),
        }),
    }
}

/// Says it until the last slot is gone, then takes it back. A store in trouble is asked again the next time.
pub(super) async fn keep(store: Arc<dyn Provider>, worker: WorkerInfo, presence: Presence, drained: CancellationToken) {
    let Some(insight) = store.as_insight_capability() else {
        return;
    };
    tokio::select! {
        biased;
        () = drained.cancelled() => {}
        () = say(insight, &worker, presence) => {}
    }
    if !matches!(tokio::time::timeout(RETIRE_MAX, insight.retire_worker(&worker.worker_id)).await, Ok(Ok(()))) {
        tracing::debug!(target: target::RUNTIME, "the store did not hear that this runtime has ended");
    }
}

async fn say(insight: &dyn InsightProvider, worker: &WorkerInfo, presence: Presence) {
    let mut was_told = false;
    let mut is_known = false;
    loop {
        let said = if is_known {
            insight.refresh_worker(&worker.worker_id, presence.alive_for).await
        } else {
            insight.announce_worker(worker, presence.alive_for).await.map(|()| true)
        };
        let was_known = is_known;
        is_known = heard(said, is_known, &mut was_told);
        // Forgotten: said anew, at once.
        if is_known || !was_known {
            tokio::time::sleep(presence.refreshed_every.max(SHORTEST)).await;
        }
    }
}

/// Whether the store knows of this runtime. Only the first trouble is worth a line.
fn heard(said: Result<bool, ProviderError>, is_known: bool, was_told: &mut bool) -> bool {
    match said {
        Ok(is_known) => is_known,
        Err(error) => {
            if !std::mem::replace(was_told, true) {
                tracing::warn!(
                    target: target::RUNTIME,
                    %error,
                    "the store does not keep that this runtime is there; lists of workers are without it"
                );
            }
            is_known
        }
    }
}
