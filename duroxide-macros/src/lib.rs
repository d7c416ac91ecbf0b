//! The attributes of duroxide: parse, lint, expand.

mod args;
mod ast;
mod diagnostics;
mod expand;
mod link;
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
///   others are the input, which history keeps: `null`, the value, or, of two and more, an object keyed by parameter
///   name. On what may be edited see below.
/// - It returns a `Result` by whatever alias, with an error type of your own if it is serializable.
/// - Without a body (`async fn render(order: Order) -> Result<Pdf, String>;`) it is declared here and run by another
///   binary.
///
/// - With `transaction` it is lent a PostgreSQL transaction of the store's database, `tx: &mut PgTransaction<'_>`, right
///   after the context if there is one. When it returns `Ok`, what it wrote and its result are one commit: it happens
///   exactly once. When it returns `Err`, what it wrote is undone. A runtime does not start it on another store.
///
/// | key | what it says | by default |
/// |---|---|---|
/// | `name = "Charge"` | how history calls it | the function's name |
/// | `tag = "pci"` | the workers that run it | those that serve no tag |
/// | `session = "till"` | one process runs all of a session | any process |
/// | `transaction` | it writes in a transaction that is committed together with its result | it does what it likes |
/// | `retry(max_attempts = 5, initial = "1s", factor = 2.0, max = "1m")` | how often it is tried, and the waits between | once; what is left out is 3, `"100ms"`, 2 and `"30s"` |
/// | `timeout = "30s"` | how long one attempt may take, waiting for a worker included | no limit |
/// | `crate = path` | where the library is, if it was renamed | `::duroxide` |
///
/// Each of `tag`, `session`, `retry` and `timeout` can be set on one call as well: `charge::call(..).timeout("5s")`.
/// `retry` and `timeout` may be edited while instances run: the policy in force when a call was made is recorded with
/// it, and is what its replays go by. Name, tag and session are compared with history, and so are not edited lightly.
///
/// # When arguments are edited
/// Input that was written before is read by the code of today: input that is queued, and, of an orchestration, the input
/// that a running instance began with. So two and more parameters may be reordered, and one may be added to them with
/// `#[serde(default)]`, which stands in for the key that is not there; the same holds for the fields of a structure. From
/// none to one, from one to two and back the input has another form, and what was written before does not fit.
///
/// The *caller* is another matter. An orchestration that has made the call is replayed with the text of its input
/// compared, so it may reorder, but with one argument or one field more, even one left at its default, it asks for
/// something else than its history has, and fails as nondeterministic. Give a caller that adds or changes what it passes
/// a new version, or the activity a new name.
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
/// future (DX2001), and one in the arguments of a macro that cannot be read is refused (DX2002). What a macro brings
/// along itself nobody sees: use macros of others for what they do with values. What reads the clock, draws randomness or touches the world is refused as well (DX0001 to DX0007),
/// and what is likely to differ is warned about (DX0008 to DX0013), unless `#[duroxide::allow(DX0001, reason = "…")]`
/// stands on the statement or expression. Ordinary functions that it calls are not looked into.
///
/// Beside the function stands an empty enum of the same name with `start`, `attach`, `call`, `continue_as_new` and
/// `start_detached`; they use this version unless told otherwise. An execution moves to another version when it
/// continues as new in it: `v2::checkout::continue_as_new(..)`, or `checkout::continue_as_new(..).latest()`.
///
/// Keys: `name = "…"`, `version = "1.0.0"`, `allow(CODE, reason = "…")` for the whole function, `crate = path`.
/// Several versions stand side by side as functions with the same name in the attribute. What runs keeps its own. Starts
/// and calls through a type use the version of that type, with `.version("1.0.0")` another, and with `.latest()` the
/// latest that there is when it begins, which is also what a start by strings gets.
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

/// What `duroxide::link!` calls, with the path of the crate in front.
#[doc(hidden)]
#[proc_macro]
pub fn link_impl(input: TokenStream) -> TokenStream {
    link::expand(input.into()).into()
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
