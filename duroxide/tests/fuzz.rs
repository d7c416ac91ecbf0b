//! Whatever is read from outside, be it rows, messages or names, leads to a value or an error and never to a panic.
//!
//! Figures: `PROPTEST_CASES=100000 cargo test -p duroxide --all-features --test fuzz`. A failure is shrunk and printed.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{Event, EventKind, Provider, WorkItem};
use duroxide::runtime::OrchestrationHandler;
use duroxide::runtime::replay_engine::ReplayEngine;
use duroxide::{AppErrorKind, Client, ErrorDetails, OrchestrationContext, OrchestrationRegistry};
use proptest::prelude::*;

/// What histories are made of: few ids and names, so that rows refer to each other.
fn event_kind() -> impl Strategy<Value = EventKind> {
    (0..26_u8, name(), name(), any::<bool>()).prop_map(|(kind, name, text, flag)| kind_of(kind, name, text, flag))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("sub::2".to_owned()), ".{0,3}"]
}

fn failure(text: String, is_system: bool) -> ErrorDetails {
    if is_system {
        ErrorDetails::Infrastructure { operation: text.clone(), message: text, retryable: false }
    } else {
        ErrorDetails::Application { kind: AppErrorKind::ActivityFailed, message: text, retryable: false }
    }
}

fn kind_of(kind: u8, name: String, text: String, flag: bool) -> EventKind {
    match kind {
        0 => EventKind::OrchestrationStarted {
            name,
            version: "1.0.0".to_owned(),
            input: text.clone(),
            parent_instance: flag.then(|| text.clone()),
            parent_id: flag.then_some(2),
            parent_execution_id: None,
            carry_forward_events: flag.then(|| vec![("a".to_owned(), text)]),
            initial_custom_status: None,
        },
        1 => EventKind::OrchestrationCompleted { output: text },
        2 => EventKind::OrchestrationFailed { details: failure(text, flag) },
        3 | 4 => {
            EventKind::ActivityScheduled { name, input: text, session_id: None, tag: flag.then(|| "t".to_owned()) }
        }
        5 => EventKind::ActivityCompleted { result: text },
        6 => EventKind::ActivityFailed { details: failure(text, flag) },
        7 => EventKind::ActivityCancelRequested { reason: reason(flag) },
        8 => EventKind::TimerCreated { fire_at_ms: u64::from(flag) },
        9 => EventKind::TimerFired { fire_at_ms: u64::MAX },
        10 => EventKind::ExternalSubscribed { name },
        11 => EventKind::ExternalEvent { name, data: text },
        12 => EventKind::OrchestrationChained { instance: name.clone(), name, input: text },
        13 => EventKind::SubOrchestrationScheduled { instance: name.clone(), name, input: text },
        14 => EventKind::SubOrchestrationCompleted { result: text },
        15 => EventKind::SubOrchestrationFailed { details: failure(text, flag) },
        16 => EventKind::SubOrchestrationCancelRequested { reason: reason(flag) },
        17 => EventKind::OrchestrationContinuedAsNew { input: text },
        18 => EventKind::OrchestrationCancelRequested { reason: text },
        19 => EventKind::ExternalSubscribedCancelled { reason: reason(flag) },
        20 => EventKind::QueueSubscribed { name },
        21 => EventKind::QueueEventDelivered { name, data: text },
        22 => EventKind::QueueSubscriptionCancelled { reason: reason(flag) },
        23 => EventKind::CustomStatusUpdated { status: flag.then_some(text) },
        24 => EventKind::KeyValueSet { key: name, value: text, last_updated_at_ms: 0 },
        _ => EventKind::KeyValueCleared { key: name },
    }
}

fn reason(is_dropped: bool) -> String {
    if is_dropped { "dropped_future" } else { "orchestration_terminal" }.to_owned()
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u8>(), proptest::option::of(0..12_u64), event_kind()).prop_map(|(gap, source, kind)| {
        let mut event = Event::with_event_id(u64::from(gap % 3), "i", 1, source, kind);
        event.timestamp_ms = 1;
        event
    })
}

/// Mostly a history that begins well: ids grow, the first row is a start.
fn history() -> impl Strategy<Value = Vec<Event>> {
    (any::<u8>(), proptest::collection::vec(event(), 0..14)).prop_map(|(seed, mut events)| {
        let mut id = 0;
        for event in &mut events {
            id += 1 + event.event_id * u64::from(seed % 5 == 0);
            event.event_id = id;
        }
        if seed % 8 != 0
            && let Some(first) = events.first_mut()
        {
            first.kind = kind_of(0, "All".to_owned(), String::new(), seed % 2 == 0);
        }
        // A damaged row may have any id.
        if seed % 16 == 3
            && let Some(last) = events.last_mut()
        {
            last.event_id = u64::MAX;
        }
        events
    })
}

fn work_item() -> impl Strategy<Value = WorkItem> {
    (0..9_u8, name(), name(), 0..12_u64, 0..3_u64).prop_map(|(kind, name, text, id, execution_id)| {
        let instance = "i".to_owned();
        match kind {
            0 => WorkItem::ActivityCompleted { instance, execution_id, id, result: text },
            1 => WorkItem::ActivityFailed { instance, execution_id, id, details: failure(text, id % 2 == 0) },
            2 => WorkItem::TimerFired { instance, execution_id, id, fire_at_ms: id },
            3 => WorkItem::ExternalRaised { instance, name, data: text },
            4 => WorkItem::QueueMessage { instance, name, data: text },
            5 => WorkItem::SubOrchCompleted {
                parent_instance: instance,
                parent_execution_id: execution_id,
                parent_id: id,
                result: text,
            },
            6 => WorkItem::SubOrchFailed {
                parent_instance: instance,
                parent_execution_id: execution_id,
                parent_id: id,
                details: failure(text, id % 2 == 0),
            },
            7 => WorkItem::CancelInstance { instance, reason: text },
            _ => {
                WorkItem::ActivityExecute { instance, execution_id, id, name, input: text, session_id: None, tag: None }
            }
        }
    })
}

/// Asks for one of everything that histories record.
fn handler() -> Arc<dyn OrchestrationHandler> {
    let registry = OrchestrationRegistry::builder().register("All", |ctx: OrchestrationContext, _| async move {
        let _ = ctx.select2(ctx.schedule_activity("a", "b"), ctx.schedule_wait("a")).await;
        let _ = ctx.select2(ctx.dequeue_event("a"), ctx.schedule_timer(std::time::Duration::ZERO)).await;
        ctx.set_kv_value("a", "b");
        let child = ctx.schedule_sub_orchestration("b", "a").await;
        ctx.clear_kv_value("a");
        ctx.dequeue_event("b").await;
        child
    });
    let registry = registry.build();
    registry.resolve_handler("All").map(|(_, handler)| handler).unwrap_or_else(|| unreachable!("it was registered"))
}

/// Replaces some bytes of a text.
fn damaged(text: &str, damage: &[(u16, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in damage {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn damage() -> impl Strategy<Value = Vec<(u16, u8)>> {
    proptest::collection::vec(any::<(u16, u8)>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn fuzz_event(event in event(), damage in damage()) {
        let text = serde_json::to_string(&event).expect("an event is plain data");
        prop_assert_eq!(&serde_json::from_str::<Event>(&text).expect("it was just written"), &event);
        if let Ok(read) = serde_json::from_str::<Event>(&damaged(&text, &damage)) {
            let again = serde_json::to_string(&read).expect("an event is plain data");
            prop_assert_eq!(serde_json::from_str::<Event>(&again).ok(), Some(read));
        }
    }

    #[test]
    fn fuzz_work_item(item in work_item(), damage in damage()) {
        let text = serde_json::to_string(&item).expect("a message is plain data");
        let read = serde_json::from_str::<WorkItem>(&damaged(&text, &damage));
        if let Ok(read) = read {
            prop_assert!(serde_json::to_string(&read).is_ok());
        }
    }

    #[test]
    fn fuzz_history(history in history(), messages in proptest::collection::vec(work_item(), 0..6), old in 0..15_usize) {
        let persisted = old.min(history.len());
        let mut engine = ReplayEngine::new("i".to_owned(), 1, history).with_persisted_history_len(persisted);
        engine.prep_completions(messages);
        engine.execute_orchestration(handler(), String::new(), "All".to_owned(), "1.0.0".to_owned(), "fuzz");
        // Whatever it was, the machine goes on from where it was: ids only grow.
        let ids: Vec<u64> = engine.history_delta().iter().map(|event| event.event_id).collect();
        prop_assert!(ids.is_sorted(), "{ids:?}");
    }

    #[test]
    fn fuzz_names(instance in ".{0,40}", name in ".{0,20}", key in ".{0,20}") {
        let rows = async {
            let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
            let client = Client::new(Arc::clone(&store));
            let started = client.start_orchestration(&instance, &name, &key).await;
            let is_reserved = instance.starts_with("sub::") || instance.contains("::sub::");
            assert_eq!(started.is_err(), is_reserved, "{started:?}");
            let _ = client.raise_event(&instance, &name, &key).await;
            let _ = client.cancel_instance(&instance, &name).await;
            let _ = client.get_kv_value(&instance, &key).await;
            duroxide::build_child_instance_id(&instance, &name).len()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("it needs nothing");
        prop_assert!(runtime.block_on(rows) >= name.len());
    }
}
