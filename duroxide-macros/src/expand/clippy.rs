//! The net that knows types: clippy, at the levels that orchestrations need.
//!
//! What may not be called is in the user's `clippy.toml`, where clippy looks for it; here it is switched on for the
//! function alone, and off again where a `#[duroxide::allow(..)]` says so.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, Expr, ExprBlock, Item, Macro, Stmt, parse_quote};

use crate::args::Args;
use crate::ast::Function;
use crate::diagnostics::Diagnostics;
use crate::lint::calls::{allowances, is_allow};
use crate::reading;

/// The lints of clippy that know what a code is about.
const BY_CODE: &[(&str, &str)] = &[
    ("DX0001", "disallowed_methods"),
    ("DX0002", "disallowed_methods"),
    ("DX0003", "disallowed_methods"),
    ("DX0004", "disallowed_methods"),
    ("DX0005", "disallowed_methods"),
    ("DX0006", "disallowed_methods"),
    ("DX0007", "disallowed_macros"),
    ("DX0007", "disallowed_methods"),
    ("DX0008", "disallowed_types"),
    ("DX0009", "disallowed_macros"),
    ("DX0010", "disallowed_types"),
    ("DX0010", "disallowed_macros"),
    ("DX0012", "let_underscore_future"),
    ("DX0013", "disallowed_methods"),
];

/// What clippy is told about a function.
pub(super) struct Net {
    /// Attributes for the function.
    pub(super) levels: TokenStream,
    /// The body, with lints switched off where something is allowed.
    pub(super) body: Option<Block>,
}

impl Net {
    pub(super) fn over(function: &Function, args: &Args) -> Self {
        let mut codes: Vec<String> = args.allowed.iter().map(|allowance| allowance.code.to_string()).collect();
        let body = function.body.clone().map(|mut body| {
            Relax.visit_block_mut(&mut body);
            // The value of the body can bear no attribute, so the function bears it.
            codes.extend(allowed_in(|all| all.visit_block(&body)));
            body
        });
        let relaxed = off(&codes);
        let levels = quote! {
            #[deny(clippy::disallowed_methods)]
            #[warn(clippy::disallowed_types, clippy::disallowed_macros, clippy::let_underscore_future)]
            #relaxed
        };
        Net { levels, body }
    }
}

/// `#[allow(clippy::disallowed_methods)]`, if a code has such a lint.
fn off(codes: &[String]) -> Option<Attribute> {
    let of_code = |(code, lint): &(&str, &'static str)| codes.iter().any(|c| c == code).then_some(*lint);
    let lints: BTreeSet<&str> = BY_CODE.iter().filter_map(of_code).collect();
    let names = lints.iter().map(|lint| format_ident!("{lint}"));
    (!lints.is_empty()).then(|| parse_quote!(#[allow(#(clippy::#names),*)]))
}

/// The codes allowed in what is visited.
fn allowed_in(visit: impl FnOnce(&mut Allowed)) -> Vec<String> {
    let mut allowed = Allowed::default();
    visit(&mut allowed);
    allowed.codes
}

/// Collects codes. The statements of a block see to themselves; its value cannot.
#[derive(Default)]
struct Allowed {
    codes: Vec<String>,
}

impl<'ast> Visit<'ast> for Allowed {
    fn visit_item(&mut self, _: &'ast Item) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if is_allow(attribute) {
            // What is wrong with it was told by the lint.
            let diagnostics = Diagnostics::new();
            self.codes.extend(allowances(attribute, &diagnostics).iter().map(|allowance| allowance.code.to_string()));
            diagnostics.finish();
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        if let Some(value @ Stmt::Expr(_, None)) = block.stmts.last() {
            self.visit_stmt(value);
        }
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let mentioned = BY_CODE.iter().filter(|(code, _)| reading::mentions(&mac.tokens, code));
        self.codes.extend(mentioned.map(|(code, _)| (*code).to_owned()));
    }
}

/// Switches lints off around the statements that allow something.
///
/// Input: `#[duroxide::allow(DX0001, reason = "…")] let now = f();`, `g(#[duroxide::allow(..)] { f() });`
/// Output: `#[allow(clippy::disallowed_methods)] let now = f();`, `#[allow(..)] { g({ f() }); }`
struct Relax;

impl VisitMut for Relax {
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_block_mut(&mut self, block: &mut Block) {
        let last = block.stmts.len().saturating_sub(1);
        for (at, statement) in block.stmts.iter_mut().enumerate() {
            let is_value = at == last && matches!(statement, Stmt::Expr(_, None));
            let codes = if is_value { Vec::new() } else { allowed_in(|all| all.visit_stmt(statement)) };
            visit_mut::visit_stmt_mut(self, statement);
            if let Some(level) = off(&codes) {
                relax(statement, level);
            }
        }
    }
}

fn relax(statement: &mut Stmt, level: Attribute) {
    match statement {
        Stmt::Local(local) => local.attrs.push(level),
        Stmt::Expr(..) | Stmt::Macro(_) => {
            let inner = &*statement;
            let block: ExprBlock = parse_quote!(#level { #inner });
            *statement = Stmt::Expr(Expr::Block(block), None);
        }
        Stmt::Item(_) => {}
    }
}
