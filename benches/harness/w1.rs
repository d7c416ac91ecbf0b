//! W1: an orchestration fans out to five trivial activities and joins; so many in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duroxide::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::meter::Figures;
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject, flows};

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    one(&stage.client, "warm", trial.limit).await?;
    let mut figures = Figures::default();
    let mut load = load(&stage.client, "w1", &trial).await?;
    figures.set("rate", load.rate());
    figures.set("completed", load.times.len() as f64);
    figures.set("failed", load.failed as f64);
    figures.set_quantiles(&mut load.times);
    stage.close(&mut figures).await;
    Ok(figures)
}

/// What a closed loop of clients did.
pub(crate) struct Load {
    pub(crate) times: Vec<Duration>,
    pub(crate) failed: usize,
    pub(crate) took: Duration,
}

impl Load {
    /// Completed in a second, until the last was done.
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }
}

/// Clients that start one and wait for it, again and again, for the trial's time; then all are waited for.
pub(crate) async fn load(client: &Client, prefix: &'static str, trial: &Trial) -> Result<Load, Fault> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let failed = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let (until, limit) = (begun + trial.time, trial.limit);
    let mut clients = JoinSet::new();
    for hand in 0..trial.in_flight {
        let (client, times, failed) = (client.clone(), Arc::clone(&times), Arc::clone(&failed));
        clients.spawn(async move {
            let mut round = 0;
            while round == 0 || Instant::now() < until {
                let begun = Instant::now();
                match one(&client, &format!("{prefix}-{hand}-{round}"), limit).await {
                    Ok(()) => times.lock().unwrap_or_else(PoisonError::into_inner).push(begun.elapsed()),
                    Err(fault) => {
                        eprintln!("{fault}");
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                round += 1;
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done?;
    }
    let took = begun.elapsed();
    let times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Load { times, failed: failed.load(Ordering::Relaxed), took })
}

async fn one(client: &Client, instance: &str, limit: Duration) -> Result<(), Fault> {
    client.start_orchestration(instance, "fan", instance).await?;
    expect(client, instance, &flows::fanned(instance), limit).await
}
