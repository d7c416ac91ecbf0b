//! Our item becomes Rust.

mod activity;
mod asks;
pub(crate) mod awaits;
mod clippy;
mod common;
mod durable;
pub(crate) mod event;
mod orchestration;
mod register;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, Stmt};

use crate::args;
use crate::ast::{Function, Kind};
use crate::diagnostics::Diagnostics;
use crate::lint;

/// Parse, lint, expand: the whole way of one attribute on a function.
pub(crate) fn handler(kind: Kind, brackets: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::new();
    let args = args::parse(brackets, Some(kind), &diagnostics);
    let mut function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            // The item stays, so that the editor still knows the half-typed function.
            diagnostics.error(match syn::parse2::<Item>(item.clone()) {
                Ok(Item::Fn(_)) | Err(_) => error,
                Ok(other) => syn::Error::new_spanned(other, format!("DX1000: {} is an `async fn`", kind.described())),
            });
            let errors = diagnostics.finish();
            return quote!(#item #errors);
        }
    };
    let sound = lint::check(kind, &function, &args, &diagnostics);
    let mut warnings = diagnostics.take_warnings(&function.conditions());
    if let (Kind::Durable, Some(body), false) = (kind, &mut function.body, warnings.is_empty()) {
        // It may be a method, beside which no `const _` can stand.
        body.stmts.insert(0, Stmt::Item(Item::Verbatim(std::mem::take(&mut warnings))));
    }
    let expanded = match (kind, &sound) {
        (Kind::Activity, Some(handler)) => activity::expand(&function, handler, &args),
        (Kind::Orchestration, Some(handler)) => orchestration::expand(&function, handler, &args),
        (Kind::Durable, Some(_)) => durable::expand(&function, &args),
        (_, None) => unsound(kind, &function),
    };
    let errors = diagnostics.finish();
    quote!(#expanded #warnings #errors)
}

/// The function alone: with a signature that cannot be registered there is nothing to generate.
fn unsound(kind: Kind, function: &Function) -> TokenStream {
    let Function { attrs, vis, sig, body, .. } = function;
    let Some(body) = body else {
        return TokenStream::new();
    };
    // What was read by the lint is not for rustc.
    let body = match kind {
        Kind::Activity => body.clone(),
        Kind::Orchestration | Kind::Durable => awaits::without_allows(body),
    };
    quote!(#(#attrs)* #vis #sig #body)
}
