//! `link!`: crates that must register something, by the names that they know themselves by.

use std::path::Path;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Token, parenthesized};

/// `($crate) billing, shop`.
struct Linked {
    library: TokenStream,
    crates: Punctuated<Ident, Token![,]>,
}

impl Parse for Linked {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let library;
        parenthesized!(library in input);
        let library = library.parse()?;
        Ok(Linked { library, crates: Punctuated::parse_terminated(input)? })
    }
}

/// Input: `($crate) billing`
/// Output: `use billing as _; inventory::submit! { Expectation { package: "billing", .. } }`
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let Linked { library, crates } = match syn::parse2(input) {
        Ok(linked) => linked,
        Err(error) => return error.to_compile_error(),
    };
    let arguments: Vec<String> = std::env::args().collect();
    let linked = crates.iter().map(|written| {
        let name = written.to_string();
        let own = own_name(&name, &arguments).unwrap_or(name);
        quote! {
            #[allow(unused_imports)]
            use #written as _;
            #library::__private::inventory::submit! {
                #library::__private::Expectation {
                    package: #own,
                    linked_at: ::core::concat!(::core::file!(), ":", ::core::line!()),
                }
            }
        }
    });
    linked.collect()
}

/// What a crate calls itself, which is what its handlers are registered under.
///
/// A dependency may be renamed, and nothing in the language tells its own name from outside. But the compiler that we
/// run in was told where it is, `--extern shop=…/libbilling-4f1c.rlib`, and the file is named by the crate itself.
/// Without such an argument, as in an editor, the written name has to do.
fn own_name(written: &str, arguments: &[String]) -> Option<String> {
    let externs = arguments.iter().zip(arguments.iter().skip(1)).filter_map(|(flag, value)| {
        if flag == "--extern" { Some(value.as_str()) } else { flag.strip_prefix("--extern=") }
    });
    let file = externs.filter_map(|value| value.split_once('=')).find_map(|(name, file)| {
        // `priv:shop` and `noprelude:shop` are `shop` with options.
        (name.rsplit(':').next() == Some(written)).then_some(file)
    })?;
    let stem = Path::new(file).file_stem()?.to_str()?;
    let name = stem.split('-').next()?;
    Some(name.strip_prefix("lib").unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_crate_is_known_by_its_file() {
        let arguments = [
            "rustc",
            "--extern",
            "billing=/t/deps/libbilling-0a1b.rlib",
            "--extern",
            "priv:shop=/t/deps/liblibrary_of_shops-0a1b.rmeta",
            "--extern=plain=/t/plain.so",
            "--extern",
            "proc_macro",
        ]
        .map(str::to_owned);
        assert_eq!(own_name("billing", &arguments).as_deref(), Some("billing"));
        assert_eq!(own_name("shop", &arguments).as_deref(), Some("library_of_shops"));
        assert_eq!(own_name("plain", &arguments).as_deref(), Some("plain"));
        assert_eq!(own_name("proc_macro", &arguments), None);
        assert_eq!(own_name("absent", &arguments), None);
    }
}
