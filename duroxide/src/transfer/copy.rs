//! Does what the plan says, a step at a time, each of which may be the last one before the process dies.

use std::time::Duration;

use super::Progress;
use super::digest::{Digest, shifted};
use super::error::TransferError;
use super::plan::{Conflict, Next, next};
use super::report::{Phase, TableReport, TransferProgress, TransferReport};
use crate::lease::Skew;
use crate::providers::transfer::{
    Checkpoint, Closing, Fits, Marks, Rows, Side, Stage, Table, TransferRecord, TransferStore,
};
use crate::seams;

/// A transfer under way.
pub(super) struct Copying<'a> {
    pub(super) from: &'a dyn TransferStore,
    pub(super) to: &'a dyn TransferStore,
    pub(super) batch: Fits,
    pub(super) leaves_source: bool,
}

type Outcome<T> = Result<T, TransferError>;

impl Copying<'_> {
    /// Steps until there is none left.
    pub(super) async fn run(&self, mut progress: Progress<'_>) -> Outcome<TransferReport> {
        let mut report =
            TransferReport { from: self.from.place(), to: self.to.place(), tables: Vec::new(), resumed: false };
        loop {
            let (source, target) = (self.from.transfer_record().await?, self.to.transfer_record().await?);
            let step = match next(source.as_ref(), target.as_ref()) {
                Ok(step) => step,
                Err(conflict) => return Err(self.refusal(conflict, source, target).await?),
            };
            match (step, source, target) {
                (Next::CloseSource, ..) => self.close_source().await?,
                (Next::CloseTarget, Some(source), _) => self.close_target(&source).await?,
                (Next::TakeBack, Some(source), _) => self.take_back(&source).await?,
                (Next::Copy(checkpoint), Some(source), Some(target)) => {
                    report.resumed = checkpoint.is_some();
                    self.copy(target, checkpoint.as_ref(), &mut progress).await?;
                    report.tables = self.prove(source.shift_ms, &mut progress).await?;
                    self.from.note(&source, &source.at(Stage::Handing)).await?;
                }
                (Next::OpenTarget, _, Some(target)) => {
                    let fence = self.from.marks().await?.fence;
                    let arrived = TransferRecord { checkpoint: None, ..target.at(Stage::Done) };
                    self.to.open(&target, Some(&arrived), fence, Rows::Kept).await?;
                }
                (Next::LetSourceGo, Some(source), _) => {
                    self.let_source_go(&source).await?;
                    return Ok(report);
                }
                (Next::CloseTarget | Next::TakeBack | Next::Copy(_) | Next::OpenTarget | Next::LetSourceGo, ..) => {
                    unreachable!("the plan was made of records that are there")
                }
            }
        }
    }

    async fn refusal(
        &self,
        conflict: Conflict,
        source: Option<TransferRecord>,
        target: Option<TransferRecord>,
    ) -> Outcome<TransferError> {
        let peer = |record: Option<TransferRecord>| record.map_or_else(String::new, |record| record.peer);
        Ok(match (conflict, source, target) {
            (Conflict::Moved, source, _) => TransferError::Moved { store: self.from.place(), peer: peer(source) },
            // What was closed as a source is what was to be the target.
            (Conflict::Elsewhere(_), Some(source), Some(target)) if source == target => {
                self.from.open(&source, None, 0, Rows::Kept).await?;
                TransferError::SameStore { store: self.from.place() }
            }
            (Conflict::Elsewhere(Side::Source), source, _) => {
                TransferError::OtherTransfer { store: self.from.place(), peer: peer(source) }
            }
            (Conflict::Elsewhere(Side::Target), _, target) => {
                TransferError::OtherTransfer { store: self.to.place(), peer: peer(target) }
            }
        })
    }

    async fn close_source(&self) -> Outcome<()> {
        let clock_ms = |marks: Marks| i64::try_from(marks.now_ms).unwrap_or(i64::MAX);
        let before_ms = clock_ms(self.from.marks().await?);
        let target_ms = clock_ms(self.to.marks().await?);
        let skew = Skew::seen(before_ms, target_ms, clock_ms(self.from.marks().await?));
        let record = TransferRecord {
            id: seams::new_guid(),
            side: Side::Source,
            stage: Stage::Copying,
            peer: self.to.place(),
            shift_ms: skew.map_or(0, Skew::shift_ms),
            checkpoint: None,
        };
        self.close(self.from, &record).await
    }

    async fn close_target(&self, source: &TransferRecord) -> Outcome<()> {
        let record = TransferRecord { side: Side::Target, peer: self.from.place(), ..source.clone() };
        // It was closed for another target, which may hold half of it.
        if source.peer != self.to.place() {
            return Err(TransferError::OtherTransfer { store: self.from.place(), peer: source.peer.clone() });
        }
        let closed = self.close(self.to, &record).await;
        if let Err(TransferError::TargetNotEmpty { .. }) = closed {
            self.from.open(source, None, 0, Rows::Kept).await?;
        }
        closed
    }

    /// A target that holds rows was opened after all, and forgot it when it was moved on: then there is no way back.
    async fn take_back(&self, source: &TransferRecord) -> Outcome<()> {
        if source.peer != self.to.place() {
            return Err(TransferError::OtherTransfer { store: self.from.place(), peer: source.peer.clone() });
        }
        for table in Table::ALL {
            let rows = self.to.count_rows(table).await?;
            if rows > 0 {
                return Err(TransferError::TargetNotEmpty { store: self.to.place(), table, rows });
            }
        }
        // Whoever is still about to open the target of before knows another id.
        let anew = TransferRecord { id: seams::new_guid(), ..source.at(Stage::Copying) };
        Ok(self.from.note(source, &anew).await?)
    }

    async fn close(&self, store: &dyn TransferStore, record: &TransferRecord) -> Outcome<()> {
        match store.close(record).await? {
            Closing::Closed => Ok(()),
            Closing::Busy { stores, leases, ends_in_ms } => Err(TransferError::SourceBusy {
                store: store.place(),
                stores,
                leases,
                ends_in: Duration::from_millis(ends_in_ms),
            }),
            Closing::Holds { table, rows } => Err(TransferError::TargetNotEmpty { store: store.place(), table, rows }),
        }
    }

    /// Everything behind the checkpoint; each batch moves it.
    async fn copy(
        &self,
        mut target: TransferRecord,
        checkpoint: Option<&Checkpoint>,
        progress: &mut Progress<'_>,
    ) -> Outcome<()> {
        for table in Table::ALL {
            let mut after = match checkpoint {
                Some(done) if table < done.table => continue,
                Some(done) if table == done.table => Some(done.after.clone()),
                Some(_) | None => None,
            };
            let rows = self.from.count_rows(table).await?;
            let mut rows_done = if after.is_some() { self.to.count_rows(table).await? } else { 0 };
            loop {
                let mut batch = self.from.export_rows(table, after.as_ref(), self.batch).await?;
                let Some(last) = batch.last() else {
                    break;
                };
                let here = self.from.cursor_of(table, last);
                rows_done += batch.len() as u64;
                batch.iter_mut().for_each(|row| shifted(table, row, target.shift_ms));
                let becomes =
                    TransferRecord { checkpoint: Some(Checkpoint { table, after: here.clone() }), ..target.clone() };
                self.to.import_rows(table, batch, &target, &becomes).await?;
                target = becomes;
                after = Some(here);
                progress(&TransferProgress { table, phase: Phase::Copying, rows_done, rows });
            }
        }
        Ok(())
    }

    /// Reads both stores once more.
    async fn prove(&self, shift_ms: i64, progress: &mut Progress<'_>) -> Outcome<Vec<TableReport>> {
        let mut reports = Vec::new();
        for table in Table::ALL {
            let rows = self.from.count_rows(table).await?;
            progress(&TransferProgress { table, phase: Phase::Proving, rows_done: 0, rows });
            let (source, target) = (self.digest(self.from, table, shift_ms), self.digest(self.to, table, 0));
            let (expected, found) = tokio::join!(biased; source, target);
            let (expected, found) = (expected?, found?);
            // Counted by the store itself: what is not exported is not digested either.
            if expected != found || expected.rows != rows {
                return Err(TransferError::Differs {
                    table,
                    expected_rows: rows,
                    expected: expected.to_string(),
                    found_rows: found.rows,
                    found: found.to_string(),
                });
            }
            progress(&TransferProgress { table, phase: Phase::Proving, rows_done: rows, rows });
            reports.push(TableReport { table, rows, digest: found.to_string() });
        }
        Ok(reports)
    }

    async fn digest(&self, store: &dyn TransferStore, table: Table, shift_ms: i64) -> Outcome<Digest> {
        let (mut digest, mut after) = (Digest::default(), None);
        loop {
            let mut batch = store.export_rows(table, after.as_ref(), self.batch).await?;
            let Some(last) = batch.last() else {
                return Ok(digest);
            };
            after = Some(store.cursor_of(table, last));
            for row in &mut batch {
                shifted(table, row, shift_ms);
                digest.add(row);
            }
        }
    }

    /// The target is at work. What it remembers of where it came from is not needed any more.
    async fn let_source_go(&self, source: &TransferRecord) -> Outcome<()> {
        if self.leaves_source {
            self.from.open(source, None, 0, Rows::Kept).await?;
        } else {
            self.from.note(source, &source.at(Stage::Done)).await?;
        }
        Ok(())
    }
}
