//! W6: so many suspended orchestrations: memory, processor at rest, and how soon they go on after a restart.
//!
//! One process brings them to their wait and stops; events are put into the queue; another process goes on.

use std::time::Duration;

use tokio::time::Instant;

use super::flows::{PASSED, WAITING};
use super::meter::{Figures, cpu_percent, memory_mb};
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::w7::{Child, say};
use super::{Fault, Subject};

/// How long the processor is looked at.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    match trial.phase.as_deref() {
        None => {}
        Some("suspend") => return suspend(&trial, subject).await,
        Some("resume") => return resume(&trial, subject).await,
        Some(other) => return Err(format!("phase: expected suspend or resume, found {other}").into()),
    }
    let mut figures = Figures::default();
    let mut first = Child::spawn(&trial, "suspend")?;
    for figure in ["rss_mb", "cpu_percent", "bytes_each"] {
        figures.set(figure, first.figure(figure).await?);
    }
    figures.say("durability", &first.word("durability").await?);
    first.end().await?;
    let mut second = Child::spawn(&trial, "resume")?;
    second.word("lit").await?;
    let lit = second.spawned.elapsed();
    let from_start = |at: Duration| at.as_secs_f64() * 1e3;
    figures.set("opened_ms", from_start(lit));
    second.word("first").await?;
    figures.set("first_ms", from_start(second.spawned.elapsed()));
    second.word("all").await?;
    let all = second.spawned.elapsed();
    figures.set("all_ms", from_start(all));
    figures.set("rate", trial.count as f64 / all.as_secs_f64());
    second.end().await?;
    Ok(figures)
}

async fn suspend(trial: &Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let stage = Stage::lit(trial, subject).await?;
    stage.client.start_orchestration("warm", "one", "warm").await?;
    expect(&stage.client, "warm", "warm", trial.limit).await?;
    let empty = memory_mb("VmRSS");
    stage
        .each(trial.count, |client, n| async move {
            Ok(client.start_orchestration(format!("wait-{n}"), "wait", n.to_string()).await?)
        })
        .await?;
    if !WAITING.reach(trial.count, trial.limit).await {
        return Err(format!("{} of {} came to their wait", WAITING.count(), trial.count).into());
    }
    settle(&stage).await?;
    let rss = memory_mb("VmRSS");
    say("rss_mb", rss);
    say("cpu_percent", cpu_percent(LOOK.min(trial.time)).await);
    say("bytes_each", (rss - empty) * 1e6 / trial.count as f64);
    let mut figures = Figures::default();
    let client = stage.client.clone();
    stage.close(&mut figures).await;
    say("durability", figures.to_json()["durability"].as_str().unwrap_or_default());
    let dark = Stage::dark(trial, subject).await?;
    drop(client);
    dark.each(trial.count, |client, n| async move {
        Ok(client.raise_event(format!("wait-{n}"), "go", n.to_string()).await?)
    })
    .await?;
    Ok(figures)
}

/// Waits until the last turn is stored.
async fn settle(stage: &Stage) -> Result<(), Fault> {
    while stage.client.get_queue_depths().await?.orchestrator_queue > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn resume(trial: &Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let begun = Instant::now();
    let stage = Stage::lit(trial, subject).await?;
    say("lit", begun.elapsed().as_secs_f64());
    for (word, count) in [("first", 1), ("all", trial.count)] {
        if !PASSED.reach(count, trial.limit).await {
            return Err(format!("{} of {} went on", PASSED.count(), trial.count).into());
        }
        say(word, begun.elapsed().as_secs_f64());
    }
    let limit = trial.limit;
    let check = move |client: duroxide::Client, n: usize| async move {
        expect(&client, &format!("wait-{n}"), &n.to_string(), limit).await
    };
    stage.each(trial.count, check).await?;
    let mut figures = Figures::default();
    stage.close(&mut figures).await;
    Ok(figures)
}
