//! Laws: an instance keeps the trace context it was started in; for stores that keep any.
#![allow(missing_docs, reason = "a law's name says what it demands")]

use super::StoreFactory;
use super::case::Case;
use super::items::{raised, start};
use crate::model::start::StartOutcome;
use crate::model::trace::TraceContext;
use crate::providers::traces::TraceProvider;

laws!("traces":
    a_start_keeps_its_context_with_it,
    the_context_that_came_first_stays,
    the_context_of_a_start_that_never_came_gives_way,
    contexts_of_children_that_never_came_go_with_their_parent,
    a_start_that_is_not_queued_keeps_nothing,
    an_instance_that_exists_gets_no_context_afterwards,
    contexts_of_what_a_turn_starts_are_kept_before_it_exists,
    a_context_goes_with_its_instance,
    a_full_instance_takes_no_traced_start,
    only_a_start_is_traced,
);

/// Far more than waits for any instance here.
const ROOM: Option<usize> = Some(100);

fn context(span: u8) -> TraceContext {
    let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000{span:02x}-01");
    TraceContext::new(&parent, Some("vendor=1")).expect("it is made by the rules")
}

/// `None` for a store that keeps no contexts, which is legal.
fn tracing<'a>(store: &'a Case<'_>) -> Option<&'a dyn TraceProvider> {
    store.as_trace_capability()
}

async fn trace_of(store: &Case<'_>, instance: &str) -> Option<TraceContext> {
    tracing(store).expect("it keeps contexts").read_trace(instance).await.expect("a context is read")
}

pub async fn a_start_keeps_its_context_with_it(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    assert_eq!(trace_of(&store, "a").await, None);
    for (instance, waiting_max, expected) in [("a", ROOM, StartOutcome::Uncompared), ("b", None, StartOutcome::Queued)]
    {
        let outcome = traces.start_traced(start(instance), waiting_max, &context(1)).await.expect("a start is taken");
        assert_eq!(outcome, expected);
        assert_eq!(trace_of(&store, instance).await, Some(context(1)));
        assert_eq!(store.take().await.item.messages, [start(instance)], "the start itself is as it was");
    }
    let bare = TraceContext::new(context(2).traceparent(), None).expect("it is made by the rules");
    traces.start_traced(start("c"), ROOM, &bare).await.expect("a start is taken");
    assert_eq!(trace_of(&store, "c").await, Some(bare));
}

pub async fn the_context_that_came_first_stays(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    for span in [1, 2] {
        traces.start_traced(start("a"), ROOM, &context(span)).await.expect("a start is taken");
    }
    traces.keep_traces(&[("a".to_owned(), context(3))]).await.expect("contexts are kept");
    assert_eq!(trace_of(&store, "a").await, Some(context(1)));
}

pub async fn the_context_of_a_start_that_never_came_gives_way(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    for (instance, waiting_max) in [("a", ROOM), ("b", None)] {
        traces.keep_traces(&[(instance.to_owned(), context(1))]).await.expect("contexts are kept");
        traces.start_traced(start(instance), waiting_max, &context(2)).await.expect("a start is taken");
        assert_eq!(trace_of(&store, instance).await, Some(context(2)), "the turn that kept the other was lost");
        traces.keep_traces(&[(instance.to_owned(), context(3))]).await.expect("contexts are kept");
        assert_eq!(trace_of(&store, instance).await, Some(context(2)), "the start came");
        store.take().await;
        traces.keep_traces(&[(instance.to_owned(), context(3))]).await.expect("contexts are kept");
        assert_eq!(trace_of(&store, instance).await, Some(context(2)), "and somebody works on it");
    }
    // Twice in one turn.
    let twice = [("c".to_owned(), context(1)), ("c".to_owned(), context(1))];
    traces.keep_traces(&twice).await.expect("contexts are kept");
    assert_eq!(trace_of(&store, "c").await, Some(context(1)));
}

pub async fn contexts_of_children_that_never_came_go_with_their_parent(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    store.create_ended("a", "Completed").await;
    let kept = ["a::sub::2", "a::sub::3", "b::sub::2"];
    traces.keep_traces(&kept.map(|child| (child.to_owned(), context(1)))).await.expect("contexts are kept");
    store.create_ended("a::sub::3", "Completed").await;
    store.admin().delete_instances_atomic(&["a".to_owned()], false).await.expect("an ended instance is deleted");
    assert_eq!(trace_of(&store, "a::sub::2").await, None, "nobody starts it any more");
    assert_eq!(trace_of(&store, "a::sub::3").await, Some(context(1)), "it exists, whosever it is");
    assert_eq!(trace_of(&store, "b::sub::2").await, Some(context(1)));
}

pub async fn a_start_that_is_not_queued_keeps_nothing(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    store.enqueue_start(start("a")).await.expect("a start is taken");
    let outcome = traces.start_traced(start("a"), None, &context(1)).await.expect("a start is answered");
    assert_eq!(outcome, StartOutcome::Exists);
    assert_eq!(trace_of(&store, "a").await, None);
}

pub async fn an_instance_that_exists_gets_no_context_afterwards(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    store.create_ended("a", "Completed").await;
    traces.start_traced(start("a"), ROOM, &context(1)).await.expect("a start is taken");
    traces.keep_traces(&[("a".to_owned(), context(1))]).await.expect("contexts are kept");
    assert_eq!(trace_of(&store, "a").await, None);
}

pub async fn contexts_of_what_a_turn_starts_are_kept_before_it_exists(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    let kept = [("a::sub::2".to_owned(), context(1)), ("b".to_owned(), context(2))];
    traces.keep_traces(&kept).await.expect("contexts are kept");
    traces.keep_traces(&[]).await.expect("nothing is kept");
    for (instance, expected) in kept {
        assert_eq!(trace_of(&store, &instance).await, Some(expected));
    }
    store.create("b").await;
    assert_eq!(trace_of(&store, "b").await, Some(context(2)), "it is there before and after the first turn");
}

pub async fn a_context_goes_with_its_instance(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    for instance in ["a", "b"] {
        traces.keep_traces(&[(instance.to_owned(), context(1))]).await.expect("contexts are kept");
        store.create_ended(instance, "Completed").await;
    }
    store.admin().delete_instances_atomic(&["a".to_owned()], false).await.expect("an ended instance is deleted");
    assert_eq!(trace_of(&store, "a").await, None);
    assert_eq!(trace_of(&store, "b").await, Some(context(1)));
    traces.start_traced(start("a"), None, &context(2)).await.expect("a start is taken");
    assert_eq!(trace_of(&store, "a").await, Some(context(2)), "the next life has a trace of its own");
}

pub async fn a_full_instance_takes_no_traced_start(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    store.send(raised("a", "1")).await;
    let refused = traces.start_traced(start("a"), Some(1), &context(1)).await;
    assert!(refused.is_err_and(|error| error.is_retryable()), "one waits, and one may");
    assert_eq!(trace_of(&store, "a").await, None);
}

pub async fn only_a_start_is_traced(factory: &dyn StoreFactory) {
    let store = Case::of(factory).await;
    let Some(traces) = tracing(&store) else { return };
    for waiting_max in [ROOM, None] {
        let refused = traces.start_traced(raised("a", "1"), waiting_max, &context(1)).await;
        assert!(refused.is_err_and(|error| !error.is_retryable()));
    }
}
