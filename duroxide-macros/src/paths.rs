//! Where generated code finds the runtime: `::duroxide::__private`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};

/// The path of the library crate in the user's crate.
#[derive(Clone, Default)]
pub(crate) struct Paths {
    renamed: Option<TokenStream>,
}

impl Paths {
    /// `crate = path`, or `$crate` as a macro of the library passes it.
    pub(crate) fn renamed(path: impl ToTokens) -> Self {
        Self { renamed: Some(path.into_token_stream()) }
    }

    /// `::duroxide::__private`, spanned at `at` so that messages point there.
    pub(crate) fn private(&self, at: Span) -> TokenStream {
        let at = Span::call_site().located_at(at);
        match &self.renamed {
            None => quote_spanned!(at=> ::duroxide::__private),
            Some(path) => quote_spanned!(at=> #path::__private),
        }
    }

    /// Whether `prefix` (the path without its last segment, `a::b`) is the library itself.
    pub(crate) fn is_library(&self, prefix: &str) -> bool {
        if prefix == "duroxide" {
            return true;
        }
        self.renamed.as_ref().is_some_and(|path| path.to_string().replace(' ', "").trim_start_matches("::") == prefix)
    }
}
