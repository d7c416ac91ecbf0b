//! Finds what does not belong in a body, through blocks, closures and macros it can read.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, ExprLoop, ExprMethodCall, ExprPath, ExprWhile, Item, Lit, Local, Macro, Meta, Path,
    StaticMutability, StmtMacro,
};

use crate::args::{self, Allowance, Args};
use crate::ast::Function;
use crate::diagnostics::Diagnostics;
use crate::lint::rules::{self, Level, Rule};
use crate::lint::{dropped, endless, find};
use crate::reading::{self, Reading};

/// Reports everything in the table that stands in the signature or the body, except where it is allowed.
pub(crate) fn check(function: &Function, args: &Args, diagnostics: &Diagnostics) {
    let mut calls = Calls { args, diagnostics, allowed: args.allowed.clone() };
    calls.visit_signature(&function.sig);
    if let Some(body) = &function.body {
        calls.visit_block(body);
    }
    args.allowed.iter().for_each(|allowance| allowance.check_used(diagnostics));
}

struct Calls<'a> {
    args: &'a Args,
    diagnostics: &'a Diagnostics,
    /// Codes allowed where we are, the innermost last.
    allowed: Vec<Allowance>,
}

impl Calls<'_> {
    /// `what` was found; an error covers all of `at`, a warning its last token, which is all that a warning can.
    fn found(&self, at: impl ToTokens, last: Span, what: &str, rule: &Rule) {
        if let Some(allowance) = self.allowed.iter().rev().find(|allowance| allowance.code == rule.code) {
            return allowance.mark_used();
        }
        let message = format!("{what} {}", rule.why);
        let help = format!(
            "{}\n= help: if it cannot differ: `#[duroxide::allow({}, reason = \"why\")]`",
            rule.instead, rule.code
        );
        match rule.level {
            Level::Deny => self.diagnostics.report(at, rule.code, &message, &help),
            Level::Warn => self.diagnostics.warn(last, rule.code, &message, &help),
        }
    }

    /// Runs `inside` with what `#[duroxide::allow(..)]` in `attrs` allows.
    fn within(&mut self, attrs: &[Attribute], inside: impl FnOnce(&mut Self)) {
        let before = self.allowed.len();
        for attribute in attrs.iter().filter(|attribute| is_allow(attribute)) {
            self.allowed.extend(allowances(attribute, self.diagnostics));
        }
        inside(self);
        self.allowed.drain(before..).for_each(|allowance| allowance.check_used(self.diagnostics));
    }

    fn loops(&self, keyword: Span, body: &Block, what: &str) {
        if endless::is_never_left(body, &self.args.paths) {
            // The row is a warning, which shows the keyword.
            self.found(body, keyword, what, find::by_code(rules::ENDLESS, Level::Warn));
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    // An item inside the body is not part of the orchestration, but a static is shared with all that run it.
    fn visit_item(&mut self, item: &'ast Item) {
        let Item::Static(item) = item else { return };
        let level = if matches!(item.mutability, StaticMutability::Mut(_)) { Level::Deny } else { Level::Warn };
        self.within(&item.attrs, |this| {
            let rule = find::by_code(rules::STATE, level);
            let what = format!("the static `{}`", item.ident);
            this.found(&item.ident, item.ident.span(), &what, &Rule { why: rules::STATE_WHY, ..*rule });
        });
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_local(&mut self, local: &'ast Local) {
        self.within(&local.attrs, |this| {
            if let Some(call) = dropped::call(local) {
                let rule = find::by_code(rules::NEVER_AWAITED, Level::Warn);
                this.found(&local.pat, call.at, &format!("`{}`", call.written), rule);
            }
            visit::visit_local(this, local);
        });
    }

    fn visit_stmt_macro(&mut self, statement: &'ast StmtMacro) {
        self.within(&statement.attrs, |this| visit::visit_stmt_macro(this, statement));
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        self.within(attributes(expression), |this| visit::visit_expr(this, expression));
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        match find::for_path(&segments(&path.path)) {
            Some(rule) => {
                self.found(path, last(&path.path), &format!("`{}`", segments(&path.path).join("::")), rule);
            }
            None => visit::visit_expr_path(self, path),
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let named =
            path.segments.iter().find_map(|segment| Some((segment, find::for_type(&segment.ident.to_string())?)));
        if let Some((segment, rule)) = named {
            self.found(&segment.ident, segment.ident.span(), &format!("`{}`", segment.ident), rule);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let method = call.method.to_string();
        if method == "timer"
            && let Some(Expr::Lit(literal)) = call.args.first()
            && let Lit::Str(text) = &literal.lit
        {
            // Otherwise it panics when it is reached.
            args::time(text, self.diagnostics);
        }
        if let Some(rule) = find::for_method(&method) {
            self.found(&call.method, call.method.span(), &format!("`.{method}()`"), rule);
        } else if let Expr::Path(receiver) = &*call.receiver
            && let Some(name) = receiver.path.segments.last()
            && let Some(rule) = find::for_static(&name.ident.to_string(), &method)
        {
            self.found(&call.receiver, name.ident.span(), &format!("`{}`", name.ident), rule);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_loop(&mut self, expression: &'ast ExprLoop) {
        self.loops(expression.loop_token.span, &expression.body, "this `loop`");
        visit::visit_expr_loop(self, expression);
    }

    fn visit_expr_while(&mut self, expression: &'ast ExprWhile) {
        let always =
            matches!(&*expression.cond, Expr::Lit(literal) if matches!(&literal.lit, Lit::Bool(lit) if lit.value));
        if always {
            self.loops(expression.while_token.span, &expression.body, "`while true`");
        }
        visit::visit_expr_while(self, expression);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        if let Some(rule) = find::for_macro(&segments(&mac.path)) {
            self.found(&mac.path, last(&mac.path), &format!("`{}!`", segments(&mac.path).join("::")), rule);
            if rule.level == Level::Deny {
                return;
            }
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

/// What an allow says.
pub(crate) fn allowances(attribute: &Attribute, diagnostics: &Diagnostics) -> Vec<Allowance> {
    match &attribute.meta {
        Meta::List(list) => args::allow(list.tokens.clone(), diagnostics),
        Meta::Path(_) | Meta::NameValue(_) => {
            let text = "DX1009: write `#[duroxide::allow(DX0001, reason = \"why a replay cannot differ\")]`";
            diagnostics.error(syn::Error::new(attribute.span(), text));
            Vec::new()
        }
    }
}

pub(crate) fn segments(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn last(path: &Path) -> Span {
    path.segments.last().map_or_else(|| path.span(), |segment| segment.ident.span())
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
pub(crate) fn attributes(expression: &Expr) -> &[Attribute] {
    attributes_of!(expression;
        Array Assign Async Await Binary Block Break Call Cast Closure Const Continue Field ForLoop Group If Index
        Let Lit Loop Macro Match MethodCall Paren Path Range Reference Repeat Return Struct Try Tuple Unary Unsafe While)
}
