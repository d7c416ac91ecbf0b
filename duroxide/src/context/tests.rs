//! What a context asks for, refuses and resolves to.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::orchestration::OrchestrationContext;
use crate::model::action::Action;

fn ctx() -> OrchestrationContext {
    OrchestrationContext::new(Vec::new(), 1, "i".into(), "n".into(), "1.0.0".into(), None)
}

fn emitted(ctx: &OrchestrationContext) -> Vec<Action> {
    ctx.ledger.with(|book| book.emitted.iter().map(|emitted| emitted.action.clone()).collect())
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_tag_amends_the_activity_it_was_set_on() {
    let ctx = ctx();
    let _first = ctx.schedule_activity("a", "1").with_tag("gpu");
    let _second = ctx.schedule_activity("b", "2");
    assert!(matches!(&emitted(&ctx)[0], Action::CallActivity { tag: Some(tag), .. } if tag == "gpu"));
    assert!(matches!(&emitted(&ctx)[1], Action::CallActivity { tag: None, .. }));
}

#[test]
fn a_late_tag_is_a_misuse_and_not_a_panic() {
    let ctx = ctx();
    let activity = ctx.schedule_activity("a", "1");
    ctx.ledger.with(|book| book.emitted.clear());
    drop(activity.with_tag("gpu"));
    assert!(ctx.ledger.with(|book| book.misuse.clone()).unwrap().starts_with("with_tag(\"gpu\") came after an await"));
}

#[test]
#[should_panic(expected = "with_tag() can only be called on activity futures")]
fn a_tag_on_a_timer_panics() {
    drop(ctx().schedule_timer(Duration::ZERO).with_tag("gpu"));
}

#[test]
fn an_explicit_child_id_with_the_reserved_marker_resolves_to_an_error_and_records_nothing() {
    let ctx = ctx();
    let mut child = pin!(ctx.schedule_sub_orchestration_with_id("c", "sub::x", ""));
    let Poll::Ready(Err(error)) = poll(child.as_mut()) else { panic!("must be refused at once") };
    assert!(error.starts_with("sub-orchestration instance id 'sub::x' starts with the reserved marker 'sub::'"));
    assert!(emitted(&ctx).is_empty());
}

#[test]
#[should_panic(expected = "detached orchestration instance id 'a::sub::b' uses the reserved")]
fn a_detached_id_with_the_reserved_marker_panics() {
    ctx().schedule_orchestration("c", "a::sub::b", "");
}

#[test]
fn an_empty_join_is_ready_at_once() {
    let ctx = ctx();
    let join = ctx.join(Vec::<std::future::Ready<u8>>::new());
    assert_eq!(poll(pin!(join)), Poll::Ready(Vec::new()));
}

#[test]
fn select_prefers_the_earlier_argument_and_join_keeps_the_order() {
    let ctx = ctx();
    let ready = std::future::ready::<u8>;
    let Poll::Ready(winner) = poll(pin!(ctx.select2(ready(1), ready(2)))) else { panic!("both were ready") };
    assert_eq!(winner.into_tuple(), (0, 1));
    assert_eq!(poll(pin!(ctx.join3(ready(1), ready(2), ready(3)))), Poll::Ready((1, 2, 3)));
}

#[test]
fn a_retry_schedules_nothing_before_it_is_polled() {
    let ctx = ctx();
    let policy = crate::model::retry::RetryPolicy::new(2).with_timeout(Duration::from_secs(1));
    let mut retry = pin!(ctx.schedule_activity_with_retry("a", "", policy));
    assert!(emitted(&ctx).is_empty());
    assert!(poll(retry.as_mut()).is_pending());
    let kinds = emitted(&ctx);
    assert!(matches!(kinds[..], [Action::CallActivity { .. }, Action::CreateTimer { .. }]), "{kinds:?}");
}
