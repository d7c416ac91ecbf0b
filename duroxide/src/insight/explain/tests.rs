//! Every reason an instance can stand still: as a sentence, and on a store with runtimes.

#[cfg(all(feature = "sqlite", feature = "macros"))]
mod places;
#[cfg(feature = "sqlite")]
mod stores;

use super::*;
use crate::model::insight::{HandlerInfo, HandlerSource, TagsServed, WorkerInfo};

const AT_MS: u64 = 1_790_000_000_000;
const HOUR_MS: u64 = 3_600_000;

fn ago(ms: u64) -> u64 {
    AT_MS - ms
}

fn holder(is_alive: Option<bool>) -> Holder {
    let worker = is_alive.map(|_| "east (shop, pid 7)".to_owned());
    Holder { owner: Some("3/guid".to_owned()), worker, is_alive }
}

fn activity(state: ActivityState) -> Reason {
    Reason::Activity {
        name: "charge".to_owned(),
        event_id: 4,
        since_ms: ago(5_000),
        attempt: 1,
        attempts_max: None,
        error: None,
        deadline_ms: None,
        asked_at: Vec::new(),
        state,
    }
}

/// The third of five attempts.
fn third(activity: Reason) -> Reason {
    match activity {
        Reason::Activity { name, event_id, since_ms, deadline_ms, asked_at, state, .. } => Reason::Activity {
            name,
            event_id,
            since_ms,
            attempt: 3,
            attempts_max: Some(5),
            error: Some("card declined".to_owned()),
            deadline_ms,
            asked_at,
            state,
        },
        other => other,
    }
}

fn no_handler(version: Option<&str>, found: &[&str]) -> Reason {
    Reason::NoHandler {
        kind: HandlerSort::Orchestration,
        name: "checkout".to_owned(),
        version: version.map(str::to_owned),
        found: found.iter().map(|&version| version.to_owned()).collect(),
    }
}

fn failed(kind: FailureKind) -> Reason {
    Reason::Failed { kind, message: "why".to_owned(), at_ms: ago(HOUR_MS) }
}

fn lines(of: &[u32]) -> Vec<String> {
    of.iter().map(|line| format!("checkout.rs:{line}")).collect()
}

#[test]
fn every_reason_is_a_sentence() {
    use ActivityState as A;
    let text = str::to_owned;
    let timer = |due_ms, is_lost| Reason::Timer { since_ms: ago(3 * HOUR_MS), due_ms, is_lost, asked_at: Vec::new() };
    let event =
        |asked_at| Reason::Event { name: text("approved"), since_ms: ago(3 * HOUR_MS), asked_at: lines(asked_at) };
    let child = |has_ended, is_lost| Reason::Child {
        instance_id: text("order-7::sub::4"),
        name: text("ship"),
        since_ms: ago(90_000),
        has_ended,
        is_lost,
        asked_at: lines(&[7]),
    };
    let table = [
        (Reason::NoSuchInstance, "the store knows nothing of this id"),
        (
            Reason::MessagesForNobody { count: 1, since_ms: ago(5_000) },
            "1 message waits since 5 s for an instance that nobody has started",
        ),
        (Reason::Completed { at_ms: ago(HOUR_MS) }, "completed 1 h ago"),
        (failed(FailureKind::Returned), "its code returned an error 1 h ago: why"),
        (failed(FailureKind::Panicked), "its code panicked 1 h ago: why"),
        (failed(FailureKind::Cancelled), "it was cancelled 1 h ago: why"),
        (
            failed(FailureKind::Nondeterminism),
            "its code asked for something else than its history records 1 h ago: why",
        ),
        (failed(FailureKind::Poison), "it was tried too often 1 h ago: why"),
        (failed(FailureKind::Unreadable), "its history could not be read 1 h ago: why"),
        (failed(FailureKind::Infrastructure), "the store or the runtime failed 1 h ago: why"),
        (Reason::StartWaits { since_ms: ago(5_000), version: None }, "its start waits for a worker since 5 s"),
        (Reason::StartWaits { since_ms: AT_MS + 5_000, version: None }, "its start is due in 5 s"),
        (Reason::StoreClosed { message: text("moved") }, "the store is closed: moved"),
        (
            Reason::NoWorkers { last_seen_ms: Some(ago(HOUR_MS)) },
            "no worker is alive; the last one was heard of 1 h ago",
        ),
        (Reason::NoWorkers { last_seen_ms: None }, "no worker is alive, and none was heard of"),
        (no_handler(None, &[]), "no live worker has orchestration `checkout`"),
        (no_handler(Some("1.0.0"), &[]), "no live worker has orchestration `checkout`"),
        (
            no_handler(Some("1.0.0"), &["2.0.0", "3.0.0"]),
            "no live worker has orchestration `checkout` in version 1.0.0; there is 2.0.0, 3.0.0",
        ),
        (
            Reason::NoReplayer { pinned: text("0.9.0"), newest: text("0.2.0") },
            "it was begun by version 0.9.0 of this library, and the newest worker that is alive has 0.2.0: no worker \
             can replay it",
        ),
        (Reason::HistoryUnreadable { message: text("event 3") }, "its history cannot be read: event 3"),
        (
            Reason::Quarantined { id: 3, queue: Queue::Worker, message: text("not JSON"), at_ms: ago(60_000) },
            "quarantined: row 3 of the worker queue could not be read 1 min ago: not JSON",
        ),
        (Reason::CancelWaits { since_ms: ago(5_000) }, "a cancellation waits to be processed since 5 s"),
        (
            Reason::Cancelling { message: text("why"), at_ms: ago(5_000) },
            "it was cancelled 5 s ago (why), and its end is not committed yet",
        ),
        (
            Reason::TurnHeld { holder: holder(Some(true)), until_ms: AT_MS + 4_000 },
            "its turn is being computed by worker east (shop, pid 7) for another 4 s unless that is extended",
        ),
        (
            Reason::TurnHeld { holder: holder(Some(false)), until_ms: AT_MS + 4_000 },
            "its turn was taken by worker east (shop, pid 7), which is dead; others take it in 4 s",
        ),
        (
            Reason::TurnHeld { holder: holder(None), until_ms: AT_MS + 4_000 },
            "its turn is being computed by somebody who signs as `3/guid` for another 4 s unless that is extended",
        ),
        (Reason::MessagesWait { count: 2, since_ms: ago(5_000) }, "2 messages wait for its next turn since 5 s"),
        (
            Reason::TurnGivenBack { due_ms: AT_MS + 8_000, attempts: 3 },
            "its messages were taken 3 times and given back; the next turn is due in 8 s",
        ),
        (activity(A::Queued), "activity `charge` waits for a worker since 5 s"),
        (
            third(activity(A::Queued)),
            "activity `charge` (attempt 3 of 5; the one before failed: card declined) waits for a worker since 5 s",
        ),
        (
            activity(A::Held { holder: holder(Some(true)), until_ms: AT_MS + 1, deliveries: 1 }),
            "activity `charge` runs on worker east (shop, pid 7), asked for 5 s ago",
        ),
        (
            activity(A::Held { holder: holder(Some(false)), until_ms: AT_MS + 30_000, deliveries: 2 }),
            "activity `charge` was taken by worker east (shop, pid 7), which is dead; others take it in 30 s, handed \
             out 2 times",
        ),
        (
            third(activity(A::BetweenAttempts { due_ms: AT_MS + 8_000 })),
            "activity `charge` failed 3 of 5 attempts: card declined; next in 8 s",
        ),
        (
            activity(A::GivenBack { due_ms: AT_MS + 8_000, deliveries: 2 }),
            "activity `charge` was taken 2 times and given back, and can be taken again in 8 s",
        ),
        (activity(A::NoHandler), "activity `charge` waits since 5 s: no live worker has it registered"),
        (
            activity(A::NoWorkerForTag { tag: Some(text("gpu")) }),
            "activity `charge` waits since 5 s: no live worker serves tag `gpu`",
        ),
        (
            activity(A::NoWorkerForTag { tag: None }),
            "activity `charge` waits since 5 s: no live worker that has it takes activities without a tag",
        ),
        (
            activity(A::SessionHeld { session_id: text("s"), holder: holder(None), until_ms: AT_MS + 30_000 }),
            "activity `charge` waits since 5 s: session `s` is held by somebody who signs as `3/guid` for another 30 s \
             unless that is extended",
        ),
        (activity(A::ResultQueued), "activity `charge` has ended, and its result waits to be processed"),
        (
            activity(A::Lost),
            "activity `charge` was asked for 5 s ago, but its row in the queue is gone and no result came",
        ),
        (event(&[]), "waits for event `approved` since 3 h"),
        (event(&[41]), "waits for event `approved` (bound at checkout.rs:41) since 3 h"),
        (event(&[41, 52]), "waits for event `approved` (bound at checkout.rs:41 or checkout.rs:52) since 3 h"),
        (
            event(&[1, 2, 3]),
            "waits for event `approved` (bound at checkout.rs:1, checkout.rs:2 or checkout.rs:3) since 3 h",
        ),
        (
            event(&[1, 2, 3, 4]),
            "waits for event `approved` (bound at one of 4 places: checkout.rs:1, checkout.rs:2, checkout.rs:3, …) \
             since 3 h",
        ),
        (
            Reason::Message { queue: text("mail"), since_ms: ago(60_000), asked_at: Vec::new() },
            "waits for a message of queue `mail` since 1 min",
        ),
        (timer(AT_MS + 21 * HOUR_MS, false), "timer `1 d` due in 21 h"),
        (timer(ago(60_000), false), "timer `2 h 59 min` due since 1 min"),
        (timer(AT_MS, true), "timer `3 h` due now, but its row in the queue is gone: it will not fire"),
        (child(false, false), "waits for child `order-7::sub::4` (ship, called at checkout.rs:7) since 1 min 30 s"),
        (
            child(false, true),
            "child `order-7::sub::4` (ship) has ended, but the message that says so is gone: this will not hear of it",
        ),
        (child(true, false), "child `order-7::sub::4` (ship) has ended, and that waits to be delivered"),
        (
            Reason::SystemCall { name: text("new_guid"), since_ms: ago(5_000) },
            "waits for the runtime to answer `new_guid` since 5 s",
        ),
        (
            Reason::Nothing { since_ms: ago(60_000) },
            "nothing is queued for it and its history asks for nothing that is open, since 1 min",
        ),
    ];
    for (reason, sentence) in table {
        assert_eq!(said::reason(&reason, AT_MS), sentence, "{reason:?}");
    }
}

#[test]
fn an_explanation_is_a_paragraph_with_its_children() {
    let of = |instance_id: &str, version: Option<&str>, reasons| Explanation {
        instance_id: instance_id.to_owned(),
        orchestration: Some(Orchestration {
            name: "checkout".to_owned(),
            version: version.map(str::to_owned),
            execution_id: 2,
            defined_at: Some("src/checkout.rs:41".to_owned()),
            since_ms: Some(ago(3 * HOUR_MS)),
        }),
        stand: Standing::Running,
        at_ms: AT_MS,
        reasons,
        children: Vec::new(),
    };
    let child = Explanation {
        orchestration: None,
        stand: Standing::Unknown,
        ..of("order-7::sub::4", None, vec![Reason::NoSuchInstance])
    };
    let reasons = vec![
        Reason::Event { name: "approved".to_owned(), since_ms: ago(3 * HOUR_MS), asked_at: lines(&[41]) },
        Reason::Timer {
            since_ms: ago(3 * HOUR_MS),
            due_ms: AT_MS + 21 * HOUR_MS,
            is_lost: false,
            asked_at: lines(&[43]),
        },
    ];
    let whole = Explanation { children: vec![child], ..of("order-7", Some("1.2.0"), reasons) };
    let expected = "\
`order-7` (checkout 1.2.0, src/checkout.rs:41, execution 2) runs since 3 h
- waits for event `approved` (bound at checkout.rs:41) since 3 h
- timer `1 d` (bound at checkout.rs:43) due in 21 h
  `order-7::sub::4` is not known
  - the store knows nothing of this id";
    assert_eq!(whole.to_string(), expected);
    assert!(!whole.needs_help());
}

#[test]
fn an_explanation_is_data_for_programs() {
    let explained = Explanation::of(&Facts { instance_id: "i".to_owned(), now_ms: AT_MS, ..Facts::default() });
    let json = serde_json::to_value(&explained).unwrap();
    assert_eq!(json["stand"], "unknown");
    assert_eq!(json["reasons"][0]["reason"], "no-such-instance");
    let json = serde_json::to_value(activity(ActivityState::NoWorkerForTag { tag: None })).unwrap();
    assert_eq!((&json["reason"], &json["state"]["state"]), (&"activity".into(), &"no-worker-for-tag".into()));
}

/// A worker that has one orchestration and one activity.
fn worker(worker_id: &str, is_alive: bool, version: &str) -> WorkerInfo {
    let handler = |kind, name: &str, version: &str, source| HandlerInfo {
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        source,
    };
    let source = HandlerSource {
        krate: "shop".to_owned(),
        file: "src/checkout.rs".to_owned(),
        line: 41,
        arguments: Vec::new(),
        ok: "()".to_owned(),
        err: "String".to_owned(),
        places: Vec::new(),
    };
    WorkerInfo {
        worker_id: worker_id.to_owned(),
        node: "east".to_owned(),
        pid: 7,
        program: "shop".to_owned(),
        library_version: crate::model::VERSION.to_owned(),
        orchestration_slots: 2,
        activity_slots: 2,
        tags: TagsServed { untagged: true, any: false, tags: Vec::new() },
        handlers: vec![
            handler(HandlerSort::Activity, "charge", "1.0.0", None),
            handler(HandlerSort::Orchestration, "checkout", version, Some(source)),
        ],
        durability: None,
        started_at: 0,
        seen_at: ago(5_000),
        alive_until: 0,
        is_alive,
    }
}

#[test]
fn whoever_signed_a_lease_is_found_among_the_workers() {
    let facts =
        Facts { workers: Some(vec![worker("abc", true, "1.0.0"), worker("dead", false, "1.0.0")]), ..Facts::default() };
    // Owner, and whether whoever is behind it lives.
    for (owner, expected) in [
        (Some("abc"), Some(true)),
        (Some("work-3-abc"), Some(true)),
        (Some("dead"), Some(false)),
        (Some("east"), Some(true)),
        (Some("west"), None),
        (None, None),
    ] {
        assert_eq!(Holder::of(owner, &facts).is_alive, expected, "{owner:?}");
    }
}

#[test]
fn a_store_that_tells_nothing_of_workers_and_queues_leaves_them_out() {
    let mut history = crate::insight::testing::History::new("checkout");
    history.push(
        0,
        None,
        crate::model::event::EventKind::ActivityScheduled {
            name: "charge".to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        },
    );
    let facts = Facts { history: Some(Ok(history.events)), now_ms: AT_MS, ..Facts::default() };
    let explained = Explanation::of(&facts);
    assert!(matches!(explained.reasons[..], [Reason::Activity { state: ActivityState::Queued, .. }]), "{explained}");
    assert!(!explained.needs_help());
}

/// What a worker of an earlier version told of an orchestration.
const BEFORE_PLACES: &str = r#"{"kind":"orchestration","name":"checkout","version":"1.0.0","source":{"krate":"shop",
"file":"src/checkout.rs","line":41,"arguments":[],"ok":"()","err":"String"}}"#;

#[test]
fn a_worker_that_tells_no_places_is_read_and_one_that_does_is_read_by_earlier_readers() {
    let earlier: HandlerInfo = serde_json::from_str(BEFORE_PLACES).unwrap();
    assert_eq!(earlier.source.as_ref().map(|source| source.places.len()), Some(0));
    let written = serde_json::to_value(&earlier).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(BEFORE_PLACES).unwrap());
}
