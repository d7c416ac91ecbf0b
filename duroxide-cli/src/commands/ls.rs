//! `ls`: the instances that match, newest first, a page at a time.

use clap::Args;
use duroxide::providers::insight::{InstanceCursor, InstancePage, InstanceQuery, MAX_PAGE, ParentFilter};

use super::{Desk, Ended};
use crate::output::table::{Column, Table};
use crate::output::time::{self, When};
use crate::output::{Out, Tone};
use crate::store::Access;

/// List instances, newest first
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Only those in this status
    #[arg(long, short, value_parser = status, value_name = "STATUS")]
    status: Option<String>,

    /// Only those of this orchestration
    #[arg(long, short, value_name = "ORCHESTRATION")]
    name: Option<String>,

    /// Only those of this version of it
    #[arg(long, value_name = "VERSION")]
    of_version: Option<String>,

    /// Only those created since then: `2h` ago, or a time
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,

    /// Only those created before then
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,

    /// Only the children of this instance
    #[arg(long, value_name = "ID", conflicts_with = "roots")]
    parent: Option<String>,

    /// Only those that are nobody's children
    #[arg(long)]
    roots: bool,

    /// Only those whose id begins so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,

    /// At most so many on a page
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MAX_PAGE as u64))]
    limit: u64,

    /// Behind the page that ended with this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<InstanceCursor>,

    /// All pages, one after the other
    #[arg(long, conflicts_with = "after")]
    all: bool,

    /// Only their ids
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

const COLUMNS: &[Column] = &[
    Column::text("ID"),
    Column::text("ORCHESTRATION"),
    Column::text("VERSION"),
    Column::new("STATUS"),
    Column::number("EXEC"),
    Column::new("CREATED"),
    Column::number("LAST TURN"),
];

/// However it is written.
fn status(text: &str) -> Result<String, String> {
    const ALL: [&str; 4] = ["Running", "Completed", "Failed", "ContinuedAsNew"];
    let found = ALL.iter().find(|status| status.eq_ignore_ascii_case(text));
    found
        .map(|status| (*status).to_owned())
        .ok_or_else(|| format!("expected one of {}, found `{text}`", ALL.join(", ")))
}

impl Ls {
    pub(crate) async fn run(self, desk: &mut Desk) -> Ended {
        let mut query = self.query(desk.out.now_ms);
        let store = desk.open(Access::Look).await?;
        loop {
            let page = store.client.find_instances(&query).await?;
            self.tell(&mut desk.out, &page)?;
            desk.out.flush()?;
            match page.next {
                Some(next) if self.all => query.after = Some(next),
                _ => return Ok(()),
            }
        }
    }

    fn query(&self, now_ms: u64) -> InstanceQuery {
        let parent = match (&self.parent, self.roots) {
            (Some(parent), _) => Some(ParentFilter::Of(parent.clone())),
            (None, true) => Some(ParentFilter::Roots),
            (None, false) => None,
        };
        InstanceQuery {
            status: self.status.clone(),
            name: self.name.clone(),
            version: self.of_version.clone(),
            parent,
            id_prefix: self.prefix.clone(),
            created_from_ms: self.since.map(|when| when.ms(now_ms)),
            created_before_ms: self.until.map(|when| when.ms(now_ms)),
            after: self.after.clone(),
            limit: if self.all { MAX_PAGE } else { usize::try_from(self.limit).unwrap_or(MAX_PAGE) },
        }
    }

    fn tell(&self, out: &mut Out, page: &InstancePage) -> Ended {
        if out.json {
            // All pages: a document a line, so that no program has to wait for the last one.
            return match self.all {
                true => Ok(page.rows.iter().try_for_each(|row| out.document_line(row))?),
                false => Ok(out.document(&Page::of(page))?),
            };
        }
        if self.quiet {
            return Ok(page.rows.iter().try_for_each(|row| out.line(&row.instance_id))?);
        }
        let mut table = Table::new(COLUMNS);
        for row in &page.rows {
            table.row([
                (row.instance_id.clone(), Tone::Strong),
                (row.orchestration_name.clone(), Tone::Plain),
                (row.orchestration_version.clone().unwrap_or_default(), Tone::Plain),
                (row.status.clone(), Tone::of_status(&row.status)),
                (row.execution_id.to_string(), Tone::Plain),
                (time::at(row.created_at), Tone::Faint),
                (time::relative(out.now_ms, row.updated_at), Tone::Plain),
            ]);
        }
        out.table(&table)?;
        if let Some(next) = page.next.as_ref().filter(|_| !self.all) {
            out.pieces(&[(Tone::Faint, &format!("more: --after '{next}'"))])?;
        }
        Ok(())
    }
}

/// A page, with its cursor as `--after` takes it.
#[derive(serde::Serialize)]
struct Page<'a> {
    rows: &'a [duroxide::providers::insight::InstanceRow],
    next: Option<String>,
}

impl<'a> Page<'a> {
    fn of(page: &'a InstancePage) -> Self {
        Page { rows: &page.rows, next: page.next.as_ref().map(ToString::to_string) }
    }
}
