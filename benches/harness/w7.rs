//! W7: the process is killed with -9 in the middle of W1 and started again; nothing is lost, and how soon it goes on.

use std::process::Stdio;

use duroxide::Client;
use duroxide::runtime::OrchestrationStatus;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::meter::Figures;
use super::stage::{Stage, expect};
use super::trial::Trial;
use super::{Fault, Subject, flows};

pub(crate) async fn run(trial: Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    match trial.phase.as_deref() {
        None => {}
        Some("work") => return work(&trial, subject).await,
        Some("again") => return again(&trial, subject).await,
        Some(other) => return Err(format!("phase: expected work or again, found {other}").into()),
    }
    let mut figures = Figures::default();
    let mut first = Child::spawn(&trial, "work")?;
    figures.say("durability", &first.word("durability").await?);
    for _ in 0..trial.count / 4 {
        first.word("done").await?;
    }
    first.kill().await?;
    let mut second = Child::spawn(&trial, "again")?;
    let left = second.figure("left").await?;
    if left == 0.0 {
        return Err("everything was done before the kill: take a larger count".into());
    }
    figures.set("left", left);
    second.word("first").await?;
    figures.set("first_ms", second.spawned.elapsed().as_secs_f64() * 1e3);
    second.word("all").await?;
    figures.set("all_ms", second.spawned.elapsed().as_secs_f64() * 1e3);
    second.end().await?;
    Ok(figures)
}

/// All are acknowledged before the first runs, so that after the kill it is known what must not be lost.
async fn work(trial: &Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let mut stage = Stage::dark(trial, subject).await?;
    stage
        .each(trial.count, |client, n| async move {
            let instance = name(n);
            Ok(client.start_orchestration(instance.as_str(), "fan", instance.as_str()).await?)
        })
        .await?;
    stage.light().await;
    let mut figures = Figures::default();
    let durability = Stage::dark(trial, subject).await?;
    durability.close(&mut figures).await;
    say("durability", figures.to_json()["durability"].as_str().unwrap_or_default());
    let mut waits = waits(&stage.client, (0..trial.count).collect(), trial);
    while let Some(done) = waits.join_next().await {
        done??;
        say("done", "");
    }
    Err("nobody killed the process".into())
}

async fn again(trial: &Trial, subject: &'static Subject) -> Result<Figures, Fault> {
    let mut stage = Stage::dark(trial, subject).await?;
    let mut left = Vec::new();
    for n in 0..trial.count {
        match stage.client.get_orchestration_status(&name(n)).await? {
            OrchestrationStatus::Completed { .. } => {}
            OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound => left.push(n),
            failed @ OrchestrationStatus::Failed { .. } => return Err(format!("{}: {failed:?}", name(n)).into()),
        }
    }
    say("left", left.len());
    stage.light().await;
    let mut waits = waits(&stage.client, left, trial);
    let mut is_first = true;
    while let Some(done) = waits.join_next().await {
        done??;
        if std::mem::take(&mut is_first) {
            say("first", "");
        }
    }
    say("all", "");
    for n in 0..trial.count {
        expect(&stage.client, &name(n), &flows::fanned(&name(n)), trial.limit).await?;
    }
    let mut figures = Figures::default();
    stage.close(&mut figures).await;
    Ok(figures)
}

fn waits(client: &Client, numbers: Vec<usize>, trial: &Trial) -> JoinSet<Result<(), Fault>> {
    let mut waits = JoinSet::new();
    for n in numbers {
        let (client, limit) = (client.clone(), trial.limit);
        waits.spawn(async move { expect(&client, &name(n), &flows::fanned(&name(n)), limit).await });
    }
    waits
}

fn name(n: usize) -> String {
    format!("w7-{n}")
}

/// Tells the parent process something, as one line.
pub(crate) fn say(word: &str, what: impl std::fmt::Display) {
    println!("::{word} {what}");
}

/// Another process of the same trial, which tells what it does.
pub(crate) struct Child {
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// When it was started.
    pub(crate) spawned: Instant,
}

impl Child {
    pub(crate) fn spawn(trial: &Trial, phase: &str) -> Result<Self, Fault> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(trial.phase_arguments(phase)).stdout(Stdio::piped()).kill_on_drop(true);
        let spawned = Instant::now();
        let mut process = command.spawn()?;
        let stdout = process.stdout.take().ok_or("a child without output")?;
        Ok(Child { process, lines: BufReader::new(stdout).lines(), spawned })
    }

    /// Waits until it says this; what it says with it.
    pub(crate) async fn word(&mut self, word: &str) -> Result<String, Fault> {
        let prefix = format!("::{word} ");
        while let Some(line) = self.lines.next_line().await? {
            if let Some(what) = line.strip_prefix(&prefix) {
                return Ok(what.to_owned());
            }
        }
        Err(format!("the child ended before it said `{word}`").into())
    }

    pub(crate) async fn figure(&mut self, word: &str) -> Result<f64, Fault> {
        Ok(self.word(word).await?.parse()?)
    }

    /// SIGKILL: no destructor, no flush, no goodbye.
    async fn kill(mut self) -> Result<(), Fault> {
        self.process.kill().await?;
        Ok(())
    }

    /// Waits for its end, which must be a good one.
    pub(crate) async fn end(mut self) -> Result<(), Fault> {
        while self.lines.next_line().await?.is_some() {}
        let status = self.process.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(format!("a child ended with {status}").into())
    }
}
