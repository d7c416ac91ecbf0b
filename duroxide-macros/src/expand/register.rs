//! Link-time registration.

use proc_macro2::TokenStream;
use quote::quote;

use super::common::Parts;

/// Input: a runner `charge`
/// Output: `impl Handler for charge { const ENTRY: Entry = .. }` and its submission to the inventory.
pub(crate) fn expand(parts: &Parts<'_>) -> TokenStream {
    let Parts { name, private, .. } = parts;
    let kind = &parts.kind;
    quote! {
        impl #private::Handler for #name {
            const ENTRY: #private::Entry = #private::Entry::#kind::<Self>(::core::module_path!());
        }
        #private::inventory::submit! { <#name as #private::Handler>::ENTRY }
    }
}
