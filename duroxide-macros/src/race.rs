//! `select!` and `join!`: durable only, polled in the order written.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Token, parenthesized};

use crate::expand::awaits;
use crate::paths::Paths;
use crate::reading::{self, Arm};

/// `($crate) the user's tokens`.
struct Called<T> {
    paths: Paths,
    content: T,
}

fn called<T>(input: ParseStream, content: fn(ParseStream) -> syn::Result<T>) -> syn::Result<Called<T>> {
    let library;
    parenthesized!(library in input);
    let paths = Paths::renamed(library.parse::<TokenStream>()?);
    Ok(Called { paths, content: content(input)? })
}

impl Parse for Called<Vec<Arm>> {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let at = input.span();
        let called = called(input, reading::arms)?;
        if called.content.len() < 2 {
            return Err(syn::Error::new(at, "`select!` races two futures or more: `pattern = future => body`"));
        }
        Ok(called)
    }
}

impl Parse for Called<Vec<Expr>> {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let list = |input: ParseStream| {
            Ok(Punctuated::<Expr, Token![,]>::parse_terminated(input)?.into_iter().collect::<Vec<Expr>>())
        };
        let at = input.span();
        let called = called(input, list)?;
        if called.content.is_empty() {
            return Err(syn::Error::new(at, "`join!` waits for one future or more: `join!(a, b)`"));
        }
        Ok(called)
    }
}

/// Input: `($crate) a = f() => x, b = g() => y, c = h() => z`
/// Output:
/// ```ignore
/// { let raced = race(f(), race(g(), durable(h()))).await;
///   match raced { First(a) => x, Second(First(b)) => y, Second(Second(c)) => z } }
/// ```
/// The losers are dropped before an arm's body runs, so that they are cancelled there.
pub(crate) fn select(input: TokenStream) -> TokenStream {
    let Called { paths, content } = match syn::parse2::<Called<Vec<Arm>>>(input) {
        Ok(called) => called,
        Err(error) => return error.to_compile_error(),
    };
    let private = paths.private(Span::call_site());
    let futures: Vec<Expr> = content.iter().map(|arm| awaits::rewrite_expr(&arm.future, &paths)).collect();
    let last = futures.len() - 1;
    let race = futures[..last].iter().rev().fold(
        {
            let future = &futures[last];
            quote!(#private::durable(#future))
        },
        |rest, future| quote!(#private::race(#future, #rest)),
    );
    let arms = content.iter().enumerate().map(|(at, arm)| {
        let (pattern, body) = (&arm.pattern, awaits::rewrite_expr(&arm.body, &paths));
        let innermost = if at == last { quote!(#pattern) } else { quote!(#private::Either2::First(#pattern)) };
        let pattern = (0..at).fold(innermost, |inner, _| quote!(#private::Either2::Second(#inner)));
        quote!(#pattern => #body,)
    });
    quote! {{
        let __raced = #race.await;
        match __raced { #(#arms)* }
    }}
}

/// Input: `($crate) f(), g(), h()`
/// Output: `{ let (a, (b, c)) = both(f(), both(g(), durable(h()))).await; (a, b, c) }`
pub(crate) fn join(input: TokenStream) -> TokenStream {
    let Called { paths, content } = match syn::parse2::<Called<Vec<Expr>>>(input) {
        Ok(called) => called,
        Err(error) => return error.to_compile_error(),
    };
    let private = paths.private(Span::call_site());
    let futures: Vec<Expr> = content.iter().map(|future| awaits::rewrite_expr(future, &paths)).collect();
    let names: Vec<_> =
        (0..futures.len()).map(|at| quote::format_ident!("__joined{at}", span = Span::mixed_site())).collect();
    let (last_future, last_name) = (&futures[futures.len() - 1], &names[names.len() - 1]);
    let (mut joined, mut pattern) = (quote!(#private::durable(#last_future)), quote!(#last_name));
    for (future, name) in futures.iter().zip(&names).rev().skip(1) {
        joined = quote!(#private::both(#future, #joined));
        pattern = quote!((#name, #pattern));
    }
    quote! {{
        let #pattern = #joined.await;
        (#(#names,)*)
    }}
}
