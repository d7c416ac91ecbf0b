//! What is inside a macro call, when that can be read.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Macro, Pat, Path, Token};

use crate::paths::Paths;

/// What a macro call holds.
pub(crate) enum Reading {
    /// `duroxide::select!`: it checks the awaits of its arms itself.
    Select(Vec<Arm>),
    /// `duroxide::join!`: likewise.
    Join(Vec<Expr>),
    /// Expressions with commas or semicolons between, as in `println!` or `vec!`.
    Expressions(Box<List>),
    /// Anything else.
    Opaque,
}

/// One arm of `select!`: `pattern = future => body`.
pub(crate) struct Arm {
    pub(crate) pattern: Pat,
    pub(crate) future: Expr,
    pub(crate) body: Expr,
}

impl Parse for Arm {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        input.parse::<Token![=>]>()?;
        let body = input.parse()?;
        Ok(Arm { pattern, future, body })
    }
}

/// Arms with commas between; after a block the comma may be left out.
pub(crate) fn arms(input: ParseStream) -> syn::Result<Vec<Arm>> {
    let mut arms = Vec::new();
    while !input.is_empty() {
        let arm: Arm = input.parse()?;
        let block = matches!(arm.body, Expr::Block(_));
        arms.push(arm);
        if input.is_empty() {
            break;
        }
        if input.peek(Token![,]) || !block {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(arms)
}

/// Expressions and what stands between them, so that they can be written back as they were.
pub(crate) enum List {
    Commas(Punctuated<Expr, Token![,]>),
    Repeat(Box<[Expr; 2]>, Token![;]),
}

impl List {
    pub(crate) fn expressions(&self) -> Vec<&Expr> {
        match self {
            List::Commas(list) => list.iter().collect(),
            List::Repeat(both, _) => both.iter().collect(),
        }
    }

    pub(crate) fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            List::Commas(list) => list.iter_mut().collect(),
            List::Repeat(both, _) => both.iter_mut().collect(),
        }
    }

    pub(crate) fn into_tokens(self) -> TokenStream {
        match self {
            List::Commas(list) => quote::quote!(#list),
            List::Repeat(both, semicolon) => {
                let [value, count] = &*both;
                quote::quote!(#value #semicolon #count)
            }
        }
    }
}

/// Reads a macro call.
pub(crate) fn read(mac: &Macro, paths: &Paths) -> Reading {
    let (prefix, last) = split(&mac.path);
    if paths.is_library(&prefix) {
        match last.as_str() {
            "select" => return arms.parse2(mac.tokens.clone()).map_or(Reading::Opaque, Reading::Select),
            "join" => {
                let list = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone());
                return list.map_or(Reading::Opaque, |list| Reading::Join(list.into_iter().collect()));
            }
            _ => {}
        }
    }
    if let Ok(list) = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone()) {
        return Reading::Expressions(Box::new(List::Commas(list)));
    }
    let repeat = |input: ParseStream| {
        let (value, semicolon, count) = (input.parse()?, input.parse()?, input.parse()?);
        Ok(List::Repeat(Box::new([value, count]), semicolon))
    };
    repeat.parse2(mac.tokens.clone()).map_or(Reading::Opaque, |list| Reading::Expressions(Box::new(list)))
}

/// Whether the macro is ours and looks after its own awaits.
pub(crate) fn is_ours(mac: &Macro, paths: &Paths) -> bool {
    let (prefix, last) = split(&mac.path);
    paths.is_library(&prefix) && matches!(last.as_str(), "select" | "join")
}

/// A path as `prefix` and last segment, generics left out.
fn split(path: &Path) -> (String, String) {
    let mut names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let last = names.pop().unwrap_or_default();
    (names.join("::"), last)
}

/// Whether `word` occurs as a token, however deep.
pub(crate) fn mentions(tokens: &TokenStream, word: &str) -> bool {
    find(tokens, word).is_some()
}

/// The first token that is `word`, however deep.
pub(crate) fn find(tokens: &TokenStream, word: &str) -> Option<TokenTree> {
    tokens.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(ref ident) if *ident == word => Some(token),
        TokenTree::Group(group) => find(&group.stream(), word),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

/// Names with `::` between, as they stand in tokens.
pub(crate) struct Run {
    pub(crate) names: Vec<Ident>,
    /// With the colons, for a message that covers all of it.
    pub(crate) tokens: TokenStream,
    /// `!` and a group follow.
    pub(crate) is_macro: bool,
}

/// All runs of names, however deep; fields and methods are none.
///
/// Input: `{ "at": time::SystemTime::now(), x: order.id }`
/// Output: `time::SystemTime::now`, `x`, `order`
pub(crate) fn runs(tokens: &TokenStream) -> Vec<Run> {
    let mut found = Vec::new();
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let is = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => found.extend(runs(&group.stream())),
            TokenTree::Ident(first) => {
                let (begin, mut names) = (at, vec![first.clone()]);
                while is(at + 1, ':')
                    && is(at + 2, ':')
                    && let Some(TokenTree::Ident(next)) = tokens.get(at + 3)
                {
                    names.push(next.clone());
                    at += 3;
                }
                let is_macro = is(at + 1, '!') && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                if begin == 0 || !is(begin - 1, '.') {
                    found.push(Run { names, tokens: tokens[begin..=at].iter().cloned().collect(), is_macro });
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
    found
}
