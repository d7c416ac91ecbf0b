//! Every message of the macros, as the compiler prints it: `ui/<area>/*.rs` with its `.stderr`.
//!
//! `TRYBUILD=overwrite cargo test -p duroxide-ui-tests` writes the messages anew. Read them as the user would.
//! What is right is in `right_*.rs`, each a test of its own: here it would be compiled once more with all below it.

#[test]
fn mistakes_are_told_as_reviewed() {
    let cases = trybuild::TestCases::new();
    for area in ["codes", "args", "signature", "half_typed", "determinism", "types"] {
        cases.compile_fail(format!("ui/{area}/*.rs"));
    }
}
