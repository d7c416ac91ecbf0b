//! `let _ = x::call(..)`: a request that is dropped where it is made.

use proc_macro2::Span;
use syn::{Expr, Local, Pat};

use super::calls::segments;

/// A call that nobody awaits.
pub(super) struct Dropped {
    /// Its name.
    pub(super) at: Span,
    pub(super) written: String,
}

/// Options of a call, which leave it a call.
const OPTIONS: &[&str] = &["tag", "session", "retry", "timeout", "id", "version", "with_tag", "map", "into_future"];

/// The call that `let _ =` drops, if that is what it does. `schedule_orchestration` returns nothing to await.
pub(super) fn call(local: &Local) -> Option<Dropped> {
    let (Pat::Wild(_), Some(init)) = (&local.pat, &local.init) else {
        return None;
    };
    let mut expression = &*init.expr;
    while let Expr::MethodCall(option) = expression
        && OPTIONS.iter().any(|name| option.method == name)
    {
        expression = &option.receiver;
    }
    match expression {
        Expr::Call(call) => {
            let Expr::Path(path) = &*call.func else { return None };
            let names = segments(&path.path);
            let last = path.path.segments.last()?;
            let is_ours = names.len() > 1 && last.ident == "call";
            is_ours.then(|| Dropped { at: last.ident.span(), written: format!("{}(..)", names.join("::")) })
        }
        Expr::MethodCall(call) => {
            let name = call.method.to_string();
            let asks = name.starts_with("schedule_") && !name.starts_with("schedule_orchestration");
            asks.then(|| Dropped { at: call.method.span(), written: format!("ctx.{name}(..)") })
        }
        _ => None,
    }
}
