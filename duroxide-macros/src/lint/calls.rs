//! Finds calls in a body, through blocks, closures and macros it can read.

use quote::ToTokens;
use syn::parse::ParseStream;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, ExprMethodCall, ExprPath, Item, Local, Macro, Path, StmtMacro};

use crate::args::{self, Args};
use crate::diagnostics::Diagnostics;
use crate::lint::rules::{self, Rule};
use crate::reading::{self, Reading};

/// Reports every call of the table in `body`, except where it is allowed.
pub(crate) fn check(body: &Block, args: &Args, diagnostics: &Diagnostics) {
    Calls { args, diagnostics, allowed: args.allowed.clone() }.visit_block(body);
}

struct Calls<'a> {
    args: &'a Args,
    diagnostics: &'a Diagnostics,
    /// Codes allowed where we are.
    allowed: Vec<String>,
}

impl Calls<'_> {
    fn found(&self, at: impl ToTokens, what: &str, rule: &Rule) {
        if self.allowed.iter().any(|code| code == rule.code) {
            return;
        }
        self.diagnostics.report(
            at,
            rule.code,
            &format!("{what} {}", rule.why),
            &format!(
                "{}\n= help: if it cannot differ: `#[duroxide::allow({}, reason = \"why\")]`",
                rule.instead, rule.code
            ),
        );
    }

    /// Runs `inside` with what `#[duroxide::allow(..)]` in `attrs` allows.
    fn within(&mut self, attrs: &[Attribute], inside: impl FnOnce(&mut Self)) {
        let before = self.allowed.len();
        for attribute in attrs.iter().filter(|attribute| is_allow(attribute)) {
            let read = |input: ParseStream| args::allow(input, self.diagnostics);
            match attribute.parse_args_with(read) {
                Ok(codes) => self.allowed.extend(codes),
                Err(error) => self.diagnostics.error(error),
            }
        }
        inside(self);
        self.allowed.truncate(before);
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    // An item inside the body is not part of the orchestration.
    fn visit_item(&mut self, _: &'ast Item) {}

    fn visit_local(&mut self, local: &'ast Local) {
        self.within(&local.attrs, |this| visit::visit_local(this, local));
    }

    fn visit_stmt_macro(&mut self, statement: &'ast StmtMacro) {
        self.within(&statement.attrs, |this| visit::visit_stmt_macro(this, statement));
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        self.within(attributes(expression), |this| visit::visit_expr(this, expression));
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        if let Some(rule) = rules::for_path(&segments(&path.path)) {
            self.found(path, &format!("`{}`", segments(&path.path).join("::")), rule);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if let Some(rule) = rules::for_method(&call.method.to_string()) {
            self.found(&call.method, &format!("`.{}()`", call.method), rule);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        if let Some(rule) = rules::for_macro(&segments(&mac.path)) {
            self.found(&mac.path, &format!("`{}!`", segments(&mac.path).join("::")), rule);
            return;
        }
        match reading::read(mac, &self.args.paths) {
            Reading::Select(arms) => self.each(arms.iter().flat_map(|arm| [&arm.future, &arm.body])),
            Reading::Join(list) => self.each(&list),
            Reading::Expressions(list) => self.each(list.expressions()),
            Reading::Opaque => self.opaque(mac),
        }
    }
}

impl Calls<'_> {
    /// What was parsed here lives shorter than the body, so it is visited by a visitor of its own.
    fn each<'e>(&self, expressions: impl IntoIterator<Item = &'e Expr>) {
        let mut inner = Calls { args: self.args, diagnostics: self.diagnostics, allowed: self.allowed.clone() };
        expressions.into_iter().for_each(|expression| inner.visit_expr(expression));
    }

    /// An await that nobody can check is an error; `select!` and `join!` of ours report their own syntax.
    fn opaque(&self, mac: &Macro) {
        if reading::is_ours(mac, &self.args.paths) {
            return;
        }
        if let Some(token) = reading::find(&mac.tokens, "await") {
            self.diagnostics.report(
                token,
                "DX2002",
                &format!(
                    "`.await` inside `{}!`, whose arguments are not plain expressions, cannot be checked",
                    segments(&mac.path).join("::")
                ),
                "await it in a `let` before, and pass the value",
            );
        }
    }
}

/// Whether the attribute is `#[duroxide::allow(..)]`, by whatever name the library goes.
pub(crate) fn is_allow(attribute: &Attribute) -> bool {
    let names = segments(attribute.path());
    names.len() >= 2 && names.last().is_some_and(|last| last == "allow")
}

pub(crate) fn segments(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

macro_rules! attributes_of {
    ($expression:expr; $($kind:ident)*) => {
        match $expression {
            $(Expr::$kind(inner) => &inner.attrs,)*
            _ => &[],
        }
    };
}

/// The attributes of an expression. Later kinds of `syn` have none that we know.
fn attributes(expression: &Expr) -> &[Attribute] {
    attributes_of!(expression;
        Array Assign Async Await Binary Block Break Call Cast Closure Const Continue Field ForLoop Group If Index
        Let Lit Loop Macro Match MethodCall Paren Path Range Reference Repeat Return Struct Try Tuple Unary Unsafe While)
}
