//! Collects every path that product code names, with the module it is named in.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::tidy::test_only;

/// A path as it is written.
pub(super) struct Mention {
    /// `["crate", "model", "Event"]`; a glob ends in `*`, and `$crate` keeps its dollar.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// The module it stands in: `["replay", "turn"]`.
    pub(super) module: Vec<String>,
    /// The name that a `use` binds to this path.
    pub(super) binds: Option<String>,
}

/// Every mention in a file, in order. What is compiled only for tests is left out.
pub(super) fn collect(module: &[String], file: &syn::File) -> Vec<Mention> {
    let mut collector = Collector { module: module.to_vec(), found: Vec::new() };
    if !test_only::attributes(&file.attrs) {
        collector.visit_file(file);
    }
    collector.found
}

struct Collector {
    module: Vec<String>,
    found: Vec<Mention>,
}

impl Collector {
    fn add(&mut self, path: Vec<String>, span: Span, binds: Option<String>) {
        self.found.push(Mention { path, line: span.start().line, module: self.module.clone(), binds });
    }

    /// Input: `a::{b, c::d as e}`. Output: `a::b` bound to `b`, and `a::c::d` bound to `e`.
    fn add_tree(&mut self, tree: &syn::UseTree, prefix: &[String]) {
        let with = |name: &dyn ToString| [prefix, &[name.to_string()][..]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(tree, prefix)),
            syn::UseTree::Glob(glob) => self.add(with(&"*"), glob.star_token.spans[0], None),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.add(prefix.to_vec(), name.ident.span(), prefix.last().cloned());
            }
            syn::UseTree::Name(name) => self.add(with(&name.ident), name.ident.span(), Some(name.ident.to_string())),
            syn::UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { prefix.to_vec() } else { with(&rename.ident) };
                self.add(path, rename.ident.span(), Some(rename.rename.to_string()));
            }
        }
    }

    /// Paths inside the tokens of a macro, which syn leaves unread.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let dollar = at > 0 && is_punct(&tokens[at - 1], '$');
                    let mut path = vec![if dollar { format!("${first}") } else { first.to_string() }];
                    at += extend(&mut path, &tokens[at + 1..]);
                    match tokens.get(at + 1..at + 4) {
                        Some([a, b, TokenTree::Group(group)]) if is_colons(a, b) && is_braced(group) => {
                            self.add_group(&path, group);
                            at += 3;
                        }
                        _ if path.len() > 1 => self.add(path, first.span(), None),
                        _ => {}
                    }
                }
                TokenTree::Literal(literal) => self.add_literal(literal),
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    /// The braces of a `use` that stands in a macro: `crate::{model, ledger::Ledger}`.
    fn add_group(&mut self, prefix: &[String], group: &Group) {
        match syn::parse2::<syn::ItemUse>(quoted_use(group)) {
            Ok(item) => self.add_tree(&item.tree, prefix),
            Err(_) => self.add_tokens(group.stream()),
        }
    }

    /// Attributes name functions in strings: `#[serde(default = "crate::clock::now_ms")]`.
    fn add_literal(&mut self, literal: &proc_macro2::Literal) {
        let text = literal.to_string();
        let text = text.trim_matches('"');
        if (text.starts_with("crate::") || text.starts_with("super::")) && !text.contains(char::is_whitespace) {
            self.add(text.split("::").map(str::to_owned).collect(), literal.span(), None);
        }
    }
}

/// Input: a group `{a, b}`. Output: the tokens of `use {a, b};`.
fn quoted_use(group: &Group) -> TokenStream {
    let mut tokens: TokenStream = "use".parse().expect("a keyword is a token");
    tokens.extend([TokenTree::Group(group.clone())]);
    tokens.extend(";".parse::<TokenStream>().expect("a semicolon is a token"));
    tokens
}

/// Appends what follows as `:: name :: name …` and tells how many tokens that took.
fn extend(path: &mut Vec<String>, rest: &[TokenTree]) -> usize {
    let mut taken = 0;
    while let Some([a, b, TokenTree::Ident(name)]) = rest.get(taken..taken + 3) {
        if !is_colons(a, b) {
            break;
        }
        path.push(name.to_string());
        taken += 3;
    }
    taken
}

fn is_colons(a: &TokenTree, b: &TokenTree) -> bool {
    is_punct(a, ':') && is_punct(b, ':')
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_braced(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !test_only::item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !test_only::impl_item(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if !test_only::trait_item(item) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !test_only::attributes(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !test_only::attributes(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&item.tree, &[]);
    }

    /// Who may see an item is not a use of the module named there.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first().filter(|_| path.segments.len() > 1) {
            let names = path.segments.iter().map(|segment| segment.ident.to_string());
            self.add(names.collect(), first.ident.span(), None);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.add_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }
}
