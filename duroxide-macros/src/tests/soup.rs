//! Token soup: whatever stands there, the macros answer, with an error or with items that parse.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::*;
use quote::quote;

use super::errors;
use crate::ast::Kind;
use crate::{expand, link, race};

/// Words, signs and literals that the macros look at, and some that they do not.
const SCRAPS: &[&str] = &[
    "async",
    "await",
    "fn",
    "f",
    "ctx",
    "self",
    "mut",
    "let",
    "_",
    "loop",
    "while",
    "true",
    "for",
    "in",
    "if",
    "else",
    "match",
    "break",
    "return",
    "continue_as_new",
    "call",
    "struct",
    "enum",
    "impl",
    "dyn",
    "static",
    "const",
    "unsafe",
    "extern",
    "crate",
    "name",
    "version",
    "tag",
    "session",
    "retry",
    "timeout",
    "allow",
    "reason",
    "max_attempts",
    "initial",
    "factor",
    "max",
    "DX0001",
    "DX9999",
    "state",
    "duroxide",
    "select",
    "join",
    "std",
    "time",
    "SystemTime",
    "now",
    "HashMap",
    "Mutex",
    "println",
    "thread_local",
    "OrchestrationContext",
    "ActivityContext",
    "Result",
    "=",
    "==",
    "=>",
    "->",
    ",",
    ";",
    ":",
    "::",
    ".",
    "..",
    "?",
    "!",
    "#",
    "&",
    "|",
    "||",
    "<",
    ">",
    "+",
    "-",
    "*",
    "'a",
    "1",
    "0",
    "1.5",
    "\"\"",
    "\"x\"",
    "\"1s\"",
    "\"1.0.0\"",
    "b\"x\"",
    "'c'",
];

/// Pieces that parse, so that the soup has something in it.
const PIECES: &[&str] = &[
    "let _ = charge::call(&ctx, 1).tag(\"x\");",
    "ctx.timer(\"1s\").await;",
    "loop { ctx.timer(\"1h\").await; }",
    "'a: loop { loop { break 'a; } }",
    "let now = std::time::SystemTime::now();",
    "#[duroxide::allow(DX0001, reason = \"x\")] let now = std::time::SystemTime::now();",
    "#[duroxide::allow(DX0009, reason = \"x\")] println!(\"{}\", x.await);",
    "let f = || async { env::var(\"x\") };",
    "duroxide::select! { a = f() => a, b = g() => { h().await } }",
    "let (a, b) = duroxide::join!(f(), async { g().await });",
    "vec![a.await; 2];",
    "static mut X: u8 = 0;",
    "let m: HashMap<u8, Vec<Mutex<u8>>> = f(#[duroxide::allow(DX0008, reason = \"x\")] { HashMap::new() });",
    "match x.await { Some(1..=2) if y => return Ok(()), _ => {} }",
    "if let Some(x) = y && z.await {}",
    "let Ok(x) = y.await else { panic!() };",
    "(&mut timer).await;",
    "async move { x?.await }.await?;",
    "const { 1 };",
    "unsafe { f() }",
    "x.elapsed()",
];

fn parsed(text: &str) -> TokenStream {
    text.parse().expect("scraps and pieces are tokens")
}

fn soup() -> impl Strategy<Value = TokenStream> {
    let scrap =
        proptest::sample::select(SCRAPS).prop_map(|scrap| if scrap == "'a" { quote!('a) } else { parsed(scrap) });
    let piece = proptest::sample::select(PIECES).prop_map(parsed);
    let leaf = prop_oneof![4 => scrap, 1 => piece];
    let tree = leaf.prop_recursive(4, 64, 8, |inner| {
        let delimiter = proptest::sample::select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket]);
        (delimiter, vec(inner, 0..8)).prop_map(|(delimiter, inside)| {
            TokenTree::Group(Group::new(delimiter, inside.into_iter().collect())).into()
        })
    });
    vec(tree, 0..16).prop_map(|trees| trees.into_iter().collect())
}

fn kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(vec![Kind::Activity, Kind::Orchestration, Kind::Durable])
}

/// Told, or items.
fn answered(expanded: &TokenStream) {
    if errors(expanded).is_empty() {
        let parsed = syn::parse2::<syn::File>(expanded.clone());
        assert!(parsed.is_ok(), "neither an error nor items: {expanded}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn brackets_may_hold_anything(kind in kind(), brackets in soup()) {
        let item = quote!(async fn f(ctx: OrchestrationContext, order: Order) -> Result<(), String> { Ok(()) });
        answered(&expand::handler(kind, brackets.clone(), item));
        answered(&expand::handler(kind, quote!(retry(#brackets), allow(#brackets)), quote!(async fn f() -> R {})));
        expand::event::expand(brackets, quote!(struct S;));
    }

    #[test]
    fn an_item_may_be_anything(kind in kind(), item in soup()) {
        answered(&expand::handler(kind, quote!(), item.clone()));
        answered(&expand::handler(kind, quote!(), quote!(pub async fn f(#item) -> Result<(), String> { #item })));
        expand::event::expand(quote!(), item);
    }

    #[test]
    fn a_body_may_hold_anything(kind in kind(), body in soup(), pieces in vec(proptest::sample::select(PIECES), 0..8)) {
        answered(&expand::handler(kind, quote!(), quote!(async fn f(ctx: OrchestrationContext) -> R { #body })));
        // Of pieces alone every body parses, but for an expression that is not at the end.
        let pieces: TokenStream = pieces.into_iter().map(|piece| {
            let piece = parsed(piece);
            quote!({ #piece })
        }).collect();
        let expanded = expand::handler(kind, quote!(), quote!(async fn f(ctx: OrchestrationContext) -> R { #pieces }));
        answered(&expanded);
    }

    #[test]
    fn our_own_macros_may_be_given_anything(inside in soup()) {
        for input in [inside.clone(), quote!((dx) #inside), quote!((dx) a = #inside => b, c = d => #inside)] {
            race::select(input.clone());
            race::join(input.clone());
            link::expand(input);
        }
    }
}
