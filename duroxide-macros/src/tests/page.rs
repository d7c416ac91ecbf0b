//! `docs/expansion.md` shows what the expander really writes.

use std::fs;
use std::path::Path;

use super::pretty;
use crate::ast::Kind;
use crate::expand;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/expansion.md");
/// What every generated path begins with; the page leaves it out.
const PREFIX: &str = "::duroxide::__private::";

/// Input: the text between `begin` and `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("the page has `{begin}`"));
    rest.split_once(end).unwrap_or_else(|| panic!("`{end}` follows `{begin}`")).0
}

/// What becomes of the source that the page shows under `name`: `#[attribute(brackets)] item`.
fn expanded(page: &str, name: &str, kind: Kind) -> String {
    let source = between(page, &format!("<!-- source: {name} -->\n\n```rust,ignore\n"), "```");
    let item: syn::ItemFn = syn::parse_str(source).expect("the source is a function");
    let attribute =
        item.attrs.iter().find(|attribute| !attribute.path().is_ident("doc")).expect("it has its attribute");
    let brackets = match &attribute.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        syn::Meta::Path(_) | syn::Meta::NameValue(_) => proc_macro2::TokenStream::new(),
    };
    let bare =
        syn::ItemFn { attrs: item.attrs.iter().filter(|other| *other != attribute).cloned().collect(), ..item.clone() };
    pretty(expand::handler(kind, brackets, quote::quote!(#bare))).replace(PREFIX, "")
}

#[test]
fn the_page_shows_what_is_written() {
    let page = fs::read_to_string(Path::new(PAGE)).expect("the page is there");
    let mut wanted = page.clone();
    for (name, kind) in [("activity", Kind::Activity), ("orchestration", Kind::Orchestration)] {
        let begin = format!("<!-- expansion: {name} -->\n\n```rust,ignore\n");
        let shown = between(&page, &begin, "```\n").to_owned();
        wanted = wanted.replacen(&format!("{begin}{shown}"), &format!("{begin}{}", expanded(&page, name, kind)), 1);
    }
    // `cargo xtask bless` writes it, as it does with the snapshots.
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(PAGE, &wanted).expect("the page can be written");
        return;
    }
    assert!(page == wanted, "docs/expansion.md is behind the macros; `cargo xtask bless` writes it anew");
}
