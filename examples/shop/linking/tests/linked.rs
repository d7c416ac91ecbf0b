//! A program that links both crates has the handlers of both, with all there is to know of them.

use duroxide::typed::{Argument, HandlerKind, handlers};

duroxide::link!(billing, flows);

#[test]
fn both_crates_have_registered() {
    let names: Vec<String> =
        handlers().iter().map(|handler| format!("{} {} {}", handler.kind, handler.name, handler.version)).collect();
    assert_eq!(
        names,
        [
            "activity charge 1.0.0",
            "activity refund 1.0.0",
            "orchestration Checkout 1.0.0",
            "orchestration sell_all 1.0.0"
        ]
    );
}

#[test]
fn a_handler_says_where_it_is_and_what_it_takes() {
    let handlers = handlers();
    let charge = &handlers[0];
    assert_eq!((charge.kind, charge.package()), (HandlerKind::Activity, "billing"));
    assert!(charge.file().ends_with("billing/src/lib.rs") && charge.line() > 1, "{}", charge.defined_at);
    assert_eq!(charge.arguments()[0], Argument { name: "order", type_name: "billing::Order" });
    assert_eq!(charge.states(), ["billing::Bank"]);
    assert_eq!((charge.ok(), charge.err()), ("billing::Receipt", "billing::PayError"));
    let checkout = handlers[2].to_string();
    assert!(
        checkout.starts_with(
            "orchestration Checkout 1.0.0 (order: billing::Order, patience: alloc::string::String) -> \
             Result<billing::Receipt, flows::ShopError>, "
        ),
        "{checkout}"
    );
}
