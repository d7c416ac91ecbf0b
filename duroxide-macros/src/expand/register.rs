//! Link-time registration.

use proc_macro2::TokenStream;
use quote::quote;

use super::common::Parts;

/// Input: a runner `charge`
/// Output: `impl Handler for charge { const ENTRY: Entry = .. }` and its submission to the inventory.
pub(crate) fn expand(parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, above, .. } = parts;
    let kind = &parts.kind;
    let submitted = quote!(#private::inventory::submit! { <#name as #private::Handler>::ENTRY });
    // On a macro `allow` means nothing, so it stands on what is around it.
    let submitted = if above.is_empty() { submitted } else { quote!(#above const _: () = { #submitted };) };
    quote! {
        #above
        impl #private::Handler for #name {
            const ENTRY: #private::Entry = #private::Entry::#kind::<Self>(::core::module_path!());
        }
        #submitted
    }
}
