//! What activities and orchestrations have in common: the type, its input, its wire form.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Type};

use crate::args::Args;
use crate::ast::{Argument, Function, Handler};
use crate::paths::Paths;

/// The pieces from which an expansion is put together.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a Ident,
    /// `::duroxide::__private`.
    pub(crate) private: TokenStream,
    paths: &'a Paths,
    arguments: Vec<&'a Argument>,
    output: &'a Type,
    /// `activity` or `orchestration`.
    pub(crate) kind: Ident,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(kind: &str, function: &'a Function, handler: &'a Handler, args: &'a Args) -> Self {
        Parts {
            name: &function.sig.ident,
            private: args.paths.private(Span::call_site()),
            paths: &args.paths,
            arguments: handler.arguments(),
            output: &handler.output,
            kind: format_ident!("{kind}"),
        }
    }

    /// The type that bears the handler's name.
    ///
    /// Input: `/// Charges. async fn charge(..)`
    /// Output: `/// Charges. enum charge {}`
    pub(crate) fn item(&self, function: &Function) -> TokenStream {
        let Function { attrs, vis, .. } = function;
        let (name, docs) = (self.name, attrs.iter().filter(|attribute| is_carried(attribute)));
        let note = format!(" The {} `{}` as a type: what can be done with it.", self.kind, name.unraw());
        quote! {
            #(#docs)*
            #[doc = ""]
            #[doc = #note]
            #[allow(non_camel_case_types)]
            #vis enum #name {}
        }
    }

    /// `order: Order, cents: u64`
    pub(crate) fn declared(&self) -> TokenStream {
        let arguments = self.arguments.iter().map(|Argument { name, ty, .. }| quote!(#name: #ty));
        quote!(#(#arguments),*)
    }

    /// `()`, `order` or `(order, cents)`
    pub(crate) fn input_value(&self) -> TokenStream {
        let names: Vec<&Ident> = self.arguments.iter().map(|argument| &argument.name).collect();
        match names.as_slice() {
            [] => quote!(()),
            [one] => quote!(#one),
            many => quote!((#(#many),*)),
        }
    }

    /// `()`, `Order` or `(Order, u64)`
    fn input_type(&self) -> TokenStream {
        let types: Vec<&Type> = self.arguments.iter().map(|argument| &argument.ty).collect();
        match types.as_slice() {
            [] => quote!(()),
            [one] => quote!(#one),
            many => quote!((#(#many),*)),
        }
    }

    /// `()`, `(Order,)` or `(Order, u64)`
    fn tuple_type(&self) -> TokenStream {
        let types: Vec<&Type> = self.arguments.iter().map(|argument| &argument.ty).collect();
        quote!((#(#types,)*))
    }

    /// How each argument is taken out of `input`: nothing, `input`, or `input.0, input.1`.
    pub(crate) fn argument_values(&self) -> Vec<TokenStream> {
        let input = input_ident();
        match self.arguments.len() {
            1 => vec![quote!(#input)],
            count => (0..count).map(|at| place(&input, at)).collect(),
        }
    }

    /// The types of arguments and result, and the way of the arguments into history and back.
    pub(crate) fn signature(&self) -> TokenStream {
        let (private, output) = (&self.private, self.output);
        let (input_type, tuple_type) = (self.input_type(), self.tuple_type());
        let at = Span::call_site().located_at(output.span());
        let there = self.paths.private(at);
        let [ok, err] = ["Ok", "Err"].map(|name| {
            let name = Ident::new(name, at);
            quote_spanned!(at=> <#output as #there::Outcome>::#name)
        });
        let (encode, decode, input) = (self.encode(), self.decode(), input_ident());
        let names = self.arguments.iter().map(|argument| argument.name.unraw().to_string());
        let types = self.arguments.iter().map(|argument| &argument.ty);
        let tuple = if self.arguments.len() == 1 { quote!((#input,)) } else { quote!(#input) };
        quote! {
            type In = #input_type;
            type Args = #tuple_type;
            type Ok = #ok;
            type Err = #err;
            fn encode(#input: &Self::In) -> #private::Result<#private::String, #private::CodecError> {
                #encode
            }
            #decode
            fn arguments() -> #private::Vec<#private::Argument> {
                #private::Vec::from([#(#private::Argument::of::<#types>(#names)),*])
            }
            fn spread(#input: Self::In) -> Self::Args {
                #tuple
            }
        }
    }

    /// One argument is written as it is, several as an object by name, none as `null`.
    fn encode(&self) -> TokenStream {
        let (private, input) = (&self.private, input_ident());
        match self.arguments.len() {
            0 => quote!(let _ = #input; #private::Result::Ok(#private::nothing())),
            1 => {
                let at = Span::call_site().located_at(self.arguments[0].ty.span());
                let there = self.paths.private(at);
                quote_spanned!(at=> #there::encode(#input))
            }
            _ => {
                // In the order of the object, which needs no sorting then.
                let mut keyed: Vec<_> = self.arguments.iter().enumerate().collect();
                keyed.sort_by_key(|(_, argument)| argument.name.unraw().to_string());
                let fields = keyed.into_iter().map(|(at, argument)| {
                    let (key, value) = (argument.name.unraw().to_string(), place(&input, at));
                    let at = Span::call_site().located_at(argument.ty.span());
                    quote_spanned!(at=> .with(#key, &#value)?)
                });
                quote!(#private::Object::new() #(#fields)* .finish())
            }
        }
    }

    /// `fn decode`
    fn decode(&self) -> TokenStream {
        let private = &self.private;
        let text = Ident::new("text", Span::mixed_site());
        let body = match self.arguments.as_slice() {
            [] => {
                // Nothing is read, so nothing can be wrong with it.
                quote!(let _ = #text; #private::Result::Ok(()))
            }
            [one] => {
                let at = Span::call_site().located_at(one.ty.span());
                let there = self.paths.private(at);
                quote_spanned!(at=> #there::decode(#text))
            }
            many => {
                let fields = many.iter().map(|argument| {
                    let key = argument.name.unraw().to_string();
                    let take = if argument.default { format_ident!("take_or_default") } else { format_ident!("take") };
                    let at = Span::call_site().located_at(argument.ty.span());
                    quote_spanned!(at=> fields.#take(#key)?)
                });
                quote! {
                    let mut fields = #private::Fields::read(#text)?;
                    #private::Result::Ok((#(#fields),*))
                }
            }
        };
        quote! {
            fn decode(#text: &str) -> #private::Result<Self::In, #private::CodecError> {
                #body
            }
        }
    }

    /// The type of the future that a handler returns.
    ///
    /// `Whole` is the `Result` itself, and is nothing at all if the type is none. It stands where `Ok` and `Err` stand,
    /// so that the compiler tells that mistake once and not in each place that follows from it.
    pub(crate) fn running(&self) -> TokenStream {
        let output = self.output;
        let at = Span::call_site().located_at(output.span());
        let there = self.paths.private(at);
        quote_spanned!(at=> impl #there::Future<Output = <#output as #there::Outcome>::Whole> + #there::Send)
    }

    /// Where it is defined, for messages.
    pub(crate) fn defined_at(&self) -> TokenStream {
        quote!(
            const DEFINED_AT: &'static str = ::core::concat!(::core::file!(), ":", ::core::line!());
        )
    }
}

/// `input`, invisible to the user's names.
pub(crate) fn input_ident() -> Ident {
    Ident::new("input", Span::mixed_site())
}

/// `input.0`
fn place(input: &Ident, at: usize) -> TokenStream {
    let at = syn::Index::from(at);
    quote!(#input.#at)
}

/// Docs, and what decides whether the item is there at all or how it is warned about, hold for the type as well.
fn is_carried(attribute: &Attribute) -> bool {
    ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
}
