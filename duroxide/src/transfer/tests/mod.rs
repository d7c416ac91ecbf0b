//! The plan as a table, and digests that see what is missing.

#[cfg(feature = "sqlite")]
mod faults;
#[cfg(feature = "sqlite")]
mod instance;

use super::digest::{Digest, shifted};
use super::plan::{Conflict, Next, next};
use crate::providers::transfer::{Cell, Checkpoint, Cursor, Row, Side, Stage, Table, TransferRecord};

fn record(id: &str, side: Side, stage: Stage) -> TransferRecord {
    TransferRecord { id: id.into(), side, stage, peer: "elsewhere".into(), shift_ms: 0, checkpoint: None }
}

#[test]
fn each_step_follows_from_what_both_sides_remember() {
    use Side::{Source, Target};
    use Stage::{Copying, Done, Handing};
    let conflict = |side| Err(Conflict::Elsewhere(side));
    let rows = [
        (None, None, Ok(Next::CloseSource)),
        // What arrived here, or there and was deleted since, is a store like any other.
        (Some(("a", Target, Done)), None, Ok(Next::CloseSource)),
        (None, Some(("a", Target, Done)), Ok(Next::CloseSource)),
        (Some(("b", Source, Copying)), Some(("a", Target, Done)), Ok(Next::CloseTarget)),
        (Some(("a", Source, Copying)), None, Ok(Next::CloseTarget)),
        (Some(("a", Source, Copying)), Some(("a", Target, Copying)), Ok(Next::Copy(None))),
        (Some(("a", Source, Handing)), Some(("a", Target, Copying)), Ok(Next::OpenTarget)),
        (Some(("a", Source, Handing)), Some(("a", Target, Done)), Ok(Next::LetSourceGo)),
        // The target was given up, and forgot it.
        (Some(("a", Source, Handing)), None, Ok(Next::TakeBack)),
        // Somebody else is in the way.
        (None, Some(("a", Target, Copying)), conflict(Target)),
        (None, Some(("a", Source, Done)), conflict(Target)),
        (Some(("a", Target, Copying)), None, conflict(Source)),
        (Some(("a", Source, Copying)), Some(("b", Target, Copying)), conflict(Target)),
        (Some(("a", Source, Copying)), Some(("b", Source, Copying)), conflict(Target)),
        (Some(("a", Source, Copying)), Some(("a", Target, Done)), conflict(Target)),
        (Some(("a", Source, Handing)), Some(("b", Target, Copying)), conflict(Target)),
        (Some(("a", Source, Handing)), Some(("b", Target, Done)), conflict(Target)),
        (Some(("a", Source, Done)), None, Err(Conflict::Moved)),
        (Some(("a", Source, Done)), Some(("a", Target, Done)), Err(Conflict::Moved)),
    ];
    for (source, target, expected) in rows {
        let [on_source, on_target] = [source, target].map(|side| side.map(|(id, side, stage)| record(id, side, stage)));
        assert_eq!(next(on_source.as_ref(), on_target.as_ref()), expected, "{source:?} {target:?}");
    }
}

#[test]
fn copying_goes_on_behind_the_checkpoint() {
    let checkpoint = Checkpoint { table: Table::History, after: Cursor(vec![Cell::Text("i".into()), Cell::Number(7)]) };
    let target = TransferRecord { checkpoint: Some(checkpoint.clone()), ..record("a", Side::Target, Stage::Copying) };
    let kept = TransferRecord::from_text(&target.to_text()).expect("it is ours");
    assert_eq!(kept, target);
    let source = record("a", Side::Source, Stage::Copying);
    assert_eq!(next(Some(&source), Some(&kept)), Ok(Next::Copy(Some(checkpoint))));
}

/// Between two steps, and after a crash there, no two stores are open.
#[test]
fn the_two_stores_are_never_open_together() {
    let open = |record: Option<&TransferRecord>| record.is_none_or(TransferRecord::is_open);
    let (mut source, mut target) = (None, None);
    let mut steps = Vec::new();
    loop {
        let step = next(source.as_ref(), target.as_ref()).expect("nobody is in the way");
        match step {
            Next::CloseSource => source = Some(record("a", Side::Source, Stage::Copying)),
            Next::CloseTarget => target = Some(record("a", Side::Target, Stage::Copying)),
            Next::Copy(_) => source = Some(record("a", Side::Source, Stage::Handing)),
            Next::TakeBack => unreachable!("nobody gave anything up"),
            Next::OpenTarget => target = Some(record("a", Side::Target, Stage::Done)),
            Next::LetSourceGo => break,
        }
        assert!(!open(source.as_ref()) || !open(target.as_ref()));
        steps.push(step);
    }
    assert_eq!(steps.len(), 4);
}

fn digest(rows: &[Row]) -> Digest {
    let mut digest = Digest::default();
    rows.iter().for_each(|row| digest.add(row));
    digest
}

fn row(id: i64, text: &str) -> Row {
    Row(vec![Cell::Number(id), Cell::Text(text.into()), Cell::Null])
}

#[test]
fn a_digest_knows_rows_and_no_order() {
    let rows = [row(1, "a"), row(2, "b"), row(3, "c")];
    let turned = [row(3, "c"), row(1, "a"), row(2, "b")];
    assert_eq!(digest(&rows), digest(&turned));
    let others: [&[Row]; 5] = [
        &rows[..2],
        &[row(1, "a"), row(2, "b"), row(3, "d")],
        &[row(1, "b"), row(2, "a"), row(3, "c")],
        &[row(1, "a"), row(2, "b"), row(2, "b")],
        &[row(1, "a"), row(2, "b"), Row(vec![Cell::Number(3), Cell::Null, Cell::Text("c".into())])],
    ];
    for other in others {
        assert_ne!(digest(&rows), digest(other), "{other:?}");
    }
}

#[test]
fn only_what_falls_due_follows_the_clock() {
    let columns = Table::OrchestratorQueue.columns();
    let mut message = Row(columns.iter().map(|_| Cell::Number(10_000)).collect());
    let before = message.clone();
    shifted(Table::OrchestratorQueue, &mut message, -3_600);
    let changed = columns.iter().zip(before.0.iter().zip(&message.0)).filter(|(_, (was, is))| was != is);
    assert_eq!(changed.map(|(column, _)| column.name).collect::<Vec<_>>(), ["visible_at"]);
    shifted(Table::OrchestratorQueue, &mut message, 3_600);
    assert_eq!(message, before);
}

/// The end of time has no clock.
#[test]
fn what_is_never_due_stays_so() {
    let columns = Table::WorkerQueue.columns();
    let mut activity = Row(columns.iter().map(|_| Cell::Number(i64::MAX)).collect());
    let before = activity.clone();
    shifted(Table::WorkerQueue, &mut activity, 5_000);
    assert_eq!(activity, before);
}
