//! A type becomes the payload of an external event.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Item, LitStr};

use crate::args;
use crate::diagnostics::Diagnostics;

/// Input: `#[event(name = "approved")] struct Approved { .. }`
/// Output: the type, and `impl Signal for Approved { const NAME: &str = "approved"; }`
pub(crate) fn expand(brackets: TokenStream, item: TokenStream) -> TokenStream {
    let diagnostics = Diagnostics::new();
    let args = args::parse(brackets, None, &diagnostics);
    let private = args.paths.private(Span::call_site());
    let (named, generics) = match syn::parse2(item.clone()) {
        Ok(Item::Struct(item)) => (Some((item.ident, item.attrs)), item.generics),
        Ok(Item::Enum(item)) => (Some((item.ident, item.attrs)), item.generics),
        Ok(other) => {
            diagnostics.report(
                other,
                "DX1000",
                "`#[event]` stands on a struct or an enum",
                "it names the payload of an event",
            );
            (None, syn::Generics::default())
        }
        Err(error) => {
            diagnostics.error(error);
            (None, syn::Generics::default())
        }
    };
    if !generics.params.is_empty() {
        diagnostics.report(
            &generics,
            "DX1003",
            "an event cannot be generic: it has one name",
            "write one type for each event",
        );
    }
    let signal = named.filter(|_| generics.params.is_empty()).map(|(ident, attrs)| {
        let name = args.name.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value);
        let conditions: Vec<&Attribute> = attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
        let silence =
            attrs.iter().any(|attribute| attribute.path().is_ident("deprecated")).then(|| quote!(#[allow(deprecated)]));
        // Under its own name it is found without being told.
        let is_renamed = ident.unraw() != name;
        let renamed = is_renamed.then(|| registered(&ident, &name, &conditions, &private));
        quote! {
            #renamed
            #(#conditions)* #silence
            impl #private::Signal for #ident {
                const NAME: &'static str = #name;
            }
        }
    });
    let errors = diagnostics.finish();
    quote!(#item #signal #errors)
}

/// How the runtime knows the name of an event that a body writes by its type.
fn registered(ident: &Ident, name: &str, conditions: &[&Attribute], private: &TokenStream) -> TokenStream {
    let ident = ident.unraw().to_string();
    quote! {
        #(#conditions)*
        const _: () = {
            #private::inventory::submit! {
                #private::Renamed { ident: #ident, module: ::core::module_path!(), name: #name }
            }
        };
    }
}
