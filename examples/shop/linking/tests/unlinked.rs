//! A crate that stands in `Cargo.toml` and is not mentioned registers nothing, which is told at the start.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::typed::Problem;

#[tokio::test]
async fn nothing_has_registered_and_the_start_says_so() {
    assert!(duroxide::typed::handlers().is_empty());
    let builder = Runtime::builder(Arc::new(MemoryProvider::new())).discover().expect("nothing is wrong so far");
    assert_eq!(builder.start().await.err().expect("there is nothing to run").0, [Problem::Empty]);
}
