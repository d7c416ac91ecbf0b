//! `#[activity(name = …, tag = …)]`, with the full list of keys in the error.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Path, Token};

use crate::ast::Kind;
use crate::diagnostics::Diagnostics;
use crate::lint::rules;
use crate::paths::Paths;

/// The longest tag a store takes, in bytes.
const TAG_BYTES_MAX: usize = 256;
/// Activities of the runtime itself are named so.
const RESERVED_PREFIX: &str = "__duroxide_syscall:";

/// What stands in the brackets of an attribute.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) tag: Option<LitStr>,
    pub(crate) paths: Paths,
    /// Codes that the whole function is excused from.
    pub(crate) allowed: Vec<String>,
}

/// The keys of each attribute, in the order a message lists them.
pub(crate) fn keys(kind: Option<Kind>) -> &'static [&'static str] {
    match kind {
        Some(Kind::Activity) => &["name", "tag", "crate"],
        Some(Kind::Orchestration) => &["name", "version", "allow", "crate"],
        Some(Kind::Durable) => &["allow", "crate"],
        None => &["name", "crate"],
    }
}

/// Reads the brackets. `valid` are the keys this attribute has; everything wrong is reported, not only the first.
pub(crate) fn parse(tokens: TokenStream, valid: &[&str], diagnostics: &Diagnostics) -> Args {
    let mut args = Args::default();
    let read = |input: ParseStream| -> syn::Result<()> {
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            if let Err(error) = one(input, valid, &mut seen, &mut args, diagnostics) {
                diagnostics.error(error);
            }
            skip_to_comma(input)?;
        }
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        diagnostics.error(error);
    }
    args
}

/// Reads one `key = value`; the caller skips whatever is left of it.
fn one(
    input: ParseStream,
    valid: &[&str],
    seen: &mut Vec<String>,
    args: &mut Args,
    diagnostics: &Diagnostics,
) -> syn::Result<()> {
    let Ok(key) = input.call(Ident::parse_any) else {
        let token: TokenTree = input.parse()?;
        return Err(syn::Error::new(token.span(), format!("DX1008: expected a key; {}", listed(valid))));
    };
    let name = key.to_string();
    if !valid.contains(&name.as_str()) {
        diagnostics.report(&key, "DX1008", &format!("unknown key `{name}`; {}", listed(valid)), &nearest(&name, valid));
        return Ok(());
    }
    if seen.contains(&name) {
        diagnostics.report(&key, "DX1008", &format!("`{name}` is given twice"), "keep one of them");
        return Ok(());
    }
    match name.as_str() {
        "name" => args.name = text(input, &key)?.filter_reported(diagnostics, check_name),
        "version" => args.version = text(input, &key)?.filter_reported(diagnostics, check_version),
        "tag" => args.tag = text(input, &key)?.filter_reported(diagnostics, check_tag),
        "crate" => {
            input
                .parse::<Token![=]>()
                .map_err(|e| syn::Error::new(e.span(), "DX1008: write `crate = path::to::duroxide`"))?;
            args.paths = Paths::renamed(input.call(Path::parse_mod_style)?);
        }
        "allow" => {
            let content;
            syn::parenthesized!(content in input);
            args.allowed.extend(allow(&content, diagnostics)?);
        }
        other => unreachable!("`{other}` is listed as a key but not read"),
    }
    seen.push(name);
    Ok(())
}

fn text(input: ParseStream, key: &Ident) -> syn::Result<LitStr> {
    let wrong = |span| syn::Error::new(span, format!("DX1008: `{key}` takes a text: `{key} = \"…\"`"));
    input.parse::<Token![=]>().map_err(|_| wrong(key.span()))?;
    let span = input.span();
    input.parse::<LitStr>().map_err(|_| wrong(span))
}

/// What is inside `allow(DX0001, reason = "…")`.
pub(crate) fn allow(input: ParseStream, diagnostics: &Diagnostics) -> syn::Result<Vec<String>> {
    let (mut codes, mut reason) = (Vec::new(), false);
    let span = input.span();
    while !input.is_empty() {
        let word = input.call(Ident::parse_any)?;
        if word == "reason" {
            input.parse::<Token![=]>()?;
            let text: LitStr = input.parse()?;
            reason = true;
            if text.value().trim().is_empty() {
                diagnostics.report(&text, "DX1009", "the reason is empty", "say why a replay cannot differ here");
            }
        } else if rules::is_known(&word.to_string()) {
            codes.push(word.to_string());
        } else {
            let known = rules::codes();
            diagnostics.report(
                &word,
                "DX1009",
                &format!("`{word}` is not a code that can be allowed; codes are {}", known.join(", ")),
                &nearest(&word.to_string(), &known),
            );
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    if !reason {
        diagnostics.error(syn::Error::new(
            span,
            "DX1009: an allow needs a reason\n= help: write `allow(DX0001, reason = \"why a replay cannot differ\")`",
        ));
    }
    Ok(codes)
}

trait FilterReported {
    fn filter_reported(self, diagnostics: &Diagnostics, check: fn(&str) -> Result<(), String>) -> Option<LitStr>;
}

impl FilterReported for LitStr {
    fn filter_reported(self, diagnostics: &Diagnostics, check: fn(&str) -> Result<(), String>) -> Option<LitStr> {
        match check(&self.value()) {
            Ok(()) => Some(self),
            Err(message) => {
                diagnostics.report(&self, "DX1008", &message, "");
                None
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("the name is empty".to_owned());
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Err(format!("names that start with `{RESERVED_PREFIX}` belong to the runtime"));
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), String> {
    semver::Version::parse(version)
        .map(|_| ())
        .map_err(|error| format!("`{version}` is not a version like `2.0.0`: {error}"))
}

fn check_tag(tag: &str) -> Result<(), String> {
    match tag.len() {
        0 => Err("the tag is empty".to_owned()),
        n if n > TAG_BYTES_MAX => Err(format!("the tag has {n} bytes, {TAG_BYTES_MAX} are allowed")),
        _ => Ok(()),
    }
}

fn listed(valid: &[&str]) -> String {
    format!("valid keys are {}", valid.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))
}

/// The candidate that was probably meant, as a help line; empty when none is near.
fn nearest(written: &str, candidates: &[&str]) -> String {
    candidates
        .iter()
        .map(|candidate| (distance(written, candidate), candidate))
        .filter(|(steps, candidate)| *steps <= 2.max(candidate.len() / 3))
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// How many letters must change to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Drops what an entry did not use, up to and with its comma.
fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    let mut left = TokenStream::new();
    while !input.is_empty() {
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            return Ok(());
        }
        input.parse::<TokenTree>()?.to_tokens(&mut left);
    }
    Ok(())
}
