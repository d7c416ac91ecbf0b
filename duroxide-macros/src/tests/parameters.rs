//! What stands on parameters and above functions, and what is generated for it.

use proc_macro2::TokenStream;
use quote::quote;

use super::{codes, errors};
use crate::ast::Kind::{self, Activity, Durable, Orchestration};
use crate::expand;

fn told(kind: Kind, item: TokenStream) -> Vec<String> {
    codes(&expand::handler(kind, quote!(), item))
}

fn function(kind: Kind, parameters: TokenStream) -> TokenStream {
    let ctx = (kind == Orchestration).then(|| quote!(ctx: OrchestrationContext,));
    quote!(async fn f(#ctx #parameters) -> R {})
}

#[test]
fn what_can_mean_nothing_on_a_parameter_is_told() {
    let cases = [
        (Activity, quote!(#[serde(default)] a: u8), "DX1008"),
        (Orchestration, quote!(#[serde(default)] a: u8), "DX1008"),
        (Activity, quote!(#[serde(default)] ctx: ActivityContext, a: u8, b: u8), "DX1008"),
        (Activity, quote!(#[state] #[serde(default)] a: A, b: u8, c: u8), "DX1008"),
        (Durable, quote!(#[serde(default)] a: u8, b: u8), "DX1008"),
        (Activity, quote!(#[serde(default = "five")] a: u8, b: u8), "DX1008"),
        (Activity, quote!(#[serde(rename = "x")] a: u8, b: u8), "DX1008"),
        (Activity, quote!(#[cfg(unix)] a: u8), "DX1008"),
        (Activity, quote!(#[state(clone)] a: u8), "DX1008"),
        (Durable, quote!(#[duroxide::allow(DX0008, reason = "x")] a: u8), "DX1008"),
        (Durable, quote!(#[state] a: A), "DX1011"),
        (Orchestration, quote!(#[state] a: A), "DX1011"),
        (Activity, quote!(#[state] ctx: ActivityContext), "DX1011"),
        (Activity, quote!(#[state] a: &A), "DX1005"),
    ];
    for (kind, parameters, code) in cases {
        assert_eq!(told(kind, function(kind, parameters.clone())), [code], "{parameters}");
    }
    let right = [
        (Activity, quote!(#[serde(default)] a: u8, #[serde(default)] b: u8)),
        (Activity, quote!(#[state] ctx: Gateway, a: u8)),
        (Durable, quote!(#[allow(unused_variables)] a: u8)),
    ];
    for (kind, parameters) in right {
        assert_eq!(told(kind, function(kind, parameters.clone())), Vec::<String>::new(), "{parameters}");
    }
}

#[test]
fn a_durable_helper_that_hides_its_result_is_told_so_once_and_stays() {
    for hidden in [quote!(impl Iterator<Item = u8>), quote!(Result<impl Iterator, String>)] {
        let expanded = expand::handler(
            Durable,
            quote!(),
            quote!(async fn f(ctx: &C) -> #hidden { #[duroxide::allow(DX0006, reason = "x")] let a = std::env::var("X"); b }),
        );
        assert_eq!(codes(&expanded), ["DX1003"]);
        let shown = expanded.to_string();
        assert!(shown.contains("async fn f") && !shown.contains("duroxide :: allow"), "{shown}");
    }
    assert!(
        told(
            Durable,
            quote!(
                async fn f<'a>(ctx: &'a C) -> &'a str {}
            )
        )
        .is_empty()
    );
}

/// Every item of an expansion, by what stands above it.
fn items_without(tokens: TokenStream, attribute: &str) -> Vec<String> {
    let file: syn::File = syn::parse2(tokens).expect("an expansion is a sequence of items");
    let items = file.items.iter().map(|item| quote!(#item).to_string());
    items.filter(|item| !item.starts_with(attribute)).collect()
}

#[test]
fn a_condition_holds_for_everything_that_is_generated() {
    let body = quote!(
        #[cfg(any())]
        async fn f(ctx: OrchestrationContext) -> R {
            println!("x");
        }
    );
    for kind in [Activity, Orchestration] {
        let expanded = expand::handler(kind, quote!(), body.clone());
        let left = items_without(expanded, "# [cfg (any ())]");
        let only_levels =
            left.iter().all(|item| item.starts_with("# [deny (clippy") || item.starts_with("# [allow (clippy"));
        assert!(only_levels && left.len() <= 1, "{left:?}");
    }
    let event = expand::event::expand(
        quote!(),
        quote!(
            #[cfg(any())]
            struct S;
        ),
    );
    assert_eq!(items_without(event, "# [cfg (any ())]"), Vec::<String>::new());
}

#[test]
fn generated_code_is_silent_about_what_the_user_may_do() {
    let shown = |item: TokenStream| expand::handler(Activity, quote!(), item).to_string();
    let plain = shown(quote!(
        async fn f(a: u8) -> R {
            g().await
        }
    ));
    assert!(
        !plain.contains("unused_async") && !plain.contains("underscore") && !plain.contains("allow (deprecated)"),
        "{plain}"
    );
    let odd = shown(quote!(
        #[deprecated]
        async fn f(_a: u8) -> R {
            1
        }
    ));
    assert!(odd.contains("unused_async") && odd.contains("used_underscore_binding"), "{odd}");
    // The type bears it too; the three impls, the runner and the submission are silent.
    assert_eq!(odd.matches("allow (deprecated)").count(), 5, "{odd}");
}

#[test]
fn a_raw_name_is_written_without_its_mark() {
    let shown = expand::event::expand(
        quote!(),
        quote!(
            struct r#Final;
        ),
    )
    .to_string();
    assert!(
        shown.contains("\"Final\"")
            && errors(&expand::event::expand(
                quote!(),
                quote!(
                    struct S;
                )
            ))
            .is_empty(),
        "{shown}"
    );
}
