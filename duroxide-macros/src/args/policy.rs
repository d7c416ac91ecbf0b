//! `retry(..)` and `timeout`: checked here, so that a call never finds out.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Lit, LitInt, LitStr};

use super::entries::{self, Entry};
use super::values;
use crate::diagnostics::Diagnostics;

/// How often an activity is tried; what is left out is as in the library's `RetryPolicy::default()`.
#[derive(Debug, PartialEq)]
pub(crate) struct Retry {
    pub(crate) max_attempts: u32,
    pub(crate) initial_ms: u64,
    pub(crate) factor: f64,
    pub(crate) max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { max_attempts: 3, initial_ms: 100, factor: 2.0, max_ms: 30_000 }
    }
}

const EXAMPLE: &str = "retry(max_attempts = 5, initial = \"1s\", factor = 2.0, max = \"1m\")";
const KEYS: &[&str] = &["max_attempts", "initial", "factor", "max"];

/// Reads `(max_attempts = 5, initial = "1s", factor = 2.0, max = "1m")`.
pub(super) fn retry(input: ParseStream, key: &Ident, diagnostics: &Diagnostics) -> syn::Result<Retry> {
    let content: TokenStream = values::parenthesized(input, key, EXAMPLE)?;
    let mut retry = Retry::default();
    // A first wait above the default longest one raises that, unless it was given.
    let (mut initial, mut max) = (None, None);
    let read = |input: ParseStream| {
        let one = |Entry { key, name }: Entry<'_>, input: ParseStream| {
            match name {
                "max_attempts" => retry.max_attempts = attempts(input, key, diagnostics)?.unwrap_or(3),
                "initial" => initial = span(input, key, diagnostics)?,
                "factor" => retry.factor = factor(input, key, diagnostics)?.unwrap_or(2.0),
                "max" => max = span(input, key, diagnostics)?,
                other => unreachable!("`{other}` is listed as a key but not read"),
            }
            Ok(())
        };
        entries::each(input, KEYS, diagnostics, one, |_| None)
    };
    read.parse2(content)?;
    if let (Some((initial_ms, _)), Some((max_ms, at))) = (&initial, &max)
        && initial_ms > max_ms
    {
        diagnostics.report(at, "DX1008", "`max` is shorter than `initial`, the first wait", "make it the longest wait");
    }
    retry.initial_ms = initial.map_or(retry.initial_ms, |(ms, _)| ms);
    retry.max_ms = max.map_or_else(|| retry.max_ms.max(retry.initial_ms), |(ms, _)| ms);
    Ok(retry)
}

/// Reads `= "30s"`; milliseconds.
pub(super) fn timeout(input: ParseStream, key: &Ident, diagnostics: &Diagnostics) -> syn::Result<Option<u64>> {
    Ok(span(input, key, diagnostics)?.and_then(|(ms, at)| {
        if ms == 0 {
            diagnostics.report(at, "DX1008", "a timeout of zero leaves no time to run", "leave it out for none");
            return None;
        }
        Some(ms)
    }))
}

fn attempts(input: ParseStream, key: &Ident, diagnostics: &Diagnostics) -> syn::Result<Option<u32>> {
    let literal: LitInt = values::after_equals(input, key, "`max_attempts` takes a whole number: `max_attempts = 5`")?;
    match literal.base10_parse::<u32>() {
        Ok(0) => diagnostics.report(&literal, "DX1008", "an activity is tried once at least", "write 1 for no retries"),
        Ok(count) => return Ok(Some(count)),
        Err(error) => diagnostics.report(&literal, "DX1008", &format!("`max_attempts`: {error}"), ""),
    }
    Ok(None)
}

fn factor(input: ParseStream, key: &Ident, diagnostics: &Diagnostics) -> syn::Result<Option<f64>> {
    const WANTED: &str = "`factor` takes a number: `factor = 2.0`";
    let literal: Lit = values::after_equals(input, key, WANTED)?;
    let number = match &literal {
        Lit::Int(literal) => literal.base10_parse::<f64>(),
        Lit::Float(literal) => literal.base10_parse::<f64>(),
        other => return Err(syn::Error::new(other.span(), format!("DX1008: {WANTED}"))),
    };
    match number {
        Ok(number) if number >= 1.0 && number.is_finite() => return Ok(Some(number)),
        Ok(_) => diagnostics.report(
            &literal,
            "DX1008",
            "`factor` is what each wait is multiplied by to get the next, 1 at least",
            "write `factor = 1` for waits that stay the same",
        ),
        Err(error) => diagnostics.report(&literal, "DX1008", &format!("`factor`: {error}"), ""),
    }
    Ok(None)
}

/// `= "1m 30s"`: milliseconds, and where they stand.
fn span(input: ParseStream, key: &Ident, diagnostics: &Diagnostics) -> syn::Result<Option<(u64, LitStr)>> {
    let wanted = format!("`{key}` takes a span of time as a text: `{key} = \"30s\"` or `{key} = \"1m 30s\"`");
    let text: LitStr = values::after_equals(input, key, &wanted)?;
    let Some(span) = time(&text, diagnostics) else {
        return Ok(None);
    };
    let ms = whole_ms(span);
    if ms.is_none() {
        let message = format!("`{}` is not a whole number of milliseconds, the finest there is", text.value());
        diagnostics.report(&text, "DX1008", &message, "");
    }
    Ok(ms.map(|ms| (ms, text)))
}

/// The span of time that a text says, or a report that it says none.
pub(crate) fn time(text: &LitStr, diagnostics: &Diagnostics) -> Option<Duration> {
    let span = humantime::parse_duration(&text.value());
    if let Err(error) = &span {
        let message = format!("`{}` is not a span of time: {error}", text.value());
        diagnostics.report(text, "DX1008", &message, "write `30s`, `24h` or `1m 30s`");
    }
    span.ok()
}

fn whole_ms(span: Duration) -> Option<u64> {
    let exact = span.subsec_nanos().is_multiple_of(1_000_000);
    u64::try_from(span.as_millis()).ok().filter(|_| exact)
}
