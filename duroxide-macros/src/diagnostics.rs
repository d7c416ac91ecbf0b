//! Collects every error; panics if dropped unread.

use std::cell::RefCell;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// All that is wrong with one item, so that a user sees it in one go.
pub(crate) struct Diagnostics {
    found: RefCell<Option<Vec<syn::Error>>>,
}

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self { found: RefCell::new(Some(Vec::new())) }
    }

    /// Reports `code: message`, spanned over the tokens, with one help line.
    pub(crate) fn report(&self, at: impl ToTokens, code: &str, message: &str, help: &str) {
        let text =
            if help.is_empty() { format!("{code}: {message}") } else { format!("{code}: {message}\n= help: {help}") };
        self.error(syn::Error::new_spanned(at, text));
    }

    pub(crate) fn error(&self, error: syn::Error) {
        self.found.borrow_mut().as_mut().expect("nothing is reported after finish, which takes self").push(error);
    }

    /// The errors as `compile_error!` calls, in the order found; empty when all is well.
    pub(crate) fn finish(self) -> TokenStream {
        let found = self.found.borrow_mut().take().expect("finish takes self, so it runs once");
        found.iter().map(syn::Error::to_compile_error).collect()
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.found.borrow().is_some() {
            panic!("errors of a macro were dropped unread");
        }
    }
}
