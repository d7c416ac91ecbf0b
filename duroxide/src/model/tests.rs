//! The wire form, texts and arithmetic of the words.

use std::time::Duration;

use super::error::{AppErrorKind, ErrorDetails};
use super::event::{Event, EventKind};
use super::filter::TagFilter;
use super::ids;
use super::retry::{BackoffStrategy, RetryPolicy};

fn event(kind: EventKind) -> Event {
    Event {
        event_id: 2,
        source_event_id: None,
        instance_id: "i".into(),
        execution_id: 1,
        timestamp_ms: 7,
        duroxide_version: "0.2.0".into(),
        kind,
    }
}

#[test]
fn an_event_is_a_flat_json_object_named_by_type() {
    let json = serde_json::to_value(event(EventKind::QueueSubscribed { name: "q".into() })).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "event_id": 2, "source_event_id": null, "instance_id": "i", "execution_id": 1, "timestamp_ms": 7,
            "duroxide_version": "0.2.0", "type": "ExternalSubscribedPersistent", "name": "q"
        })
    );
}

#[test]
fn every_kind_reads_back_equal_and_names_its_wire_type() {
    let text = || String::from("x");
    let details = ErrorDetails::application(AppErrorKind::ActivityFailed, "boom");
    let kinds = [
        EventKind::OrchestrationStarted {
            name: text(),
            version: text(),
            input: text(),
            parent_instance: Some(text()),
            parent_id: Some(3),
            parent_execution_id: None,
            carry_forward_events: Some(vec![(text(), text())]),
            initial_custom_status: None,
        },
        EventKind::OrchestrationCompleted { output: text() },
        EventKind::OrchestrationFailed { details: details.clone() },
        EventKind::ActivityScheduled { name: text(), input: text(), session_id: None, tag: Some(text()) },
        EventKind::ActivityCompleted { result: text() },
        EventKind::ActivityFailed { details: details.clone() },
        EventKind::ActivityCancelRequested { reason: text() },
        EventKind::TimerCreated { fire_at_ms: 1 },
        EventKind::TimerFired { fire_at_ms: 1 },
        EventKind::ExternalSubscribed { name: text() },
        EventKind::ExternalEvent { name: text(), data: text() },
        EventKind::OrchestrationChained { name: text(), instance: text(), input: text() },
        EventKind::SubOrchestrationScheduled { name: text(), instance: text(), input: text() },
        EventKind::SubOrchestrationCompleted { result: text() },
        EventKind::SubOrchestrationFailed { details },
        EventKind::SubOrchestrationCancelRequested { reason: text() },
        EventKind::OrchestrationContinuedAsNew { input: text() },
        EventKind::OrchestrationCancelRequested { reason: text() },
        EventKind::ExternalSubscribedCancelled { reason: text() },
        EventKind::QueueSubscribed { name: text() },
        EventKind::QueueEventDelivered { name: text(), data: text() },
        EventKind::QueueSubscriptionCancelled { reason: text() },
        EventKind::CustomStatusUpdated { status: None },
        EventKind::KeyValueSet { key: text(), value: text(), last_updated_at_ms: 4 },
        EventKind::KeyValueCleared { key: text() },
        EventKind::KeyValuesCleared,
    ];
    for kind in kinds {
        let event = event(kind);
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["type"], event.kind.wire_type());
    }
}

#[test]
fn a_row_without_version_or_of_unknown_type_is_refused() {
    let without = r#"{"event_id":1,"instance_id":"i","execution_id":1,"timestamp_ms":1,"type":"KeyValuesCleared"}"#;
    let error = serde_json::from_str::<Event>(without).unwrap_err().to_string();
    assert!(error.contains("missing field `duroxide_version`"), "{error}");
    let unknown = r#"{"event_id":1,"instance_id":"i","execution_id":1,"timestamp_ms":1,"duroxide_version":"9.0.0","type":"FromTheFuture"}"#;
    assert!(serde_json::from_str::<Event>(unknown).is_err());
}

#[test]
fn generated_child_ids_name_their_execution_after_the_first() {
    assert_eq!(ids::generated_child_id(1, 4), "sub::4");
    assert_eq!(ids::generated_child_id(3, 4), "sub::3_4");
    assert_eq!(ids::build_child_instance_id("order", "sub::4"), "order::sub::4");
    assert_eq!(ids::build_child_instance_id("order", "refund"), "refund");
}

#[test]
fn backoff_is_bounded_and_never_panics() {
    let table = [
        (BackoffStrategy::None, 1, Duration::ZERO),
        (BackoffStrategy::Fixed { delay: Duration::from_secs(2) }, 9, Duration::from_secs(2)),
        (
            BackoffStrategy::Linear { base: Duration::from_secs(2), max: Duration::from_secs(5) },
            3,
            Duration::from_secs(5),
        ),
        (BackoffStrategy::default(), 1, Duration::from_millis(100)),
        (BackoffStrategy::default(), 4, Duration::from_millis(800)),
        (BackoffStrategy::default(), u32::MAX, Duration::from_secs(30)),
    ];
    for (strategy, attempt, expected) in table {
        assert_eq!(strategy.delay_for_attempt(attempt), expected, "{strategy:?} at {attempt}");
    }
    assert!(std::panic::catch_unwind(|| RetryPolicy::new(0)).is_err());
}

#[test]
fn a_tag_filter_takes_what_it_says() {
    let tags = TagFilter::tags(["gpu"]);
    assert!(tags.matches(Some("gpu")) && !tags.matches(None) && !tags.matches(Some("cpu")));
    let both = TagFilter::default_and(["gpu"]);
    assert!(both.matches(Some("gpu")) && both.matches(None) && !both.matches(Some("cpu")));
    assert!(TagFilter::any().matches(Some("x")) && !TagFilter::none().matches(None));
    assert!(std::panic::catch_unwind(|| TagFilter::tags(Vec::<String>::new())).is_err());
}
