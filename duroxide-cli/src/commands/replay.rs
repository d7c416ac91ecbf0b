//! `replay`: when the code asked for something else than history holds, where, and what to do.

use clap::Args;
use duroxide::providers::insight::HandlerSort;
use duroxide::{ConfigErrorKind, ErrorDetails, Event, OrchestrationStatus};
use serde::Serialize;

use super::payload::Payloads;
use super::{Desk, Ended, handlers, history, instance};
use crate::failure::Failure;
use crate::output::Tone;
use crate::store::{Access, Store};

/// Events before and behind the place that are shown.
const AROUND: usize = 3;

/// Explain a failure by nondeterminism: what history holds, what the code asked for, and what to do
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The instance
    id: String,

    #[command(flatten)]
    payloads: Payloads,
}

/// What is known of such a failure.
#[derive(Debug, Serialize)]
struct Finding {
    instance_id: String,
    orchestration: String,
    /// The version that the execution is pinned to.
    version: String,
    failure: String,
    /// The event at which the two part, when the failure names it.
    history_event_id: Option<u64>,
    history_holds: Option<String>,
    code_asked_for: Option<String>,
    registered_versions: Vec<Registered>,
    what_to_do: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Registered {
    version: String,
    live_workers: usize,
    defined_at: Option<String>,
}

impl Replay {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        instance::known(&store.client, &self.id).await?;
        let (message, told) = self.failure(&store).await?;
        let (_, events) = history::read(&store.client, &self.id, None).await?;
        let info = store.client.get_instance_info(&self.id).await?;
        let place = place(&events, &message);
        let code_asked_for = asked(&told);
        let registered_versions = registered(&store, &info.orchestration_name).await?;
        let what_to_do = advice(&info.orchestration_version, &registered_versions);
        let finding = Finding {
            instance_id: self.id.clone(),
            orchestration: info.orchestration_name,
            version: info.orchestration_version,
            failure: told,
            history_event_id: place.map(|place| events[place].event_id),
            history_holds: place.map(|place| history::event::tell(&events[place].kind, self.payloads).what.to_owned()),
            code_asked_for,
            registered_versions,
            what_to_do,
        };
        match desk.out.json {
            true => Ok(desk.out.document(&finding)?),
            false => finding.tell(desk, &events, place, self.payloads),
        }
    }

    /// The failure as it was recorded, and as it may be told.
    async fn failure(&self, store: &Store) -> Result<(String, String), Failure> {
        let id = &self.id;
        let OrchestrationStatus::Failed { details, .. } = store.client.get_orchestration_status(id).await? else {
            return Err(Failure::not_so(format!("instance `{id}` has not failed by nondeterminism")));
        };
        let told = self.payloads.reason(&details);
        match &details {
            ErrorDetails::Configuration { kind: ConfigErrorKind::Nondeterminism, .. } => {
                Ok((details.display_message(), told))
            }
            ErrorDetails::Infrastructure { .. } | ErrorDetails::Application { .. } | ErrorDetails::Poison { .. } => {
                Err(Failure::not_so(format!("instance `{id}` failed, but not by nondeterminism: {told}")))
            }
        }
    }
}

/// The event that the failure quotes, by its place. Where it is another kind of failure, it is not known.
fn place(events: &[Event], message: &str) -> Option<usize> {
    events.iter().position(|event| message.ends_with(&format!("vs event={:?}", event.kind)))
}

/// What the code asked for instead, as the failure is told.
fn asked(told: &str) -> Option<String> {
    let (asked, _) = told.split_once("action=")?.1.split_once(" vs event=")?;
    Some(asked.to_owned())
}

async fn registered(store: &Store, name: &str) -> Result<Vec<Registered>, Failure> {
    if !store.client.has_insight_capability() {
        return Ok(Vec::new());
    }
    let handlers = handlers::of(&store.client.list_workers().await?);
    let of_name = handlers
        .into_iter()
        .filter(|handler| handler.info.kind == HandlerSort::Orchestration && handler.info.name == name);
    Ok(of_name
        .map(|handler| Registered {
            version: handler.info.version,
            live_workers: handler.live_workers,
            defined_at: handler.info.source.map(|source| format!("{}:{}", source.file, source.line)),
        })
        .collect())
}

fn advice(version: &str, registered: &[Registered]) -> Vec<String> {
    let mut advice = vec![format!(
        "the code of version {version} was changed after this instance had begun: put back what it did, and give the new \
         code a version of its own"
    )];
    let others: Vec<&str> =
        registered.iter().map(|registered| registered.version.as_str()).filter(|other| *other != version).collect();
    if !registered.is_empty() && others.len() == registered.len() {
        advice.push(format!("no worker has version {version}; registered are {}", others.join(", ")));
    }
    advice.push(
        "if the code was not changed, it does something that is not repeatable: the clock, randomness, the order of a \
         `HashMap`, a future that is not durable (docs/determinism.md)"
            .to_owned(),
    );
    advice.push(
        "try the repaired code on this history before it is deployed: `duroxide export` it, and replay it in a test \
         (docs/testing.md)"
            .to_owned(),
    );
    advice.push("this instance stays failed; start it again under another id when the code is right".to_owned());
    advice
}

impl Finding {
    fn tell(&self, desk: &mut Desk, events: &[Event], place: Option<usize>, payloads: Payloads) -> Ended {
        let title = format!("  {} {}", self.orchestration, self.version);
        desk.out.pieces(&[(Tone::Strong, &self.instance_id), (Tone::Plain, &title)])?;
        desk.out.field("failed", &self.failure)?;
        if let Some(asked) = &self.code_asked_for {
            desk.out.field("code asked", format!("for {asked}"))?;
        }
        if let Some(place) = place {
            desk.out.field("history", format!("holds this at #{}:", events[place].event_id))?;
            let around = &events[place.saturating_sub(AROUND)..(place + AROUND + 1).min(events.len())];
            around.iter().try_for_each(|event| history::line(&mut desk.out, event, payloads))?;
        }
        for registered in &self.registered_versions {
            let place = registered.defined_at.as_deref().unwrap_or("registered by a string");
            let told = format!("{} on {} live workers ({place})", registered.version, registered.live_workers);
            desk.out.field("registered", told)?;
        }
        self.what_to_do.iter().try_for_each(|advice| desk.out.line(format!("- {advice}")))?;
        Ok(())
    }
}
