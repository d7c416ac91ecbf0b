//! Collects every error and warning; panics if dropped unread.

use std::cell::RefCell;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Attribute;

/// All that is wrong with one item, so that a user sees it in one go.
pub(crate) struct Diagnostics {
    found: RefCell<Option<Found>>,
}

#[derive(Default)]
struct Found {
    errors: Vec<syn::Error>,
    warnings: Vec<Warning>,
}

struct Warning {
    at: Span,
    code: String,
    text: String,
}

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self { found: RefCell::new(Some(Found::default())) }
    }

    /// Reports `code: message`, spanned over the tokens, with one help line.
    pub(crate) fn report(&self, at: impl ToTokens, code: &str, message: &str, help: &str) {
        self.error(syn::Error::new_spanned(at, text(code, message, help)));
    }

    pub(crate) fn error(&self, error: syn::Error) {
        self.with(|found| found.errors.push(error));
    }

    /// The same as a warning, at one token.
    pub(crate) fn warn(&self, at: Span, code: &str, message: &str, help: &str) {
        let warning = Warning { at, code: code.to_owned(), text: text(code, message, help) };
        self.with(|found| found.warnings.push(warning));
    }

    /// The warnings so far as items for beside the function, or the beginning of its body; empty when there are none.
    /// They are there under the `#[cfg(..)]`s of the function.
    ///
    /// Output: `const _: () = { #[deprecated(note = "DX0008: …")] const replay_may_differ: () = (); replay_may_differ };`
    /// A stable macro cannot warn, but the compiler warns where something deprecated is used, and shows the note. The
    /// name must have the user's span whole: what comes from a macro is not warned about.
    pub(crate) fn take_warnings(&self, conditions: &[&Attribute]) -> TokenStream {
        let warnings = self.with(|found| std::mem::take(&mut found.warnings));
        let items = warnings.iter().map(|Warning { at, code, text }| {
            let name = Ident::new(name_of(code), *at);
            quote! {
                #(#conditions)*
                const _: () = {
                    #[deprecated(note = #text)]
                    #[allow(non_upper_case_globals)]
                    const #name: () = ();
                    #name
                };
            }
        });
        items.collect()
    }

    /// The errors as `compile_error!` calls, in the order found; empty when all is well.
    pub(crate) fn finish(self) -> TokenStream {
        let found = self.found.borrow_mut().take().expect("finish takes self, so it runs once");
        found.errors.iter().map(syn::Error::to_compile_error).collect()
    }

    fn with<R>(&self, change: impl FnOnce(&mut Found) -> R) -> R {
        change(self.found.borrow_mut().as_mut().expect("nothing is reported after finish, which takes self"))
    }
}

/// What the compiler says is deprecated.
fn name_of(code: &str) -> &'static str {
    match code {
        "DX0011" => "endless_history",
        "DX0012" => "dropped_call",
        "DX1012" => "unused_allow",
        _ => "replay_may_differ",
    }
}

fn text(code: &str, message: &str, help: &str) -> String {
    if help.is_empty() { format!("{code}: {message}") } else { format!("{code}: {message}\n= help: {help}") }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.found.borrow().is_some() {
            panic!("errors of a macro were dropped unread");
        }
    }
}
