//! `db check`: looks through the whole store for what must not be.

use clap::Args;
use serde::Serialize;

use crate::commands::{Desk, Ended};
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::{Tone, text};
use crate::store::Access;

/// Look through the whole store for damage: exit code 1 when there is some
#[derive(Debug, Args)]
pub(crate) struct Check {}

#[derive(Serialize)]
struct Report {
    findings: Vec<String>,
}

impl Check {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let mut progress = Progress::new(&desk.out);
        progress.waiting("looking through everything");
        let findings = store.client.check_integrity().await;
        drop(progress);
        let report = Report { findings: findings? };
        if desk.out.json {
            desk.out.document(&report)?;
        } else if report.findings.is_empty() {
            desk.out.pieces(&[(Tone::Good, "nothing was found that must not be")])?;
        } else {
            report.findings.iter().try_for_each(|finding| desk.out.pieces(&[(Tone::Bad, finding)]))?;
        }
        match report.findings.len() as u64 {
            0 => Ok(()),
            found => Err(Failure::not_so(format!("the check came to {}", text::count(found, "finding")))),
        }
    }
}
