//! What an edit of arguments does to input that waits, and to a caller that runs.

use super::*;
use crate::typed::Activity;

/// As it was.
mod before {
    #[duroxide_macros::activity(name = "charge")]
    pub(super) async fn charge(order: String, cents: u64) -> Result<u64, String>;
}

/// The same arguments in another order.
mod reordered {
    #[duroxide_macros::activity(name = "charge")]
    pub(super) async fn charge(cents: u64, order: String) -> Result<u64, String>;
}

/// With one that was added.
mod added {
    #[duroxide_macros::activity(name = "charge")]
    pub(super) async fn charge(order: String, cents: u64, #[serde(default)] note: String) -> Result<u64, String>;
}

/// History of a caller that made the call as it was.
fn recorded() -> Vec<(Option<u64>, EventKind)> {
    let input = before::charge::encode(&("o-1".to_owned(), 5)).unwrap();
    let scheduled = EventKind::ActivityScheduled { name: "charge".into(), input, session_id: None, tag: None };
    vec![(None, start(None)), (None, scheduled)]
}

#[test]
fn input_that_waits_is_read_by_the_code_of_today() {
    let written = before::charge::encode(&("o-1".to_owned(), 5)).unwrap();
    assert_eq!(reordered::charge::decode(&written).unwrap(), (5, "o-1".to_owned()));
    assert_eq!(added::charge::decode(&written).unwrap(), ("o-1".to_owned(), 5, String::new()));
}

#[test]
fn a_caller_that_runs_may_reorder_what_it_passes() {
    let mut story = Story::of(|ctx, _| async move {
        let charged = reordered::charge::call(&ctx, 5, "o-1".to_owned()).await;
        Ok(format!("{charged:?}"))
    })
    .with_history(recorded());
    story.turn([done(2, "5")]);
    assert_eq!(story.completed(), "Ok(5)");
}

#[test]
fn a_caller_that_runs_and_passes_one_more_is_nondeterministic_even_with_its_default() {
    let mut story = Story::of(|ctx, _| async move {
        let charged = added::charge::call(&ctx, "o-1".to_owned(), 5, String::new()).await;
        Ok(format!("{charged:?}"))
    })
    .with_history(recorded());
    story.turn([done(2, "5")]);
    let failure = story.failure();
    assert!(failure.starts_with("nondeterministic: schedule mismatch"), "{failure}");
}
