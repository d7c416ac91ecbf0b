//! Tables: given this history, these bars.

use super::*;
use crate::insight::testing::{Asked, History};
use crate::model::error::AppErrorKind;
use crate::model::error::ErrorDetails;
use crate::model::event::EventKind;

/// A bar in one line: `activity charge 0..40 done [0..40 done]`.
fn lines(timeline: &Timeline) -> Vec<String> {
    let at = |ms: u64| ms - timeline.from_ms;
    let line = |bar: &Bar| {
        let mut text =
            format!("{} {} {}..{} {}", bar.kind.label(), bar.name, at(bar.from_ms), at(bar.to_ms), bar.outcome.label());
        for attempt in &bar.attempts {
            text += &format!(" [{}..{} {}]", at(attempt.from_ms), at(attempt.to_ms), attempt.outcome.label());
            if let Some(deadline_ms) = attempt.deadline_ms {
                text += &format!(" by {}", at(deadline_ms));
            }
        }
        for wait in &bar.waits {
            text += &format!(" (waits {}..{}, due {})", at(wait.from_ms), at(wait.to_ms), at(wait.due_ms));
        }
        if let Some(most) = bar.attempts_max {
            text += &format!(" of {most}");
        }
        text
    };
    timeline.bars.iter().map(line).collect()
}

fn read(history: &History, now_ms: u64) -> Vec<String> {
    lines(&history.timeline(now_ms))
}

#[test]
fn an_activity_lasts_from_being_asked_for_to_its_answer() {
    let mut history = History::new("checkout");
    let reserve = history.asks(0, Asked::activity("reserve", "1"));
    let charge = history.asks(0, Asked::activity("charge", "2"));
    history.completed(40, reserve);
    assert_eq!(
        read(&history, 70),
        ["activity reserve 0..40 done [0..40 done]", "activity charge 0..70 open [0..70 open]"]
    );
    history.completed(90, charge);
    history.ends(90, EventKind::OrchestrationCompleted { output: "1".to_owned() });
    let timeline = history.timeline(5_000);
    assert_eq!((timeline.to_ms - timeline.from_ms, &timeline.end), (90, &Some(End::Completed)));
    assert_eq!(timeline.open().count(), 0);
}

#[test]
fn a_retry_by_hand_is_an_attempt_of_the_same_call_and_its_timer_the_wait() {
    let mut history = History::new("checkout");
    let first = history.asks(0, Asked::activity("charge", "5"));
    history.failed(10, first, "no line");
    let timer = history.asks(10, Asked::timer(100));
    // Until the attempt comes nobody can know what the timer is for.
    assert_eq!(read(&history, 50), ["activity charge 0..10 failed [0..10 failed]", "timer 100 ms 10..50 open"]);
    history.fired(110, timer);
    let second = history.asks(110, Asked::activity("charge", "5"));
    history.completed(130, second);
    assert_eq!(
        read(&history, 200),
        ["activity charge 0..130 done [0..10 failed] [110..130 done] (waits 10..110, due 110)"]
    );
}

#[test]
fn the_same_call_after_a_success_and_another_call_are_their_own() {
    let mut history = History::new("checkout");
    let first = history.asks(0, Asked::activity("ping", ""));
    history.completed(10, first);
    let second = history.asks(10, Asked::activity("ping", ""));
    history.failed(20, second, "no");
    history.asks(20, Asked::activity("ping", "other"));
    assert_eq!(
        read(&history, 30),
        [
            "activity ping 0..10 done [0..10 done]",
            "activity ping 10..20 failed [10..20 failed]",
            "activity ping 20..30 open [20..30 open]",
        ]
    );
}

#[test]
fn a_recorded_policy_tells_waits_and_limits_before_they_end() {
    let policy = r#"{"backoff":{"fixed":{"delay_ms":1000}},"max_attempts":3,"timeout_ms":30000}"#;
    let mut history = History::new("checkout");
    let call = history.asks(0, Asked::activity("charge", "5"));
    history.governed(0, call, policy);
    let limit = history.asks(0, Asked::timer(30_000));
    history.failed(10, call, "no line");
    let wait = history.asks(10, Asked::timer(1_000));
    let between = history.timeline(400);
    assert!(between.bars[0].is_between_attempts());
    assert_eq!(lines(&between), ["activity charge 0..400 open [0..10 failed] by 30000 (waits 10..400, due 1010) of 3"]);
    history.fired(1_010, wait);
    let second = history.asks(1_010, Asked::activity("charge", "5"));
    let second_limit = history.asks(1_010, Asked::timer(30_000));
    // The limit of the first attempt passes, and nobody is late.
    history.fired(30_000, limit);
    history.fired(31_010, second_limit);
    history.gives_up_activity(31_010, second);
    assert_eq!(
        read(&history, 40_000),
        [
            "activity charge 0..31010 timed out [0..10 failed] by 30000 [1010..31010 timed out] by 31010 (waits 10..1010, due 1010) of 3"
        ]
    );
}

#[test]
fn the_last_attempt_of_a_policy_has_no_next() {
    let policy = r#"{"backoff":"none","max_attempts":2}"#;
    let mut history = History::new("checkout");
    let call = history.asks(0, Asked::activity("charge", "5"));
    history.governed(0, call, policy);
    history.failed(10, call, "one");
    let second = history.asks(10, Asked::activity("charge", "5"));
    history.failed(20, second, "two");
    // The code asks for the same once more: that is another call.
    history.asks(20, Asked::activity("charge", "5"));
    assert_eq!(
        read(&history, 25),
        [
            "activity charge 0..20 failed [0..10 failed] [10..20 failed] of 2",
            "activity charge 20..25 open [20..25 open]",
        ]
    );
}

#[test]
fn an_event_answers_the_oldest_wait_of_its_name_and_one_too_early_is_marked() {
    let mut history = History::new("checkout");
    history.arrives(5, "approved");
    history.asks(10, Asked::event("approved"));
    history.asks(10, Asked::event("approved"));
    history.asks(10, Asked::timer(86_400_000));
    history.arrives(30, "approved");
    let timeline = history.timeline(50);
    assert_eq!(lines(&timeline), ["event approved 10..30 done", "event approved 10..50 open", "timer 1 d 10..50 open"]);
    assert_eq!(timeline.marks.len(), 1);
    assert_eq!(timeline.marks[0].kind, MarkKind::Unheard { name: "approved".to_owned() });
}

#[test]
fn a_cancelled_wait_does_not_take_the_event() {
    let mut history = History::new("checkout");
    let first = history.asks(0, Asked::event("approved"));
    let second = history.asks(0, Asked::event("approved"));
    history.push(10, Some(first), EventKind::ExternalSubscribedCancelled { reason: "dropped".to_owned() });
    history.arrives(20, "approved");
    let _ = second;
    assert_eq!(read(&history, 30), ["event approved 0..10 cancelled", "event approved 0..20 done"]);
}

#[test]
fn messages_and_dequeues_meet_in_order_whichever_comes_first() {
    let mut history = History::new("worker");
    history.delivered(5, "jobs");
    history.asks(10, Asked::dequeue("jobs"));
    history.asks(10, Asked::dequeue("jobs"));
    history.delivered(40, "jobs");
    history.asks(40, Asked::dequeue("jobs"));
    assert_eq!(read(&history, 50), ["queue jobs 10..10 done", "queue jobs 10..40 done", "queue jobs 40..50 open"]);
}

#[test]
fn children_are_named_by_their_full_id() {
    let mut history = History::new("checkout");
    let child = history.asks(0, Asked::child("ship", "sub::2"));
    history.asks(0, Asked::child("audit", "audit-7"));
    history.push(60, Some(child), EventKind::SubOrchestrationCompleted { result: "1".to_owned() });
    history.push(
        60,
        None,
        EventKind::OrchestrationChained {
            name: "mail".to_owned(),
            instance: "mail-1".to_owned(),
            input: "1".to_owned(),
        },
    );
    let timeline = history.timeline(70);
    let children: Vec<_> = timeline.bars.iter().map(|bar| bar.child.as_deref()).collect();
    assert_eq!(children, [Some("order-7::sub::2"), Some("audit-7"), Some("mail-1")]);
    assert_eq!(
        lines(&timeline),
        ["child ship 0..60 done", "child audit 0..70 open", "independent orchestration mail 60..60 done"]
    );
}

#[test]
fn what_the_end_leaves_behind_is_not_open() {
    let mut history = History::new("checkout");
    history.asks(0, Asked::timer(60_000));
    let slow = history.asks(0, Asked::activity("slow", ""));
    history.push(30, None, EventKind::OrchestrationCancelRequested { reason: "enough".to_owned() });
    let details = ErrorDetails::application(AppErrorKind::Cancelled { reason: "enough".to_owned() }, "");
    history.ends(30, EventKind::OrchestrationFailed { details });
    history.gives_up_activity(30, slow);
    let timeline = history.timeline(9_000);
    assert_eq!(timeline.end, Some(End::Cancelled { reason: "enough".to_owned() }));
    assert_eq!(timeline.marks[0].kind, MarkKind::CancelRequested { reason: "enough".to_owned() });
    assert_eq!(lines(&timeline), ["timer 1 min 0..30 not needed", "activity slow 0..30 cancelled [0..30 cancelled]"]);
}

#[test]
fn system_calls_do_not_end_a_turn() {
    let mut history = History::new("checkout");
    let call = history.asks(0, Asked::activity("charge", "5"));
    history.failed(10, call, "no line");
    let guid = history.asks(10, Asked::activity("__duroxide_syscall:new_guid", ""));
    history.completed(10, guid);
    let timer = history.asks(10, Asked::timer(100));
    history.fired(110, timer);
    history.asks(110, Asked::activity("charge", "5"));
    assert_eq!(
        read(&history, 120),
        [
            "activity charge 0..120 open [0..10 failed] [110..120 open] (waits 10..110, due 110)",
            "system call new_guid 10..10 done",
        ]
    );
}

#[test]
fn clocks_that_differ_do_not_turn_time_round() {
    let mut history = History::new("checkout");
    let call = history.asks(100, Asked::activity("charge", "5"));
    history.completed(40, call);
    assert_eq!(read(&history, 50), ["activity charge 100..100 done [100..100 done]"]);
}

#[test]
fn an_empty_history_and_answers_to_nothing_do_no_harm() {
    assert_eq!(Timeline::of(&[], 7).bars, []);
    let mut history = History::new("checkout");
    history.completed(5, 99);
    history.fired(5, 98);
    history.gives_up_activity(5, 97);
    assert_eq!(read(&history, 50), Vec::<String>::new());
}
