//! What a body asks for and in which line, so that people can be told where an instance waits.
//!
//! Names are taken as they are written, and nothing here is resolved by the compiler: a body that compiles without this
//! table compiles with it. The runtime, which knows what is registered under which name, reads them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::parse::Parser;
use syn::visit::{self, Visit};
use syn::{
    Expr, ExprCall, ExprMethodCall, FnArg, GenericArgument, Item, Lit, Local, Macro, Pat, Path, Signature, Type,
};

use crate::args::Args;
use crate::ast::Function;
use crate::lint::calls::attributes;
use crate::paths::Paths;
use crate::reading::{self, Reading};

/// Where a method of the context has the name of what it asks for.
#[derive(Clone, Copy)]
enum Named {
    /// `ctx.wait::<Approved>()`
    Type,
    /// `ctx.schedule_wait("approved")`
    Text,
    /// `ctx.timer("24h")`: it has a length instead.
    Length,
}

/// Methods of the context, and the function of `Ask` that stands for them.
const METHODS: &[(&str, &str, Named)] = &[
    ("wait", "event", Named::Type),
    ("queue", "queue", Named::Type),
    ("timer", "timer", Named::Length),
    ("schedule_timer", "timer", Named::Length),
    ("schedule_wait", "event", Named::Text),
    ("schedule_wait_typed", "event", Named::Text),
    ("dequeue_event", "queue", Named::Text),
    ("dequeue_event_typed", "queue", Named::Text),
    ("schedule_wait_persistent", "queue", Named::Text),
    ("schedule_wait_persistent_typed", "queue", Named::Text),
    ("schedule_activity", "call", Named::Text),
    ("schedule_activity_typed", "call", Named::Text),
    ("schedule_activity_on_session", "call", Named::Text),
    ("schedule_activity_on_session_typed", "call", Named::Text),
    ("schedule_activity_with_retry", "call", Named::Text),
    ("schedule_activity_with_retry_typed", "call", Named::Text),
    ("schedule_activity_with_retry_on_session", "call", Named::Text),
    ("schedule_activity_with_retry_on_session_typed", "call", Named::Text),
    ("schedule_sub_orchestration", "call", Named::Text),
    ("schedule_sub_orchestration_typed", "call", Named::Text),
    ("schedule_sub_orchestration_with_id", "call", Named::Text),
    ("schedule_sub_orchestration_with_id_typed", "call", Named::Text),
    ("schedule_sub_orchestration_versioned", "call", Named::Text),
    ("schedule_sub_orchestration_versioned_with_id", "call", Named::Text),
];

/// Constructors of a `Duration` and how many milliseconds their unit has.
const DURATIONS: &[(&str, u64)] =
    &[("from_millis", 1), ("from_secs", 1_000), ("from_mins", 60_000), ("from_hours", 3_600_000)];

/// The table of a body, or nothing when it asks for nothing.
///
/// Input: `charge::call(&ctx, order).await?; ctx.wait::<Approved>().await; ctx.timer("1h").await; ship(&ctx).await`
/// Output:
/// ```ignore
/// &[Ask::call("charge", line!()), Ask::event("Approved", line!()), Ask::timer(3600000u64, line!()), Ask::helper("ship")]
/// ```
pub(super) fn table(function: &Function, args: &Args) -> Option<TokenStream> {
    let contexts = contexts(&function.sig);
    let mut asks = Asks { paths: &args.paths, contexts: &contexts, found: Vec::new() };
    asks.visit_block(function.body.as_ref()?);
    let found = asks.found;
    (!found.is_empty()).then(|| quote!(&[#(#found),*]))
}

/// The parameters that are the context of the runtime.
fn contexts(sig: &Signature) -> Vec<Ident> {
    let typed = sig.inputs.iter().filter_map(|parameter| match parameter {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    });
    let contexts = typed.filter(|parameter| reading::mentions(&parameter.ty.to_token_stream(), "OrchestrationContext"));
    let names = contexts.filter_map(|parameter| match &*parameter.pat {
        Pat::Ident(pattern) => Some(pattern.ident.clone()),
        _ => None,
    });
    names.collect()
}

struct Asks<'a> {
    paths: &'a Paths,
    contexts: &'a [Ident],
    found: Vec<TokenStream>,
}

impl Asks<'_> {
    /// The line of a token of the user's is that of his file, or of the outermost macro that wrote the token.
    fn found(&mut self, at: Span, function: &str, what: &impl ToTokens) {
        let (private, function) = (self.paths.private(Span::call_site()), format_ident!("{function}"));
        let line = quote_spanned!(at=> ::core::line!());
        self.found.push(quote!(#private::Ask::#function(#what, #line)));
    }

    fn helper(&mut self, written: &str) {
        let private = self.paths.private(Span::call_site());
        self.found.push(quote!(#private::Ask::helper(#written)));
    }

    /// `ctx`, `&ctx` or `ctx.clone()`
    fn is_context(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Reference(reference) => self.is_context(&reference.expr),
            Expr::Paren(paren) => self.is_context(&paren.expr),
            Expr::MethodCall(call) => call.method == "clone" && self.is_context(&call.receiver),
            Expr::Path(path) => path.path.get_ident().is_some_and(|ident| self.contexts.contains(ident)),
            _ => false,
        }
    }

    fn method(&mut self, call: &ExprMethodCall) {
        let (method, at) = (call.method.to_string(), call.method.span());
        match METHODS.iter().find(|(name, ..)| *name == method) {
            Some((_, function, Named::Type)) => {
                if let Some(written) = by_type(call) {
                    self.found(at, function, &written);
                }
            }
            Some((_, function, Named::Text)) => {
                if let Some(Expr::Lit(literal)) = call.args.first()
                    && let Lit::Str(name) = &literal.lit
                {
                    self.found(at, &format!("{function}_named"), name);
                }
            }
            Some((_, function, Named::Length)) if call.args.len() == 1 => {
                let length_ms = call.args.first().and_then(length_ms).unwrap_or_default();
                self.found(at, function, &length_ms);
            }
            Some((_, _, Named::Length)) => {}
            None => {
                let is_own = matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self"));
                if is_own || call.args.iter().any(|argument| self.is_context(argument)) {
                    self.helper(&method);
                }
            }
        }
    }

    fn function(&mut self, call: &ExprCall) {
        let Expr::Path(path) = &*call.func else { return };
        let written = written(&path.path);
        match (written.strip_suffix("::call"), path.path.segments.last()) {
            (Some(handler), Some(last)) => self.found(last.ident.span(), "call", &handler),
            _ if call.args.iter().any(|argument| self.is_context(argument)) => self.helper(&written),
            _ => {}
        }
    }

    /// What was parsed here lives shorter than the body, so it is visited by a visitor of its own.
    fn each<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) {
        let mut inner = Asks { paths: self.paths, contexts: self.contexts, found: Vec::new() };
        expressions.into_iter().for_each(|expression| inner.visit_expr(expression));
        self.found.append(&mut inner.found);
    }
}

impl<'ast> Visit<'ast> for Asks<'_> {
    // An item inside the body is not part of it.
    fn visit_item(&mut self, _: &'ast Item) {}

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_conditional(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr(&mut self, expression: &'ast Expr) {
        if !is_conditional(attributes(expression)) {
            visit::visit_expr(self, expression);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        self.method(call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        visit::visit_expr_call(self, call);
        self.function(call);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        match reading::read(mac, self.paths) {
            Reading::Select(arms) => self.each(arms.iter().flat_map(|arm| [&arm.future, &arm.body])),
            Reading::Join(list) => self.each(&list),
            Reading::Expressions(list) => self.each(list.expressions()),
            // Imported, or of another name for the library: what looks like arms is read as arms.
            Reading::Opaque if mac.path.segments.last().is_some_and(|last| last.ident == "select") => {
                if let Ok(arms) = reading::arms.parse2(mac.tokens.clone()) {
                    self.each(arms.iter().flat_map(|arm| [&arm.future, &arm.body]));
                }
            }
            Reading::Opaque => {}
        }
    }
}

/// Whether it may not be there at all.
fn is_conditional(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg"))
}

/// `shop::Approved` of `ctx.wait::<shop::Approved>()`
fn by_type(call: &ExprMethodCall) -> Option<String> {
    match call.turbofish.as_ref()?.args.first()? {
        GenericArgument::Type(Type::Path(path)) if path.qself.is_none() => Some(written(&path.path)),
        _ => None,
    }
}

/// A path without its generics.
fn written(path: &Path) -> String {
    let names: Vec<String> = path.segments.iter().map(|segment| unraw(&segment.ident)).collect();
    names.join("::")
}

fn unraw(ident: &Ident) -> String {
    use syn::ext::IdentExt;
    ident.unraw().to_string()
}

/// How long a timer is, when that can be read: `"24h"`, `Duration::from_secs(5)`.
fn length_ms(expression: &Expr) -> Option<u64> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => u64::try_from(humantime::parse_duration(&text.value()).ok()?.as_millis()).ok(),
            _ => None,
        },
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else { return None };
            let written = written(&path.path);
            let (of, constructor) = written.rsplit_once("::")?;
            let (_, unit_ms) = DURATIONS.iter().find(|(name, _)| *name == constructor)?;
            match call.args.first()? {
                Expr::Lit(literal) if of.ends_with("Duration") => match &literal.lit {
                    Lit::Int(number) => number.base10_parse::<u64>().ok()?.checked_mul(*unit_ms),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}
