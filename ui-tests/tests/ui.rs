//! Every message of the macros, as the compiler prints it: `ui/<area>/*.rs` with its `.stderr`.
//!
//! `TRYBUILD=overwrite cargo test -p duroxide-ui-tests` writes the messages anew. Read them as the user would.

#[test]
fn mistakes_are_told_as_reviewed() {
    let cases = trybuild::TestCases::new();
    for area in ["args", "signature", "determinism", "types"] {
        cases.compile_fail(format!("ui/{area}/*.rs"));
    }
    cases.pass("ui/pass/*.rs");
}
