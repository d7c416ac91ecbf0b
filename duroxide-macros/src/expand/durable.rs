//! A durable helper becomes a function whose future is durable.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{FnArg, Pat, ReturnType, Signature};

use super::asks;
use super::awaits;
use super::clippy;
use crate::args::Args;
use crate::ast::Function;

/// Input:
/// ```ignore
/// #[durable] async fn settle(ctx: &OrchestrationContext, mut ids: Vec<Id>) -> Total { .. x.await .. }
/// ```
/// Output:
/// ```ignore
/// fn settle(ctx: &OrchestrationContext, ids: Vec<Id>) -> impl Durable<Output = Total> {
///     durable_block(async move { let ctx = ctx; let mut ids = ids; .. durable(x).await .. })
/// }
/// ```
/// This crate is of edition 2024, and so is the `impl` it writes: it captures every lifetime, in any user's edition.
pub(crate) fn expand(function: &Function, args: &Args) -> TokenStream {
    let Function { attrs, vis, sig, .. } = function;
    let clippy::Net { levels, body: Some(body) } = clippy::Net::over(function, args) else {
        return TokenStream::new();
    };
    let body = awaits::rewrite_block(&body, &args.paths);
    let private = args.paths.private(Span::call_site());
    let (outer, moved) = outer(sig);
    let output = match &sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let asks = asks::table(function, args).map(|table| asked(&sig.ident, &table, &private));
    let Signature { constness, safety, abi, ident, generics, .. } = sig;
    let (parameters, bounds) = (&generics, &generics.where_clause);
    let at = Span::call_site().located_at(output.span());
    let returned = quote_spanned!(at=> impl #private::Durable<Output = #output>);
    // The unreachable `return` tells inference the type of `?` and of literals, as the signature did.
    quote! {
        #levels #(#attrs)*
        #vis #constness #safety #abi fn #ident #parameters (#(#outer),*) -> #returned #bounds {
            #private::durable_block(async move {
                #asks
                if let #private::Option::Some(__returned) = #private::Option::None::<#output> {
                    #[allow(unreachable_code)]
                    return __returned;
                }
                #(#moved)*
                #[allow(unreachable_code, clippy::let_unit_value)]
                let __returned: #output = #body;
                #[allow(unreachable_code)]
                __returned
            })
        }
    }
}

/// What it asks for belongs to whatever orchestration calls it, which the runtime finds by its name. It stands in the
/// body, because beside a method there is no place for it.
fn asked(name: &Ident, table: &TokenStream, private: &TokenStream) -> TokenStream {
    let name = name.unraw().to_string();
    quote! {
        const _: () = {
            #private::inventory::submit! {
                #private::Helper {
                    name: #name, module: ::core::module_path!(), file: ::core::file!(), asks: #table
                }
            }
        };
    }
}

/// The parameters under plain names, and the statements that bind the user's patterns inside the future.
fn outer(sig: &Signature) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let mut moved = Vec::new();
    let outer = sig.inputs.iter().enumerate().map(|(at, parameter)| match parameter {
        FnArg::Receiver(receiver) => quote!(#receiver),
        FnArg::Typed(parameter) => {
            let (attrs, pattern, ty) = (&parameter.attrs, &parameter.pat, &parameter.ty);
            let name = match &**pattern {
                Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
                _ => format_ident!("__argument{at}", span = Span::mixed_site()),
            };
            // `_x` is moved into the future like any other; that it is not used is the body's affair.
            let is_underscored = matches!(&**pattern, Pat::Ident(_)) && name.to_string().starts_with('_');
            let used = is_underscored.then(|| quote!(#[allow(clippy::used_underscore_binding)]));
            moved.push(quote!(#used let #pattern = #name;));
            quote!(#(#attrs)* #name: #ty)
        }
    });
    (outer.collect(), moved)
}
