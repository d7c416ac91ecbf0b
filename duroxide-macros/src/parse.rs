//! A Rust item becomes our item, or says what was expected.

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Block, FnArg, Meta, Signature, Token, Visibility, braced};

use crate::ast::{Function, Marks};

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let mut sig: Signature = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            let content;
            let brace_token = braced!(content in input);
            attrs.extend(content.call(Attribute::parse_inner)?);
            Some(Block { brace_token, stmts: content.call(Block::parse_within)? })
        };
        let marks = sig.inputs.iter_mut().map(take_marks).collect();
        Ok(Function { attrs, vis, sig, body, marks })
    }
}

/// Levels of lints and docs: rustc sees to them, and to what is wrong with them.
const KNOWN_TO_RUSTC: &[&str] = &["allow", "warn", "deny", "forbid", "expect", "doc"];

/// Takes off a parameter what rustc does not know there: `#[state]` and `#[serde(default)]` are ours, the rest is strange.
fn take_marks(parameter: &mut FnArg) -> Marks {
    let mut marks = Marks::default();
    let FnArg::Typed(parameter) = parameter else {
        return marks;
    };
    for attribute in std::mem::take(&mut parameter.attrs) {
        let is = |name: &str| attribute.path().is_ident(name);
        if is("state") && matches!(attribute.meta, Meta::Path(_)) {
            marks.state = Some(attribute);
        } else if is("serde") && is_default(&attribute) {
            marks.default = Some(attribute);
        } else if KNOWN_TO_RUSTC.iter().any(|name| is(name)) {
            parameter.attrs.push(attribute);
        } else {
            marks.strange.push(attribute);
        }
    }
    marks
}

fn is_default(attribute: &Attribute) -> bool {
    attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "default")
}
