//! A file is one idea, and a function fits a screen.

use syn::visit::{self, Visit};

use super::finding::{Finding, Weight};
use super::source::{Role, Source};
use super::test_only;

/// The largest file planned has 350 lines; twice that is two ideas.
const FILE_LINES_MAX: usize = 600;
/// One screen.
const FUNCTION_LINES_AIM: usize = 70;
/// Nobody's screen.
const FUNCTION_LINES_MAX: usize = 100;

/// Findings for a product file; tests may be long tables.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    match source.role {
        Role::Product => {}
        Role::Test | Role::Example | Role::Fixture => return Vec::new(),
    }
    let mut findings: Vec<Finding> = file(source).into_iter().collect();
    let mut functions = Functions::default();
    functions.visit_file(&source.syntax);
    findings.extend(functions.found.iter().filter_map(|function| judge(source, function)));
    findings
}

fn file(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_MAX).then(|| Finding {
        file: source.path.clone(),
        line: FILE_LINES_MAX + 1,
        weight: Weight::Error,
        what: format!("the file has {lines} lines of {FILE_LINES_MAX}"),
        instead: "find its second idea and give it a file".to_owned(),
    })
}

fn judge(source: &Source, function: &Function) -> Option<Finding> {
    let (weight, limit) = if function.lines > FUNCTION_LINES_MAX {
        (Weight::Error, FUNCTION_LINES_MAX)
    } else {
        (Weight::Remark, FUNCTION_LINES_AIM)
    };
    (function.lines > FUNCTION_LINES_AIM).then(|| Finding {
        file: source.path.clone(),
        line: function.line,
        weight,
        what: format!("`{}` has {} lines of {limit}", function.name, function.lines),
        instead: "keep the branches in it and move the plain work to children".to_owned(),
    })
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

#[derive(Default)]
struct Functions {
    found: Vec<Function>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        // Attributes and documentation are not counted: only the signature and the body have to be held in mind.
        let line = signature.fn_token.span.start().line;
        let end = body.brace_token.span.close().end().line;
        self.found.push(Function { name: signature.ident.to_string(), line, lines: end + 1 - line });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !test_only::item(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
