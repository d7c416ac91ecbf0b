//! What is encoded, and what becomes of rows that cannot be decoded.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::model::error::{AppErrorKind, ConfigErrorKind};
use crate::providers::memory::MemoryProvider;

const LOCK: Duration = Duration::from_secs(30);

/// Writes the payload backwards, behind a mark that differs each time.
#[derive(Default)]
struct Backwards {
    marks: AtomicU64,
}

impl PayloadCodec for Backwards {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        if payload == "unspeakable" {
            return Err(CodecError::new("it cannot be said"));
        }
        let mark = self.marks.fetch_add(1, Ordering::Relaxed);
        Ok(format!("b{mark}:{}", payload.chars().rev().collect::<String>()))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        let marked = stored.strip_prefix('b').and_then(|rest| rest.split_once(':'));
        let (_, body) = marked.ok_or_else(|| CodecError::new("expected a mark, found none"))?;
        Ok(body.chars().rev().collect())
    }
}

/// A store on a clock of its own, and the same with its payloads encoded.
fn stores() -> (Arc<MemoryProvider>, Encoded, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let now_ms = Arc::clone(&clock);
    let plain = Arc::new(MemoryProvider::with_clock(Arc::new(move || now_ms.load(Ordering::Relaxed))));
    let encoded = Encoded::new(plain.clone(), Backwards::default());
    (plain, encoded, clock)
}

fn application(message: &str) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::Cancelled { reason: message.to_owned() },
        message: message.to_owned(),
        retryable: true,
    }
}

/// Every kind of error, its payloads `secret`.
fn errors() -> Vec<ErrorDetails> {
    let s = || "secret".to_owned();
    let poison = |message_type| ErrorDetails::Poison { attempt_count: 2, max_attempts: 1, message_type, message: s() };
    vec![
        application("secret"),
        ErrorDetails::Infrastructure { operation: "read".into(), message: s(), retryable: true },
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            resource: "order".into(),
            message: Some(s()),
        },
        poison(PoisonMessageType::Orchestration { instance: "i".into(), execution_id: 1 }),
        poison(PoisonMessageType::FailedDeserialization { instance: "i".into(), execution_id: 1, error: s() }),
    ]
}

/// Every kind of event with a payload, each `secret`.
fn events() -> Vec<Event> {
    let (s, n) = (|| "secret".to_owned(), || "name".to_owned());
    let mut kinds = vec![
        EventKind::OrchestrationStarted {
            name: n(),
            version: n(),
            input: s(),
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: Some(vec![(n(), s()), (n(), s())]),
            initial_custom_status: Some(s()),
        },
        EventKind::OrchestrationCompleted { output: s() },
        EventKind::ActivityScheduled { name: n(), input: s(), session_id: Some(n()), tag: Some(n()) },
        EventKind::ActivityCompleted { result: s() },
        EventKind::ExternalEvent { name: n(), data: s() },
        EventKind::OrchestrationChained { name: n(), instance: n(), input: s() },
        EventKind::SubOrchestrationScheduled { name: n(), instance: n(), input: s() },
        EventKind::SubOrchestrationCompleted { result: s() },
        EventKind::OrchestrationContinuedAsNew { input: s() },
        EventKind::OrchestrationCancelRequested { reason: s() },
        EventKind::QueueEventDelivered { name: n(), data: s() },
        EventKind::CustomStatusUpdated { status: Some(s()) },
        EventKind::KeyValueSet { key: n(), value: s(), last_updated_at_ms: 1 },
    ];
    for details in errors() {
        kinds.push(EventKind::OrchestrationFailed { details: details.clone() });
        kinds.push(EventKind::ActivityFailed { details: details.clone() });
        kinds.push(EventKind::SubOrchestrationFailed { details });
    }
    let row = |(at, kind)| Event::with_event_id(at, "i", 1, None, kind);
    (1..).zip(kinds).map(row).collect()
}

/// Every kind of message with a payload, each `secret`.
fn messages() -> Vec<WorkItem> {
    let (s, n) = (|| "secret".to_owned(), || "name".to_owned());
    let mut messages = vec![
        start("i", "secret"),
        WorkItem::ContinueAsNew {
            instance: n(),
            orchestration: n(),
            input: s(),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            carry_forward_events: vec![(n(), s())],
            initial_custom_status: Some(s()),
        },
        WorkItem::ActivityCompleted { instance: n(), execution_id: 1, id: 2, result: s() },
        WorkItem::ExternalRaised { instance: n(), name: n(), data: s() },
        WorkItem::SubOrchCompleted { parent_instance: n(), parent_execution_id: 1, parent_id: 2, result: s() },
        WorkItem::CancelInstance { instance: n(), reason: s() },
        WorkItem::QueueMessage { instance: n(), name: n(), data: s() },
        activity("secret"),
    ];
    for details in errors() {
        messages.push(WorkItem::ActivityFailed { instance: n(), execution_id: 1, id: 2, details: details.clone() });
        messages.push(WorkItem::SubOrchFailed { parent_instance: n(), parent_execution_id: 1, parent_id: 2, details });
    }
    messages
}

fn start(instance: &str, input: &str) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: instance.into(),
        orchestration: "Order".into(),
        input: input.into(),
        version: None,
        parent_instance: None,
        parent_id: None,
        parent_execution_id: None,
        execution_id: 1,
    }
}

fn activity(input: &str) -> WorkItem {
    WorkItem::ActivityExecute {
        instance: "i".into(),
        execution_id: 1,
        id: 2,
        name: "Charge".into(),
        input: input.into(),
        session_id: None,
        tag: None,
    }
}

fn raised(instance: &str) -> WorkItem {
    WorkItem::ExternalRaised { instance: instance.into(), name: "paid".into(), data: "secret".into() }
}

fn json<T: serde::Serialize>(row: &T) -> String {
    serde_json::to_string(row).unwrap()
}

/// How often a text says `secret`.
fn secrets(text: &str) -> usize {
    text.matches("secret").count()
}

#[test]
fn no_payload_of_an_event_or_a_message_is_stored_as_it_is() {
    let (_, store, _) = stores();
    for event in events() {
        assert!(secrets(&json(&event)) > 0);
        let stored = store.encoded_events("test", vec![event.clone()]).unwrap();
        assert_eq!(secrets(&json(&stored[0])), 0, "{stored:?}");
        assert_eq!(json(&stored[0]).matches("terces").count(), secrets(&json(&event)));
        assert_eq!(store.decoded_events("test", stored).unwrap(), [event]);
    }
    for message in messages() {
        assert!(secrets(&json(&message)) > 0);
        let mut stored = store.encoded_item("test", message.clone()).unwrap();
        assert_eq!(secrets(&json(&stored)), 0, "{stored:?}");
        store.decode_item(&mut stored).unwrap();
        assert_eq!(stored, message);
    }
}

/// Runs the first turn of an instance, with these events after its start.
async fn begin(store: &dyn Provider, instance: &str, kinds: Vec<EventKind>) {
    store.enqueue_for_orchestrator(start(instance, "in"), None).await.unwrap();
    let (item, token, _) = store.fetch_orchestration_item(LOCK, Duration::ZERO, None).await.unwrap().unwrap();
    assert_eq!((item.instance.as_str(), item.history_error), (instance, None));
    let events = (1..).zip(kinds).map(|(at, kind)| Event::with_event_id(at, instance, 1, None, kind)).collect();
    let metadata = ExecutionMetadata {
        orchestration_name: Some("Order".into()),
        orchestration_version: Some("1.0.0".into()),
        ..ExecutionMetadata::default()
    };
    store.ack_orchestration_item(&token, 1, events, vec![], vec![], metadata, vec![]).await.unwrap();
}

async fn fetch(store: &dyn Provider) -> (OrchestrationItem, String) {
    let fetched = store.fetch_orchestration_item(LOCK, Duration::ZERO, None).await.unwrap();
    let (item, token, _) = fetched.expect("an instance is ready");
    (item, token)
}

fn custom_status() -> EventKind {
    EventKind::CustomStatusUpdated { status: Some("so far".into()) }
}

#[tokio::test]
async fn an_event_that_cannot_be_decoded_makes_its_history_unreadable_and_no_other() {
    let (plain, store, _) = stores();
    begin(&*plain, "plain", vec![custom_status()]).await;
    begin(&store, "encoded", vec![custom_status()]).await;
    store.enqueue_for_orchestrator(raised("plain"), None).await.unwrap();
    store.enqueue_for_orchestrator(raised("encoded"), None).await.unwrap();
    let (unreadable, _) = fetch(&store).await;
    assert_eq!((unreadable.instance.as_str(), unreadable.history.len()), ("plain", 0));
    assert_eq!(
        unreadable.history_error.as_deref(),
        Some(
            "payload of event 1: expected what the codec encoded, found what it cannot decode: \
             expected a mark, found none"
        )
    );
    assert_eq!(unreadable.orchestration_name, "Order");
    let (readable, _) = fetch(&store).await;
    assert_eq!((readable.instance.as_str(), readable.history_error), ("encoded", None));
    assert_eq!(readable.messages, [raised("encoded")]);
    assert_eq!(readable.history[0].kind, custom_status());
    for refused in [
        store.read("plain").await,
        store.read_with_execution("plain", 1).await,
        store.read_history("plain").await,
        store.read_history_with_execution_id("plain", 1).await,
    ] {
        let error = refused.unwrap_err();
        assert!(!error.is_retryable() && error.message.contains("event 1"), "{error}");
    }
    assert!(!store.get_custom_status("plain", 0).await.unwrap_err().is_retryable());
    assert_eq!(store.get_custom_status("encoded", 0).await.unwrap(), Some((Some("so far".into()), 1)));
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_is_an_error_of_its_instance() {
    let (plain, store, _) = stores();
    begin(&store, "i", vec![custom_status()]).await;
    plain.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let (item, _) = fetch(&store).await;
    let error = item.history_error.expect("it is told");
    assert!(error.starts_with("payload of ExternalRaised: expected what the codec encoded"), "{error}");
}

#[tokio::test]
async fn an_instance_that_has_ended_stays_as_it_ended_whatever_comes() {
    let (plain, store, _) = stores();
    begin(&store, "i", vec![EventKind::OrchestrationCompleted { output: "done".into() }]).await;
    plain.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let (item, _) = fetch(&store).await;
    assert_eq!(item.history_error, None);
    assert_eq!(item.history[0].kind, EventKind::OrchestrationCompleted { output: "done".into() });
}

#[tokio::test]
async fn a_key_value_that_cannot_be_decoded_is_an_error() {
    let (plain, store, _) = stores();
    let set = EventKind::KeyValueSet { key: "k".into(), value: "v".into(), last_updated_at_ms: 1 };
    begin(&*plain, "i", vec![set]).await;
    let error = store.get_kv_value("i", "k").await.unwrap_err();
    assert!(!error.is_retryable() && error.message.contains("value of key 'k'"), "{error}");
    store.get_kv_all_values("i").await.unwrap_err();
    store.get_instance_stats("i").await.unwrap_err();
    assert_eq!(store.get_kv_value("i", "other").await.unwrap(), None);
}

#[tokio::test]
async fn an_activity_that_cannot_be_decoded_is_left_to_others_and_fails_in_the_end() {
    let (plain, store, clock) = stores();
    plain.enqueue_for_worker(activity("plain")).await.unwrap();
    store.enqueue_for_worker(activity("encoded")).await.unwrap();
    let work = || store.fetch_work_item(LOCK, Duration::ZERO, None, &TagFilter::DefaultOnly);
    let error = work().await.unwrap_err();
    assert!(!error.is_retryable() && error.message.contains("ActivityExecute"), "{error}");
    let (item, token, _) = work().await.unwrap().expect("the next one is not held up");
    assert_eq!(item, activity("encoded"));
    store.ack_work_item(&token, None).await.unwrap();
    for _ in 0..ATTEMPTS_MAX {
        assert!(work().await.unwrap().is_none(), "it waits");
        clock.fetch_add(1_000, Ordering::Relaxed);
        work().await.unwrap_err();
    }
    clock.fetch_add(1_000, Ordering::Relaxed);
    assert!(work().await.unwrap().is_none(), "it has failed");
    store.enqueue_for_orchestrator(start("i", ""), None).await.unwrap();
    let (item, _) = fetch(&store).await;
    let [WorkItem::ActivityFailed { details, .. }, ..] = &item.messages[..] else { panic!("{:?}", item.messages) };
    assert_eq!(details.display_message(), "poison: activity Charge#2 exceeded 11 attempts (max 10)");
}

#[tokio::test]
async fn what_cannot_be_encoded_is_refused_and_nothing_is_stored() {
    let (plain, store, _) = stores();
    let error = store.enqueue_for_orchestrator(start("i", "unspeakable"), None).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert_eq!(error.message, "payload of StartOrchestration: the codec cannot encode it: it cannot be said");
    begin(&store, "i", vec![custom_status()]).await;
    store.enqueue_for_orchestrator(raised("i"), None).await.unwrap();
    let (_, token) = fetch(&store).await;
    let events = vec![
        Event::with_event_id(2, "i", 1, None, custom_status()),
        Event::with_event_id(3, "i", 1, None, EventKind::ActivityCompleted { result: "unspeakable".into() }),
    ];
    let acked =
        store.ack_orchestration_item(&token, 1, events, vec![], vec![], ExecutionMetadata::default(), vec![]).await;
    assert!(acked.unwrap_err().message.starts_with("payload of event 3"));
    assert_eq!(plain.read("i").await.unwrap().len(), 1);
    store.renew_orchestration_item_lock(&token, LOCK).await.expect("the lease is still held");
}
