//! First lines, sizes, roles and the code map on small sources.

use super::finding::{Finding, Weight};
use super::source::{Role, Source, mark_test_modules};
use super::{code_map, first_line, sizes};

fn source(path: &str, text: &str) -> Source {
    Source::parse(path, text.to_owned()).expect("the sample parses")
}

fn first_line_of(path: &str, text: &str) -> Option<String> {
    first_line::check(&source(path, text)).map(|finding| finding.what)
}

#[test]
fn a_file_begins_with_its_purpose_as_one_sentence() {
    let path = "duroxide/src/lease.rs";
    assert_eq!(first_line_of(path, "//! Lease arithmetic.\n"), None);
    assert_eq!(first_line_of(path, "//! Where generated code finds the runtime:\n"), None);
    assert_eq!(first_line_of(path, "use std::fmt;\n").as_deref(), Some("the file does not say why it exists"));
    assert_eq!(first_line_of(path, "").as_deref(), Some("the file does not say why it exists"));
    assert_eq!(first_line_of(path, "//! Lease\n").as_deref(), Some("the first line is not a whole sentence"));
    let long = format!("//! {}.\n", "x".repeat(116));
    assert_eq!(first_line_of(path, &long).as_deref(), Some("the first line has 121 characters of 120"));
    assert_eq!(first_line_of(path, &long.replacen('x', "", 1)), None);
}

#[test]
fn examples_and_fixtures_owe_no_purpose() {
    assert_eq!(first_line_of("examples/hello.rs", "fn main() {}"), None);
    assert_eq!(first_line_of("ui-tests/ui/args/unknown_key.rs", "fn main( {"), None);
    assert!(first_line_of("ui-tests/tests/ui.rs", "fn main() {}").is_some());
}

#[test]
fn the_path_tells_the_role() {
    let role = |path| source(path, "").role;
    assert_eq!(role("duroxide/src/replay/turn.rs"), Role::Product);
    assert_eq!(role("duroxide/src/replay/tests.rs"), Role::Test);
    assert_eq!(role("duroxide/tests/facade.rs"), Role::Test);
    assert_eq!(role("tests/it/main.rs"), Role::Test);
    assert_eq!(role("ui-tests/lib.rs"), Role::Test);
    assert_eq!(role("ui-tests/determinism/sleep.rs"), Role::Fixture);
    assert_eq!(role("examples/shop/app/src/main.rs"), Role::Example);
    assert_eq!(role("xtask/src/main.rs"), Role::Product);
}

#[test]
fn a_file_that_does_not_parse_is_a_finding_with_its_line() {
    let finding =
        Source::parse("duroxide/src/lease.rs", "fn f() {}\nfn (".to_owned()).err().expect("it does not parse");
    assert_eq!((finding.line, finding.weight), (2, Weight::Error));
}

/// A function whose signature and body take `lines` lines, below an attribute and a comment.
fn function(lines: usize) -> String {
    format!("//! Sample.\n/// Doc.\n#[inline]\nfn long() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
}

fn sizes_of(path: &str, text: &str) -> Vec<Finding> {
    sizes::check(&source(path, text))
}

#[test]
fn a_function_fits_a_screen() {
    let path = "duroxide/src/lease.rs";
    assert_eq!(sizes_of(path, &function(70)), []);
    let weights = |text: &str| -> Vec<Weight> { sizes_of(path, text).iter().map(|finding| finding.weight).collect() };
    assert_eq!(weights(&function(71)), [Weight::Remark]);
    assert_eq!(weights(&function(100)), [Weight::Remark]);
    assert_eq!(weights(&function(101)), [Weight::Error]);
    assert_eq!(sizes_of(path, &function(101))[0].line, 4);
    assert_eq!(sizes_of(path, &function(101).replace("#[inline]", "#[cfg(test)]")), []);
    assert_eq!(sizes_of("duroxide/src/lease/tests.rs", &function(101)), []);
}

#[test]
fn a_product_file_has_at_most_600_lines() {
    let path = "duroxide/src/lease.rs";
    assert_eq!(sizes_of(path, &"\n".repeat(600)), []);
    assert_eq!(sizes_of(path, &"\n".repeat(601))[0].what, "the file has 601 lines of 600");
    assert_eq!(sizes_of("tests/it/scenarios.rs", &"\n".repeat(601)), []);
}

#[test]
fn the_code_map_lists_files_by_folder_with_the_opening_file_first() {
    let sources = [
        source("a/src/bindings.rs", "//! Token -> event | result.\nfn f() {}\n\n// why\n"),
        source("a/src/mod.rs", "//! What a turn asked for.\n"),
        source("a/src/tests.rs", "//! Not on the map.\n"),
        source("examples/plain.rs", "fn main() {}\n"),
    ];
    let expected = "\n**`a/src/`**\n\n| file | why it exists |\n|---|---|\n\
                    | `mod.rs` | What a turn asked for. |\n| `bindings.rs` | Token -> event \\| result. |\n";
    assert_eq!(code_map::render(&sources), expected);
}

#[test]
fn the_code_map_goes_between_its_markers() {
    let page = "before\n<!-- code map -->\nold\n<!-- /code map -->\nafter\n";
    let spliced = code_map::splice(page, "new");
    assert_eq!(spliced.as_deref(), Some("before\n<!-- code map -->\nnew\n<!-- /code map -->\nafter\n"));
    assert_eq!(code_map::splice("no markers", "new"), None);
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let finding = first_line::check(&source("duroxide/src/lease.rs", "")).expect("the file has no first line");
    let text = "duroxide/src/lease.rs:1: the file does not say why it exists; begin it with `//! its purpose, as one sentence.`";
    assert_eq!(finding.to_string(), text);
}

#[test]
fn a_module_declared_for_tests_is_a_test_whatever_it_is_called() {
    let mut sources = [
        source("duroxide/src/lease.rs", "#[cfg(test)] mod model; mod rules;"),
        source("duroxide/src/lease/model.rs", ""),
        source("duroxide/src/lease/model/deep.rs", ""),
        source("duroxide/src/lease/rules.rs", ""),
        source("duroxide/src/providers/mod.rs", "#[cfg(test)] mod samples;"),
        source("duroxide/src/providers/samples.rs", ""),
    ];
    mark_test_modules(&mut sources);
    let tests: Vec<&str> = sources.iter().filter(|it| it.role == Role::Test).map(|it| it.path.as_str()).collect();
    let expected = ["lease/model.rs", "lease/model/deep.rs", "providers/samples.rs"];
    assert_eq!(tests, expected.map(|path| format!("duroxide/src/{path}")));
}
