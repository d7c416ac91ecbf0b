//! A crate that is linked brings along those whose handlers it calls.

duroxide::link!(flows);

#[test]
fn the_crate_behind_the_linked_one_has_registered_too() {
    let names: Vec<&str> = duroxide::typed::handlers().iter().map(|handler| handler.name).collect();
    assert_eq!(names, ["charge", "refund", "Checkout", "sell_all"]);
}
