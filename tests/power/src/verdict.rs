//! What must hold of a file after a cut, whatever part of the disk is left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::{Client, Event, EventKind, OrchestrationStatus};
use rusqlite::{Connection, params};

use crate::disk::{Files, Told};
use crate::scene::{self, FILE, INSTANCES, MESSAGES, PATIENCE};

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// What is left is no whole database, or says what never was.
    Broken(String),
    /// What a client had been told is gone.
    Lost(String),
}

/// Whether the work is also brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    Looks,
    GoesOn,
}

/// Judges what is left, given what clients had been told by then.
pub(crate) async fn judge(files: &Files, told: &[Told], depth: Depth) -> Result<(), Breach> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a state is written");
    }
    let file = folder.path().join(FILE);
    let opened = SqliteProvider::open(&file).await;
    let store = Arc::new(opened.map_err(|error| Breach::Broken(format!("it does not open: {error}")))?);
    let left = Left::read(&file).map_err(|error| Breach::Broken(format!("it cannot be read: {error}")))?;
    left.is_whole()?;
    left.has(told)?;
    if depth == Depth::GoesOn {
        go_on(store, told).await?;
    }
    Ok(())
}

/// What a file holds.
#[derive(Debug, Default)]
struct Left {
    integrity: String,
    histories: BTreeMap<String, Vec<Event>>,
    completed: BTreeSet<String>,
    queued_starts: BTreeMap<String, usize>,
    /// Messages in queues and in histories, by their text.
    messages: BTreeMap<String, usize>,
}

impl Left {
    fn read(file: &Path) -> Result<Left, Box<dyn std::error::Error>> {
        let conn = Connection::open(file)?;
        let mut left =
            Left { integrity: conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?, ..Left::default() };
        let mut history =
            conn.prepare("SELECT event_data FROM history ORDER BY instance_id, execution_id, event_id")?;
        for json in history.query_map([], |row| row.get::<_, String>(0))? {
            let event: Event = serde_json::from_str(&json?)?;
            if let EventKind::QueueEventDelivered { data, .. } = &event.kind {
                *left.messages.entry(data.clone()).or_default() += 1;
            }
            left.histories.entry(event.instance_id.clone()).or_default().push(event);
        }
        let mut queue = conn.prepare("SELECT work_item FROM orchestrator_queue")?;
        for json in queue.query_map([], |row| row.get::<_, String>(0))? {
            let item: serde_json::Value = serde_json::from_str(&json?)?;
            if let Some(id) = item["StartOrchestration"]["instance"].as_str() {
                *left.queued_starts.entry(id.to_owned()).or_default() += 1;
            }
            if let Some(data) = item["QueueMessage"]["data"].as_str() {
                *left.messages.entry(data.to_owned()).or_default() += 1;
            }
        }
        for number in 0..INSTANCES {
            let (id, output) = (scene::instance(number), scene::output(number));
            let ended =
                "SELECT COUNT(*) FROM executions WHERE instance_id = ?1 AND status = 'Completed' AND output = ?2";
            if conn.query_row(ended, params![id, output], |row| row.get::<_, i64>(0))? > 0 {
                left.completed.insert(id);
            }
        }
        Ok(left)
    }

    fn is_whole(&self) -> Result<(), Breach> {
        let broken = |what: String| Err(Breach::Broken(what));
        if self.integrity != "ok" {
            return broken(format!("integrity_check: {}", self.integrity));
        }
        for (id, history) in &self.histories {
            let mut answered = BTreeSet::new();
            for (event, expected) in history.iter().zip(1..) {
                let is_start = matches!(event.kind, EventKind::OrchestrationStarted { .. });
                let is_new = event.source_event_id.is_none_or(|source| answered.insert(source));
                if event.event_id != expected || is_start != (expected == 1) || !is_new {
                    return broken(format!("{id}: event {expected} is {event:?}"));
                }
            }
            if self.queued_starts.contains_key(id) {
                return broken(format!("{id} began and would begin again"));
            }
        }
        let repeated = self.queued_starts.iter().chain(&self.messages).find(|(_, count)| **count > 1);
        match repeated {
            Some((what, count)) => broken(format!("{what} is there {count} times")),
            None => Ok(()),
        }
    }

    fn has(&self, told: &[Told]) -> Result<(), Breach> {
        let lost = told.iter().find(|told| !match told {
            Told::Started(number) => {
                let id = scene::instance(*number);
                self.histories.contains_key(&id) || self.queued_starts.contains_key(&id)
            }
            Told::Sent(number, which) => self.messages.contains_key(&scene::message(*number, *which)),
            Told::Ended(number) => self.completed.contains(&scene::instance(*number)),
        });
        match lost {
            Some(lost) => Err(Breach::Lost(format!("{lost:?}"))),
            None => Ok(()),
        }
    }
}

/// A runtime takes the file over: whatever has all its messages ends as it should.
async fn go_on(store: Arc<SqliteProvider>, told: &[Told]) -> Result<(), Breach> {
    let runtime = scene::runtime(Arc::clone(&store)).await;
    let client = Client::new(store as _);
    let mut ends = Ok(());
    for number in 0..INSTANCES {
        if !told.contains(&Told::Sent(number, MESSAGES - 1)) {
            continue;
        }
        let id = scene::instance(number);
        ends = match client.wait_for_orchestration(&id, PATIENCE).await {
            Ok(OrchestrationStatus::Completed { output, .. }) if output == scene::output(number) => Ok(()),
            other => Err(Breach::Broken(format!("{id} went on to {other:?}"))),
        };
        if ends.is_err() {
            break;
        }
    }
    runtime.shutdown(None).await;
    ends
}
