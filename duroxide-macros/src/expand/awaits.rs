//! Every await goes through the durable bound.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Block, Expr, Item, Macro};

use crate::lint::calls::is_allow;
use crate::paths::Paths;
use crate::reading::{self, List, Reading};

/// Rewrites a body.
///
/// Input: `f().await`, `async { g().await }`
/// Output: `durable(f()).await`, `durable_block(async { durable(g()).await })`
pub(crate) fn rewrite_block(block: &Block, paths: &Paths) -> Block {
    let mut block = block.clone();
    Awaits { paths }.visit_block_mut(&mut block);
    block
}

/// Takes off what allows something, and changes nothing else.
pub(super) fn without_allows(block: &Block) -> Block {
    struct Strip;
    impl VisitMut for Strip {
        fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
            attributes.retain(|attribute| !is_allow(attribute));
        }
    }
    let mut block = block.clone();
    Strip.visit_block_mut(&mut block);
    block
}

/// The same for one expression, for the macros that look after their own.
pub(crate) fn rewrite_expr(expression: &Expr, paths: &Paths) -> Expr {
    let mut expression = expression.clone();
    Awaits { paths }.visit_expr_mut(&mut expression);
    expression
}

struct Awaits<'a> {
    paths: &'a Paths,
}

impl VisitMut for Awaits<'_> {
    // An item inside the body is not part of the orchestration, but statics are looked at, so they may bear an allow.
    fn visit_item_mut(&mut self, item: &mut Item) {
        if let Item::Static(item) = item {
            self.visit_attributes_mut(&mut item.attrs);
        }
    }

    // `#[duroxide::allow(..)]` was read by the lint; rustc must not see it.
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        attributes.retain(|attribute| !is_allow(attribute));
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        let wrapped = match expression {
            Expr::Await(awaited) => {
                let at = awaited.await_token.span();
                let (private, base) = (self.paths.private(at), unwrapped(&awaited.base));
                *awaited.base = Expr::Verbatim(call(quote_spanned!(at=> #private::durable), base));
                return;
            }
            Expr::Async(block) => {
                let private = self.paths.private(block.async_token.span());
                call(quote!(#private::durable_block), &block)
            }
            _ => return,
        };
        *expression = Expr::Verbatim(wrapped);
    }

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        let relevant = ["await", "async", "allow"].iter().any(|word| reading::mentions(&mac.tokens, word));
        if !relevant {
            return;
        }
        match reading::read(mac, self.paths) {
            // They rewrite what is theirs; what cannot be read was reported by the lint.
            Reading::Select(_) | Reading::Join(_) | Reading::Opaque => {}
            Reading::Expressions(list) => mac.tokens = self.rewritten(*list),
        }
    }
}

impl Awaits<'_> {
    fn rewritten(&mut self, mut list: List) -> TokenStream {
        for expression in list.expressions_mut() {
            self.visit_expr_mut(expression);
        }
        list.into_tokens()
    }
}

/// `x` of `(x)`: as an argument it needs no parentheses, and rustc would tell the user to remove them.
fn unwrapped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) if paren.attrs.is_empty() => unwrapped(&paren.expr),
        other => other,
    }
}

/// `function(argument)`, the parentheses spanned at the argument so that a failed bound is shown there.
fn call(function: TokenStream, argument: &impl ToTokens) -> TokenStream {
    let at = argument.to_token_stream().span();
    let parenthesized = quote_spanned!(at=> (#argument));
    quote!(#function #parenthesized)
}
