//! Runs the rules in order.

pub(crate) mod calls;
mod dropped;
mod endless;
pub(crate) mod find;
pub(crate) mod rules;
pub(crate) mod signature;
mod value;

use crate::args::Args;
use crate::ast::{Function, Handler, Kind};
use crate::diagnostics::Diagnostics;

/// Reports all that is wrong with `function`; the handler is there when its signature is sound.
pub(crate) fn check(kind: Kind, function: &Function, args: &Args, diagnostics: &Diagnostics) -> Option<Handler> {
    let handler = signature::check(kind, function, args, diagnostics);
    match kind {
        // An activity may do anything: that is what it is for.
        Kind::Activity => {}
        Kind::Orchestration | Kind::Durable => calls::check(function, args, diagnostics),
    }
    handler
}
