//! What a batch means to an instance: which start counts, and what is left in which order.

use super::*;
use crate::replay::batch::{Batch, read_batch};

fn start_of(version: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: "order".into(),
        orchestration: "Checkout".into(),
        input: "in".into(),
        version: Some(version.into()),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn next_execution(carried: &[&str]) -> WorkItem {
    WorkItem::ContinueAsNew {
        instance: "order".into(),
        orchestration: "Checkout".into(),
        input: "next".into(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: carried.iter().map(|data| ("q".to_owned(), (*data).to_owned())).collect(),
        initial_custom_status: None,
    }
}

fn activity() -> WorkItem {
    WorkItem::ActivityExecute {
        instance: "order".into(),
        execution_id: 1,
        id: 2,
        name: "a".into(),
        input: "".into(),
        session_id: None,
        tag: None,
    }
}

#[test]
fn concurrent_start_the_first_counts() {
    let messages = vec![raised("go", "1"), start_of("1.0.0"), activity(), start_of("2.0.0"), raised("go", "2")];
    let Batch { start, messages, ignored_starts, is_continue_as_new } = read_batch(messages, true, "order");
    assert_eq!(start, Some(start_of("1.0.0")));
    assert_eq!(messages, [raised("go", "1"), raised("go", "2")], "activities belong to the other queue");
    assert_eq!(ignored_starts, [start_of("2.0.0")]);
    assert!(!is_continue_as_new);
}

#[test]
fn a_start_cannot_replace_what_an_execution_is_pinned_to() {
    let batch = read_batch(vec![start_of("9.0.0"), done(2, "")], false, "order");
    assert_eq!((batch.start, batch.messages), (None, vec![done(2, "")]));
    assert_eq!(batch.ignored_starts, [start_of("9.0.0")]);
}

#[test]
fn a_start_cannot_take_the_place_of_a_continue_as_new() {
    let batch = read_batch(vec![start_of("9.0.0"), next_execution(&[])], false, "order");
    assert_eq!(batch.start, Some(next_execution(&[])));
    assert!(batch.is_continue_as_new);
}

#[test]
fn carried_messages_come_before_those_that_just_arrived() {
    let batch = read_batch(vec![queued("q", "new"), next_execution(&["1", "2"])], false, "order");
    assert_eq!(batch.messages, [queued("q", "1"), queued("q", "2"), queued("q", "new")]);
    assert_eq!(batch.start, Some(next_execution(&["1", "2"])), "the start event records them, too");
}

#[test]
fn a_second_continue_as_new_cannot_take_the_place_of_the_first() {
    let batch = read_batch(vec![next_execution(&["1"]), next_execution(&["2"])], false, "order");
    assert_eq!(batch.start, Some(next_execution(&["1"])));
    assert_eq!(batch.ignored_starts, [next_execution(&["2"])]);
    assert_eq!(batch.messages, [queued("q", "1")], "what the other one carries goes with it");
}
