//! `queue quarantine` and `retry`: rows that could not be read, set aside so that they block nobody.

use clap::Args;
use duroxide::providers::insight::{MAX_PAGE, QuarantinedRow};
use serde::Serialize;
use serde_json::Value;

use crate::commands::payload::Payloads;
use crate::commands::{Desk, Ended, done};
use crate::failure::Failure;
use crate::output::{Tone, text};
use crate::store::Access;

/// List rows that could not be read, with the reason
#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    /// Only those of this instance
    #[arg(long, value_name = "ID")]
    of: Option<String>,

    /// Behind this row
    #[arg(long, value_name = "ROW")]
    after: Option<u64>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE as u64))]
    limit: u64,

    #[command(flatten)]
    payloads: Payloads,
}

#[derive(Serialize)]
struct Page {
    next: Option<u64>,
    rows: Vec<Value>,
}

impl Quarantine {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Look).await?;
        let limit = usize::try_from(self.limit).unwrap_or(MAX_PAGE);
        let rows = store.client.list_quarantined(self.of.as_deref(), self.after, limit).await?;
        let next = rows.last().map(|row| row.id).filter(|_| rows.len() == limit);
        if desk.out.json {
            let rows = rows.iter().map(|row| self.document(row)).collect();
            return Ok(desk.out.document(&Page { next, rows })?);
        }
        if rows.is_empty() {
            return Ok(desk.out.line("nothing was set aside")?);
        }
        for row in rows {
            self.tell(desk, &row)?;
        }
        match next {
            Some(next) => Ok(desk.out.pieces(&[(Tone::Faint, &format!("more: --after {next}"))])?),
            None => Ok(()),
        }
    }

    fn document(&self, row: &QuarantinedRow) -> Value {
        let mut document = serde_json::to_value(row).unwrap_or_default();
        self.payloads.hide(&mut document, &["body"]);
        document
    }

    fn tell(&self, desk: &mut Desk, row: &QuarantinedRow) -> Ended {
        let out = &mut desk.out;
        let whose = row.instance_id.as_deref().unwrap_or("nobody's");
        out.pieces(&[
            (Tone::Strong, &format!("row {}", row.id)),
            (Tone::Plain, &format!("  {} queue  {whose}  ", row.queue)),
            (Tone::Faint, &out.at(row.at_ms)),
        ])?;
        out.field("reason", &row.reason)?;
        match self.payloads.shown() {
            true => out.field("body", self.payloads.told(&row.body))?,
            false => out.field("body", text::bytes(row.body.len() as u64))?,
        }
        Ok(())
    }
}

/// Put rows that could not be read back into their queue, for a version that understands them
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// Their numbers
    #[arg(required = true)]
    rows: Vec<u64>,
}

impl Retry {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let store = desk.open(Access::Change).await?;
        for row in self.rows {
            match store.client.retry_quarantined(row).await {
                Ok(true) => done(desk, &format!("row {row} is back in its queue"))?,
                Ok(false) => return Err(unknown(row)),
                Err(error) if !error.is_retryable() => {
                    return Err(Failure::not_so(format!("row {row} stays where it is: {error}")));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

pub(super) fn unknown(row: u64) -> Failure {
    Failure::not_so(format!("there is no row {row} among those that could not be read"))
}
