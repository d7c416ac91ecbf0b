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
/// ```ignore
/// #[activity]
/// pub async fn charge(ctx: ActivityContext, #[state] bank: Bank, order: Order, cents: u64) -> Result<Receipt, PayError> {
///     bank.charge(&order, cents).await
/// }
/// // in an orchestration
/// let receipt = charge::call(&ctx, order, 1299).tag("pci").await?;
/// ```
/// The function stays as it is and can be called by tests. Beside it, in the namespace of types, stands an empty enum
/// of the same name with `call`.
///
/// - The context may be left out. `#[state]` parameters get what `Runtime::builder(..).state(..)` was given; all
///   others are the input, which history keeps: `null`, the value, or an object keyed by parameter name, so that
///   parameters may be reordered, and added with `#[serde(default)]`.
/// - It returns a `Result` by whatever alias, with an error type of your own if it is serializable.
/// - Without a body (`async fn render(order: Order) -> Result<Pdf, String>;`) it is declared here and run by another
///   binary.
///
/// Keys: `name = "…"` (the function's name by default), `tag = "…"` (the workers that run it), `crate = path` (where
/// the library is, if it was renamed).
///
/// As the name is taken in both namespaces, a module of the same name cannot stand beside it: `mod charge;` with
/// `pub use charge::charge;` is error E0255. Name the module otherwise.
#[proc_macro_attribute]
pub fn activity(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Activity, args.into(), item.into()).into()
}

/// Makes an async function an orchestration: deterministic code that a history replays.
///
/// ```ignore
/// #[orchestration(name = "Checkout", version = "2.0.0")]
/// pub async fn checkout(ctx: OrchestrationContext, order: Order) -> Result<Receipt, ShopError> { .. }
/// // outside
/// let handle = checkout::start(&client, "o-1", order).await?;
/// let receipt = handle.wait(Duration::from_secs(30)).await?;
/// ```
/// Every `.await` in its body, also in closures, `async` blocks and the arguments of macros, must be of a durable
/// future (DX2001). What reads the clock, draws randomness or touches the world is refused as well (DX0001 to DX0007),
/// unless `#[duroxide::allow(DX0001, reason = "…")]` stands on the statement or expression. Ordinary functions that it
/// calls are not looked into.
///
/// Beside the function stands an empty enum of the same name with `start`, `attach`, `call`, `continue_as_new` and
/// `start_detached`; they use this version unless told otherwise, except that continuing as new moves to the version
/// that the registry resolves.
///
/// Keys: `name = "…"`, `version = "1.0.0"`, `allow(CODE, reason = "…")` for the whole function, `crate = path`.
/// On arguments, results and the name, see [`macro@activity`].
#[proc_macro_attribute]
pub fn orchestration(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Orchestration, args.into(), item.into()).into()
}

/// Makes an async function a deterministic helper, which orchestrations may await.
///
/// ```ignore
/// #[durable]
/// async fn settle(ctx: &OrchestrationContext, ids: &[Id]) -> Result<u64, ShopError> { .. }
/// ```
/// It is checked like an orchestration, may borrow and be generic, and is no handler: history does not know it.
///
/// Keys: `allow(CODE, reason = "…")`, `crate = path`.
#[proc_macro_attribute]
pub fn durable(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler(ast::Kind::Durable, args.into(), item.into()).into()
}

/// Makes a type the payload of an external event: `ctx.wait::<Approved>()`, `handle.raise(Approved { .. })`.
///
/// Keys: `name = "…"` (the type's name by default), `crate = path`.
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
