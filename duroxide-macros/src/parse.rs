//! A Rust item becomes our item, or says what was expected.

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Block, FnArg, Signature, Token, Visibility, braced};

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

/// Takes `#[state]` and `#[serde(default)]` off a parameter: they are ours, rustc knows neither.
fn take_marks(parameter: &mut FnArg) -> Marks {
    let mut marks = Marks::default();
    let FnArg::Typed(parameter) = parameter else {
        return marks;
    };
    parameter.attrs.retain(|attribute| {
        if attribute.path().is_ident("state") {
            marks.state = true;
            return false;
        }
        if attribute.path().is_ident("serde") && is_default(attribute) {
            marks.default = true;
            return false;
        }
        true
    });
    marks
}

fn is_default(attribute: &Attribute) -> bool {
    attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "default")
}
