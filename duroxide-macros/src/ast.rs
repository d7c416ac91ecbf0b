//! Our item: what lint and expand see. No `syn` beyond types and blocks.

use proc_macro2::Ident;
use syn::{Attribute, Block, Signature, Type, Visibility};

/// Which attribute stands above the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Activity,
    Orchestration,
    Durable,
}

impl Kind {
    /// How a message names it, with its article.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Kind::Activity => "an activity",
            Kind::Orchestration => "an orchestration",
            Kind::Durable => "a durable helper",
        }
    }
}

/// A function as written, with what the user put on its parameters taken off, except what rustc knows there.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// Absent: declared here, run by another binary.
    pub(crate) body: Option<Block>,
    /// What stood on each parameter, in order.
    pub(crate) marks: Vec<Marks>,
}

/// What the user put on one parameter.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) state: Option<Attribute>,
    pub(crate) default: Option<Attribute>,
    /// What means nothing on a parameter.
    pub(crate) strange: Vec<Attribute>,
}

impl Function {
    /// The conditions under which the function is there at all, which hold for all that is generated from it.
    pub(crate) fn conditions(&self) -> Vec<&Attribute> {
        self.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
    }

    /// Whether its own definition would warn wherever it is named.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.attrs.iter().any(|attribute| attribute.path().is_ident("deprecated"))
    }
}

/// A function whose signature is fit to be registered.
pub(crate) struct Handler {
    pub(crate) params: Vec<Param>,
    pub(crate) output: Type,
}

/// How each parameter gets its value.
pub(crate) enum Param {
    /// The context of the runtime.
    Context,
    /// The transaction of the store that the activity writes in.
    Transaction,
    /// A value given to `Runtime::builder(..).state(..)`.
    State(Type),
    /// A part of the input.
    Argument(Argument),
}

/// A part of the input, by name.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// May be absent in what is read.
    pub(crate) default: bool,
}

impl Handler {
    pub(crate) fn arguments(&self) -> Vec<&Argument> {
        self.params
            .iter()
            .filter_map(|param| match param {
                Param::Argument(argument) => Some(argument),
                Param::Context | Param::Transaction | Param::State(_) => None,
            })
            .collect()
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.params.iter().any(|param| matches!(param, Param::Transaction))
    }

    pub(crate) fn states(&self) -> Vec<&Type> {
        self.params
            .iter()
            .filter_map(|param| match param {
                Param::State(ty) => Some(ty),
                Param::Context | Param::Transaction | Param::Argument(_) => None,
            })
            .collect()
    }
}
