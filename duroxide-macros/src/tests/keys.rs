//! The brackets of the attributes, as tables.

use proc_macro2::TokenStream;
use quote::quote;

use super::{errors, pretty};
use crate::ast::Kind;
use crate::expand;

fn activity(brackets: TokenStream) -> TokenStream {
    expand::handler(
        Kind::Activity,
        brackets,
        quote!(
            async fn f() -> R<()> {}
        ),
    )
}

#[test]
fn a_policy_is_written_as_the_library_knows_it() {
    let text =
        pretty(activity(quote!(retry(max_attempts = 5, initial = "1s", factor = 1.5, max = "1m 30s"), timeout = "2h")));
    for part in [
        "max_attempts: 5u32",
        "base: ::duroxide::__private::Duration::from_millis(1000u64)",
        "multiplier: 1.5f64",
        "max: ::duroxide::__private::Duration::from_millis(90000u64)",
        "Duration::from_millis(7200000u64)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_is_left_out_has_a_default_and_nothing_asks_for_nothing() {
    let text = pretty(activity(quote!(retry())));
    for part in [
        "max_attempts: 3u32",
        "from_millis(100u64)",
        "multiplier: 2f64",
        "from_millis(30000u64)",
        "timeout: ::duroxide::__private::Option::None",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // A first wait above the default longest one raises it.
    assert_eq!(pretty(activity(quote!(retry(initial = "5m")))).matches("from_millis(300000u64)").count(), 2);
    let alone = pretty(activity(quote!(timeout = "1s")));
    assert!(alone.contains("max_attempts: 1u32") && alone.contains("BackoffStrategy::None"), "{alone}");
    let without = pretty(activity(quote!(tag = "x", session = "s")));
    assert!(!without.contains("POLICY") && without.contains("SESSION"), "{without}");
}

#[test]
fn each_mistake_is_told_once_and_costs_only_its_own_entry() {
    let cases = [
        (quote!(retry(max_attempts = 0)), 1),
        (quote!(retry(max_attempts = -1)), 1),
        (quote!(retry(max_attempts = 1.5)), 1),
        (quote!(retry(factor = "2")), 1),
        (quote!(retry(factor = 0.99)), 1),
        (quote!(retry(factor = 1e999)), 1),
        (quote!(retry(initial = "2m", max = "1m")), 1),
        (quote!(retry(initial = "500us")), 1),
        (quote!(retry(initial = "x", max = "y", factor = z, max_attempts = w)), 4),
        (quote!(retry(max = "1s", max = "2s")), 1),
        (quote!(retry = 3), 1),
        (quote!(retry { max_attempts = 3 }), 1),
        (quote!(timeout = "0s"), 1),
        (quote!(timeout = "999999999999y"), 1),
        (quote!(timeout), 1),
        (quote!(tag = "a" "b"), 1),
        (quote!(tag = "a", , session = "b"), 1),
        (quote!(version = "1.0.0"), 1),
        (quote!(allow(DX0001, reason = "x")), 1),
    ];
    for (brackets, count) in cases {
        let found = errors(&activity(quote!(name = "Kept", #brackets)));
        assert_eq!(found.len(), count, "{brackets}: {found:#?}");
        assert!(found.iter().all(|text| text.contains("DX1008")), "{found:#?}");
        assert!(activity(brackets.clone()).to_string().contains("fn call"), "{brackets}: the activity is still there");
    }
}

#[test]
fn a_key_of_another_attribute_says_where_it_belongs() {
    let told = |kind, brackets| {
        let item = quote!(
            async fn f(ctx: OrchestrationContext) -> R<()> {}
        );
        errors(&expand::handler(kind, brackets, item)).join("")
    };
    assert!(
        told(Kind::Orchestration, quote!(retry(max_attempts = 3))).contains("put it on the activity, or on a call")
    );
    assert!(told(Kind::Durable, quote!(name = "x")).contains("history does not know it"));
    assert!(told(Kind::Activity, quote!(version = "1.0.0")).contains("only orchestrations have versions"));
}
