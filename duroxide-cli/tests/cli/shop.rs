//! A store whose times are fixed, and one that works.

use std::path::{Path, PathBuf};

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::transfer::{InstanceExport, import_instances};
use duroxide::{AppErrorKind, ConfigErrorKind, ErrorDetails, Event, EventKind};
use serde_json::{Value, json};
use tempfile::TempDir;

/// When the first instance was created: 2026-11-27 12:00:00Z.
pub(crate) const BEGAN_MS: u64 = 1_795_780_800_000;

const HOUR_MS: u64 = 3_600_000;

/// As of when ages are told in snapshots: three hours later.
pub(crate) const AS_OF: &str = "1795791600000";

/// A store in a folder of its own.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    /// Without a store yet.
    pub(crate) fn empty() -> Self {
        Shop { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// With five orders, one of which has a child and one of which was replayed by other code.
    pub(crate) async fn with_orders() -> Self {
        let shop = Shop::empty();
        shop.take_in(&orders()).await;
        shop
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A store that may work.
    pub(crate) async fn open(&self) -> SqliteProvider {
        SqliteProvider::open(self.path()).await.expect("the store opens")
    }

    /// Puts instances in, as if they had been there all the time.
    pub(crate) async fn take_in(&self, instances: &[Instance]) {
        let text = text(instances);
        let export = InstanceExport::read(text.lines()).expect("it is in the form of an export");
        import_instances(&self.open().await, &export).await.expect("the ids are free");
    }
}

/// An instance with one execution.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) parent: Option<String>,
    pub(crate) custom_status: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) output: Option<String>,
    pub(crate) created_at: u64,
    /// Each with how long after the start it happened, and what it answers.
    pub(crate) events: Vec<(u64, Option<u64>, EventKind)>,
    /// Messages that are on their way: when they are due, and what they are.
    pub(crate) messages: Vec<(u64, Value)>,
    pub(crate) values: Vec<(&'static str, &'static str)>,
}

pub(crate) fn started(name: &str, input: &str, parent: Option<&str>) -> EventKind {
    EventKind::OrchestrationStarted {
        name: name.into(),
        version: "1.0.0".into(),
        input: input.into(),
        parent_instance: parent.map(Into::into),
        parent_id: parent.map(|_| 3),
        parent_execution_id: parent.map(|_| 1),
        carry_forward_events: None,
        initial_custom_status: None,
    }
}

fn activity(name: &str, input: &str) -> EventKind {
    EventKind::ActivityScheduled { name: name.into(), input: input.into(), session_id: None, tag: None }
}

impl Instance {
    pub(crate) fn new(id: impl Into<String>, name: &'static str, status: &'static str, created_at: u64) -> Self {
        Instance {
            id: id.into(),
            name,
            parent: None,
            custom_status: None,
            status,
            output: None,
            created_at,
            events: vec![(0, None, started(name, r#"{"cents":1250}"#, None))],
            messages: Vec::new(),
            values: Vec::new(),
        }
    }

    fn with(mut self, after_ms: u64, source: Option<u64>, kind: EventKind) -> Self {
        self.events.push((after_ms, source, kind));
        self
    }

    pub(crate) fn ended(mut self, after_ms: u64, kind: EventKind) -> Self {
        self.output = match &kind {
            EventKind::OrchestrationCompleted { output } => Some(output.clone()),
            EventKind::OrchestrationFailed { details } => Some(details.display_message()),
            other => panic!("no end: {other:?}"),
        };
        self.with(after_ms, None, kind)
    }

    fn lines(&self) -> Vec<Value> {
        let last = self.events.last().map_or(0, |(after, ..)| *after);
        let ended = self.output.as_ref().map(|_| self.created_at + last);
        let mut lines = vec![
            json!({"table": "instances", "row": {
                "instance_id": self.id, "orchestration_name": self.name, "orchestration_version": "1.0.0",
                "current_execution_id": 1, "custom_status": self.custom_status,
                "custom_status_version": u64::from(self.custom_status.is_some()),
                "parent_instance_id": self.parent, "created_at": self.created_at,
                "updated_at": self.created_at + last}}),
            json!({"table": "executions", "row": {
                "instance_id": self.id, "execution_id": 1, "status": self.status, "output": self.output,
                "duroxide_version_major": 0, "duroxide_version_minor": 2, "duroxide_version_patch": 0,
                "started_at": self.created_at, "completed_at": ended}}),
        ];
        for (event_id, (after, source, kind)) in (1..).zip(&self.events) {
            let event = Event {
                event_id,
                source_event_id: *source,
                instance_id: self.id.clone(),
                execution_id: 1,
                timestamp_ms: self.created_at + after,
                duroxide_version: "0.2.0".into(),
                kind: kind.clone(),
            };
            let event_data = serde_json::to_value(&event).expect("an event has a JSON form");
            lines.push(json!({"table": "history", "row": {
                "instance_id": self.id, "execution_id": 1, "event_id": event_id,
                "event_type": event_data["type"], "event_data": event_data.to_string()}}));
        }
        for (due, message) in &self.messages {
            lines.push(json!({"table": "orchestrator_queue", "row": {
                "instance_id": self.id, "work_item": message.to_string(), "state": 0, "visible_at": due,
                "enqueued_at": self.created_at, "attempt_count": 0}}));
        }
        for (key, value) in &self.values {
            lines.push(json!({"table": "kv_store", "row": {
                "instance_id": self.id, "key": key, "value": value, "last_updated_at_ms": self.created_at}}));
        }
        lines
    }
}

/// In the form of an export.
pub(crate) fn text(instances: &[Instance]) -> String {
    let ids: Vec<&str> = instances.iter().map(|instance| instance.id.as_str()).collect();
    let mut lines = vec![json!({"duroxide_instances": 1, "instances": ids}).to_string()];
    lines.extend(instances.iter().flat_map(Instance::lines).map(|line| line.to_string()));
    lines.push(json!({"rows": lines.len() - 1}).to_string());
    lines.join("\n")
}

/// Far away, so that no timer of the fixture ever falls due: 2100-01-01.
const FAR_MS: u64 = 4_102_444_800_000;

pub(crate) fn orders() -> Vec<Instance> {
    let waiting = Instance {
        custom_status: Some("waits for approval".into()),
        messages: vec![(
            FAR_MS,
            json!({"TimerFired": {"instance": "order-1", "execution_id": 1, "id": 5, "fire_at_ms": FAR_MS}}),
        )],
        ..Instance::new("order-1", "Checkout", "Running", BEGAN_MS)
    };
    let child = "order-1::sub::3";
    let waiting = waiting
        .with(40, None, EventKind::CustomStatusUpdated { status: Some("waits for approval".into()) })
        .with(
            50,
            None,
            EventKind::SubOrchestrationScheduled {
                name: "Reserve".into(),
                instance: "sub::3".into(),
                input: "1250".into(),
            },
        )
        .with(60, None, EventKind::ExternalSubscribed { name: "approved".into() })
        .with(60, None, EventKind::TimerCreated { fire_at_ms: FAR_MS })
        .with(900, Some(3), EventKind::SubOrchestrationCompleted { result: "\"r-7\"".into() });
    let mut reserve = Instance::new(child, "Reserve", "Completed", BEGAN_MS + 55);
    reserve.parent = Some("order-1".into());
    reserve.events = vec![(0, None, started("Reserve", "1250", Some("order-1")))];
    let reserve = reserve.ended(800, EventKind::OrchestrationCompleted { output: "\"r-7\"".into() });
    vec![waiting, reserve, paid(), declined(), changed(), spoken()]
}

fn paid() -> Instance {
    let paid = Instance::new("order-2", "Checkout", "Completed", BEGAN_MS + HOUR_MS);
    Instance { values: vec![("receipt", "\"c-1\"")], ..paid }
        .with(10, None, activity("Charge", r#"{"cents":1250}"#))
        .with(320, Some(2), EventKind::ActivityCompleted { result: r#"{"receipt":"c-1"}"#.into() })
        .with(
            330,
            None,
            EventKind::KeyValueSet { key: "receipt".into(), value: "\"c-1\"".into(), last_updated_at_ms: 0 },
        )
        .ended(340, EventKind::OrchestrationCompleted { output: r#"{"receipt":"c-1"}"#.into() })
}

fn declined() -> Instance {
    let details = ErrorDetails::Application {
        kind: AppErrorKind::ActivityFailed,
        message: "card declined".into(),
        retryable: false,
    };
    Instance::new("order-3", "Checkout", "Failed", BEGAN_MS + 2 * HOUR_MS)
        .with(10, None, activity("Charge", r#"{"cents":9999999}"#))
        .with(200, Some(2), EventKind::ActivityFailed { details: details.clone() })
        .ended(210, EventKind::OrchestrationFailed { details })
}

/// The code that replayed it asked for something else.
fn changed() -> Instance {
    let held = activity("Charge", r#"{"cents":1250}"#);
    let message =
        format!("activity mismatch: action=CallActivity {{ name: \"Bill\", input: \"secret\" }} vs event={held:?}");
    let details = ErrorDetails::Configuration {
        kind: ConfigErrorKind::Nondeterminism,
        resource: String::new(),
        message: Some(message),
    };
    Instance::new("order-4", "Checkout", "Failed", BEGAN_MS + 2 * HOUR_MS + 60_000)
        .with(10, None, held)
        .ended(5_000, EventKind::OrchestrationFailed { details })
}

/// Words of a customer who means no good.
fn spoken() -> Instance {
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}evil\nline";
    let mut spoken = Instance::new("order-5", "Checkout", "Running", BEGAN_MS + 2 * HOUR_MS + 120_000);
    spoken.custom_status = Some(hostile.into());
    spoken.with(10, None, EventKind::ExternalSubscribed { name: hostile.into() })
}
