//! Token soup: whatever stands there, the macros answer, with an error or with items that parse.
//!
//! An input is bytes, so that any fuzzer can make them. `BOLERO_RANDOM_ITERATIONS=100000` sets the number of each
//! target; a failure prints its `BOLERO_RANDOM_SEED`. Inputs that found something are in `__fuzz__/`.

use bolero::check;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
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

/// Reads bytes as tokens: scraps, now and then a piece, and brackets that open and close.
fn soup(bytes: &[u8]) -> TokenStream {
    let mut open: Vec<(Delimiter, Vec<TokenTree>)> = Vec::new();
    let mut trees: Vec<TokenTree> = Vec::new();
    for byte in bytes {
        match usize::from(*byte) {
            at if at < SCRAPS.len() => trees.extend(match SCRAPS[at] {
                "'a" => quote!('a),
                scrap => parsed(scrap),
            }),
            at if at - SCRAPS.len() < PIECES.len() => trees.extend(parsed(PIECES[at - SCRAPS.len()])),
            at => match at % 6 {
                0 => open.push((Delimiter::Parenthesis, std::mem::take(&mut trees))),
                1 => open.push((Delimiter::Brace, std::mem::take(&mut trees))),
                2 => open.push((Delimiter::Bracket, std::mem::take(&mut trees))),
                _ => close(&mut open, &mut trees),
            },
        }
    }
    while !open.is_empty() {
        close(&mut open, &mut trees);
    }
    trees.into_iter().collect()
}

fn close(open: &mut Vec<(Delimiter, Vec<TokenTree>)>, trees: &mut Vec<TokenTree>) {
    if let Some((delimiter, outside)) = open.pop() {
        let inside = std::mem::replace(trees, outside);
        trees.push(Group::new(delimiter, inside.into_iter().collect()).into());
    }
}

fn kind(byte: u8) -> Kind {
    [Kind::Activity, Kind::Orchestration, Kind::Durable][usize::from(byte) % 3]
}

/// Told, or items.
fn answered(expanded: &TokenStream) {
    if errors(expanded).is_empty() {
        let parsed = syn::parse2::<syn::File>(expanded.clone());
        assert!(parsed.is_ok(), "neither an error nor items: {expanded}");
    }
}

/// So many inputs for each target, of at most so many bytes.
const INPUTS: usize = 3_000;
const BYTES_MAX: usize = 48;

/// Runs one target; the first byte says which attribute.
fn fuzzed(target: &str, check: impl Fn(Kind, TokenStream) + std::panic::RefUnwindSafe) {
    check!(name = target).with_iterations(INPUTS).with_max_len(BYTES_MAX).for_each(|bytes: &[u8]| {
        if let Some((first, rest)) = bytes.split_first() {
            check(kind(*first), soup(rest));
        }
    });
}

#[test]
fn fuzz_attributes() {
    fuzzed("attributes", |kind, brackets| {
        let item = quote!(
            async fn f(ctx: OrchestrationContext, order: Order) -> Result<(), String> {
                Ok(())
            }
        );
        answered(&expand::handler(kind, brackets.clone(), item));
        answered(&expand::handler(
            kind,
            quote!(retry(#brackets), allow(#brackets)),
            quote!(
                async fn f() -> R {}
            ),
        ));
        expand::event::expand(
            brackets,
            quote!(
                struct S;
            ),
        );
    });
}

#[test]
fn fuzz_items() {
    fuzzed("items", |kind, item| {
        answered(&expand::handler(kind, quote!(), item.clone()));
        answered(&expand::handler(kind, quote!(), quote!(pub async fn f(#item) -> Result<(), String> { #item })));
        expand::event::expand(quote!(), item);
    });
}

#[test]
fn fuzz_bodies() {
    fuzzed("bodies", |kind, body| {
        answered(&expand::handler(kind, quote!(), quote!(async fn f(ctx: OrchestrationContext) -> R { #body })));
    });
}

#[test]
fn bodies_of_pieces_always_parse() {
    check!(name = "pieces").with_iterations(INPUTS).with_max_len(8).for_each(|bytes: &[u8]| {
        let pieces = bytes.iter().map(|at| {
            let piece = parsed(PIECES[usize::from(*at) % PIECES.len()]);
            quote!({ #piece })
        });
        let body: TokenStream = pieces.collect();
        answered(&expand::handler(
            Kind::Orchestration,
            quote!(),
            quote!(async fn f(ctx: OrchestrationContext) -> R { #body }),
        ));
    });
}

#[test]
fn fuzz_our_own_macros() {
    fuzzed("macros", |_, inside| {
        for input in [inside.clone(), quote!((dx) #inside), quote!((dx) a = #inside => b, c = d => #inside)] {
            race::select(input.clone());
            race::join(input.clone());
            link::expand(input);
        }
    });
}

#[test]
fn every_byte_is_some_token() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert!(SCRAPS.len() + PIECES.len() < 200, "room is left for brackets");
    assert!(soup(&all).into_iter().count() > SCRAPS.len());
}
