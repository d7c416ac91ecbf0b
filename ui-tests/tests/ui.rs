//! Every message of the macros, as the compiler prints it: `ui/<area>/*.rs` with its `.stderr`.
//!
//! `TRYBUILD=overwrite cargo test -p duroxide-ui-tests` writes the messages anew. Read them as the user would.
//! Cases that fail and cases that pass are apart: only then all that fail are compiled in one go.

#[test]
fn mistakes_are_told_as_reviewed() {
    let cases = trybuild::TestCases::new();
    for area in ["codes", "args", "signature", "half_typed", "determinism", "types"] {
        cases.compile_fail(format!("ui/{area}/*.rs"));
    }
}

#[test]
fn what_is_right_compiles() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
