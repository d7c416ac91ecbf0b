//! Turns: run live, replayed cold from history, and compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::world::at_once;
use crate::dispatch::activity::completion;
use crate::dispatch::builtin;
use crate::dispatch::verdict::{Head, Turn};
use crate::model::commit::Commit;
use crate::model::event::Event;
use crate::model::measure::Measure;
use crate::providers::Provider;
use crate::replay::{Call, Execution, Opening, Outcome, SystemCall, TurnInput};

/// Executions that stay in memory between their turns.
pub(super) struct Turns {
    warm: BTreeMap<String, Warm>,
    /// Whether every turn is replayed cold and compared.
    pub(super) compares: bool,
}

/// An execution after a turn that was not its last.
pub(super) struct Warm {
    execution: Execution,
    execution_id: u64,
    /// How long its history was then.
    events: usize,
}

/// A turn, run.
pub(super) struct Driven {
    pub(super) commit: Commit,
    /// What the code measured.
    pub(super) measures: Vec<Measure>,
    /// `None` when the execution has ended.
    pub(super) goes_on: Option<Warm>,
}

impl Default for Turns {
    fn default() -> Self {
        Turns { warm: BTreeMap::new(), compares: true }
    }
}

impl Turns {
    /// Runs a turn on the execution that is in memory, or on a new one that is led through history.
    pub(super) fn drive(&mut self, turn: &Turn, store: &dyn Provider, now_ms: u64) -> Driven {
        let events = turn.history.len();
        let warm = self.warm.remove(&turn.head.instance);
        let fits = |warm: &Warm| warm.execution_id == turn.head.execution_id && warm.events == events;
        let mut live = warm.filter(fits).map_or_else(|| opened(turn, now_ms), |warm| warm.execution);
        let commit = driven(&mut live, turn, store, now_ms);
        let measures = live.take_measures();
        if self.compares {
            let again = driven(&mut opened(turn, now_ms), turn, store, now_ms);
            compare(&turn.head, &commit, &again);
        }
        let events = events + commit.delta.len();
        let goes_on = *live.outcome() == Outcome::Continue;
        let goes_on = goes_on.then_some(Warm { execution: live, execution_id: turn.head.execution_id, events });
        Driven { commit, measures, goes_on }
    }

    /// The turn was stored: its execution may stay.
    pub(super) fn keep(&mut self, instance: String, warm: Option<Warm>) {
        if let Some(warm) = warm {
            self.warm.insert(instance, warm);
        }
    }

    /// Nothing stays in memory.
    pub(super) fn forget(&mut self) {
        self.warm.clear();
    }
}

fn opened(turn: &Turn, now_ms: u64) -> Execution {
    let opening = Opening {
        instance: turn.head.instance.clone(),
        execution_id: turn.head.execution_id,
        name: turn.head.name.clone(),
        version: turn.head.version.clone(),
        input: turn.input.clone(),
        history: turn.history.clone(),
        kv_snapshot: turn.kv_snapshot.clone(),
        now_ms,
    };
    Execution::open(turn.handler.clone(), opening)
}

fn driven(execution: &mut Execution, turn: &Turn, store: &dyn Provider, now_ms: u64) -> Commit {
    execution.advance(TurnInput { start: turn.head.start.clone(), messages: turn.messages.clone(), now_ms });
    loop {
        let calls = execution.system_calls();
        let answers: Vec<_> = calls.into_iter().filter_map(|call| answer(&turn.head, &call, store, now_ms)).collect();
        if answers.is_empty() {
            return execution.conclude(None);
        }
        execution.advance(TurnInput { start: None, messages: answers, now_ms });
    }
}

/// What the runtime answers itself. The same call has the same answer however often it is asked: a test is repeated.
fn answer(
    head: &Head,
    SystemCall { id, call }: &SystemCall,
    store: &dyn Provider,
    now_ms: u64,
) -> Option<crate::model::work_item::WorkItem> {
    let result = match call {
        Call::NewGuid => Ok(guid(&head.instance, head.execution_id, *id)),
        Call::UtcNow => Ok(now_ms.to_string()),
        other => at_once(builtin::answer(store, other))?,
    };
    Some(completion(&head.instance, head.execution_id, *id, result))
}

/// Looks like a version 4 UUID, and is a function of who asks.
fn guid(instance: &str, execution_id: u64, id: u64) -> String {
    // FNV-1a: two ids differ when their askers do, which is all that a test wants of them.
    let hash = instance
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}-{:04x}-4000-8000-{:012x}", hash >> 32, execution_id & 0xffff, id & 0xffff_ffff_ffff)
}

/// Live and cold must decide the same.
fn compare(head: &Head, live: &Commit, cold: &Commit) {
    let Some((live, cold)) = difference(live, cold) else { return };
    panic!(
        "orchestration `{}` (instance `{}`, execution {}) is not deterministic: run twice over the same history, \
         it asked for different things\n  first:  {live}\n  replay: {cold}\n\
         = help: something else than its context decides here: a clock, randomness, a static, the order of a HashMap, \
         a captured variable\n\
         = help: take the time from `ctx.utc_now()`, ids from `ctx.new_guid()`, and all else from arguments and \
         activities",
        head.name, head.instance, head.execution_id
    );
}

/// The first thing in which two commits differ, from both.
fn difference(live: &Commit, cold: &Commit) -> Option<(String, String)> {
    let longest = live.delta.len().max(cold.delta.len());
    let at = (0..longest).find(|at| live.delta.get(*at) != cold.delta.get(*at));
    if let Some(at) = at {
        return Some((shown(live.delta.get(at)), shown(cold.delta.get(at))));
    }
    let rest = |commit: &Commit| {
        let mut text = String::new();
        let Commit { worker_items, orchestrator_items, cancelled_activities, .. } = commit;
        // Writing into a string cannot fail.
        let _ = write!(text, "{worker_items:?} {orchestrator_items:?} {cancelled_activities:?}");
        text
    };
    let (live, cold) = (rest(live), rest(cold));
    (live != cold).then_some((live, cold))
}

fn shown(event: Option<&Event>) -> String {
    event.map_or_else(|| "nothing more".to_owned(), |event| format!("event {}: {:?}", event.event_id, event.kind))
}
