//! async, context first, owned arguments, Result out.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{FnArg, GenericArgument, GenericParam, Pat, PatType, PathArguments, ReturnType, Safety, Signature, Type};

use crate::args::Args;
use crate::ast::{Argument, Function, Handler, Kind, Marks, Param};
use crate::diagnostics::Diagnostics;
use crate::lint::value::{self, Unfit};

/// Reports what is wrong with the signature; a handler comes back only when nothing is.
pub(crate) fn check(kind: Kind, function: &Function, args: &Args, diagnostics: &Diagnostics) -> Option<Handler> {
    let mut checked = Checked { kind, function, transaction: args.transaction.as_ref(), diagnostics, sound: true };
    checked.asynchronous();
    checked.body();
    if kind == Kind::Durable {
        return None;
    }
    checked.qualifiers();
    checked.generics();
    let params = checked.params();
    let output = checked.output();
    checked.sound.then_some(Handler { params, output: output? })
}

struct Checked<'a> {
    kind: Kind,
    function: &'a Function,
    /// The key that asks for a transaction, if it is given.
    transaction: Option<&'a Ident>,
    diagnostics: &'a Diagnostics,
    sound: bool,
}

impl Checked<'_> {
    fn report(&mut self, at: impl ToTokens, code: &str, message: &str, help: &str) {
        self.sound = false;
        self.diagnostics.report(at, code, message, help);
    }

    fn sig(&self) -> &Signature {
        &self.function.sig
    }

    fn asynchronous(&mut self) {
        if self.sig().asyncness.is_none() {
            let (what, name, at) = (self.kind.described(), self.sig().ident.to_string(), self.sig().fn_token);
            self.report(at, "DX1001", &format!("{what} must be `async`"), &format!("write `async fn {name}`"));
        }
    }

    fn body(&mut self) {
        match (self.kind, &self.function.body) {
            (Kind::Activity, _) | (_, Some(_)) => {}
            (Kind::Orchestration | Kind::Durable, None) => {
                let (what, at) = (self.kind.described(), self.sig().ident.clone());
                self.report(
                    at,
                    "DX1010",
                    &format!("{what} needs a body"),
                    "only an activity may be declared without one, to be run by another binary",
                );
            }
        }
    }

    fn qualifiers(&mut self) {
        let sig = &self.function.sig;
        let help = "write a plain `async fn`";
        let what = self.kind.described();
        if let Some(token) = &sig.constness {
            self.report(token, "DX1007", &format!("{what} cannot be `const`"), help);
        }
        if let Safety::Unsafe(token) = &sig.safety {
            self.report(token, "DX1007", &format!("{what} cannot be `unsafe`"), help);
        }
        if let Some(abi) = &sig.abi {
            self.report(abi, "DX1007", &format!("{what} cannot be `extern`"), help);
        }
    }

    fn generics(&mut self) {
        let generics = &self.function.sig.generics;
        if generics.params.is_empty() {
            return;
        }
        let what = self.kind.described();
        if generics.params.iter().all(|param| matches!(param, GenericParam::Lifetime(_))) {
            let message = format!("{what} cannot have lifetimes: its arguments are read back from history");
            self.report(generics, "DX1003", &message, "own them: `String` for `&'a str`, `Vec<T>` for `&'a [T]`");
        } else {
            let message = format!("{what} cannot be generic: it is registered once, by its name");
            let help = "write one for each type, and let them share a generic function";
            self.report(generics, "DX1003", &message, help);
        }
    }

    fn params(&mut self) -> Vec<Param> {
        let function = self.function;
        let mut params = Vec::new();
        let named = function
            .sig
            .inputs
            .iter()
            .any(|parameter| matches!(parameter, FnArg::Typed(parameter) if is_context(self.kind, parameter)));
        let mut place = 0;
        for (parameter, marks) in function.sig.inputs.iter().zip(&function.marks) {
            match parameter {
                FnArg::Receiver(receiver) => self.report(
                    receiver,
                    "DX1007",
                    &format!(
                        "{} cannot take `self`: nothing of this process is there when it runs again",
                        self.kind.described()
                    ),
                    "write a free function; an activity gets what it needs as `#[state]`",
                ),
                FnArg::Typed(parameter) => {
                    params.extend(self.param(place, parameter, marks));
                    place += 1;
                }
            }
        }
        if let (Some(key), true) = (self.transaction, self.sound) {
            self.asked_for_transaction(key, &params);
        }
        if self.kind == Kind::Orchestration && !named {
            let at = self.sig().ident.clone();
            self.report(
                at,
                "DX1002",
                "the first parameter of an orchestration is its context",
                "write `ctx: OrchestrationContext` as the first parameter",
            );
        }
        params
    }

    fn param(&mut self, place: usize, parameter: &PatType, marks: &Marks) -> Option<Param> {
        if is_context(self.kind, parameter) {
            return self.context(place, parameter);
        }
        if marks.state {
            return self.state(parameter);
        }
        if let Some(decided) = self.transaction(place, parameter) {
            return decided;
        }
        let Pat::Ident(pattern) = &*parameter.pat else {
            self.report(
                &parameter.pat,
                "DX1004",
                "an argument needs a plain name: it is the key under which history keeps the value",
                "name it, and take it apart in the body",
            );
            return None;
        };
        self.value(&parameter.ty, "an argument").then_some(())?;
        Some(Param::Argument(Argument {
            name: pattern.ident.clone(),
            ty: (*parameter.ty).clone(),
            default: marks.default,
        }))
    }

    /// Whether history can know how to read `ty` back, which `what` is of.
    fn value(&mut self, ty: &Type, what: &str) -> bool {
        match value::unfit(ty) {
            None => true,
            Some(Unfit::Borrowed) => {
                let message = format!("{what} must be owned: it is read back from history, where nobody can lend it");
                self.report(ty, "DX1005", &message, &format!("write `{}`", value::owned(ty)));
                false
            }
            Some(Unfit::Hidden) => {
                let message = format!("{what} needs a concrete type: history must know how to read it back");
                self.report(ty, "DX1003", &message, "name the type");
                false
            }
        }
    }

    fn context(&mut self, place: usize, parameter: &PatType) -> Option<Param> {
        if place != 0 {
            self.report(parameter, "DX1002", "the context comes first", "make it the first parameter");
            return None;
        }
        if let Type::Reference(_) = &*parameter.ty {
            let help = match self.kind {
                Kind::Orchestration => {
                    "write `ctx: OrchestrationContext`; a `#[durable]` helper takes `&OrchestrationContext`"
                }
                Kind::Activity | Kind::Durable => "write `ctx: ActivityContext`",
            };
            self.report(&parameter.ty, "DX1002", &format!("{} owns its context", self.kind.described()), help);
            return None;
        }
        Some(Param::Context)
    }

    fn asked_for_transaction(&mut self, key: &Ident, params: &[Param]) {
        if !params.iter().any(|param| matches!(param, Param::Transaction)) {
            self.report(
                key,
                "DX1013",
                "an activity that writes in a transaction takes it as a parameter",
                "write `tx: &mut PgTransaction<'_>` as the first parameter, or right after the context",
            );
        } else if !cfg!(any(test, feature = "postgres")) {
            self.report(
                key,
                "DX1013",
                "`transaction` needs the feature `postgres` of duroxide",
                "write `features = [\"postgres\"]` where Cargo.toml names duroxide",
            );
        }
    }

    /// Whether it is the transaction; `None` when it is something else.
    ///
    /// Where one belongs, whatever is lent is taken for it: its type may have another name. rustc says if it is wrong.
    fn transaction(&mut self, place: usize, parameter: &PatType) -> Option<Option<Param>> {
        let is_named = is_transaction(&parameter.ty);
        let (message, help) = match (self.kind, self.transaction, &*parameter.ty) {
            (Kind::Activity, Some(_), Type::Reference(lent)) if lent.mutability.is_some() => {
                if place == self.contexts() {
                    return Some(Some(Param::Transaction));
                }
                if !is_named {
                    return None;
                }
                ("the transaction comes first, or right after the context", "move it there")
            }
            _ if !is_named => return None,
            (Kind::Activity, Some(_), _) => {
                ("the transaction is lent: the store commits it", "write `tx: &mut PgTransaction<'_>`")
            }
            (Kind::Activity, None, _) => {
                ("an activity is lent a transaction if it asks for one", "write `#[activity(transaction)]`")
            }
            (Kind::Orchestration | Kind::Durable, ..) => (
                "only an activity writes in a transaction: a replay would write again",
                "put it into an `#[activity(transaction)]`, and await its call",
            ),
        };
        self.report(&parameter.ty, "DX1013", message, help);
        Some(None)
    }

    /// How many parameters stand before all others: the context, if there is one.
    fn contexts(&self) -> usize {
        let first = self.sig().inputs.first();
        usize::from(matches!(first, Some(FnArg::Typed(first)) if is_context(self.kind, first)))
    }

    fn state(&mut self, parameter: &PatType) -> Option<Param> {
        match self.kind {
            Kind::Activity => Some(Param::State((*parameter.ty).clone())),
            Kind::Orchestration | Kind::Durable => {
                self.report(
                    parameter,
                    "DX1011",
                    "an orchestration has no state of the process: a replay may run in another",
                    "use the state in an activity",
                );
                None
            }
        }
    }

    fn output(&mut self) -> Option<Type> {
        match &self.function.sig.output {
            ReturnType::Type(_, ty) if is_surely_no_result(ty) => {
                let (what, text) = (self.kind.described(), value::shown(ty));
                self.report(
                    ty,
                    "DX1006",
                    &format!("{what} returns a `Result`, not `{text}`"),
                    &format!("write `Result<{text}, String>`, or an error type of your own"),
                );
                None
            }
            ReturnType::Type(_, ty) => self.value(ty, "a result").then(|| (**ty).clone()),
            ReturnType::Default => {
                let (what, at) = (self.kind.described(), self.sig().ident.clone());
                self.report(
                    at,
                    "DX1006",
                    &format!("{what} returns a `Result`"),
                    "write `-> Result<(), String>`, or an error type of your own",
                );
                None
            }
        }
    }
}

/// A context is known by its type, or by its name: then rustc says what is wrong with its type.
fn is_context(kind: Kind, parameter: &PatType) -> bool {
    let expected = match kind {
        Kind::Activity => "ActivityContext",
        Kind::Orchestration | Kind::Durable => "OrchestrationContext",
    };
    let ty = match &*parameter.ty {
        Type::Reference(reference) => &*reference.elem,
        other => other,
    };
    let typed = matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == expected));
    let named = matches!(&*parameter.pat, Pat::Ident(pattern) if pattern.ident == "ctx" || pattern.ident == "_ctx");
    typed || named
}

/// A transaction of sqlx, by whatever path and however it is passed. What is owned and only called `Transaction` may be
/// anybody's.
fn is_transaction(ty: &Type) -> bool {
    let (ty, is_lent) = match ty {
        Type::Reference(reference) => (&*reference.elem, true),
        other => (other, false),
    };
    let Type::Path(path) = ty else {
        return false;
    };
    path.path.segments.last().is_some_and(|last| {
        last.ident == "PgTransaction" || (last.ident == "Transaction" && (is_lent || borrows(&last.arguments)))
    })
}

/// Whether a lifetime is among them.
fn borrows(arguments: &PathArguments) -> bool {
    matches!(arguments, PathArguments::AngleBracketed(arguments)
        if arguments.args.iter().any(|argument| matches!(argument, GenericArgument::Lifetime(_))))
}

/// Whether it cannot be an alias of `Result`; those that can are left to the type checker.
fn is_surely_no_result(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "Option", "Vec", "String", "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64",
    ];
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| PLAIN.iter().any(|plain| last.ident == plain)),
        Type::Tuple(_) | Type::Reference(_) | Type::Array(_) | Type::Slice(_) | Type::ImplTrait(_) | Type::Never(_) => {
            true
        }
        // Macros and what later kinds of `syn` may be.
        _ => false,
    }
}
