//! What a saga undoes, when, and what it tells of what could not be undone.

use crate::context::orchestration::OrchestrationContext;
use crate::testing::{Asked, Harness, crash_everywhere};
use crate::typed::{CallError, Saga, SagaError, UndoFailure};

#[duroxide_macros::activity(name = "saga_book")]
async fn book(what: String) -> Result<u64, String>;

#[duroxide_macros::activity(name = "saga_cancel")]
async fn cancel(booking: u64) -> Result<(), String>;

#[duroxide_macros::event]
#[derive(serde::Serialize, serde::Deserialize)]
struct GiveUp {}

#[duroxide_macros::durable]
async fn book_all(ctx: &OrchestrationContext, saga: &mut Saga, whats: Vec<String>) -> Result<u64, String> {
    let mut sum = 0;
    for what in whats {
        sum += saga.step(book::call(ctx, what), cancel::call).await?;
    }
    Ok(sum)
}

#[duroxide_macros::orchestration(name = "saga_trip")]
async fn trip(ctx: OrchestrationContext, whats: Vec<String>) -> Result<u64, String> {
    let mut saga = Saga::new(&ctx);
    saga.undo(|ctx| cancel::call(ctx, 100));
    let booked = duroxide::select! {
        booked = book_all(&ctx, &mut saga, whats) => booked,
        _ = ctx.wait::<GiveUp>() => Err("given up".to_owned()),
    };
    match saga.finish(booked).await {
        Ok(sum) => Ok(sum),
        Err(SagaError { cause, failed }) if failed.is_empty() => Err(cause),
        Err(error) => Err(format!("{error}")),
    }
}

fn harness() -> Harness {
    let mut harness = Harness::new();
    set_up(&mut harness);
    harness
}

fn set_up(harness: &mut Harness) {
    let mut bookings = 0;
    harness.mock::<book>(move |what: String| {
        bookings += 1;
        if what == "full" { Err("fully booked".to_owned()) } else { Ok(bookings) }
    });
    harness.mock::<cancel>(|booking| if booking == 2 { Err("no refund".to_owned()) } else { Ok(()) });
}

fn whats(whats: &[&str]) -> Vec<String> {
    whats.iter().map(|what| (*what).to_owned()).collect()
}

fn failure(end: Result<u64, CallError<String>>) -> String {
    match end.unwrap_err() {
        CallError::App(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_succeeds_is_not_undone() {
    let mut harness = harness();
    assert_eq!(harness.run::<trip>(whats(&["a", "b", "c"])).unwrap(), 6);
    assert!(harness.calls::<cancel>().is_empty());
}

#[test]
fn steps_are_undone_in_reverse_and_the_failed_one_is_not() {
    let mut harness = harness();
    assert_eq!(failure(harness.run::<trip>(whats(&["a", "full", "c"]))), "fully booked");
    assert_eq!(harness.calls::<book>().len(), 2);
    assert_eq!(harness.calls::<cancel>(), [1, 100]);
}

#[test]
fn a_compensation_that_fails_is_told_and_the_others_run() {
    let mut harness = harness();
    let error = failure(harness.run::<trip>(whats(&["a", "b", "c", "full"])));
    assert_eq!(harness.calls::<cancel>(), [3, 2, 1, 100]);
    assert_eq!(error, r#"fully booked; undoing step 3 failed: App("no refund")"#);
    let failed = vec![UndoFailure { step: 1, error: "why".to_owned() }];
    assert_eq!(String::from(SagaError { cause: "no", failed }), "no; undoing step 1 failed: why");
}

#[test]
fn a_signal_gives_up_and_a_cancellation_undoes_nothing() {
    let patient = || {
        let mut harness = Harness::new();
        harness.mock::<book>(|_| Ok(1)).takes("1h");
        harness.mock::<cancel>(|_| Ok(()));
        harness
    };
    let mut harness = patient();
    harness.after("90m").raise(GiveUp {});
    assert_eq!(failure(harness.run::<trip>(whats(&["a", "b"]))), "given up");
    // The second booking was on its way and dropped; it may have had its effect.
    assert_eq!(harness.calls::<cancel>(), [1, 100]);
    let mut harness = patient();
    harness.after("90m").cancel("enough");
    assert!(matches!(harness.run::<trip>(whats(&["a", "b"])), Err(CallError::Cancelled { .. })));
    assert!(!harness.asked().contains(&Asked::activity::<cancel>(1)));
}

#[test]
fn a_crash_changes_nothing() {
    let points = crash_everywhere(|harness| {
        set_up(harness);
        harness.run::<trip>(whats(&["a", "b", "c", "full"])).unwrap_err().to_string()
    });
    assert!(points > 30, "{points}");
}
