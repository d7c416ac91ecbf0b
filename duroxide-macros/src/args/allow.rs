//! `allow(DX0001, reason = "…")`: what is excused, and why.

use std::cell::Cell;
use std::rc::Rc;

use proc_macro2::{Ident, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Token};

use super::entries::skip_to_comma;
use super::{suggest, word};
use crate::diagnostics::Diagnostics;
use crate::lint::find;

/// One code that is excused, and whether there was anything to excuse.
#[derive(Clone)]
pub(crate) struct Allowance {
    /// Where it is written.
    pub(crate) code: Ident,
    used: Rc<Cell<bool>>,
}

impl Allowance {
    fn new(code: Ident) -> Self {
        Allowance { code, used: Rc::default() }
    }

    /// It was needed.
    pub(crate) fn mark_used(&self) {
        self.used.set(true);
    }

    /// Warns when it never was.
    pub(crate) fn check_used(&self, diagnostics: &Diagnostics) {
        if !self.used.get() {
            diagnostics.warn(
                self.code.span(),
                "DX1012",
                &format!("nothing here needs `allow({})`", self.code),
                "remove it, so that it cannot hide what is written here later",
            );
        }
    }
}

/// Reads what is inside the parentheses. Everything wrong is reported, not only the first.
pub(crate) fn allow(content: TokenStream, diagnostics: &Diagnostics) -> Vec<Allowance> {
    let (mut allowances, mut reason) = (Vec::new(), false);
    let read = |input: ParseStream| {
        let span = input.span();
        while !input.is_empty() {
            if let Err(error) = one(input, &mut allowances, &mut reason, diagnostics) {
                diagnostics.error(error);
            }
            skip_to_comma(input)?;
        }
        if !reason {
            let text = "DX1009: an allow needs a reason\n= help: write `allow(DX0001, reason = \"why a replay cannot differ\")`";
            diagnostics.error(syn::Error::new(span, text));
        }
        Ok(())
    };
    if let Err(error) = read.parse2(content) {
        diagnostics.error(error);
    }
    allowances
}

fn one(
    input: ParseStream,
    allowances: &mut Vec<Allowance>,
    reason: &mut bool,
    diagnostics: &Diagnostics,
) -> syn::Result<()> {
    let at = input.span();
    let word =
        word(input).map_err(|_| syn::Error::new(at, "DX1009: expected a code like `DX0001`, or `reason = \"…\"`"))?;
    if word == "reason" {
        *reason = true;
        input.parse::<Token![=]>().map_err(|_| syn::Error::new(word.span(), "DX1009: write `reason = \"…\"`"))?;
        let at = if input.is_empty() { word.span() } else { input.span() };
        let text: LitStr = input.parse().map_err(|_| syn::Error::new(at, "DX1009: the reason is a text in quotes"))?;
        if text.value().trim().is_empty() {
            diagnostics.report(&text, "DX1009", "the reason is empty", "say why a replay cannot differ here");
        }
        return Ok(());
    }
    if find::is_known(&word.to_string()) {
        allowances.push(Allowance::new(word));
        return Ok(());
    }
    let known = find::codes();
    let help = match word.to_string().as_str() {
        "DX2001" => "vouch for the future instead: `duroxide::assume_durable(\"why\", future).await`".to_owned(),
        "DX2002" => "await it in a `let` before, and pass the value".to_owned(),
        other => suggest::nearest(other, &known),
    };
    let range = known.first().zip(known.last()).map(|(first, last)| format!("; codes are {first} to {last}"));
    let message = format!("`{word}` is not a code that can be allowed{}", range.unwrap_or_default());
    diagnostics.report(&word, "DX1009", &message, &help);
    Ok(())
}
