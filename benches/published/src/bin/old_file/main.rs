//! Makes a database file of the published crate with work of every kind in flight: `old_file PATH`.

mod flows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::{Runtime, RuntimeOptions};
use duroxide::{Client, EventKind};

/// So that whoever adopts the file need not wait for the leases of this process.
const LEASE: Duration = Duration::from_secs(2);

/// What an orchestration waits for.
#[derive(Debug)]
enum What {
    Activity,
    Timer,
    Wait,
    Dequeue,
}

/// Instance, orchestration, input.
const STARTED: &[(&str, &str, &str)] = &[
    ("finished", "Finished", "all well"),
    ("failed", "Failed", "no way"),
    ("activity", "Activity", "7"),
    ("running", "Running", "8"),
    ("timer", "Timer", ""),
    ("event", "Event", ""),
    ("waits", "Event", ""),
    ("cancelled", "Event", ""),
    ("queue", "Queue", ""),
    ("parent", "Parent", ""),
    ("chain", "Chain", "1"),
    ("session", "Session", ""),
    ("system", "System", ""),
    ("retries", "Retries", ""),
    ("race", "Race", ""),
];

/// Instance, queue, message.
const MESSAGES: &[(&str, &str, &str)] =
    &[("queue", "inbox", "one"), ("queue", "inbox", "two"), ("chain", "steps", "a"), ("chain", "steps", "b")];

/// These have ended.
const ENDED: &[&str] = &["finished", "failed", "detached"];

/// These wait, each for the last of so many things of that kind.
const WAITING: &[(&str, (What, usize))] = &[
    ("activity", (What::Activity, 2)),
    ("running", (What::Activity, 1)),
    ("timer", (What::Timer, 1)),
    ("event", (What::Wait, 1)),
    ("waits", (What::Wait, 1)),
    ("cancelled", (What::Wait, 1)),
    ("queue", (What::Dequeue, 3)),
    ("parent::sub::2", (What::Wait, 1)),
    ("chosen", (What::Wait, 1)),
    ("chain", (What::Wait, 1)),
    ("session", (What::Activity, 2)),
    ("system", (What::Wait, 1)),
    ("retries", (What::Timer, 1)),
    ("race", (What::Wait, 2)),
];

#[tokio::main]
async fn main() {
    let path = std::env::args().nth(1).expect("usage: old_file PATH");
    assert!(!Path::new(&path).exists(), "{path} is there already");
    let url = format!("sqlite:{path}?mode=rwc");
    let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new(&url, None).await.expect("a new file opens"));
    let options = RuntimeOptions { worker_lock_timeout: LEASE, ..RuntimeOptions::default() };
    let (activities, orchestrations) = (flows::activities(), flows::orchestrations());
    let runtime = Runtime::start_with_options(Arc::clone(&store), activities, orchestrations, options).await;
    let client = Client::new(Arc::clone(&store));
    for (instance, orchestration, input) in STARTED {
        client.start_orchestration(*instance, *orchestration, *input).await.expect("the start is stored");
    }
    for (instance, queue, message) in MESSAGES {
        client.enqueue_event(*instance, *queue, *message).await.expect("the message is stored");
    }
    for instance in ENDED {
        client.wait_for_orchestration(instance, Duration::from_secs(20)).await.expect("it ends");
    }
    for (instance, waits_for) in WAITING {
        until(&store, instance, waits_for).await;
    }
    runtime.shutdown(Some(200)).await;
    // Nobody reads these any more.
    client.start_orchestration("unstarted", "Event", "").await.expect("the start is stored");
    client.enqueue_event("queue", "inbox", "three").await.expect("the message is stored");
    client.raise_event("event", "go", "raised before").await.expect("the event is stored");
    client.raise_event("nobody", "go", "for nobody").await.expect("the event is stored");
    client.cancel_instance("cancelled", "not needed").await.expect("the cancel is stored");
    println!("{path} is ready");
}

/// Waits until the newest execution of an instance has as many events of this kind as the table says.
async fn until(store: &Arc<dyn Provider>, instance: &str, (what, count): &(What, usize)) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let history = store.read(instance).await.expect("the history can be read");
        let found = history.iter().filter(|event| matches(&event.kind, what)).count();
        if found >= *count {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{instance} has {found} of {count} {what:?}: {history:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn matches(kind: &EventKind, what: &What) -> bool {
    match what {
        What::Activity => matches!(kind, EventKind::ActivityScheduled { .. }),
        What::Timer => matches!(kind, EventKind::TimerCreated { .. }),
        What::Wait => matches!(kind, EventKind::ExternalSubscribed { .. }),
        What::Dequeue => matches!(kind, EventKind::QueueSubscribed { .. }),
    }
}
