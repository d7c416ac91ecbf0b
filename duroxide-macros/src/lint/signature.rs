//! async, context first, owned arguments, Result out.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{
    Attribute, FnArg, GenericArgument, GenericParam, Pat, PatType, PathArguments, ReturnType, Safety, Signature, Type,
    parse_quote,
};

use crate::args::Args;
use crate::ast::{Argument, Function, Handler, Kind, Marks, Param};
use crate::diagnostics::Diagnostics;
use crate::lint::value::{self, Unfit};

/// Reports what is wrong with the signature; a handler comes back only when nothing is.
pub(crate) fn check(kind: Kind, function: &Function, args: &Args, diagnostics: &Diagnostics) -> Option<Handler> {
    let mut checked = Checked { kind, function, transaction: args.transaction.as_ref(), diagnostics, sound: true };
    checked.asynchronous();
    checked.body();
    checked.marks();
    if kind == Kind::Durable {
        // It is no handler: what it takes and returns is not kept.
        let output = checked.shown();
        return checked.sound.then_some(Handler { params: Vec::new(), output: output? });
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
            .zip(&function.marks)
            .any(|(parameter, marks)| matches!(parameter, FnArg::Typed(parameter) if is_context(self.kind, parameter, marks)));
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
        if is_context(self.kind, parameter, marks) {
            return self.context(place, parameter);
        }
        if marks.state.is_some() {
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
            default: marks.default.is_some(),
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
        let first = self.sig().inputs.first().zip(self.function.marks.first());
        usize::from(matches!(first, Some((FnArg::Typed(first), marks)) if is_context(self.kind, first, marks)))
    }

    fn state(&mut self, parameter: &PatType) -> Option<Param> {
        match self.kind {
            Kind::Activity if value::unfit(&parameter.ty) == Some(Unfit::Borrowed) => {
                let help = format!("write `{}`", value::owned(&parameter.ty));
                self.report(&parameter.ty, "DX1005", "a state is owned: each attempt gets a clone of its own", &help);
                None
            }
            Kind::Activity => Some(Param::State((*parameter.ty).clone())),
            Kind::Orchestration | Kind::Durable => {
                self.sound = false;
                None
            }
        }
    }

    /// What a durable helper returns: anything that has a name.
    fn shown(&mut self) -> Option<Type> {
        match &self.function.sig.output {
            ReturnType::Default => Some(parse_quote!(())),
            ReturnType::Type(_, ty) if value::hides(ty) => {
                let help = "name the type, or collect it: `Vec<T>` for `impl Iterator<Item = T>`";
                let message =
                    "a durable helper needs a concrete result: its future is `impl Durable<Output = ..>` already";
                self.report(ty, "DX1003", message, help);
                None
            }
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        }
    }

    /// What stands on parameters and can mean nothing there. The handler is sound without it.
    fn marks(&self) {
        let function = self.function;
        let on = || {
            let parameters = function.sig.inputs.iter().zip(&function.marks);
            parameters.filter_map(|(parameter, marks)| match parameter {
                FnArg::Typed(parameter) => Some((marks, self.role(parameter, marks))),
                FnArg::Receiver(_) => None,
            })
        };
        let keys = on().filter(|(_, role)| *role == Role::Argument).count();
        for (marks, role) in on() {
            for attribute in &marks.strange {
                self.strange(attribute);
            }
            if let Some(attribute) = &marks.default
                && let Some((message, help)) = no_default(role, keys)
            {
                self.diagnostics.report(attribute, "DX1008", &format!("`#[serde(default)]` {message}"), help);
            }
            if let Some(attribute) = &marks.state
                && let Some((message, help)) = no_state(self.kind, role)
            {
                self.diagnostics.report(attribute, "DX1011", message, help);
            }
        }
    }

    fn strange(&self, attribute: &Attribute) {
        let mut name = attribute.path().to_token_stream().to_string();
        name.retain(|c| c != ' ');
        let help = match name.as_str() {
            "cfg" | "cfg_attr" => "put it above the whole function, and write one for each case",
            "serde" => {
                "only `#[serde(default)]` is read here; for more make it a field of a structure that derives serde"
            }
            "state" => "write `#[state]`",
            _ if name.ends_with("::allow") => {
                "put it into the brackets of the attribute above: `allow(DX0008, reason = \"why\")`"
            }
            _ => "a parameter may have `#[state]`, `#[serde(default)]` and levels of lints",
        };
        let message = format!("`#[{name}]` means nothing on this parameter");
        self.diagnostics.report(attribute, "DX1008", &message, help);
    }

    fn role(&self, parameter: &PatType, marks: &Marks) -> Role {
        match self.kind {
            _ if is_context(self.kind, parameter, marks) => Role::Context,
            Kind::Durable => Role::Helpers,
            Kind::Activity | Kind::Orchestration if marks.state.is_some() => Role::State,
            Kind::Activity if self.transaction.is_some() && matches!(&*parameter.ty, Type::Reference(_)) => {
                Role::Transaction
            }
            Kind::Activity | Kind::Orchestration => Role::Argument,
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

/// What a parameter is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Context,
    State,
    Transaction,
    Argument,
    /// Of a durable helper, which takes what its caller passes.
    Helpers,
}

/// Why a default is of no use; `keys` is how many arguments there are.
fn no_default(role: Role, keys: usize) -> Option<(&'static str, &'static str)> {
    match role {
        Role::Argument if keys > 1 => None,
        Role::Argument => Some((
            "has no effect on a single argument: it is the whole input, and has no key that could be absent",
            "remove it; make it an `Option`, or a structure whose fields have defaults",
        )),
        Role::Context => Some(("has no effect on the context, which is no part of the input", "remove it")),
        Role::State => Some(("has no effect on a state, which is no part of the input", "remove it")),
        Role::Transaction => Some(("has no effect on a transaction, which is no part of the input", "remove it")),
        Role::Helpers => Some(("has no effect here: a durable helper gets what its caller passes", "remove it")),
    }
}

/// Why there can be no state here.
fn no_state(kind: Kind, role: Role) -> Option<(&'static str, &'static str)> {
    match (kind, role) {
        (_, Role::Context) => Some(("the context is given by the runtime and is no `#[state]`", "remove `#[state]`")),
        (Kind::Activity, _) => None,
        (Kind::Orchestration, _) => Some((
            "an orchestration has no state of the process: a replay may run in another",
            "use the state in an activity",
        )),
        (Kind::Durable, _) => Some((
            "a durable helper has no state of the process: a replay may run in another",
            "use the state in an activity",
        )),
    }
}

/// A context is known by its type, or by its name: then rustc says what is wrong with its type.
fn is_context(kind: Kind, parameter: &PatType, marks: &Marks) -> bool {
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
    typed || (named && marks.state.is_none())
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
