//! An orchestration becomes a type that can be started and called, and a runner of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::asks;
use super::awaits;
use super::clippy;
use super::common::{Parts, idle, input_ident};
use super::register;
use crate::args::Args;
use crate::ast::{Function, Handler, Param};

/// Registered without a version.
const FIRST_VERSION: &str = "1.0.0";

/// Input:
/// ```ignore
/// #[orchestration(version = "2.0.0")]
/// async fn checkout(ctx: OrchestrationContext, order: Order) -> Result<Receipt> { .. x.await .. }
/// ```
/// Output:
/// ```ignore
/// #[deny(clippy::disallowed_methods)] async fn checkout(ctx: OrchestrationContext, ..) { .. durable(x).await .. }
/// enum checkout {}
/// impl checkout { fn call(..) -> Child<Self>, fn start(..) -> Start<Self>, fn attach(..) -> Handle<Self>, .. }
/// impl Orchestration for checkout { const NAME: &str = "checkout"; type In = Order; .. }
/// impl RunOrchestration for checkout { const ASKS: &[Ask] = &[..]; fn run(ctx, input: Self::In) -> .. { checkout(ctx, input) } .. }
/// inventory::submit! { .. }
/// ```
pub(crate) fn expand(function: &Function, handler: &Handler, args: &Args) -> TokenStream {
    let parts = Parts::new("orchestration", function, handler, args);
    let Function { attrs, vis, sig, .. } = function;
    let clippy::Net { levels, body } = clippy::Net::over(function, args);
    let body = body.map(|body| awaits::rewrite_block(&body, &args.paths));
    let item = parts.item(function);
    let calls = calls(function, &parts);
    let described = described(&parts, args);
    let runs = runs(handler, asks::table(function, args), &parts);
    let registered = register::expand(&parts);
    let idle = idle(function);
    quote! {
        #levels #idle #(#attrs)* #vis #sig #body
        #item #calls #described #runs #registered
    }
}

fn calls(function: &Function, parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let (vis, declared, value) = (&function.vis, parts.declared(), parts.input_value());
    let underscored = parts.underscored();
    let [ctx, client, id] = ["ctx", "client", "id"].map(|name| Ident::new(name, Span::mixed_site()));
    let into_string = quote!(impl #private::Into<#private::String>);
    quote! {
        #above
        #[allow(dead_code, clippy::too_many_arguments #underscored)]
        impl #name {
            /// Asks for it as a child at this place of an orchestration; await it, options first.
            #vis fn call(#ctx: &#private::OrchestrationContext, #declared) -> #private::Child<Self> {
                #private::Child::new(#ctx, &#value)
            }
            /// Starts an instance; await it for a handle.
            #vis fn start(#client: &#private::Client, #id: #into_string, #declared) -> #private::Start<Self> {
                #private::Start::new(#client, #id, &#value)
            }
            /// A handle on an instance that was started before.
            #vis fn attach(#client: &#private::Client, #id: #into_string) -> #private::Handle<Self> {
                #private::Handle::attach(#client, #id)
            }
            /// Ends this execution and begins the next, in this version, with these arguments; `return` what it resolves to.
            #vis fn continue_as_new(#ctx: &#private::OrchestrationContext, #declared) -> #private::Again<Self> {
                #private::Again::new(#ctx, &#value)
            }
            /// Starts an independent instance from an orchestration, and does not wait for it.
            #vis fn start_detached(#ctx: &#private::OrchestrationContext, #id: #into_string, #declared) -> #private::Detached<Self> {
                #private::Detached::new(#ctx, #id, &#value)
            }
        }
    }
}

fn described(parts: &Parts<'_>, args: &Args) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let registered = args.name.as_ref().map_or_else(|| name.unraw().to_string(), syn::LitStr::value);
    let version = args.version.as_ref().map_or_else(|| FIRST_VERSION.to_owned(), syn::LitStr::value);
    let signature = parts.signature();
    quote! {
        #above
        impl #private::Orchestration for #name {
            const NAME: &'static str = #registered;
            const VERSION: &'static str = #version;
            #signature
        }
    }
}

fn runs(handler: &Handler, asks: Option<TokenStream>, parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let (defined_at, running) = (parts.defined_at(), parts.running());
    let (ctx, input) = (Ident::new("ctx", Span::mixed_site()), input_ident());
    let mut arguments = parts.argument_values().into_iter();
    let values: Vec<TokenStream> = handler
        .params
        .iter()
        .map(|param| match param {
            Param::Context => quote!(#ctx),
            Param::Argument(_) => arguments.next().expect("there is one value for each argument"),
            Param::State(_) | Param::Transaction => {
                unreachable!("the signature check refuses state and transactions in orchestrations")
            }
        })
        .collect();
    let asks = asks.map(|table| quote!(const ASKS: &'static [#private::Ask] = #table;));
    quote! {
        #above
        impl #private::RunOrchestration for #name {
            #defined_at
            #asks
            #[allow(unused_variables)]
            fn run(#ctx: #private::OrchestrationContext, #input: Self::In) -> #running {
                #name(#(#values),*)
            }
        }
    }
}
