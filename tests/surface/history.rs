//! Events, actions and work items: literals without `..`, full matches, `{:?}` as declared, the wire form.

use duroxide::providers::WorkItem;
use duroxide::runtime::kind_of;
use duroxide::{Action, AppErrorKind, ErrorDetails, Event, EventKind};

fn s(text: &str) -> String {
    text.to_string()
}

fn details() -> ErrorDetails {
    ErrorDetails::Application { kind: AppErrorKind::ActivityFailed, message: s("m"), retryable: false }
}

const DETAILS: &str = "Application { kind: ActivityFailed, message: \"m\", retryable: false }";

/// Every kind, the `type` of its wire form, and how it prints.
fn kinds() -> Vec<(EventKind, &'static str, String)> {
    let started = EventKind::OrchestrationStarted {
        name: s("n"),
        version: s("v"),
        input: s("i"),
        parent_instance: None,
        parent_id: Some(1),
        parent_execution_id: None,
        carry_forward_events: Some(vec![(s("q"), s("d"))]),
        initial_custom_status: None,
    };
    let started_text = "OrchestrationStarted { name: \"n\", version: \"v\", input: \"i\", parent_instance: None, \
                        parent_id: Some(1), parent_execution_id: None, carry_forward_events: Some([(\"q\", \"d\")]), \
                        initial_custom_status: None }";
    let scheduled = EventKind::ActivityScheduled { name: s("n"), input: s("i"), session_id: Some(s("s")), tag: None };
    let set = EventKind::KeyValueSet { key: s("k"), value: s("v"), last_updated_at_ms: 5 };
    let chained = EventKind::OrchestrationChained { name: s("n"), instance: s("x"), input: s("i") };
    let child = EventKind::SubOrchestrationScheduled { name: s("n"), instance: s("x"), input: s("i") };
    vec![
        (started, "OrchestrationStarted", s(started_text)),
        (
            EventKind::OrchestrationCompleted { output: s("o") },
            "OrchestrationCompleted",
            s("OrchestrationCompleted { output: \"o\" }"),
        ),
        (
            EventKind::OrchestrationFailed { details: details() },
            "OrchestrationFailed",
            format!("OrchestrationFailed {{ details: {DETAILS} }}"),
        ),
        (
            scheduled,
            "ActivityScheduled",
            s("ActivityScheduled { name: \"n\", input: \"i\", session_id: Some(\"s\"), tag: None }"),
        ),
        (
            EventKind::ActivityCompleted { result: s("r") },
            "ActivityCompleted",
            s("ActivityCompleted { result: \"r\" }"),
        ),
        (
            EventKind::ActivityFailed { details: details() },
            "ActivityFailed",
            format!("ActivityFailed {{ details: {DETAILS} }}"),
        ),
        (
            EventKind::ActivityCancelRequested { reason: s("r") },
            "ActivityCancelRequested",
            s("ActivityCancelRequested { reason: \"r\" }"),
        ),
        (EventKind::TimerCreated { fire_at_ms: 7 }, "TimerCreated", s("TimerCreated { fire_at_ms: 7 }")),
        (EventKind::TimerFired { fire_at_ms: 7 }, "TimerFired", s("TimerFired { fire_at_ms: 7 }")),
        (EventKind::ExternalSubscribed { name: s("n") }, "ExternalSubscribed", s("ExternalSubscribed { name: \"n\" }")),
        (
            EventKind::ExternalEvent { name: s("n"), data: s("d") },
            "ExternalEvent",
            s("ExternalEvent { name: \"n\", data: \"d\" }"),
        ),
        (chained, "OrchestrationChained", s("OrchestrationChained { name: \"n\", instance: \"x\", input: \"i\" }")),
        (
            child,
            "SubOrchestrationScheduled",
            s("SubOrchestrationScheduled { name: \"n\", instance: \"x\", input: \"i\" }"),
        ),
        (
            EventKind::SubOrchestrationCompleted { result: s("r") },
            "SubOrchestrationCompleted",
            s("SubOrchestrationCompleted { result: \"r\" }"),
        ),
        (
            EventKind::SubOrchestrationFailed { details: details() },
            "SubOrchestrationFailed",
            format!("SubOrchestrationFailed {{ details: {DETAILS} }}"),
        ),
        (
            EventKind::SubOrchestrationCancelRequested { reason: s("r") },
            "SubOrchestrationCancelRequested",
            s("SubOrchestrationCancelRequested { reason: \"r\" }"),
        ),
        (
            EventKind::OrchestrationContinuedAsNew { input: s("i") },
            "OrchestrationContinuedAsNew",
            s("OrchestrationContinuedAsNew { input: \"i\" }"),
        ),
        (
            EventKind::OrchestrationCancelRequested { reason: s("r") },
            "OrchestrationCancelRequested",
            s("OrchestrationCancelRequested { reason: \"r\" }"),
        ),
        (
            EventKind::ExternalSubscribedCancelled { reason: s("r") },
            "ExternalSubscribedCancelled",
            s("ExternalSubscribedCancelled { reason: \"r\" }"),
        ),
        (
            EventKind::QueueSubscribed { name: s("n") },
            "ExternalSubscribedPersistent",
            s("QueueSubscribed { name: \"n\" }"),
        ),
        (
            EventKind::QueueEventDelivered { name: s("n"), data: s("d") },
            "ExternalEventPersistent",
            s("QueueEventDelivered { name: \"n\", data: \"d\" }"),
        ),
        (
            EventKind::QueueSubscriptionCancelled { reason: s("r") },
            "ExternalSubscribedPersistentCancelled",
            s("QueueSubscriptionCancelled { reason: \"r\" }"),
        ),
        (
            EventKind::CustomStatusUpdated { status: None },
            "CustomStatusUpdated",
            s("CustomStatusUpdated { status: None }"),
        ),
        (set, "KeyValueSet", s("KeyValueSet { key: \"k\", value: \"v\", last_updated_at_ms: 5 }")),
        (EventKind::KeyValueCleared { key: s("k") }, "KeyValueCleared", s("KeyValueCleared { key: \"k\" }")),
        (EventKind::KeyValuesCleared, "KeyValuesCleared", s("KeyValuesCleared")),
    ]
}

/// Programs match every kind and every field, without `_` and without `..`.
fn field_count(kind: &EventKind) -> usize {
    match kind {
        EventKind::OrchestrationStarted {
            name: _,
            version: _,
            input: _,
            parent_instance: _,
            parent_id: _,
            parent_execution_id: _,
            carry_forward_events: _,
            initial_custom_status: _,
        } => 8,
        EventKind::ActivityScheduled { name: _, input: _, session_id: _, tag: _ } => 4,
        EventKind::OrchestrationChained { name: _, instance: _, input: _ }
        | EventKind::SubOrchestrationScheduled { name: _, instance: _, input: _ } => 3,
        EventKind::KeyValueSet { key: _, value: _, last_updated_at_ms: _ } => 3,
        EventKind::ExternalEvent { name: _, data: _ } | EventKind::QueueEventDelivered { name: _, data: _ } => 2,
        EventKind::OrchestrationCompleted { output: _ }
        | EventKind::OrchestrationFailed { details: _ }
        | EventKind::ActivityCompleted { result: _ }
        | EventKind::ActivityFailed { details: _ }
        | EventKind::ActivityCancelRequested { reason: _ }
        | EventKind::TimerCreated { fire_at_ms: _ }
        | EventKind::TimerFired { fire_at_ms: _ }
        | EventKind::ExternalSubscribed { name: _ }
        | EventKind::SubOrchestrationCompleted { result: _ }
        | EventKind::SubOrchestrationFailed { details: _ }
        | EventKind::SubOrchestrationCancelRequested { reason: _ }
        | EventKind::OrchestrationContinuedAsNew { input: _ }
        | EventKind::OrchestrationCancelRequested { reason: _ }
        | EventKind::ExternalSubscribedCancelled { reason: _ }
        | EventKind::QueueSubscribed { name: _ }
        | EventKind::QueueSubscriptionCancelled { reason: _ }
        | EventKind::CustomStatusUpdated { status: _ }
        | EventKind::KeyValueCleared { key: _ } => 1,
        EventKind::KeyValuesCleared => 0,
    }
}

#[test]
fn every_kind_prints_and_travels_as_it_always_did() {
    let kinds = kinds();
    assert_eq!(kinds.len(), 26);
    for (kind, wire, shown) in kinds {
        assert_eq!(format!("{kind:?}"), shown);
        assert!(shown.matches(": ").count() >= field_count(&kind), "{shown}");
        let event = Event::with_event_id(3, "i", 1, Some(2), kind);
        let json = serde_json::to_value(&event).expect("plain data");
        assert_eq!(json["type"], wire);
        assert_eq!(serde_json::from_value::<Event>(json).expect("its own form"), event);
    }
}

#[test]
fn absent_options_are_skipped_where_they_always_were() {
    let json = |kind: EventKind| serde_json::to_value(Event::new("i", 1, None, kind)).expect("plain data");
    let started = json(EventKind::OrchestrationStarted {
        name: s("n"),
        version: s("v"),
        input: s("i"),
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: None,
        initial_custom_status: None,
    });
    for written in ["parent_instance", "parent_id", "source_event_id"] {
        assert!(started.get(written).is_some_and(serde_json::Value::is_null), "{written}");
    }
    for skipped in ["parent_execution_id", "carry_forward_events", "initial_custom_status"] {
        assert!(started.get(skipped).is_none(), "{skipped}");
    }
    assert!(json(EventKind::CustomStatusUpdated { status: None })["status"].is_null());
    let old = r#"{"event_id":1,"instance_id":"i","execution_id":1,"timestamp_ms":1,"duroxide_version":"0.1.27",
        "type":"KeyValueSet","key":"k","value":"v","from_the_future":true}"#;
    let event: Event = serde_json::from_str(old).expect("old rows are read");
    assert_eq!((event.kind, event.source_event_id), (set_at_zero(), None));
}

fn set_at_zero() -> EventKind {
    EventKind::KeyValueSet { key: s("k"), value: s("v"), last_updated_at_ms: 0 }
}

#[test]
fn required_fields_and_known_types_only() {
    let row = serde_json::json!({
        "event_id": 1, "instance_id": "i", "execution_id": 1, "timestamp_ms": 1, "duroxide_version": "0.1.32",
        "type": "KeyValuesCleared"
    });
    assert!(serde_json::from_value::<Event>(row.clone()).is_ok());
    for field in ["event_id", "instance_id", "execution_id", "timestamp_ms", "duroxide_version", "type"] {
        let mut without = row.clone();
        without.as_object_mut().expect("an object").remove(field);
        let error = serde_json::from_value::<Event>(without).expect_err(field).to_string();
        assert!(error.contains(&format!("missing field `{field}`")), "{error}");
    }
    for unknown in ["ExternalSubscribed2", "ExternalEvent2", "FromTheFuture"] {
        let mut other = row.clone();
        other["type"] = unknown.into();
        assert!(serde_json::from_value::<Event>(other).is_err(), "{unknown}");
    }
}

#[test]
fn an_event_is_stamped_and_answers_questions() {
    let event: Event = Event::new(String::from("i"), 4, Some(2), EventKind::ActivityCompleted { result: s("r") });
    assert_eq!((event.event_id(), event.source_event_id(), event.is_terminal()), (0, Some(2), false));
    assert_eq!(event.duroxide_version, duroxide::current_build_version().to_string());
    assert!(event.timestamp_ms > 1_600_000_000_000);
    let literal = Event {
        event_id: 0,
        source_event_id: Some(2),
        instance_id: s("i"),
        execution_id: 4,
        timestamp_ms: event.timestamp_ms,
        duroxide_version: event.duroxide_version.clone(),
        kind: EventKind::ActivityCompleted { result: s("r") },
    };
    assert_eq!(literal, event);
    let terminal = [
        EventKind::OrchestrationCompleted { output: s("o") },
        EventKind::OrchestrationFailed { details: details() },
        EventKind::OrchestrationContinuedAsNew { input: s("i") },
    ];
    assert!(terminal.into_iter().all(|kind| Event::new("i", 1, None, kind).is_terminal()));
}

#[test]
fn an_action_prints_in_the_order_of_its_declaration() {
    let start = |name: &str| (s(name), None, s("x"), s("i"));
    let (name, version, instance, input) = start("n");
    let table = [
        (
            Action::CallActivity {
                scheduling_event_id: 2,
                name: s("n"),
                input: s("i"),
                session_id: None,
                tag: Some(s("t")),
            },
            "CallActivity { scheduling_event_id: 2, name: \"n\", input: \"i\", session_id: None, tag: Some(\"t\") }",
        ),
        (
            Action::CreateTimer { scheduling_event_id: 2, fire_at_ms: 3 },
            "CreateTimer { scheduling_event_id: 2, fire_at_ms: 3 }",
        ),
        (
            Action::WaitExternal { scheduling_event_id: 2, name: s("n") },
            "WaitExternal { scheduling_event_id: 2, name: \"n\" }",
        ),
        (
            Action::StartOrchestrationDetached {
                scheduling_event_id: 2,
                name: name.clone(),
                version: Some(s("1.0.0")),
                instance: instance.clone(),
                input: input.clone(),
            },
            "StartOrchestrationDetached { scheduling_event_id: 2, name: \"n\", version: Some(\"1.0.0\"), instance: \"x\", input: \"i\" }",
        ),
        (
            Action::StartSubOrchestration { scheduling_event_id: 2, name, version, instance, input },
            "StartSubOrchestration { scheduling_event_id: 2, name: \"n\", version: None, instance: \"x\", input: \"i\" }",
        ),
        (Action::ContinueAsNew { input: s("i"), version: None }, "ContinueAsNew { input: \"i\", version: None }"),
        (Action::UpdateCustomStatus { status: None }, "UpdateCustomStatus { status: None }"),
        (
            Action::DequeueEvent { scheduling_event_id: 2, name: s("n") },
            "DequeueEvent { scheduling_event_id: 2, name: \"n\" }",
        ),
        (
            Action::SetKeyValue { key: s("k"), value: s("v"), last_updated_at_ms: 3 },
            "SetKeyValue { key: \"k\", value: \"v\", last_updated_at_ms: 3 }",
        ),
        (Action::ClearKeyValue { key: s("k") }, "ClearKeyValue { key: \"k\" }"),
        (Action::ClearKeyValues, "ClearKeyValues"),
    ];
    for (action, shown) in table {
        assert_eq!(format!("{:?}", action.clone()), shown);
        match action {
            Action::CallActivity { .. }
            | Action::CreateTimer { .. }
            | Action::WaitExternal { .. }
            | Action::StartOrchestrationDetached { .. }
            | Action::StartSubOrchestration { .. }
            | Action::ContinueAsNew { .. }
            | Action::UpdateCustomStatus { .. }
            | Action::DequeueEvent { .. }
            | Action::SetKeyValue { .. }
            | Action::ClearKeyValue { .. }
            | Action::ClearKeyValues => {}
        }
    }
}

/// Every work item, full, with its wire form and its kind.
fn work_items() -> Vec<(WorkItem, serde_json::Value, &'static str)> {
    let start = WorkItem::StartOrchestration {
        instance: s("i"),
        orchestration: s("o"),
        input: s("x"),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    };
    let execute = WorkItem::ActivityExecute {
        instance: s("i"),
        execution_id: 1,
        id: 2,
        name: s("n"),
        input: s("x"),
        session_id: None,
        tag: None,
    };
    let completed = WorkItem::ActivityCompleted { instance: s("i"), execution_id: 1, id: 2, result: s("r") };
    let failed = WorkItem::ActivityFailed { instance: s("i"), execution_id: 1, id: 2, details: details() };
    let fired = WorkItem::TimerFired { instance: s("i"), execution_id: 1, id: 2, fire_at_ms: 3 };
    let raised = WorkItem::ExternalRaised { instance: s("i"), name: s("n"), data: s("d") };
    let child_completed =
        WorkItem::SubOrchCompleted { parent_instance: s("i"), parent_execution_id: 1, parent_id: 2, result: s("r") };
    let child_failed =
        WorkItem::SubOrchFailed { parent_instance: s("i"), parent_execution_id: 1, parent_id: 2, details: details() };
    let cancel = WorkItem::CancelInstance { instance: s("i"), reason: s("r") };
    let continued = WorkItem::ContinueAsNew {
        instance: s("i"),
        orchestration: s("o"),
        input: s("x"),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        carry_forward_events: vec![(s("q"), s("d"))],
        initial_custom_status: None,
    };
    let queued = WorkItem::QueueMessage { instance: s("i"), name: s("n"), data: s("d") };
    let failure = serde_json::json!({"Application": {"kind": "ActivityFailed", "message": "m", "retryable": false}});
    vec![
        (
            start,
            serde_json::json!({"instance": "i", "orchestration": "o", "input": "x", "version": null, "parent_instance": null, "parent_id": null, "execution_id": 1}),
            "StartOrchestration",
        ),
        (
            execute,
            serde_json::json!({"instance": "i", "execution_id": 1, "id": 2, "name": "n", "input": "x"}),
            "ActivityExecute",
        ),
        (
            completed,
            serde_json::json!({"instance": "i", "execution_id": 1, "id": 2, "result": "r"}),
            "ActivityCompleted",
        ),
        (
            failed,
            serde_json::json!({"instance": "i", "execution_id": 1, "id": 2, "details": failure}),
            "ActivityFailed",
        ),
        (fired, serde_json::json!({"instance": "i", "execution_id": 1, "id": 2, "fire_at_ms": 3}), "TimerFired"),
        (raised, serde_json::json!({"instance": "i", "name": "n", "data": "d"}), "ExternalRaised"),
        (
            child_completed,
            serde_json::json!({"parent_instance": "i", "parent_execution_id": 1, "parent_id": 2, "result": "r"}),
            "SubOrchCompleted",
        ),
        (
            child_failed,
            serde_json::json!({"parent_instance": "i", "parent_execution_id": 1, "parent_id": 2, "details": failure}),
            "SubOrchFailed",
        ),
        (cancel, serde_json::json!({"instance": "i", "reason": "r"}), "CancelInstance"),
        (
            continued,
            serde_json::json!({"instance": "i", "orchestration": "o", "input": "x", "version": null, "carry_forward_events": [["q", "d"]]}),
            "ContinueAsNew",
        ),
        (queued, serde_json::json!({"instance": "i", "name": "n", "data": "d"}), "QueueMessage"),
    ]
}

#[test]
fn every_work_item_travels_as_it_always_did() {
    for (item, fields, variant) in work_items() {
        let kind = if variant == "QueueMessage" { "ExternalRaisedPersistent" } else { variant };
        assert_eq!(kind_of(&item), kind);
        let mut expected = serde_json::Map::new();
        expected.insert(variant.to_string(), fields);
        let json = serde_json::to_value(&item).expect("plain data");
        assert_eq!(json, serde_json::Value::Object(expected));
        assert_eq!(serde_json::from_value::<WorkItem>(json).expect("its own form"), item.clone());
    }
    let old = r#"{"ContinueAsNew":{"instance":"i","orchestration":"o","input":"x"}}"#;
    assert!(serde_json::from_str::<WorkItem>(old).is_ok(), "rows of 0.1.27 are read");
}

#[test]
fn every_work_item_is_matched_without_a_rest() {
    for (item, ..) in work_items() {
        match item {
            WorkItem::StartOrchestration { .. }
            | WorkItem::ActivityExecute { .. }
            | WorkItem::ActivityCompleted { .. }
            | WorkItem::ActivityFailed { .. }
            | WorkItem::TimerFired { .. }
            | WorkItem::ExternalRaised { .. }
            | WorkItem::SubOrchCompleted { .. }
            | WorkItem::SubOrchFailed { .. }
            | WorkItem::CancelInstance { .. }
            | WorkItem::ContinueAsNew { .. }
            | WorkItem::QueueMessage { .. } => {}
        }
    }
}
