//! The attributes of duroxide: parse, lint, expand.

mod args;
mod ast;
mod diagnostics;
mod expand;
mod lint;
mod parse;
mod paths;
mod race;
mod reading;

use proc_macro::TokenStream;

/// Makes an async function an activity: work with side effects, run by a worker, recorded in history.
///
/// Beside the function, which stays as it is, a type of the same name appears with `call`.
#[proc_macro_attribute]
pub fn activity(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Activity, args.into(), item.into()).into()
}

/// Makes an async function an orchestration: deterministic code that a history replays.
///
/// Every `.await` in its body is checked to be durable. Beside the function a type of the same name appears
/// with `call`, `start`, `attach`, `continue_as_new` and `start_detached`.
#[proc_macro_attribute]
pub fn orchestration(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Orchestration, args.into(), item.into()).into()
}

/// Makes an async function a deterministic helper, which orchestrations may await.
#[proc_macro_attribute]
pub fn durable(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Durable, args.into(), item.into()).into()
}

/// Makes a type the payload of an external event: `ctx.wait::<Approved>()`, `handle.raise(Approved { .. })`.
#[proc_macro_attribute]
pub fn event(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::event::expand(args.into(), item.into()).into()
}

/// What `duroxide::select!` calls, with the path of the crate in front.
#[doc(hidden)]
#[proc_macro]
pub fn select_impl(input: TokenStream) -> TokenStream {
    race::select(input.into()).into()
}

/// What `duroxide::join!` calls, with the path of the crate in front.
#[doc(hidden)]
#[proc_macro]
pub fn join_impl(input: TokenStream) -> TokenStream {
    race::join(input.into()).into()
}

#[cfg(test)]
mod tests;
