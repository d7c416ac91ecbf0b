//! Progress while orders are processed; the table and the picture at the end.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use duroxide::insight::picture::{self, Layout};
use duroxide::insight::timeline::Timeline;
use duroxide::{CallError, Client};
use indicatif::{ProgressBar, ProgressStyle};

use crate::flow::Outcome;

/// What became of one order.
pub(crate) type Ended = Result<Outcome, CallError<String>>;

/// A bar on a terminal, a line for every tenth of the orders otherwise.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        let style =
            ProgressStyle::with_template("{bar:40} {pos}/{len} orders, {elapsed}").expect("the template is ours");
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(total as u64).with_style(style));
        Progress { bar, total, done: 0 }
    }

    pub(crate) fn one_more(&mut self) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.done * 10 / self.total != (self.done - 1) * 10 / self.total => {
                println!("{} of {} orders done", self.done, self.total);
            }
            None => {}
        }
    }
}

/// Draws what one order did over time.
///
/// # Errors
/// A sentence that says what could not be read or written.
pub(crate) async fn draw(client: &Client, id: &str, file: &Path) -> Result<(), String> {
    let history = client.read_execution_history(id, 1).await.map_err(|error| error.to_string())?;
    let drawn = picture::svg(&Timeline::of(&history, 0), &Layout::default());
    std::fs::write(file, drawn).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Counts and sums by kind of end.
pub(crate) fn summary(ended: &[(String, Ended)]) -> String {
    let mut rows: BTreeMap<&str, (usize, u64, String)> = BTreeMap::new();
    for (id, end) in ended {
        let (kind, cents, detail) = match end {
            Ok(Outcome::Shipped { parcel, cents }) => ("shipped", *cents, parcel.clone()),
            Ok(Outcome::OutOfStock { sku }) => ("out of stock", 0, format!("{id}: {sku}")),
            Ok(Outcome::Declined { reason }) => ("declined", 0, format!("{id}: {reason}")),
            Err(error) => ("failed", 0, format!("{id}: {error}")),
        };
        let row = rows.entry(kind).or_default();
        row.0 += 1;
        row.1 += cents;
        row.2 = detail;
    }
    let mut table = format!("\n{:<14}{:>8}{:>14}  last\n", "outcome", "orders", "cents");
    for (kind, (count, cents, detail)) in rows {
        table.push_str(&format!("{kind:<14}{count:>8}{cents:>14}  {detail}\n"));
    }
    table
}
