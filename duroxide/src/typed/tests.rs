//! The typed layer without a runtime.

mod keys;
mod saga;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};

use super::inventory::check;
use super::{Activity, CallError, Handler, Orchestration, Problem, States, wire};
use crate::activity::ActivityContext;
use crate::context::durable::BoxDurable;
use crate::context::orchestration::OrchestrationContext;
use crate::ledger::bindings::Reply;
use crate::ledger::{Book, Identity, Ledger};
use crate::model::action::Action;
use crate::model::error::{AppErrorKind, ConfigErrorKind, ErrorDetails};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum PayError {
    Busy,
    Declined { reason: String },
}

#[derive(Clone)]
struct Bank;

#[duroxide_macros::activity]
async fn ping() -> Result<(), String> {
    Ok(())
}

#[duroxide_macros::activity(name = "Charge", tag = "pci")]
async fn charge(
    _ctx: ActivityContext,
    #[state] bank: Bank,
    zebra: String,
    #[serde(default)] apple: u64,
) -> Result<u64, PayError> {
    let _ = (bank, zebra);
    Ok(apple)
}

#[duroxide_macros::orchestration(version = "2.1.0")]
async fn checkout(_ctx: OrchestrationContext, order: String) -> Result<String, String> {
    Ok(order)
}

fn ledger() -> (Ledger, OrchestrationContext) {
    let identity =
        Identity { instance: "i".to_owned(), execution_id: 1, name: "n".to_owned(), version: "1.0.0".to_owned() };
    let ledger = Ledger::new(identity, Book::default());
    (ledger.clone(), OrchestrationContext::of(ledger))
}

/// What was asked for so far, as text.
fn asked(ledger: &Ledger) -> Vec<String> {
    ledger.with(|book| {
        let actions = book.emitted.iter().map(|emitted| match &emitted.action {
            Action::CallActivity { name, input, session_id, tag, .. } => {
                format!("{name} {input} {session_id:?} {tag:?}")
            }
            Action::StartSubOrchestration { name, version, instance, input, .. } => {
                format!("{name} {version:?} {instance} {input}")
            }
            other => format!("{other:?}"),
        });
        actions.collect()
    })
}

fn poll<T>(mut future: impl Future<Output = T> + Unpin) -> Poll<T> {
    Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn arguments_travel_by_name_in_sorted_order() {
    assert_eq!(ping::encode(&()).unwrap(), "null");
    assert_eq!(checkout::encode(&"o-1".to_owned()).unwrap(), r#""o-1""#);
    assert_eq!(charge::encode(&("z".to_owned(), 3)).unwrap(), r#"{"apple":3,"zebra":"z"}"#);
}

#[test]
fn arguments_may_be_reordered_defaulted_and_left_over() {
    assert_eq!(charge::decode(r#"{"zebra":"z","apple":3}"#).unwrap(), ("z".to_owned(), 3));
    assert_eq!(charge::decode(r#"{"zebra":"z","gone":1}"#).unwrap(), ("z".to_owned(), 0));
    assert_eq!(checkout::decode("42").unwrap(), "42");
    assert_eq!(checkout::decode(r#""42""#).unwrap(), "42");
    ping::decode("whatever").unwrap();
}

#[test]
fn what_does_not_fit_is_told_with_its_path() {
    assert_eq!(charge::decode("{}").unwrap_err().to_string(), "argument `zebra` is missing");
    let error = charge::decode(r#"{"zebra":"z","apple":"x"}"#).unwrap_err().to_string();
    assert!(error.starts_with("apple: invalid type: string"), "{error}");
}

#[test]
fn an_error_is_read_as_it_was_written_and_a_string_is_raw() {
    let texts = ["boom", "42", "\"quoted\"", "", "null", "{\"a\":1}", "\"half"];
    for text in texts {
        let written = wire::write_error(&text.to_owned());
        assert_eq!(wire::read_error::<String>(&written).unwrap(), text);
        assert!(written == text || text.starts_with('"'), "{written}");
    }
    for error in [PayError::Busy, PayError::Declined { reason: "no".to_owned() }] {
        assert_eq!(wire::read_error::<PayError>(&wire::write_error(&error)).unwrap(), error);
    }
    assert_eq!(wire::write_error(&PayError::Busy), "Busy");
}

#[test]
fn the_kind_of_a_failure_decides_before_its_text() {
    let application =
        |kind, message: &str| CallError::<PayError>::of(ErrorDetails::application(kind, message.to_owned()));
    assert!(matches!(application(AppErrorKind::ActivityFailed, "Busy"), CallError::App(PayError::Busy)));
    assert!(matches!(application(AppErrorKind::OrchestrationFailed, "Busy"), CallError::App(PayError::Busy)));
    assert!(matches!(application(AppErrorKind::ActivityFailed, "odd"), CallError::Other(text) if text == "odd"));
    assert!(
        matches!(application(AppErrorKind::Panicked, "Busy"), CallError::Panicked { message } if message == "Busy")
    );
    let cancelled = application(AppErrorKind::Cancelled { reason: "why".to_owned() }, "Busy");
    assert!(matches!(cancelled, CallError::Cancelled { reason } if reason == "why"));
    let system = ErrorDetails::Configuration {
        kind: ConfigErrorKind::Nondeterminism,
        resource: String::new(),
        message: Some("Busy".to_owned()),
    };
    assert!(matches!(CallError::<PayError>::of(system.clone()), CallError::System(details) if details == system));
    assert_eq!(
        String::from(CallError::<String>::of(ErrorDetails::application(AppErrorKind::ActivityFailed, "no".to_owned()))),
        "no"
    );
}

#[test]
fn a_call_takes_its_place_where_it_is_written_with_the_options_that_follow() {
    let (ledger, ctx) = ledger();
    let first = charge::call(&ctx, "z".to_owned(), 1);
    let second = ping::call(&ctx);
    let child = checkout::call(&ctx, "o".to_owned());
    let second = second.tag("gpu").session("s");
    let first = first.tag("eu");
    let child = child.id("c-1").version("1.0.0");
    assert_eq!(
        asked(&ledger),
        [
            r#"Charge {"apple":1,"zebra":"z"} None Some("eu")"#,
            r#"ping null Some("s") Some("gpu")"#,
            r#"checkout Some("1.0.0") c-1 "o""#,
        ]
    );
    drop((first, second, child));
}

#[test]
fn a_call_that_is_dropped_at_once_was_never_made() {
    let (ledger, ctx) = ledger();
    drop(ping::call(&ctx));
    let kept = ping::call(&ctx);
    assert_eq!(asked(&ledger).len(), 1);
    assert_eq!(ledger.with(|book| book.outstanding()), 1);
    drop(kept);
    assert!(asked(&ledger).is_empty());
}

#[test]
fn a_call_that_was_polled_or_taken_is_cancelled_when_dropped() {
    let (ledger, ctx) = ledger();
    let mut polled = ping::call(&ctx);
    assert!(poll(&mut polled).is_pending());
    drop(polled);
    assert_eq!(asked(&ledger).len(), 1);
    let taken = ping::call(&ctx);
    ledger.with(|book| {
        book.emitted.clear();
        book.bind(2, 7);
    });
    drop(taken);
    assert_eq!(ledger.with(|book| book.bindings.take_abandoned().len()), 1);
}

#[test]
fn an_option_that_comes_too_late_fails_the_orchestration_with_its_name() {
    let (ledger, ctx) = ledger();
    let call = charge::call(&ctx, "z".to_owned(), 1);
    ledger.with(|book| book.emitted.clear());
    drop(call.session("s"));
    let misuse = ledger.with(|book| book.misuse.clone()).expect("the option came too late");
    assert!(misuse.starts_with("Charge::call(..).session(..) came after an await"), "{misuse}");
}

#[test]
fn an_id_of_the_runtimes_own_is_refused() {
    let (ledger, ctx) = ledger();
    let call = checkout::call(&ctx, "o".to_owned()).id("sub::1");
    assert!(asked(&ledger).is_empty());
    assert!(
        matches!(poll(call), Poll::Ready(Err(CallError::Codec { message })) if message.starts_with("child id `sub::1`"))
    );
}

#[test]
fn a_result_is_read_as_its_type_or_says_where_it_does_not_fit() {
    let (ledger, ctx) = ledger();
    let answer = |token, result: &str| {
        ledger.with(|book| book.deliver(token, Reply::Ended(Ok(result.to_owned()))));
    };
    let fits = charge::call(&ctx, "z".to_owned(), 1);
    answer(1, "5");
    assert!(matches!(poll(fits), Poll::Ready(Ok(5))));
    let boxed: BoxDurable<'_, _> = Box::pin(charge::call(&ctx, "z".to_owned(), 1));
    answer(2, "five");
    assert!(matches!(poll(boxed), Poll::Ready(Err(CallError::Codec { .. }))));
}

#[test]
fn the_same_handler_registered_twice_counts_once_and_its_needs_are_checked() {
    let entries = vec![charge::ENTRY, ping::ENTRY, charge::ENTRY, checkout::ENTRY];
    let (kept, problems) = check(entries.clone(), &[], &States::default());
    assert_eq!(
        kept.iter().map(|entry| (entry.name, entry.version)).collect::<Vec<_>>(),
        [("Charge", "1.0.0"), ("ping", "1.0.0"), ("checkout", "2.1.0"),]
    );
    assert!(matches!(problems[..], [Problem::StateMissing { activity: "Charge", .. }]), "{problems:?}");
    let mut states = States::default();
    states.insert(Bank);
    assert_eq!(check(entries, &[], &states).1, []);
}

mod of_one_line {
    macro_rules! twins {
        ($($name:ident)*) => {$(
            #[duroxide_macros::activity(name = "twin of one line")]
            pub(super) async fn $name() -> Result<(), String>;
        )*};
    }
    twins!(first second);

    /// What a body would add, without putting it into the inventory of this test program.
    macro_rules! runs {
        ($($name:ident)*) => {$(
            impl crate::typed::RunActivity for $name {
                const DEFINED_AT: &'static str = "twins.rs:1";
                async fn run(_: crate::activity::ActivityContext, _: &crate::typed::States, (): ()) -> Result<(), String> {
                    Ok(())
                }
            }
        )*};
    }
    runs!(first second);
}

#[test]
fn two_handlers_that_stand_in_one_line_are_two() {
    use super::Entry;
    let [first, second] =
        [Entry::activity::<of_one_line::first>("twins"), Entry::activity::<of_one_line::second>("twins")];
    let (_, problems) = check(vec![first, second, first], &[], &States::default());
    assert!(matches!(problems[..], [Problem::Duplicate { name: "twin of one line", .. }]), "{problems:?}");
    assert_eq!(check(vec![first, first], &[], &States::default()).1, []);
}

#[test]
fn the_latest_version_is_asked_for_by_leaving_it_open() {
    let (ledger, ctx) = ledger();
    let child = checkout::call(&ctx, "o".to_owned()).id("c-1").latest();
    checkout::start_detached(&ctx, "d-1", "o".to_owned()).latest();
    let asked = asked(&ledger);
    assert_eq!(asked[0], r#"checkout None c-1 "o""#);
    assert!(asked[1].contains("version: None"), "{}", asked[1]);
    drop(child);
}
