//! `key …, key …`: the loop over the entries of an attribute, and of the parentheses inside it.

use proc_macro2::{Ident, TokenTree};
use quote::ToTokens;
use syn::parse::ParseStream;
use syn::{Lit, Token};

use super::{suggest, word};
use crate::diagnostics::Diagnostics;

/// One entry, its key read and known.
pub(super) struct Entry<'a> {
    pub(super) key: &'a Ident,
    /// One of the valid keys.
    pub(super) name: &'static str,
}

/// Reads entries to the end: `read` is given the rest of each one whose key is among `valid`, once. What it reports or
/// leaves over costs this entry only. `elsewhere` may know more of a key that is not valid here.
pub(super) fn each(
    input: ParseStream,
    valid: &[&'static str],
    diagnostics: &Diagnostics,
    mut read: impl FnMut(Entry<'_>, ParseStream) -> syn::Result<()>,
    elsewhere: impl Fn(&str) -> Option<&'static str>,
) -> syn::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    while !input.is_empty() {
        let result = match word(input) {
            Err(_) => Err(not_a_key(input, valid)),
            Ok(key) => match valid.iter().find(|name| key == **name) {
                None => {
                    unknown(&key, valid, diagnostics, &elsewhere);
                    Ok(())
                }
                Some(name) if seen.contains(name) => {
                    diagnostics.report(&key, "DX1008", &format!("`{name}` is given twice"), "keep one of them");
                    Ok(())
                }
                Some(name) => {
                    seen.push(name);
                    read(Entry { key: &key, name }, input).and_then(|()| {
                        if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(left(input)) }
                    })
                }
            },
        };
        if let Err(error) = result {
            diagnostics.error(error);
        }
        skip_to_comma(input)?;
    }
    Ok(())
}

fn not_a_key(input: ParseStream, valid: &[&str]) -> syn::Error {
    let help = meant(input, valid).map(|meant| format!("\n= help: did you mean `{meant}`?")).unwrap_or_default();
    syn::Error::new(input.span(), format!("DX1008: expected a key; {}{help}", suggest::listed(valid)))
}

/// A value without its key, with the key that it surely is for.
fn meant(input: ParseStream, valid: &[&str]) -> Option<String> {
    let value = input.fork().parse::<Lit>().ok()?;
    let key = match &value {
        Lit::Str(_) => "name",
        Lit::Int(_) => "max_attempts",
        _ => return None,
    };
    valid.contains(&key).then(|| format!("{key} = {}", value.to_token_stream()))
}

fn left(input: ParseStream) -> syn::Error {
    syn::Error::new(input.span(), "DX1008: expected a comma here, or the end")
}

fn unknown(key: &Ident, valid: &[&str], diagnostics: &Diagnostics, elsewhere: &impl Fn(&str) -> Option<&'static str>) {
    let name = key.to_string();
    let help = elsewhere(&name).map_or_else(|| suggest::nearest(&name, valid), str::to_owned);
    diagnostics.report(key, "DX1008", &format!("unknown key `{name}`; {}", suggest::listed(valid)), &help);
}

/// Drops what an entry did not use, up to and with its comma.
pub(super) fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() {
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            return Ok(());
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
