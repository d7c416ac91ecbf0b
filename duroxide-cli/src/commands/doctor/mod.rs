//! `doctor`: is the store well, and is somebody there to work? Each line says what to do.

mod queues;
mod room;
mod server;
mod workers;

use clap::Args;
use serde::Serialize;

use super::{Desk, Ended};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::{Out, Tone};
use crate::store::{Access, Place, Store};

/// Look whether the store is well and somebody works: exit code 1 when something failed
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Do not look through the whole store for damage, which may take long
    #[arg(long)]
    quick: bool,

    /// Warnings count as failures
    #[arg(long)]
    strict: bool,
}

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    verdict: Verdict,
    check: &'static str,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<&'static str>,
}

/// What was looked at so far.
#[derive(Debug, Default)]
pub(super) struct Chart {
    lines: Vec<Line>,
}

impl Chart {
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.lines.push(Line { verdict: Verdict::Ok, check, found: found.into(), what_to_do: None });
    }

    pub(super) fn warn(&mut self, check: &'static str, found: impl Into<String>, what_to_do: &'static str) {
        self.lines.push(Line { verdict: Verdict::Warn, check, found: found.into(), what_to_do: Some(what_to_do) });
    }

    pub(super) fn fail(&mut self, check: &'static str, found: impl Into<String>, what_to_do: &'static str) {
        self.lines.push(Line { verdict: Verdict::Fail, check, found: found.into(), what_to_do: Some(what_to_do) });
    }
}

impl Doctor {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let mut chart = Chart::default();
        opened(&store, &mut chart).await?;
        server::look(&store, &mut chart, desk.out.now_ms).await?;
        room::look(&store.place, &mut chart);
        if store.client.has_insight_capability() {
            workers::look(&store.client, &mut chart).await?;
            queues::look(&store.client, &mut chart, desk.out.now_ms).await?;
            if !self.quick {
                integrity(&store, &mut chart, Progress::new(&desk.out)).await?;
            }
        }
        tell(&mut desk.out, &chart)?;
        let limit = if self.strict { Verdict::Warn } else { Verdict::Fail };
        match chart.lines.iter().any(|line| line.verdict >= limit) {
            true => Err(Failure::told_already()),
            false => Ok(()),
        }
    }
}

async fn opened(store: &Store, chart: &mut Chart) -> Ended {
    let transfers = store.provider.as_transfer_capability();
    let place = transfers.map_or_else(|| store.provider.name().to_owned(), |transfers| transfers.place());
    chart.ok("store", format!("reached {place}"));
    let Some(transfers) = transfers else {
        return Ok(());
    };
    if let Some(record) = transfers.transfer_record().await?.filter(|record| !record.is_open()) {
        let found = format!("is closed: a transfer with {} is under way", record.peer);
        chart.warn("transfer", found, "finish it with `duroxide db transfer`, or give it up with `db cancel-transfer`");
    }
    Ok(())
}

async fn integrity(store: &Store, chart: &mut Chart, mut progress: Progress) -> Ended {
    progress.waiting("looking through everything");
    let findings = store.client.check_integrity().await?;
    drop(progress);
    if findings.is_empty() {
        chart.ok("integrity", "nothing was found that must not be");
    }
    let what_to_do = match store.place {
        Place::Sqlite(_) => "stop the workers, copy the file, and restore the last good copy; docs/operating.md",
        Place::Postgres { .. } => "look at the server's log and its disks, and restore the last good backup",
    };
    findings.into_iter().for_each(|finding| chart.fail("integrity", finding, what_to_do));
    Ok(())
}

fn tell(out: &mut Out, chart: &Chart) -> Ended {
    if out.json {
        return Ok(out.document(&chart.lines)?);
    }
    for line in &chart.lines {
        let (word, tone) = match line.verdict {
            Verdict::Ok => ("OK    ", Tone::Good),
            Verdict::Warn => ("WARN  ", Tone::Attention),
            Verdict::Fail => ("FAIL  ", Tone::Bad),
        };
        let check = format!("{:<12}", line.check);
        out.pieces(&[(tone, word), (Tone::Strong, &check), (Tone::Plain, &line.found)])?;
        if let Some(what_to_do) = line.what_to_do {
            out.pieces(&[(Tone::Faint, &format!("                  {what_to_do}"))])?;
        }
    }
    Ok(())
}
