//! The same call in each way it can be written, so many times in one turn: callgrind counts what a call costs.
//!
//! `bench-typed CASE WAY COUNT`, started by `cargo xtask bench typed`. The turn replays a history in which every call is
//! answered. `nothing` as the way builds the history and runs no turn, so that it can be subtracted.

use std::process::ExitCode;
use std::sync::Arc;

use duroxide::runtime::OrchestrationHandler;
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::{Event, EventKind, OrchestrationContext, OrchestrationRegistry, activity};
use serde::{Deserialize, Serialize};

type Fault = Box<dyn std::error::Error>;

/// Its fields are declared in the order of canonical JSON, so that the text is the same in each way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    customer: String,
    id: u64,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    quantity: u32,
    sku: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Receipt {
    cents: u64,
    order: u64,
}

#[activity]
async fn ping() -> Result<(), String>;

#[activity]
async fn ship(order: Order) -> Result<Receipt, String>;

#[activity]
async fn charge(order: Order, cents: u64) -> Result<Receipt, String>;

/// The arguments of `charge`, for those who write them down themselves.
#[derive(Serialize)]
struct Charge<'a> {
    cents: u64,
    order: &'a Order,
}

/// What a turn returns: something that depends on every answer.
type Sum = Result<u64, String>;

const CASES: &[&str] = &["none", "one", "two"];
const WAYS: &[&str] = &["nothing", "typed", "strings", "by_name"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measured(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measured(arguments: &[String]) -> Result<(), Fault> {
    let [case, way, count] = arguments else {
        return Err(format!("expected CASE WAY COUNT, found {arguments:?}").into());
    };
    let known = |what: &str, word: &str, all: &[&'static str]| {
        let found = all.iter().find(|known| **known == word).copied();
        found.ok_or_else(|| format!("{what}: expected one of {}, found `{word}`", all.join(", ")))
    };
    let (case, way) = (known("CASE", case, CASES)?, known("WAY", way, WAYS)?);
    let count: u64 = count.parse().map_err(|error| format!("COUNT: {error}, found `{count}`"))?;
    let history = history(case, count)?;
    if way == "nothing" {
        return Ok(());
    }
    let (handler, input) = (handler(case, way)?, count.to_string());
    let mut engine = ReplayEngine::new("typed".to_owned(), 1, history);
    let result = engine.execute_orchestration(handler, input, "typed".to_owned(), "1.0.0".to_owned(), "bench");
    let expected = if case == "none" { count } else { count * CENTS };
    match result {
        TurnResult::Completed(sum) if sum == expected.to_string() => Ok(()),
        other => Err(format!("expected {expected}, found {other:?}").into()),
    }
}

const CENTS: u64 = 1_299;

fn order() -> Order {
    let line = |n: u32| Line { quantity: n, sku: format!("tea-{n}") };
    Order { customer: "Ada Lovelace".to_owned(), id: 4_711, lines: vec![line(1), line(2)] }
}

/// One turn's worth of answered calls.
fn history(case: &str, count: u64) -> Result<Vec<Event>, Fault> {
    let (name, input) = match case {
        "none" => ("ping", "null".to_owned()),
        "one" => ("ship", serde_json::to_string(&order())?),
        _ => ("charge", serde_json::to_string(&Charge { cents: CENTS, order: &order() })?),
    };
    let result = match case {
        "none" => "null".to_owned(),
        _ => serde_json::to_string(&Receipt { cents: CENTS, order: 4_711 })?,
    };
    let started = EventKind::OrchestrationStarted {
        name: "typed".to_owned(),
        version: "1.0.0".to_owned(),
        input: count.to_string(),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    };
    let mut events = vec![Event::with_event_id(1, "typed", 1, None, started)];
    for n in 0..count {
        let id = 2 + 2 * n;
        let (name, input) = (name.to_owned(), input.clone());
        let asked = EventKind::ActivityScheduled { name, input, session_id: None, tag: None };
        events.push(Event::with_event_id(id, "typed", 1, None, asked));
        let done = EventKind::ActivityCompleted { result: result.clone() };
        events.push(Event::with_event_id(id + 1, "typed", 1, Some(id), done));
    }
    Ok(events)
}

/// The orchestration: `COUNT` calls, one after the other.
fn handler(case: &str, way: &str) -> Result<Arc<dyn OrchestrationHandler>, Fault> {
    macro_rules! registered {
        ($(($case:literal, $way:literal) => |$ctx:ident, $order:ident| $call:expr;)*) => {
            match (case, way) {
                $(($case, $way) => OrchestrationRegistry::builder().register("typed", |ctx, count| async move {
                    let $order = order();
                    let mut sum = 0;
                    for _ in 0..count.parse::<u64>().map_err(|error| error.to_string())? {
                        let $ctx: &OrchestrationContext = &ctx;
                        let answer: Sum = $call;
                        sum += answer?;
                    }
                    Ok(sum.to_string())
                }),)*
                other => return Err(format!("no such way: {other:?}").into()),
            }
        };
    }
    let builder = registered! {
        ("none", "typed") => |ctx, _order| ping::call(ctx).await.map(|()| 1).map_err(String::from);
        ("none", "strings") => |ctx, _order| read::<()>(ctx.schedule_activity("ping", "null").await).map(|()| 1);
        ("none", "by_name") => |ctx, _order| ctx.schedule_activity_typed::<_, ()>("ping", &()).await.map(|()| 1);
        ("one", "typed") => |ctx, order| cents(ship::call(ctx, order.clone()).await.map_err(String::from));
        ("one", "strings") => |ctx, order| {
            let order = order.clone();
            cents(read(ctx.schedule_activity("ship", written(&order)?).await))
        };
        ("one", "by_name") => |ctx, order| {
            let order = order.clone();
            cents(ctx.schedule_activity_typed("ship", &order).await)
        };
        ("two", "typed") => |ctx, order| cents(charge::call(ctx, order.clone(), CENTS).await.map_err(String::from));
        ("two", "strings") => |ctx, order| {
            let order = order.clone();
            cents(read(ctx.schedule_activity("charge", written(&Charge { cents: CENTS, order: &order })?).await))
        };
        ("two", "by_name") => |ctx, order| {
            let order = order.clone();
            cents(ctx.schedule_activity_typed("charge", &Charge { cents: CENTS, order: &order }).await)
        };
    };
    let (_, handler) = builder.build().resolve_handler("typed").ok_or("it was registered")?;
    Ok(handler)
}

fn written<T: Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn read<T: serde::de::DeserializeOwned>(text: Result<String, String>) -> Result<T, String> {
    serde_json::from_str(&text?).map_err(|error| error.to_string())
}

fn cents(receipt: Result<Receipt, String>) -> Sum {
    receipt.map(|receipt| receipt.cents)
}
