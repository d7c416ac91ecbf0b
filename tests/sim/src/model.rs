//! What must come of a program, from the program alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::program::{Act, End, How, Op, Program, VERSIONS};
use crate::world::REASON;

/// What an operation may say.
enum Want {
    OneOf(Vec<Value>),
    /// A message of a queue; which one is checked against history.
    Read(String),
    ReadOrNone(String),
    Pruned,
    Child(Program, Option<String>),
    Join(Vec<Want>),
}

/// How an instance ended, as a client sees it.
pub(crate) type Ended = Result<String, String>;

/// Messages that the code says it read, in order: (queue, payload).
pub(crate) type Reads = Vec<(String, String)>;

/// Compares the end of an instance with what its program must come to.
///
/// # Errors
/// What was expected, and what was found.
pub(crate) fn check(program: &Program, version: Option<&str>, ended: &Ended) -> Result<Reads, String> {
    let text = match (program.end, ended) {
        (End::Return, Ok(text)) | (End::Fail, Err(text)) => text,
        (End::Panic, Err(text)) => text.strip_prefix("orchestration panicked: ").unwrap_or(text),
        (end, found) => return Err(format!("it must end with {end:?}, but: {found:?}")),
    };
    let said: Value =
        serde_json::from_str(text).map_err(|_| format!("it must end with {:?}, but: {text}", program.end))?;
    let (wants, status) = wants(program, version);
    if said["status"] != json!(status) {
        return Err(format!("its custom status must be {status:?}, but is {}", said["status"]));
    }
    let said = said["said"].as_array().cloned().unwrap_or_default();
    if said.len() != wants.len() {
        return Err(format!("it must say {} things, but says {}", wants.len(), said.len()));
    }
    let mut reads = Vec::new();
    wants.iter().zip(&said).try_for_each(|(want, said)| meets(want, said, &mut reads))?;
    Ok(reads)
}

/// The text of an instance that was cancelled.
pub(crate) fn cancelled(reason: &str) -> Ended {
    Err(format!("canceled: {reason}"))
}

fn wants(program: &Program, version: Option<&str>) -> (Vec<Want>, Option<String>) {
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut status = None;
    let mut wants = Vec::new();
    for (generation, ops) in program.generations.iter().enumerate() {
        wants.push(match version.filter(|_| generation == 0) {
            Some(version) => is(json!(version)),
            // What the policy selects is the latest that the process knows, and an old process knows fewer.
            None => Want::OneOf(VERSIONS.iter().map(|version| json!(version)).collect()),
        });
        for op in ops {
            if let Op::Status(text) = op {
                status = Some(text.clone());
            }
            wants.push(want(op, &mut values));
        }
    }
    (wants, status)
}

fn is(value: Value) -> Want {
    Want::OneOf(vec![value])
}

fn ok(text: &str) -> Value {
    json!({ "ok": text })
}

fn err(text: impl Into<String>) -> Value {
    json!({ "err": text.into() })
}

fn want(op: &Op, values: &mut BTreeMap<String, Vec<Value>>) -> Want {
    match op {
        Op::Call(act) => is(returned(act)),
        Op::Join(branches) => Want::Join(branches.iter().map(|op| want(op, values)).collect()),
        Op::Race(act, _) if matches!(act.how, How::Hang | How::HangHard) => is(json!("late")),
        Op::Race(act, _) => Want::OneOf(vec![returned(act), json!("late")]),
        Op::Retry { key, fails, attempts, .. } => {
            is(if fails < attempts { ok(key) } else { err(format!("fail {key}")) })
        }
        Op::Deadline { .. } => is(err("timeout: activity timed out")),
        Op::Timer(_) => is(json!("time")),
        Op::Event(name) => is(json!(name)),
        Op::Dequeue(queue) => Want::Read(queue.clone()),
        Op::DequeueOrTimer(queue, _) => Want::ReadOrNone(queue.clone()),
        Op::Set(key, value) => {
            values.insert(key.clone(), vec![json!(value)]);
            is(json!("set"))
        }
        Op::Get(key) => {
            let known = values.get(key).cloned().unwrap_or_else(|| vec![Value::Null]);
            Want::OneOf(known.into_iter().map(|value| json!({ "get": value })).collect())
        }
        Op::Clear(key) => {
            values.remove(key);
            is(json!("clear"))
        }
        Op::Prune => {
            // Which of the clocks of the processes was ahead is not known.
            values.values_mut().for_each(|known| known.push(Value::Null));
            Want::Pruned
        }
        Op::Status(_) => is(json!("status")),
        Op::Child { version, program, .. } => Want::Child((**program).clone(), version.clone()),
        Op::DroppedChild(..) => is(json!("dropped")),
        Op::CancelledChild { .. } => is(err(format!("canceled: {REASON}"))),
        Op::Detached { .. } => is(json!("detached")),
        Op::Collision(id) => {
            let taken = format!("sub-orchestration instance id '{id}' already exists");
            Want::OneOf(vec![err(format!("{taken} and is terminal")), err(taken)])
        }
        Op::Guid => is(json!("guid")),
    }
}

fn returned(act: &Act) -> Value {
    match act.how {
        How::Echo | How::Sleep(_) => ok(&act.key),
        How::Fail => err(format!("fail {}", act.key)),
        How::Panic => err("panicked"),
        How::Hang | How::HangHard => json!("never"),
    }
}

fn meets(want: &Want, said: &Value, reads: &mut Reads) -> Result<(), String> {
    match want {
        Want::OneOf(values) if values.contains(said) => Ok(()),
        Want::OneOf(values) => Err(format!("it must say one of {values:?}, but says {said}")),
        Want::ReadOrNone(_) if *said == json!("none") => Ok(()),
        Want::Read(queue) | Want::ReadOrNone(queue) => {
            let message = said["read"].as_str().ok_or_else(|| format!("it must read from {queue}, but says {said}"))?;
            reads.push((queue.clone(), message.to_owned()));
            Ok(())
        }
        Want::Pruned if said["pruned"].as_u64().is_some_and(|pruned| pruned <= 3) => Ok(()),
        Want::Pruned => Err(format!("it must say how much it pruned, but says {said}")),
        Want::Child(program, version) => {
            let text = |key: &str| said[key].as_str().map(str::to_owned);
            let ended = match (text("ok"), text("err")) {
                (Some(text), None) => Ok(text),
                (None, Some(text)) => Err(text),
                _ => return Err(format!("it must say how its child ended, but says {said}")),
            };
            check(program, version.as_deref(), &ended).map(drop).map_err(|why| format!("of its child: {why}"))
        }
        Want::Join(wants) => {
            let said = said.as_array().filter(|said| said.len() == wants.len());
            let said = said.ok_or_else(|| format!("it must say {} things at once", wants.len()))?;
            wants.iter().zip(said).try_for_each(|(want, said)| meets(want, said, reads))
        }
    }
}
