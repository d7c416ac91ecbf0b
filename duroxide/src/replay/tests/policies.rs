//! Retry and timeout of a call go by what history records, whatever the code says today.

use std::time::Duration;

use super::*;
use crate::model::ids::SYSCALL_CALL_POLICY;
use crate::model::retry::{BackoffStrategy, RetryPolicy};

#[duroxide_macros::activity(tag = "bank")]
async fn charge(cents: u64) -> Result<u64, String> {
    Ok(cents)
}

const SECOND: Duration = Duration::from_secs(1);

/// No policy, each option alone and together, and each with other values.
fn policies() -> Vec<RetryPolicy> {
    let retry =
        |max_attempts, delay| RetryPolicy { max_attempts, backoff: BackoffStrategy::Fixed { delay }, timeout: None };
    vec![
        RetryPolicy::new(1),
        retry(2, SECOND),
        retry(3, SECOND * 7),
        retry(3, Duration::ZERO),
        RetryPolicy::new(1).with_timeout(SECOND * 30),
        RetryPolicy::new(1).with_timeout(SECOND * 60),
        retry(3, SECOND).with_timeout(SECOND * 30),
    ]
}

/// Charges under the policy, then ships.
fn shop(policy: RetryPolicy) -> Arc<dyn OrchestrationHandler> {
    Arc::new(FnOrchestration(move |ctx: OrchestrationContext, _| {
        let policy = policy.clone();
        async move {
            let charged = charge::call(&ctx, 5).retry(policy).await;
            ctx.schedule_activity("ship", format!("{charged:?}")).await
        }
    }))
}

/// What happens to the attempt or the timer that was asked for last.
#[derive(Clone, Copy)]
enum Happens {
    Works,
    Fails,
    Fires,
}
use Happens::{Fails, Fires, Works};

const COURSES: &[&[Happens]] = &[
    &[Works],
    &[Fails],
    &[Fires],
    &[Fails, Fires, Works],
    &[Fails, Works],
    &[Fails, Fires, Fails, Fires, Fails],
    &[Fails, Fires, Fires],
    &[Fails, Fails, Fails],
];

impl Story {
    /// The code is replaced, as a deployment does: what was in memory is gone.
    fn edited(&mut self, handler: Arc<dyn OrchestrationHandler>) {
        self.handler = handler;
        self.live = None;
    }

    /// The newest row that records a request of this kind, if it was not answered.
    fn unanswered(&self, wanted: impl Fn(&EventKind) -> bool) -> Option<u64> {
        let id = self.history.iter().rev().find(|event| wanted(&event.kind))?.event_id;
        let answered = self.history.iter().any(|event| event.source_event_id == Some(id));
        (!answered).then_some(id)
    }

    fn charge(&self) -> Option<u64> {
        self.unanswered(|kind| matches!(kind, EventKind::ActivityScheduled { name, .. } if name == "charge"))
    }

    /// Nothing, when nothing waits for it.
    fn happens(&mut self, what: Happens) {
        let timer = || self.unanswered(|kind| matches!(kind, EventKind::TimerCreated { .. }));
        let message = match what {
            Works => self.charge().map(|id| done(id, "5")),
            Fails => self.charge().map(|id| failed(id, "no")),
            Fires => timer().map(fired),
        };
        if let Some(message) = message.filter(|_| self.outcome == Outcome::Continue) {
            self.turn([message]);
        }
    }

    fn ship(&mut self) {
        let shipped =
            self.unanswered(|kind| matches!(kind, EventKind::ActivityScheduled { name, .. } if name == "ship"));
        if let Some(id) = shipped {
            self.turn([done(id, "shipped")]);
        }
    }

    fn history_rows(&self) -> Vec<String> {
        let row = |event: &Event| {
            let source = event.source_event_id.map(|id| format!("<{id}")).unwrap_or_default();
            format!("{}{source} {:?}", event.event_id, event.kind)
        };
        self.history.iter().map(row).collect()
    }
}

/// Drives the course under `before`, and from turn `edited_at` on under `after`.
fn told(before: &RetryPolicy, after: &RetryPolicy, course: &[Happens], edited_at: usize) -> Story {
    let mut story = Story::of(|_, _| async { Ok(String::new()) });
    story.edited(shop(before.clone()));
    story.turn([]);
    for (turn, what) in course.iter().enumerate() {
        if turn == edited_at {
            story.edited(shop(after.clone()));
        }
        story.happens(*what);
    }
    story.ship();
    story
}

#[test]
fn adding_changing_or_removing_a_policy_changes_nothing_for_calls_made_before() {
    for before in &policies() {
        for course in COURSES {
            let unedited = told(before, before, course, 0);
            for after in &policies() {
                for edited_at in 0..course.len() {
                    let edited = told(before, after, course, edited_at);
                    assert_eq!(edited.history_rows(), unedited.history_rows(), "{before:?} became {after:?}");
                    assert_eq!(edited.outcome, unedited.outcome);
                }
            }
        }
    }
}

/// A recorded history, told with the code of another day.
fn recorded(rows: Vec<(Option<u64>, EventKind)>, today: RetryPolicy) -> Story {
    let mut story = Story::of(|_, _| async { Ok(String::new()) }).with_history(rows);
    story.edited(shop(today));
    story
}

fn scheduled(name: &str, input: &str, tag: Option<&str>) -> EventKind {
    EventKind::ActivityScheduled {
        name: name.into(),
        input: input.into(),
        session_id: None,
        tag: tag.map(str::to_owned),
    }
}

fn called() -> (Option<u64>, EventKind) {
    (None, scheduled("charge", "5", Some("bank")))
}

/// The two rows that record a policy for the call of event 2.
fn recording(text: &str) -> [(Option<u64>, EventKind); 2] {
    [
        (Some(2), scheduled(SYSCALL_CALL_POLICY, "", None)),
        (Some(3), EventKind::ActivityCompleted { result: text.into() }),
    ]
}

#[test]
fn added_to_a_recorded_call_it_does_not_hold() {
    let added = RetryPolicy::new(3).with_timeout(SECOND);
    let mut story = recorded(vec![(None, start(None)), called()], added);
    let commit = story.turn([failed(2, "no")]);
    assert_eq!(rows(&commit), ["3<2 ActivityFailed", "4 ActivityScheduled"]);
    assert!(story.history_rows()[3].contains(r#"name: "ship""#));
}

#[test]
fn changed_after_a_recorded_call_the_recorded_one_holds() {
    let text = r#"{"backoff":{"fixed":{"delay_ms":1000}},"max_attempts":2,"timeout_ms":30000}"#;
    let mut history = vec![(None, start(None)), called()];
    history.extend(recording(text));
    history.push((None, EventKind::TimerCreated { fire_at_ms: 31_000 }));
    let mut story = recorded(history, RetryPolicy::new(9).with_backoff(BackoffStrategy::None));
    assert_eq!(rows(&story.turn([failed(2, "no")])), ["6<2 ActivityFailed", "7 TimerCreated"]);
    assert_eq!(rows(&story.turn([fired(7)])), ["8<7 TimerFired", "9 ActivityScheduled", "10 TimerCreated"]);
    assert_eq!(rows(&story.turn([failed(9, "no")])), ["11<9 ActivityFailed", "12 ActivityScheduled"]);
    assert!(story.history_rows()[11].contains(r#"App(\"no\")"#), "the second attempt was the last");
}

#[test]
fn removed_after_a_recorded_call_the_recorded_one_still_holds() {
    let text = r#"{"backoff":"none","max_attempts":1,"timeout_ms":30000}"#;
    let mut history = vec![(None, start(None)), called()];
    history.extend(recording(text));
    history.push((None, EventKind::TimerCreated { fire_at_ms: 31_000 }));
    let mut story = recorded(history, RetryPolicy::new(1));
    let commit = story.turn([fired(5)]);
    assert_eq!(rows(&commit), ["6<5 TimerFired", "7 ActivityScheduled", "8<2 ActivityCancelRequested"]);
    assert!(story.history_rows()[6].contains("TimedOut"));
}

#[test]
fn a_record_that_cannot_be_read_fails_with_the_call_it_is_for() {
    let mut history = vec![(None, start(None)), called()];
    history.extend(recording(r#"{"backoff":"lunar","max_attempts":1}"#));
    let mut story = recorded(history, RetryPolicy::new(1));
    story.turn([]);
    let failure = story.failure();
    assert!(failure.contains("recorded for the activity of event 2 cannot be read: "), "{failure}");
    assert!(failure.contains("unknown variant, expected one of `none`"), "{failure}");
}

#[test]
fn a_policy_is_written_with_its_call_and_only_where_there_is_one() {
    let mut story = Story::of(|ctx, _| async move {
        let plain = charge::call(&ctx, 1);
        let tried = charge::call(&ctx, 2).retry(RetryPolicy::new(2)).timeout("30s");
        let undone = charge::call(&ctx, 3).retry(RetryPolicy::new(2)).retry(RetryPolicy::new(1));
        let (plain, tried, undone) = ctx.join3(plain, tried, undone).await;
        Ok(format!("{plain:?} {tried:?} {undone:?}"))
    });
    let commit = story.turn([]);
    let rows = rows(&commit);
    let expected = [
        "1 OrchestrationStarted",
        "2 ActivityScheduled",
        "3 ActivityScheduled",
        "4<3 ActivityScheduled",
        "5<4 ActivityCompleted",
        "6 ActivityScheduled",
        "7 TimerCreated",
    ];
    assert_eq!(rows, expected);
    assert_eq!(commit.worker_items.len(), 3, "a record is no work for a worker");
    story.turn([done(2, "1"), done(6, "3"), failed(3, "no")]);
    story.happens(Fires);
    let again = story.charge().expect("it is tried again");
    let row = &story.history_rows()[again as usize - 1];
    assert!(row.contains(r#"tag: Some("bank")"#), "a retry goes where the call went: {row}");
    story.happens(Works);
    assert_eq!(story.completed(), "Ok(1) Ok(5) Ok(3)");
}

#[test]
fn an_attempt_that_takes_too_long_is_cancelled_and_not_tried_again() {
    let mut story = Story::of(|ctx, _| async move {
        let charged = charge::call(&ctx, 1).retry(RetryPolicy::new(5)).timeout(SECOND).await;
        Ok(format!("{charged:?}"))
    });
    story.turn([]);
    let commit = story.turn([fired(5)]);
    assert_eq!(story.completed(), "Err(TimedOut)");
    assert_eq!(commit.cancelled_activities.len(), 1);
}

#[test]
fn a_call_under_a_policy_that_is_dropped_is_cancelled() {
    let mut story = Story::of(|ctx, _| async move {
        let call = charge::call(&ctx, 1).timeout(SECOND * 60);
        match ctx.select2(call, ctx.schedule_timer(SECOND)).await {
            crate::Either2::First(_) => Ok("charged".to_owned()),
            crate::Either2::Second(()) => ctx.schedule_activity("next", "").await,
        }
    });
    story.turn([]);
    // Event 5 is the timer of the race, 6 that of the policy.
    let commit = story.turn([fired(5)]);
    assert_eq!(rows(&commit), ["7<5 TimerFired", "8 ActivityScheduled", "9<2 ActivityCancelRequested"]);
    story.turn([done(8, "over")]);
    assert_eq!(story.completed(), "over");
}

#[test]
fn any_number_of_calls_may_learn_their_policies_in_one_turn() {
    let story = Story::of(|ctx, _| async move {
        let calls = (0..150).map(|cents| charge::call(&ctx, cents).timeout(SECOND)).collect();
        Ok(ctx.join(calls).await.len().to_string())
    });
    let commit = story.drive(&mut story.open(Vec::new()), Vec::new());
    assert_eq!(commit.delta.len(), 1 + 150 * 4);
}

#[test]
fn asking_for_one_more_under_a_policy_on_every_poll_is_stopped() {
    let mut story = Story::of(|ctx, _| {
        let mut held = Vec::new();
        std::future::poll_fn(move |_| {
            held.push(charge::call(&ctx, 1).timeout(SECOND));
            std::task::Poll::Pending
        })
    });
    story.turn([]);
    assert!(story.failure().contains("quiescence loop exceeded 100 iterations"), "{}", story.failure());
}
