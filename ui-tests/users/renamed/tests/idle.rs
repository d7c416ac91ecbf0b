//! A renamed crate without handlers is still told, by its own name.
use std::sync::Arc;

use dx::providers::memory::MemoryProvider;
use dx::runtime::Runtime;

dx::link!(taxes, idle);

#[test]
fn a_crate_that_registers_nothing_is_named() {
    let built = Runtime::builder(Arc::new(MemoryProvider::new())).state(taxes::Attempts::default()).discover();
    let problems = built.err().expect("a linked crate registers nothing").to_string();
    assert!(problems.starts_with("DX3002: crate `silent`, linked at "), "{problems}");
    assert!(problems.contains("idle.rs:7"), "{problems}");
    assert!(!problems.contains("2021"), "{problems}");
}
