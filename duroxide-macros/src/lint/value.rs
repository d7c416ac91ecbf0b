//! Whether a type is one that history can give back: owned, and known by its name.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, Type, TypeFnPtr, TypeImplTrait, TypeReference, TypeTraitObject, parse_quote};

/// Why it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It borrows, outside or inside.
    Borrowed,
    /// `impl Trait`, outside or inside.
    Hidden,
}

/// What is wrong with the type, if anything is. What names a lifetime of the function is told with its generics.
pub(super) fn unfit(ty: &Type) -> Option<Unfit> {
    let mut search = Search(None);
    search.visit_type(ty);
    search.0
}

struct Search(Option<Unfit>);

impl<'ast> Visit<'ast> for Search {
    fn visit_type_reference(&mut self, _: &'ast TypeReference) {
        self.0.get_or_insert(Unfit::Borrowed);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident == "_" {
            self.0.get_or_insert(Unfit::Borrowed);
        }
    }

    fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
        self.0.get_or_insert(Unfit::Hidden);
    }

    // What a function takes is lent to it, and rustc knows that neither these nor trait objects have a JSON form.
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_type_trait_object(&mut self, _: &'ast TypeTraitObject) {}

    fn visit_type(&mut self, ty: &'ast Type) {
        visit::visit_type(self, ty);
    }
}

/// What to write instead of a type that borrows.
///
/// Input: `Option<&[&str]>`, `Cow<'_, str>`
/// Output: `Option<Vec<String>>`, `String`
pub(super) fn owned(ty: &Type) -> String {
    let mut ty = ty.clone();
    Own.visit_type_mut(&mut ty);
    shown(&ty)
}

struct Own;

impl VisitMut for Own {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        let text = shown(ty);
        let replaced: Option<Type> = match ty {
            Type::Reference(reference) => Some((*reference.elem).clone()),
            Type::Slice(slice) => {
                let item = &slice.elem;
                Some(parse_quote!(Vec<#item>))
            }
            _ if text == "str" || text.ends_with("Cow<'_, String>") => Some(parse_quote!(String)),
            _ => None,
        };
        if let Some(replaced) = replaced {
            *ty = replaced;
        }
    }
}

/// A type as one would write it.
///
/// Input: `Vec < u8 >`
/// Output: `Vec<u8>`
pub(super) fn shown(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" :: ", "::"),
        (":: ", "::"),
        (" ,", ","),
        ("& ", "&"),
        ("[ ", "["),
        (" ]", "]"),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_borrows_or_hides_is_found_wherever_it_stands() {
        let found = |text: &str| unfit(&syn::parse_str(text).unwrap());
        for borrowed in ["&str", "Option<&str>", "(u8, &[u8])", "Cow<'_, str>", "Result<(), &'static str>", "[&u8; 2]"]
        {
            assert_eq!(found(borrowed), Some(Unfit::Borrowed), "{borrowed}");
        }
        for hidden in ["impl Serialize", "Result<impl Serialize, String>"] {
            assert_eq!(found(hidden), Some(Unfit::Hidden), "{hidden}");
        }
        for fit in ["String", "Cow<'static, str>", "Vec<Option<u8>>", "Box<dyn Fn(&str)>", "fn(&str)", "Page<'a>"] {
            assert_eq!(found(fit), None, "{fit}");
        }
    }

    #[test]
    fn what_to_write_instead_owns_everything() {
        for (borrowed, expected) in [
            ("&str", "String"),
            ("&mut Vec<u8>", "Vec<u8>"),
            ("&[u8]", "Vec<u8>"),
            ("Option<&[&str]>", "Option<Vec<String>>"),
            ("Result<&'static str, (u8, &u8)>", "Result<String, (u8, u8)>"),
            ("std::borrow::Cow<'_, str>", "String"),
        ] {
            assert_eq!(owned(&syn::parse_str(borrowed).unwrap()), expected);
        }
    }
}
