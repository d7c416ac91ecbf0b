//! Many orchestrations wait for events, and clients wait for a tenth of them.
//!
//! What that costs at rest, what a neighbour loses, and how soon a client wakes.

use std::time::Duration;

use tokio::time::Instant;

use super::flows::WAITING;
use super::meter::{Figures, cpu_percent};
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject, w1};

/// How long the processor is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Clients woken one after another.
const WOKEN: usize = 50;

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(&trial, subject).await?;
    let mut figures = Figures::default();
    let alone = w1::load(&stage.client, "alone", &trial).await?.rate();
    stage
        .each(trial.count, |client, n| async move {
            Ok(client.start_orchestration(format!("wait-{n}"), "wait", n.to_string()).await?)
        })
        .await?;
    if !WAITING.reach(trial.count, trial.limit).await {
        return Err(format!("{} of {} came to their wait", WAITING.count(), trial.count).into());
    }
    let clients = (trial.count / 10).max(1);
    let waits: Vec<_> = (0..clients)
        .map(|n| {
            let (client, limit) = (stage.client.clone(), trial.limit);
            tokio::spawn(
                async move { expect(&client, &format!("wait-{n}"), "now", limit).await.map(|()| Instant::now()) },
            )
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    figures.set("cpu_percent", cpu_percent(LOOK.min(trial.time * 2)).await);
    let beside = w1::load(&stage.client, "beside", &trial).await?.rate();
    figures.set("neighbour_alone", alone);
    figures.set("neighbour", beside);
    figures.set("neighbour_ratio", beside / alone);
    let mut times = Vec::new();
    for (n, wait) in waits.into_iter().enumerate() {
        let begun = Instant::now();
        stage.client.raise_event(format!("wait-{n}"), "go", "now").await?;
        // The rest are woken together: they only have to be there.
        if n < WOKEN {
            times.push(wait.await??.duration_since(begun));
        } else {
            wait.await??;
        }
    }
    figures.set_quantiles(&mut times);
    stage.close(&mut figures).await;
    Ok(figures)
}
