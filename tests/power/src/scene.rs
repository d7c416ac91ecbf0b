//! A run whose power is going to be cut: clients start orchestrations, send them messages and wait for their ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{OrchestrationRegistry, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, Client, OrchestrationStatus};

use crate::disk::{Entry, Told};
use crate::recorder;

/// Instances of a run: with this many the log of the database grows past where it is folded by itself.
pub(crate) const INSTANCES: usize = 320;

/// Messages that each instance reads.
pub(crate) const MESSAGES: usize = 3;

/// Clients that work at the same time, so that commits are grouped.
const CLIENTS: usize = 6;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the database is asked to promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushes {
    /// What is acknowledged was flushed.
    Full,
    /// Only the order is kept.
    Normal,
    /// Nothing, as a control: whoever finds nothing amiss with this is blind.
    Off,
}

pub(crate) fn instance(number: usize) -> String {
    format!("order-{number:03}")
}

pub(crate) fn message(number: usize, which: usize) -> String {
    format!("{}/{which}", instance(number))
}

/// What an instance returns when it has read all its messages.
pub(crate) fn output(number: usize) -> String {
    (0..MESSAGES).map(|which| message(number, which)).collect::<Vec<_>>().join(" ")
}

/// A runtime that knows the orchestration of the run.
pub(crate) async fn runtime(store: Arc<SqliteProvider>) -> Arc<Runtime> {
    let activities = ActivityRegistry::builder()
        .register("Stamp", |_: ActivityContext, text: String| async move { Ok(text) })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Collect", |ctx, _: String| async move {
            let mut read = Vec::new();
            for _ in 0..MESSAGES {
                let message = ctx.dequeue_event("inbox").await;
                read.push(ctx.schedule_activity("Stamp", message).await?);
            }
            Ok(read.join(" "))
        })
        .build();
    let options = RuntimeOptions {
        dispatcher_min_poll_interval: Duration::from_millis(5),
        orchestration_concurrency: 3,
        worker_concurrency: 3,
        ..RuntimeOptions::default()
    };
    Runtime::start_with_options(store, activities, orchestrations, options).await
}

/// Runs everything on a fresh file in `folder`; returns what happened to its files, and what clients were told.
pub(crate) async fn play(folder: &Path, flushes: Flushes) -> Vec<Entry> {
    let file = folder.join(FILE);
    recorder::start(folder);
    // Two stores, as two processes would have them: what one did not flush must not hurt what the other did.
    let served = open(&file, flushes).await;
    let asked = open(&file, flushes).await;
    let runtime = runtime(Arc::clone(&served)).await;
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(work(Client::new(Arc::clone(&asked) as _), Arc::clone(&served), Arc::clone(&next)));
    }
    while let Some(worked) = clients.join_next().await {
        worked.expect("clients do not panic");
    }
    runtime.shutdown(None).await;
    recorder::stop()
}

/// The database, within its folder.
pub(crate) const FILE: &str = "store.db";

async fn open(file: &Path, flushes: Flushes) -> Arc<SqliteProvider> {
    let opened = match flushes {
        Flushes::Full => SqliteProvider::open(file).await,
        Flushes::Normal => {
            let url = format!("sqlite:{}?mode=rwc&synchronous=normal", PathBuf::from(file).display());
            SqliteProvider::new(&url, None).await
        }
        Flushes::Off => SqliteProvider::open_without_flushes(file).await,
    };
    Arc::new(opened.expect("a fresh file opens"))
}

async fn work(client: Client, store: Arc<SqliteProvider>, next: Arc<AtomicUsize>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= INSTANCES {
            return;
        }
        let id = instance(number);
        client.start_orchestration(&id, "Collect", "").await.expect("it is started");
        recorder::told(Told::Started(number));
        for which in 0..MESSAGES {
            client.enqueue_event(&id, "inbox", message(number, which)).await.expect("it is sent");
            recorder::told(Told::Sent(number, which));
        }
        if number == INSTANCES / 20 {
            // Folded by hand and cut to nothing; later it is folded by itself and written over.
            store.checkpoint().await.expect("the log is folded");
        }
        match client.wait_for_orchestration(&id, PATIENCE).await {
            Ok(OrchestrationStatus::Completed { output: found, .. }) => assert_eq!(found, output(number)),
            other => panic!("{id}: {other:?}"),
        }
        recorder::told(Told::Ended(number));
    }
}
