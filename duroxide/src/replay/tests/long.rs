//! Long histories: what a turn decides after ten thousand events, live and cold.

use std::time::Duration;

use super::*;

const EVENTS: usize = 10_000;

/// Drives `code` live, one message a turn, and opens it cold every now and then: both must decide the same.
fn drive(code: Story, message: impl Fn(&[Event]) -> WorkItem) -> Vec<Event> {
    const NOW_AND_THEN: usize = 1_997;
    let mut live = code.open(Vec::new());
    live.advance(code.input(Vec::new()));
    let mut history = live.conclude(None).delta;
    let mut next_check = NOW_AND_THEN;
    while live.outcome() == &Outcome::Continue {
        let input = || TurnInput { start: None, messages: vec![message(&history)], now_ms: 2_000 };
        live.advance(input());
        let commit = live.conclude(None);
        if history.len() >= next_check || live.outcome() != &Outcome::Continue {
            next_check += NOW_AND_THEN;
            let mut cold = code.open(history.clone());
            cold.advance(input());
            assert_eq!(format!("{:?}", cold.conclude(None)), format!("{commit:?}"), "after {} events", history.len());
            assert_eq!(cold.outcome(), live.outcome());
        }
        history.extend(commit.delta);
    }
    assert!(matches!(live.outcome(), Outcome::Completed(_)), "{:?}", live.outcome());
    history
}

fn last_of(history: &[Event], is_wanted: impl Fn(&EventKind) -> bool) -> u64 {
    history.iter().rev().find(|event| is_wanted(&event.kind)).unwrap().event_id
}

#[test]
fn a_chain_of_activities() {
    let code = Story::of(|ctx, _| async move {
        for n in 0..EVENTS / 2 {
            let answer = ctx.schedule_activity("step", n.to_string()).await?;
            assert_eq!(answer, "x");
        }
        Ok("end".to_owned())
    });
    let history =
        drive(code, |history| done(last_of(history, |kind| matches!(kind, EventKind::ActivityScheduled { .. })), "x"));
    assert_eq!(history.len(), EVENTS + 2);
}

#[test]
fn a_loop_that_races_a_message_against_a_timer_and_drops_the_loser() {
    let code = Story::of(|ctx, _| async move {
        for _ in 0..EVENTS / 5 {
            let message = ctx.dequeue_event("q");
            let wait = ctx.schedule_wait("s");
            ctx.select3(message, wait, ctx.schedule_timer(Duration::from_secs(1))).await;
        }
        Ok("end".to_owned())
    });
    let history = drive(code, |history| match history.len() % 3 {
        0 => fired(last_of(history, |kind| matches!(kind, EventKind::TimerCreated { .. }))),
        1 => queued("q", "m"),
        _ => raised("s", "d"),
    });
    assert!(history.len() > EVENTS, "{}", history.len());
    let losers = |event: &&Event| matches!(&event.kind, EventKind::ExternalSubscribedCancelled { reason } if reason == "dropped_future");
    assert!(history.iter().filter(losers).count() > 500);
}

#[test]
fn one_wait_stays_open_from_the_first_event_to_the_last() {
    let code = Story::of(|ctx, _| async move {
        let mut stop = ctx.schedule_wait("stop");
        for n in 0.. {
            if n == EVENTS / 2 {
                return Ok(stop.await);
            }
            let step = ctx.schedule_activity("step", "");
            let raced = ctx.select2(&mut stop, step).await;
            assert!(!raced.is_first());
        }
        unreachable!()
    });
    let history = drive(code, |history| match history.last().map(|event| &event.kind) {
        Some(EventKind::ActivityCompleted { .. }) => raised("stop", "now"),
        _ => done(last_of(history, |kind| matches!(kind, EventKind::ActivityScheduled { .. })), ""),
    });
    assert_eq!(history.len(), EVENTS + 4);
}
