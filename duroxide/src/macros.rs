//! `link!`, `select!` and `join!`, which pass on where the library is.

/// Says which crates have handlers: `duroxide::link!(billing, shop);`.
///
/// A crate that is only named in `Cargo.toml` is not linked, and registers nothing, silently. This links it, and the
/// start-up fails when it registers nothing all the same. A dependency that `Cargo.toml` renames is written by the name
/// it has there.
#[macro_export]
macro_rules! link {
    ($($library:ident),+ $(,)?) => { $crate::__private::link_impl! { ($crate) $($library),+ } };
}

/// Waits for whichever is ready first, in an orchestration.
///
/// ```
/// # use duroxide::{OrchestrationContext, event, orchestration};
/// #[event(name = "approved")]
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Approved {
///     by: String,
/// }
///
/// #[orchestration]
/// async fn approval(ctx: OrchestrationContext) -> Result<Option<String>, String> {
///     Ok(duroxide::select! {
///         approved = ctx.wait::<Approved>() => Some(approved.by),
///         _ = ctx.timer("24h") => None,
///     })
/// }
/// ```
/// At the same point of history the earlier arm wins. The losers are dropped, and so cancelled, before the winner's
/// body runs. All futures must be durable. Write it with its path, so that the macros know it from others.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => { $crate::__private::select_impl! { ($crate) $($arms)* } };
}

/// Waits for all, in an orchestration: `let (a, b) = duroxide::join!(first, second);`.
///
/// All futures must be durable. Write it with its path, so that the macros know it from others.
#[macro_export]
macro_rules! join {
    ($($futures:tt)*) => { $crate::__private::join_impl! { ($crate) $($futures)* } };
}
