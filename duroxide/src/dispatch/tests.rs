//! Triage as a table: given this history, when these arrive, it decides that.

use std::collections::HashMap;
use std::time::Duration;

use semver::Version;

use super::settings::UnregisteredBackoffConfig;
use super::triage::triage;
use super::verdict::{Closing, Notice, Reluctance, Rules, Verdict};
use super::*;
use crate::model::VERSION;
use crate::model::error::ErrorDetails;
use crate::model::event::{Event, EventKind};
use crate::model::filter::SemverRange;
use crate::model::item::OrchestrationItem;
use crate::model::work_item::{WorkItem, kind_of};
use crate::registry::OrchestrationRegistry;

const MAX_ATTEMPTS: u32 = 3;

fn started(version: &str, parent: Option<(&str, u64, Option<u64>)>) -> EventKind {
    EventKind::OrchestrationStarted {
        name: "Order".to_owned(),
        version: version.to_owned(),
        input: "recorded".to_owned(),
        parent_instance: parent.map(|(instance, ..)| instance.to_owned()),
        parent_id: parent.map(|(_, id, _)| id),
        parent_execution_id: parent.and_then(|(.., execution_id)| execution_id),
        carry_forward_events: None,
        initial_custom_status: None,
    }
}

fn completed() -> EventKind {
    EventKind::OrchestrationCompleted { output: String::new() }
}

fn failed() -> EventKind {
    EventKind::OrchestrationFailed { details: ErrorDetails::cancelled("test") }
}

fn continued() -> EventKind {
    EventKind::OrchestrationContinuedAsNew { input: String::new() }
}

fn start(version: Option<&str>, parent: Option<(&str, u64, Option<u64>)>) -> WorkItem {
    WorkItem::StartOrchestration {
        instance: "i".to_owned(),
        orchestration: "Order".to_owned(),
        input: "started".to_owned(),
        version: version.map(str::to_owned),
        parent_instance: parent.map(|(instance, ..)| instance.to_owned()),
        parent_id: parent.map(|(_, id, _)| id),
        parent_execution_id: parent.and_then(|(.., execution_id)| execution_id),
        execution_id: 1,
    }
}

fn next(version: Option<&str>, parent: Option<(&str, u64, Option<u64>)>) -> WorkItem {
    WorkItem::ContinueAsNew {
        instance: "i".to_owned(),
        orchestration: "Order".to_owned(),
        input: "continued".to_owned(),
        version: version.map(str::to_owned),
        parent_instance: parent.map(|(instance, ..)| instance.to_owned()),
        parent_id: parent.map(|(_, id, _)| id),
        parent_execution_id: parent.and_then(|(.., execution_id)| execution_id),
        carry_forward_events: vec![("q".to_owned(), "carried".to_owned())],
        initial_custom_status: None,
    }
}

fn raised() -> WorkItem {
    WorkItem::ExternalRaised { instance: "i".to_owned(), name: "e".to_owned(), data: String::new() }
}

fn item(history: Vec<EventKind>, messages: Vec<WorkItem>) -> OrchestrationItem {
    let history = (1..).zip(history);
    OrchestrationItem {
        instance: "i".to_owned(),
        orchestration_name: "Order".to_owned(),
        execution_id: 7,
        version: "1.0.0".to_owned(),
        history: history
            .map(|(event_id, kind)| Event {
                event_id,
                source_event_id: None,
                instance_id: "i".to_owned(),
                execution_id: 7,
                timestamp_ms: 0,
                duroxide_version: VERSION.to_owned(),
                kind,
            })
            .collect(),
        messages,
        history_error: None,
        kv_snapshot: HashMap::new(),
    }
}

fn decide(item: OrchestrationItem, attempt: u32) -> Verdict {
    let registry = OrchestrationRegistry::builder()
        .register("Order", |_, input| async move { Ok(input) })
        .register_versioned("Order", "2.0.0", |_, input| async move { Ok(input) })
        .build();
    let rules = Rules {
        registry: &registry,
        replayable: &SemverRange::default_for_current_build(),
        unregistered: &UnregisteredBackoffConfig::default(),
        max_attempts: MAX_ATTEMPTS,
        now_ms: 42,
    };
    triage(item, attempt, &rules)
}

fn told(notices: &[Notice]) -> String {
    let one = |notice: &Notice| {
        format!(" -> {}#{}: {}", notice.parent.instance, notice.parent.id, notice.details.display_message())
    };
    notices.iter().map(one).collect()
}

fn rows(closing: &Closing) -> String {
    let row = |event: &Event| format!(" {}:{}", event.event_id, event.kind.wire_type());
    closing.commit.delta.iter().map(row).collect()
}

/// A verdict in a line.
fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Abandon { delay, why } => {
            let why = match why {
                Reluctance::Incompatible { pinned } => format!("incompatible {pinned}"),
                Reluctance::Unreadable { error } => format!("unreadable {error}"),
                Reluctance::BetweenExecutions => "between executions".to_owned(),
                Reluctance::Unregistered { name, version } => format!("unregistered {name} {version:?}"),
            };
            format!("abandon {delay:?}: {why}")
        }
        Verdict::Poison(closing) => {
            format!("poison {}{}{}", closing.commit.execution_id, rows(closing), told(&closing.notices))
        }
        Verdict::Terminal(closing) => format!("terminal{}{}", rows(closing), told(&closing.notices)),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Run(turn) => {
            let messages: Vec<_> = turn.messages.iter().map(kind_of).collect();
            format!(
                "run {} {} {} from {}: {}{}",
                turn.head.execution_id,
                turn.head.version,
                turn.input,
                turn.head.next_event_id,
                messages.join(" "),
                told(&turn.collisions)
            )
        }
    }
}

/// What is shown, history, batch, attempt, verdict.
type Case = (&'static str, Vec<EventKind>, Vec<WorkItem>, u32, &'static str);

#[test]
fn what_becomes_of_a_fetched_item() {
    let mine = Some(("p", 2, Some(1)));
    let other = Some(("other", 9, Some(1)));
    let unstamped = Some(("p", 2, None));
    let running = || started("1.0.0", mine);
    let cases: Vec<Case> = vec![
        ("a first start takes the latest version", vec![], vec![start(None, None)], 1, "run 7 2.0.0 started from 1: "),
        ("or the one it names", vec![], vec![start(Some("1.0.0"), None)], 1, "run 7 1.0.0 started from 1: "),
        (
            "or none, if that is missing",
            vec![],
            vec![start(Some("3.0.0"), None)],
            2,
            "abandon 2s: unregistered Order Some(\"3.0.0\")",
        ),
        (
            "what is no version is missing",
            vec![],
            vec![start(Some("x"), None)],
            1,
            "abandon 1s: unregistered Order Some(\"x\")",
        ),
        (
            "a running execution keeps its version",
            vec![running()],
            vec![raised()],
            1,
            "run 7 1.0.0 recorded from 2: ExternalRaised",
        ),
        (
            "one without a version takes the latest",
            vec![started("0.0.0", None)],
            vec![raised()],
            1,
            "run 7 2.0.0 recorded from 2: ExternalRaised",
        ),
        ("messages for nobody are dropped", vec![], vec![raised()], 1, "drop"),
        (
            "a second start in the creating batch is told",
            vec![],
            vec![start(None, mine), start(None, other)],
            1,
            "run 7 2.0.0 started from 1:  -> other#9: sub-orchestration instance id 'i' already exists",
        ),
        (
            "a start of a running instance is told",
            vec![running()],
            vec![start(None, other)],
            1,
            "run 7 1.0.0 recorded from 2:  -> other#9: sub-orchestration instance id 'i' already exists",
        ),
        (
            "its own parent's start, sent again, is not",
            vec![running()],
            vec![start(None, mine)],
            1,
            "run 7 1.0.0 recorded from 2: ",
        ),
        (
            "an unstamped one cannot be known to be its own",
            vec![started("1.0.0", unstamped)],
            vec![start(None, unstamped)],
            1,
            "run 7 1.0.0 recorded from 2:  -> p#2: sub-orchestration instance id 'i' already exists",
        ),
        (
            "an ended instance takes nothing",
            vec![running(), completed()],
            vec![raised(), start(None, other)],
            1,
            "terminal -> other#9: sub-orchestration instance id 'i' already exists and is terminal",
        ),
        (
            "not even from its own parent, which may be a later one of that name and must not wait for ever",
            vec![running(), completed()],
            vec![start(None, mine)],
            1,
            "terminal -> p#2: sub-orchestration instance id 'i' already exists and is terminal",
        ),
        ("and stays as it ended", vec![running(), failed()], vec![raised()], MAX_ATTEMPTS + 1, "terminal"),
        (
            "a failure after continue-as-new has ended it",
            vec![running(), continued(), failed()],
            vec![next(None, mine)],
            1,
            "terminal",
        ),
        (
            "between executions messages wait",
            vec![running(), continued()],
            vec![raised()],
            3,
            "abandon 4s: between executions",
        ),
        (
            "and a start is no next execution",
            vec![running(), continued()],
            vec![start(None, other), raised()],
            1,
            "abandon 1s: between executions",
        ),
        (
            "the next execution begins anew, carried messages first",
            vec![running(), continued()],
            vec![raised(), next(None, mine)],
            1,
            "run 8 2.0.0 continued from 1: ExternalRaisedPersistent ExternalRaised",
        ),
        (
            "poison of a first turn",
            vec![],
            vec![start(None, mine)],
            4,
            "poison 7 1:OrchestrationStarted 2:OrchestrationFailed -> p#2: poison: orchestration i exceeded 4 attempts (max 3)",
        ),
        (
            "poison of a later turn",
            vec![running()],
            vec![raised()],
            4,
            "poison 7 2:OrchestrationFailed -> p#2: poison: orchestration i exceeded 4 attempts (max 3)",
        ),
        (
            "poison of the next execution",
            vec![started("1.0.0", other), continued()],
            vec![next(None, mine)],
            4,
            "poison 8 1:OrchestrationStarted 2:OrchestrationFailed -> p#2: poison: orchestration i exceeded 4 attempts (max 3)",
        ),
        (
            "poison while its start is not seen",
            vec![started("1.0.0", other), continued()],
            vec![raised()],
            4,
            "poison 8 1:OrchestrationStarted 2:OrchestrationFailed -> other#9: poison: orchestration i exceeded 4 attempts (max 3)",
        ),
        (
            "the last allowed attempt",
            vec![running()],
            vec![raised()],
            MAX_ATTEMPTS,
            "run 7 1.0.0 recorded from 2: ExternalRaised",
        ),
    ];
    for (what, history, messages, attempt, expected) in cases {
        assert_eq!(shown(&decide(item(history, messages), attempt)), expected, "{what}");
    }
}

#[test]
fn the_next_execution_takes_its_parent_from_the_message_and_never_from_history() {
    let parent = Some(("p", 2, Some(1)));
    let Verdict::Run(turn) = decide(item(vec![started("1.0.0", parent), continued()], vec![next(None, None)]), 1)
    else {
        panic!("it runs");
    };
    assert_eq!(turn.head.parent, None);
    assert!(turn.is_continue_as_new && turn.history.is_empty());
    let Some(EventKind::OrchestrationStarted { carry_forward_events, .. }) = turn.head.start else {
        panic!("it begins an execution");
    };
    assert_eq!(carry_forward_events.unwrap().len(), 1);
}

#[test]
fn a_history_that_cannot_be_read_waits_for_others_and_is_poison_in_the_end() {
    let unreadable = || OrchestrationItem {
        history_error: Some("unknown type".to_owned()),
        ..item(vec![], vec![start(None, Some(("p", 2, Some(1))))])
    };
    assert_eq!(shown(&decide(unreadable(), 1)), "abandon 1s: unreadable unknown type");
    let verdict = decide(unreadable(), MAX_ATTEMPTS + 1);
    assert_eq!(shown(&verdict), "poison 7 99999:OrchestrationFailed");
    let Verdict::Poison(closing) = verdict else {
        unreachable!("it was shown as one");
    };
    let output = closing.commit.metadata.output.unwrap();
    assert!(output.contains("deserialization failed"), "{output}");
    assert_eq!(closing.commit.metadata.orchestration_name.as_deref(), Some("Order"));
}

#[test]
fn can_start_invisible_inputs_wait_for_it() {
    let ended = || vec![started("1.0.0", None), continued()];
    let early = decide(item(ended(), vec![raised()]), 1);
    assert_eq!(shown(&early), "abandon 1s: between executions");
    // With the start they are part of the next execution's first turn, behind whatever it carries.
    let together = decide(item(ended(), vec![raised(), next(None, None)]), 2);
    assert!(shown(&together).starts_with("run "), "{}", shown(&together));
    assert!(shown(&together).contains("ExternalRaised"), "{}", shown(&together));
}

#[test]
fn unknown_event_of_a_later_version_is_left_to_others() {
    let mut later = item(vec![started("1.0.0", None)], vec![raised()]);
    later.history[0].duroxide_version = "99.1.0".to_owned();
    assert_eq!(shown(&decide(later.clone(), 100)), "abandon 1s: incompatible 99.1.0");
    later.history[0].duroxide_version = "no version".to_owned();
    assert!(shown(&decide(later, 1)).starts_with("run"));
}

#[test]
fn poison_says_what_was_tried() {
    let Verdict::Poison(closing) = decide(item(vec![], vec![start(None, None)]), 4) else {
        panic!("it is poison");
    };
    let metadata = &closing.commit.metadata;
    assert_eq!(metadata.status.as_deref(), Some("Failed"));
    assert_eq!(metadata.pinned_duroxide_version, None::<Version>);
    let EventKind::OrchestrationFailed { details: ErrorDetails::Poison { message, .. } } =
        &closing.commit.delta[1].kind
    else {
        panic!("the second row is the failure");
    };
    assert!(message.starts_with(r#"[{"StartOrchestration""#), "{message}");
}

#[test]
fn failed_fetches_wait_longer_each_time_if_they_may_pass() {
    let busy = ProviderError::retryable("fetch", "busy");
    let waits: Vec<u128> = [1, 2, 3, 4, 5, 6, 99].map(|n| fetch_pause(&busy, n).as_millis()).into();
    assert_eq!(waits, [200, 400, 800, 1_600, 3_000, 3_000, 3_000]);
    let wrong = ProviderError::permanent("fetch", "wrong");
    assert_eq!(fetch_pause(&wrong, 9), Duration::from_millis(100));
}
