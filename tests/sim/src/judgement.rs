//! When all is quiet: did each program come to its end, is the store what the commits made it, and does history replay.

use std::collections::BTreeSet;
use std::sync::Arc;

use duroxide::EventKind;
use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};

use crate::code;
use crate::faults::Climate;
use crate::model::{self, Reads};
use crate::program::{End, ORCHESTRATION, Program, Root};
use crate::truth::Truth;
use crate::world::{REASON, RUINED, TAKEN};

/// What is not done yet, for people to read; empty when there is nothing.
pub(crate) async fn left(truth: &Truth, store: &MemoryProvider, roots: &[Root]) -> String {
    let mut left = Vec::new();
    for root in roots {
        if truth.book().histories.ended(&root.id).is_none() {
            left.push(format!("{} has not ended", root.id));
        }
    }
    for (id, _) in promised(truth, roots) {
        if truth.book().histories.ended(&id).is_none() {
            left.push(format!("{id} was started and has not ended"));
        }
    }
    let Some(admin) = store.as_management_capability() else { return left.join(", ") };
    let running = admin.list_instances_by_status("Running").await.unwrap_or_default();
    left.extend(running.iter().filter(|id| *id != TAKEN && *id != RUINED).map(|id| format!("{id} runs")));
    let depths = admin.get_queue_depths().await.unwrap_or_default();
    // The message that the ruined one cannot read stays.
    let stays = usize::from(running.iter().any(|id| id == RUINED));
    if depths.orchestrator_queue > stays || depths.worker_queue > 0 {
        left.push(format!("{} messages and {} activities wait", depths.orchestrator_queue, depths.worker_queue));
    }
    let now_ms = truth.store_ms();
    if let Some(thing) = truth.book().leases.live(now_ms).find(|thing| !thing.is_of(RUINED)) {
        left.push(format!("{thing:?} is held"));
    }
    left.join(", ")
}

/// Detached starts that were sent: these must come to an end, whatever became of their starters.
fn promised(truth: &Truth, roots: &[Root]) -> Vec<(String, Program)> {
    let book = truth.book();
    let all = roots.iter().flat_map(|root| root.program.detached());
    all.filter(|(id, _)| book.histories.was_sent_off(id)).collect()
}

/// Judges a run that came to its end.
pub(crate) async fn judge(truth: &Arc<Truth>, store: &Arc<MemoryProvider>, roots: &[Root], taken: &Program) {
    for root in roots {
        truth.judge(end_of(truth, root).map_err(|why| format!("{}: {why}", root.id)));
    }
    for (id, program) in promised(truth, roots) {
        truth.judge(outcome(truth, &id, &program, None).map(drop).map_err(|why| format!("{id}: {why}")));
    }
    let taken_end = truth.book().histories.ended(TAKEN);
    if taken.end == End::Return && !matches!(taken_end, Some(Ok(_))) {
        truth.violated(format!("{TAKEN}: it must return, but: {taken_end:?}"));
    }
    exactly_once(truth);
    stored(truth, store).await;
    replayed(truth);
}

fn end_of(truth: &Truth, root: &Root) -> Result<(), String> {
    let (ended, was_cancelled) = {
        let book = truth.book();
        (book.histories.ended(&root.id), book.histories.was_cancelled(&root.id))
    };
    if ended.as_ref() == Some(&model::cancelled(REASON)) && was_cancelled && root.cancel_at_ms.is_some() {
        return Ok(());
    }
    // A panic in the turn that was asked to stop wins: what it would have come to is not known.
    if was_cancelled && root.program.end != End::Panic {
        return Err(format!("it was asked to stop in time, but: {ended:?}"));
    }
    let reads = outcome(truth, &root.id, &root.program, root.version)?;
    ["in", "out"].into_iter().try_for_each(|queue| read_in_order(truth, &root.id, queue, &reads))
}

fn outcome(truth: &Truth, id: &str, program: &Program, version: Option<&str>) -> Result<Reads, String> {
    let ended = truth.book().histories.ended(id).ok_or("it has not ended")?;
    model::check(program, version, &ended)
}

/// Each message that was sent arrives once, and they are read in the order of arrival.
fn read_in_order(truth: &Truth, id: &str, queue: &str, reads: &Reads) -> Result<(), String> {
    let read: Vec<&String> = reads.iter().filter(|(name, _)| name == queue).map(|(_, message)| message).collect();
    let book = truth.book();
    let arrived = book.histories.arrivals(id, queue);
    let sent = book.sent.get(&(id.to_owned(), queue.to_owned())).cloned().unwrap_or_default();
    let distinct: BTreeSet<&String> = arrived.iter().collect();
    if distinct.len() != arrived.len() || distinct.iter().any(|message| !sent.contains(*message)) {
        return Err(format!("of {queue} arrived {arrived:?}, while {sent:?} were sent"));
    }
    if !arrived.iter().zip(&read).all(|(arrived, read)| arrived == *read) || read.len() > arrived.len() {
        return Err(format!("of {queue} it read {read:?}, while {arrived:?} arrived"));
    }
    Ok(())
}

/// Without faults, or with such that the keeper must bear, everything runs once.
fn exactly_once(truth: &Truth) {
    let book = truth.book();
    if book.weather.climate == Climate::Stormy {
        return;
    }
    let twice =
        book.begun.iter().find(|(_, times)| **times > 1).map(|(thing, times)| format!("{thing:?} ran {times} times"));
    drop(book);
    truth.judge(twice.map_or(Ok(()), |what| Err(format!("nothing went wrong, but {what}"))));
}

/// The store has exactly what the accepted commits say.
async fn stored(truth: &Truth, store: &MemoryProvider) {
    let instances: Vec<(String, Vec<u64>)> = {
        let book = truth.book();
        book.histories.instances().map(|(instance, ids)| (instance.clone(), ids)).collect()
    };
    for (instance, ids) in instances.iter().filter(|(instance, _)| instance != RUINED) {
        for id in ids {
            let found = store.read_with_execution(instance, *id).await.map_err(|error| error.message);
            let expected = truth.book().histories.events(instance, *id).to_vec();
            if found.as_ref() != Ok(&expected) {
                truth.violated(format!("{instance} execution {id} is not what was committed: {found:?}"));
            }
        }
    }
}

/// Every history leads the code to the end that it records.
fn replayed(truth: &Truth) {
    // Copied, since code under replay reads the clock, which looks into the book.
    let all: Vec<(String, u64, Vec<duroxide::Event>)> = {
        let book = truth.book();
        let ids = book.histories.instances().flat_map(|(instance, ids)| ids.into_iter().map(move |id| (instance, id)));
        ids.map(|(instance, id)| (instance.clone(), id, book.histories.events(instance, id).to_vec())).collect()
    };
    for (instance, id, events) in all {
        truth.judge(replay(&instance, id, &events).map_err(|why| format!("{instance} execution {id}: {why}")));
    }
}

fn replay(instance: &str, execution_id: u64, events: &[duroxide::Event]) -> Result<(), String> {
    let Some(EventKind::OrchestrationStarted { version, input, .. }) = events.first().map(|event| &event.kind) else {
        return Err("it does not begin with its start".to_owned());
    };
    let Some(end) = events.iter().position(duroxide::Event::is_terminal) else { return Ok(()) };
    let reads_old_values = input.contains("\"Get\"") || input.contains("\"Prune\"");
    if execution_id > 1 && reads_old_values {
        // What earlier executions left is not part of a history.
        return Ok(());
    }
    let parsed = duroxide_version(version)?;
    let handler = code::orchestrations(2).resolve_handler_exact(ORCHESTRATION, &parsed);
    let handler = handler.ok_or("its version is not known")?;
    let baseline = events[..end].to_vec();
    let persisted = baseline.len();
    let mut engine =
        ReplayEngine::new(instance.to_owned(), execution_id, baseline).with_persisted_history_len(persisted);
    let result =
        engine.execute_orchestration(handler, input.clone(), ORCHESTRATION.to_owned(), version.clone(), "judge");
    let agrees = match (&events[end].kind, &result) {
        (EventKind::OrchestrationCompleted { output }, TurnResult::Completed(again)) => output == again,
        (EventKind::OrchestrationFailed { details }, TurnResult::Failed(again)) => details == again,
        (EventKind::OrchestrationFailed { details }, TurnResult::Cancelled(reason)) => {
            details.display_message() == format!("canceled: {reason}")
        }
        (EventKind::OrchestrationContinuedAsNew { input }, TurnResult::ContinueAsNew { input: again, .. }) => {
            input == again
        }
        _ => false,
    };
    if agrees { Ok(()) } else { Err(format!("history records {:?}, and its replay says {result:?}", events[end].kind)) }
}

fn duroxide_version(text: &str) -> Result<semver::Version, String> {
    semver::Version::parse(text).map_err(|error| error.to_string())
}
