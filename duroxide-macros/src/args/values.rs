//! The values of keys: texts, and what may stand in each.

use proc_macro2::{Ident, TokenStream};
use syn::parse::ParseStream;
use syn::{LitStr, Token};

use crate::diagnostics::Diagnostics;

/// The longest tag a store takes, in bytes.
const TAG_BYTES_MAX: usize = 256;
/// Activities of the runtime itself are named so.
const RESERVED_PREFIX: &str = "__duroxide_syscall:";

type Check = fn(&str) -> Result<(), String>;

/// `= "…"`; `None` when the text was reported.
pub(super) fn text(
    input: ParseStream,
    key: &Ident,
    check: Check,
    diagnostics: &Diagnostics,
) -> syn::Result<Option<LitStr>> {
    let text: LitStr = after_equals(input, key, &format!("`{key}` takes a text: `{key} = \"…\"`"))?;
    Ok(match check(&text.value()) {
        Ok(()) => Some(text),
        Err(message) => {
            diagnostics.report(&text, "DX1008", &message, "");
            None
        }
    })
}

/// `= value`; anything else is told in the words of `wanted`.
pub(super) fn after_equals<T: syn::parse::Parse>(input: ParseStream, key: &Ident, wanted: &str) -> syn::Result<T> {
    let wrong = |span| syn::Error::new(span, format!("DX1008: {wanted}"));
    input.parse::<Token![=]>().map_err(|_| wrong(key.span()))?;
    let span = if input.is_empty() { key.span() } else { input.span() };
    input.parse().map_err(|_| wrong(span))
}

/// What stands in the parentheses behind a key.
pub(super) fn parenthesized(input: ParseStream, key: &Ident, example: &str) -> syn::Result<TokenStream> {
    if !input.peek(syn::token::Paren) {
        return Err(syn::Error::new(key.span(), format!("DX1008: `{key}` takes parentheses: `{example}`")));
    }
    let content;
    syn::parenthesized!(content in input);
    content.parse()
}

pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Err(format!("names that start with `{RESERVED_PREFIX}` belong to the runtime"));
    }
    Ok(())
}

pub(super) fn check_version(version: &str) -> Result<(), String> {
    semver::Version::parse(version)
        .map(|_| ())
        .map_err(|error| format!("`{version}` is not a version, which has three numbers, like `2.0.0`: {error}"))
}

pub(super) fn check_tag(tag: &str) -> Result<(), String> {
    match tag.len() {
        0 => Err("the tag is empty".to_owned()),
        n if n > TAG_BYTES_MAX => Err(format!("the tag has {n} bytes, {TAG_BYTES_MAX} are allowed")),
        _ => Ok(()),
    }
}

pub(super) fn check_session(session: &str) -> Result<(), String> {
    if session.trim().is_empty() { Err("the session is empty".to_owned()) } else { Ok(()) }
}
