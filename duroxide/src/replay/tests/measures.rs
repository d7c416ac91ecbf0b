//! What code measures counts once: live, cold, and in whichever turn it was first done.

use super::*;
use crate::context::combinators::Either2;
use crate::model::measure::{Figure, Measure};

fn count(name: &'static str, by: u64) -> Measure {
    Measure { name, labels: Vec::new(), figure: Figure::Count(by) }
}

#[test]
fn each_turn_measures_what_it_did_first() {
    let mut story = Story::of(|ctx, _| async move {
        ctx.counter("begun_total", 1, &[]);
        let answer = ctx.schedule_activity("a", "").await?;
        ctx.histogram("answer_bytes", answer.len() as f64, &[("kind", "first")]);
        ctx.schedule_activity("b", "").await?;
        ctx.counter("done_total", 1, &[]);
        Ok(answer)
    });
    story.turn([]);
    assert_eq!(story.measured, [count("begun_total", 1)]);
    story.turn([done(2, "four")]);
    let sample = Measure { name: "answer_bytes", labels: vec![("kind", "first")], figure: Figure::Sample(4.0) };
    assert_eq!(story.measured, [sample]);
    story.turn([done(4, "")]);
    assert_eq!(story.measured, [count("done_total", 1)]);
}

/// Code that takes an answer and asks for nothing more is polled behind its history once more, with the replay flag down.
#[test]
fn an_answer_that_led_to_no_request_is_measured_in_its_own_turn_only() {
    let mut story = Story::of(|ctx, _| async move {
        let (a, go) = (ctx.schedule_activity("a", ""), ctx.schedule_wait("go"));
        let Either2::First(_) =
            ctx.select2(a, async { ctx.schedule_timer(std::time::Duration::from_secs(1)).await }).await
        else {
            return Err("the timer does not fire here".to_owned());
        };
        ctx.counter("answered_total", 1, &[]);
        Ok(go.await)
    });
    story.turn([]);
    assert_eq!(story.measured, []);
    story.turn([done(2, "")]);
    assert_eq!(story.measured, [count("answered_total", 1)]);
    story.turn([raised("go", "now")]);
    assert_eq!(story.measured, []);
    assert_eq!(story.completed(), "now");
}

#[test]
fn counts_of_one_name_are_one_figure_and_a_turn_measures_so_much_at_most() {
    let mut story = Story::of(|ctx, _| async move {
        for _ in 0..10_000 {
            ctx.counter("loops_total", 2, &[]);
            ctx.histogram("loop_size", 1.0, &[]);
        }
        ctx.counter("not-a-name", 1, &[]);
        ctx.histogram("never", f64::NAN, &[]);
        Ok(String::new())
    });
    story.turn([]);
    assert_eq!(story.measured.len(), crate::model::measure::MEASURES_PER_TURN_MAX);
    assert_eq!(story.measured[0], count("loops_total", 20_000));
    assert_eq!(story.completed(), "");
}

#[test]
fn what_is_dropped_with_the_code_measures_nothing() {
    struct Late(OrchestrationContext);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.counter("dropped_total", 1, &[]);
        }
    }
    let mut story = Story::of(|ctx, _| async move {
        let _late = Late(ctx.clone());
        Ok(ctx.schedule_wait("never").await)
    });
    story.turn([]);
    let live = story.live.take().unwrap();
    let ledger = live.ledger.clone();
    drop(live);
    assert_eq!(ledger.with(|book| book.measures.take()), []);
}
