//! An activity becomes a type that can be called, and a runner of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use super::common::{Parts, idle, input_ident};
use super::register;
use crate::args::{Args, Retry};
use crate::ast::{Function, Handler, Param};

/// Input:
/// ```ignore
/// #[activity] async fn charge(order: Order, cents: u64) -> Result<Receipt> { .. }
/// ```
/// Output: the function as it was, and
/// ```ignore
/// enum charge {}
/// impl charge { fn call(ctx: &OrchestrationContext, order: Order, cents: u64) -> Call<Self> { .. } }
/// impl Activity for charge { const NAME: &str = "charge"; type In = (Order, u64); .. }
/// impl RunActivity for charge { fn run(.., input: Self::In) -> .. { charge(input.0, input.1) } .. }
/// inventory::submit! { .. }
/// ```
/// Without a body only the first three are written: another binary runs it.
pub(crate) fn expand(function: &Function, handler: &Handler, args: &Args) -> TokenStream {
    let parts = Parts::new("activity", function, handler, args);
    let item = parts.item(function);
    let calls = calls(function, &parts);
    let described = described(&parts, args);
    let Some(body) = &function.body else {
        return quote!(#item #calls #described);
    };
    let Function { attrs, vis, sig, .. } = function;
    let runs = runs(handler, &parts);
    let registered = register::expand(&parts);
    let idle = idle(function);
    quote! {
        #idle #(#attrs)* #vis #sig #body
        #item #calls #described #runs #registered
    }
}

fn calls(function: &Function, parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let (vis, declared, value) = (&function.vis, parts.declared(), parts.input_value());
    let underscored = parts.underscored();
    let ctx = Ident::new("ctx", Span::mixed_site());
    quote! {
        #above
        #[allow(dead_code, clippy::too_many_arguments #underscored)]
        impl #name {
            /// Asks for the activity at this place of the orchestration; await it, options first.
            #vis fn call(#ctx: &#private::OrchestrationContext, #declared) -> #private::Call<Self> {
                #private::Call::new(#ctx, &#value)
            }
        }
    }
}

fn described(parts: &Parts<'_>, args: &Args) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let registered = args.name.as_ref().map_or_else(|| name.unraw().to_string(), syn::LitStr::value);
    let signature = parts.signature();
    let tag =
        args.tag.as_ref().map(|tag| quote!(const TAG: #private::Option<&'static str> = #private::Option::Some(#tag);));
    let session = args
        .session
        .as_ref()
        .map(|session| quote!(const SESSION: #private::Option<&'static str> = #private::Option::Some(#session);));
    let policy = policy(private, args);
    quote! {
        #above
        impl #private::Activity for #name {
            const NAME: &'static str = #registered;
            #tag
            #session
            #policy
            #signature
        }
    }
}

/// Input: `retry(max_attempts = 5), timeout = "30s"`
/// Output: `const POLICY: Option<RetryPolicy> = Some(RetryPolicy { max_attempts: 5, .. });`
fn policy(private: &TokenStream, args: &Args) -> Option<TokenStream> {
    if args.retry.is_none() && args.timeout.is_none() {
        return None;
    }
    let (max_attempts, backoff) = match &args.retry {
        None => (1, quote!(#private::BackoffStrategy::None)),
        Some(Retry { max_attempts, initial_ms, factor, max_ms }) => (
            *max_attempts,
            quote! {
                #private::BackoffStrategy::Exponential {
                    base: #private::Duration::from_millis(#initial_ms),
                    multiplier: #factor,
                    max: #private::Duration::from_millis(#max_ms),
                }
            },
        ),
    };
    let timeout = match args.timeout {
        None => quote!(#private::Option::None),
        Some(ms) => quote!(#private::Option::Some(#private::Duration::from_millis(#ms))),
    };
    Some(quote! {
        const POLICY: #private::Option<#private::RetryPolicy> = #private::Option::Some(#private::RetryPolicy {
            max_attempts: #max_attempts,
            backoff: #backoff,
            timeout: #timeout,
        });
    })
}

/// Input: `#[activity(transaction)] async fn book(tx: &mut PgTransaction<'_>, cents: u64) -> Result<()> { .. }`
/// Output: `fn run_within(ctx, tx, states, input) -> .. { book(tx, input) }`, and a `run` that says that it needs one.
fn runs(handler: &Handler, parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let (defined_at, running) = (parts.defined_at(), parts.running());
    let [ctx, states, tx] = ["ctx", "states", "tx"].map(|name| Ident::new(name, Span::mixed_site()));
    let input = input_ident();
    let mut arguments = parts.argument_values().into_iter();
    let values: Vec<TokenStream> = handler
        .params
        .iter()
        .map(|param| match param {
            Param::Context => quote!(#ctx),
            Param::Transaction => quote!(#tx),
            Param::State(_) => quote!(#states.get()),
            Param::Argument(_) => arguments.next().expect("there is one value for each argument"),
        })
        .collect();
    let needed = handler.states();
    let needs = (!needed.is_empty()).then(|| {
        quote! {
            fn needs() -> #private::Vec<#private::Need> {
                #private::Vec::from([#(#private::Need::of::<#needed>()),*])
            }
        }
    });
    let call = quote!(#name(#(#values),*));
    let run = if handler.is_transactional() {
        quote! {
            const TRANSACTIONAL: bool = true;
            #[allow(unused_variables)]
            fn run(#ctx: #private::ActivityContext, #states: &#private::States, #input: Self::In) -> #running {
                async { #private::outside_of_a_transaction(<Self as #private::Activity>::NAME) }
            }
            #[allow(unused_variables)]
            fn run_within(
                #ctx: #private::ActivityContext,
                #tx: &mut #private::PgTransaction<'_>,
                #states: &#private::States,
                #input: Self::In,
            ) -> #running {
                #call
            }
        }
    } else {
        quote! {
            #[allow(unused_variables)]
            fn run(#ctx: #private::ActivityContext, #states: &#private::States, #input: Self::In) -> #running {
                #call
            }
        }
    };
    quote! {
        #above
        impl #private::RunActivity for #name {
            #defined_at
            #needs
            #run
        }
    }
}
