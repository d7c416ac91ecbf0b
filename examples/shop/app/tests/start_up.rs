//! What is wrong with a program is told before anything runs, all at once, with file and line.

use std::sync::Arc;

use billing::Bank;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::{Runtime, RuntimeBuilder};
use duroxide::typed::Problem;

// `silent` registers nothing, and `twin` takes a name of `billing`.
duroxide::link!(billing, flows, silent, twin);
const LINKED_AT: &str = "examples/shop/app/tests/start_up.rs:11";

fn builder() -> RuntimeBuilder {
    Runtime::builder(Arc::new(MemoryProvider::new()))
}

#[test]
fn all_problems_are_told_at_once_with_file_and_line() {
    let problems = builder().discover().err().expect("there are problems");
    let text = problems.to_string();
    let [first, second] = ["examples/shop/billing/src/lib.rs:40", "examples/shop/twin/src/lib.rs:6"];
    assert_eq!(
        text,
        format!(
            "3 problems keep the runtime from starting:\n  \
             DX3001: activity `charge` 1.0.0 is defined twice: at {first} and at {second}; \
             give one of them another name or version\n  \
             DX3002: crate `silent`, linked at {LINKED_AT}, registers no activity and no orchestration; \
             remove it from `link!`, or look whether its handlers are behind a feature\n  \
             DX3003: activity `charge`, defined at {first}, needs a `billing::Bank`; \
             give it with `Runtime::builder(store).state(..)`"
        )
    );
}

#[test]
fn a_state_that_is_given_is_not_missing() {
    let problems = builder().state(Bank { limit: 1 }).discover().err().expect("there are problems");
    assert!(!problems.0.iter().any(|problem| matches!(problem, Problem::StateMissing { .. })), "{problems}");
}

#[tokio::test]
async fn nothing_to_run_is_a_mistake() {
    assert_eq!(builder().start().await.err().expect("there is a problem").0, [Problem::Empty]);
}

#[tokio::test]
async fn by_hand_only_what_is_named_is_registered_and_twice_is_once() {
    let builder = builder().register::<billing::refund>().register::<flows::checkout>().register::<billing::refund>();
    builder.start().await.expect("neither has a twin").shutdown(Some(0)).await;
}

#[tokio::test]
async fn a_state_missing_at_the_start_is_told_as_well() {
    let problems = builder().register::<billing::charge>().start().await.err().expect("the bank is missing");
    assert!(matches!(problems.0[..], [Problem::StateMissing { state: "billing::Bank", .. }]), "{problems}");
}
