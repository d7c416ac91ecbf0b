//! `let _ = x::call(..)`: a request that is dropped where it is made.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, Local, Pat};

use super::calls::segments;

/// A call that nobody awaits.
pub(super) struct Dropped {
    /// Its name.
    pub(super) at: Span,
    pub(super) written: String,
    /// It ends the execution, awaited or not.
    pub(super) ends: bool,
}

/// Options of a call, which leave it a call.
const OPTIONS: &[&str] =
    &["tag", "session", "retry", "timeout", "id", "version", "latest", "with_tag", "map", "into_future"];

/// What is asked of a context and must be awaited, beside `schedule_..`.
const AWAITED: &[&str] = &["timer", "wait", "queue", "now", "new_guid", "utc_now", "join", ENDS];

const ENDS: &str = "continue_as_new";

/// Others have a `wait` as well, so the receiver must go by the name of a context: `ctx`, `self.ctx`, `context`.
fn is_context(receiver: &Expr) -> bool {
    let name = match receiver {
        Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Expr::Field(field) => Some(field.member.to_token_stream().to_string()),
        Expr::Reference(reference) => return is_context(&reference.expr),
        Expr::Paren(paren) => return is_context(&paren.expr),
        _ => None,
    };
    name.is_some_and(|name| name.ends_with("ctx") || name.ends_with("context"))
}

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
            let ends = last.ident == ENDS;
            let is_ours = names.len() > 1 && (last.ident == "call" || ends);
            is_ours.then(|| Dropped { at: last.ident.span(), written: format!("{}(..)", names.join("::")), ends })
        }
        Expr::MethodCall(call) => {
            let name = call.method.to_string();
            let asks = name.starts_with("schedule_") && !name.starts_with("schedule_orchestration")
                || is_context(&call.receiver) && AWAITED.iter().any(|awaited| name == *awaited);
            let ends = name == ENDS;
            asks.then(|| Dropped { at: call.method.span(), written: format!("ctx.{name}(..)"), ends })
        }
        _ => None,
    }
}
