//! A typed call links the crate of what it calls, without a word of `link!`.

use std::sync::Arc;

use duroxide::Client;
use duroxide::providers::memory::MemoryProvider;

#[test]
fn the_crate_of_what_is_called_has_registered() {
    let client = Client::new(Arc::new(MemoryProvider::new()));
    let handle = flows::checkout::attach(&client, "s-1");
    assert_eq!(handle.id(), "s-1");
    let names: Vec<&str> = duroxide::typed::handlers().iter().map(|handler| handler.name).collect();
    assert_eq!(names, ["charge", "refund", "Checkout", "sell_all"]);
}
