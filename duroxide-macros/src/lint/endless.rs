//! Whether a loop is ever left, other than by an error.

use syn::visit::{self, Visit};
use syn::{
    Block, Expr, ExprAsync, ExprBlock, ExprBreak, ExprClosure, ExprForLoop, ExprLoop, ExprReturn, ExprWhile, Ident,
};
use syn::{Item, Label, Macro};

use crate::paths::Paths;
use crate::reading::{self, Reading};

/// Whether nothing in `body` leaves the loop around it: no `break`, no `return`, no continue-as-new. A `?` leaves it
/// only when something fails, so it does not count.
pub(super) fn is_never_left(body: &Block, paths: &Paths) -> bool {
    let mut exits = Exits { paths, inside: Vec::new(), found: false };
    exits.visit_block(body);
    !exits.found
}

/// What a `break` may belong to.
enum Inside {
    Loop(Option<Ident>),
    Block(Ident),
    /// Neither `break` nor `return` leaves it.
    Wall,
}

struct Exits<'a> {
    paths: &'a Paths,
    /// What we are in, below the loop in question.
    inside: Vec<Inside>,
    found: bool,
}

impl Exits<'_> {
    fn within(&mut self, what: Inside, visit: impl FnOnce(&mut Self)) {
        self.inside.push(what);
        visit(self);
        self.inside.pop();
    }

    fn behind_a_wall(&self) -> bool {
        self.inside.iter().any(|inside| matches!(inside, Inside::Wall))
    }

    fn is_ours(&self, label: Option<&Ident>) -> bool {
        !self.inside.iter().any(|inside| match (inside, label) {
            (Inside::Loop(_), None) => true,
            (Inside::Loop(Some(name)) | Inside::Block(name), Some(label)) => name == label,
            (Inside::Loop(None), Some(_)) | (Inside::Block(_), None) => false,
            (Inside::Wall, _) => true,
        })
    }

    fn mentions(&mut self, name: &str) {
        self.found |= name.contains("continue_as_new");
    }
}

fn name(label: Option<&Label>) -> Option<Ident> {
    label.map(|label| label.name.ident.clone())
}

impl<'ast> Visit<'ast> for Exits<'_> {
    fn visit_item(&mut self, _: &'ast Item) {}

    // Paths and methods alike.
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.mentions(&ident.to_string());
    }

    fn visit_expr_break(&mut self, expression: &'ast ExprBreak) {
        self.found |= self.is_ours(expression.label.as_ref().map(|label| &label.ident));
        visit::visit_expr_break(self, expression);
    }

    fn visit_expr_return(&mut self, expression: &'ast ExprReturn) {
        self.found |= !self.behind_a_wall();
        visit::visit_expr_return(self, expression);
    }

    fn visit_expr_loop(&mut self, expression: &'ast ExprLoop) {
        self.within(Inside::Loop(name(expression.label.as_ref())), |this| visit::visit_expr_loop(this, expression));
    }

    fn visit_expr_while(&mut self, expression: &'ast ExprWhile) {
        self.within(Inside::Loop(name(expression.label.as_ref())), |this| visit::visit_expr_while(this, expression));
    }

    fn visit_expr_for_loop(&mut self, expression: &'ast ExprForLoop) {
        self.within(Inside::Loop(name(expression.label.as_ref())), |this| {
            visit::visit_expr_for_loop(this, expression);
        });
    }

    fn visit_expr_block(&mut self, expression: &'ast ExprBlock) {
        match name(expression.label.as_ref()) {
            Some(label) => self.within(Inside::Block(label), |this| visit::visit_expr_block(this, expression)),
            None => visit::visit_expr_block(self, expression),
        }
    }

    fn visit_expr_closure(&mut self, expression: &'ast ExprClosure) {
        self.within(Inside::Wall, |this| visit::visit_expr_closure(this, expression));
    }

    fn visit_expr_async(&mut self, expression: &'ast ExprAsync) {
        self.within(Inside::Wall, |this| visit::visit_expr_async(this, expression));
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        let each = |this: &mut Self, expressions: Vec<&Expr>| {
            let mut inner = Exits { paths: this.paths, inside: std::mem::take(&mut this.inside), found: false };
            for expression in expressions {
                // What was parsed here lives shorter than the body.
                visit_in(&mut inner, expression);
            }
            this.inside = inner.inside;
            this.found |= inner.found;
        };
        match reading::read(mac, self.paths) {
            Reading::Select(arms) => each(self, arms.iter().flat_map(|arm| [&arm.future, &arm.body]).collect()),
            Reading::Join(list) => each(self, list.iter().collect()),
            Reading::Expressions(list) => each(self, list.expressions()),
            // Who knows: no warning.
            Reading::Opaque => {
                let leaves = ["break", "return", "continue_as_new", "continue_as_new_typed"];
                self.found |= leaves.iter().any(|word| reading::mentions(&mac.tokens, word));
            }
        }
    }
}

fn visit_in(exits: &mut Exits<'_>, expression: &Expr) {
    exits.visit_expr(expression);
}
