//! The command line: what is understood, what is refused, and with which words.

use crate::dispatch;
use crate::failure::Failure;
use crate::workspace::own_features;

fn refused(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    match dispatch(&arguments) {
        Err(Failure::Usage(text)) => text,
        Err(Failure::Failed(text)) => panic!("{arguments:?} was understood, and failed: {text}"),
        Ok(()) => panic!("{arguments:?} was understood"),
    }
}

#[test]
fn an_unknown_command_is_told_the_valid_ones() {
    let text = refused(&["tset"]);
    assert!(text.starts_with("there is no command `tset`"), "{text}");
    for name in ["test", "tidy", "bless"] {
        assert!(text.contains(&format!("\n  {name} ")), "{name} is missing in {text}");
    }
}

#[test]
fn no_command_is_told_the_valid_ones() {
    assert!(refused(&[]).contains("usage: cargo xtask <command>"));
}

#[test]
fn an_unknown_step_is_told_the_valid_ones_before_any_step_runs() {
    let text = refused(&["test", "fmt", "clipy"]);
    assert!(text.starts_with("`test` has no step `clipy`"), "{text}");
    assert!(text.contains("\n  clippy "), "{text}");
}

#[test]
fn arguments_that_a_command_does_not_know_are_refused() {
    assert_eq!(refused(&["tidy", "--chek"]), "`tidy` takes `--check` or nothing, found `--chek`");
    assert_eq!(refused(&["bless", "all"]), "`bless` takes no arguments, found `all`");
    assert_eq!(refused(&["compat", "0.1"]), "`compat` takes no arguments, found `0.1`");
}

#[test]
fn a_feature_that_only_stands_for_others_is_none_of_its_own() {
    let features = serde_json::json!({
        "default": ["sqlite"],
        "sqlite": ["dep:rusqlite", "sqlx?/sqlite"],
        "dashboard": ["tokio/net", "sqlite"],
        "test": ["test-hooks", "sqlite"],
        "test-hooks": [],
    });
    assert_eq!(own_features(&features), ["dashboard", "sqlite", "test-hooks"]);
}

/// The cases that docs/reliability.md names, as they stand in its table.
fn named_cases() -> Vec<String> {
    let page = include_str!("../../docs/reliability.md");
    let (_, table) = page.split_once("| case | test |\n|---|---|\n").expect("the page has the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(", "));
    names.map(|name| name.trim().to_owned()).collect()
}

/// The sources that hold tests, as one text.
fn sources() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = String::new();
    for folder in ["duroxide", "tests", "examples"] {
        read(&root.join(folder), &mut sources);
    }
    sources
}

/// The names of their functions.
fn functions(sources: &str) -> Vec<&str> {
    sources.lines().filter_map(|line| line.split_once("fn ")?.1.split(['(', '<']).next()).collect()
}

#[test]
fn every_named_case_of_the_reliability_page_is_found_by_its_name() {
    let sources = sources();
    let functions = functions(&sources);
    let cases = named_cases();
    assert!(cases.len() > 40, "{cases:?}");
    let missing: Vec<&String> =
        cases.iter().filter(|case| !functions.iter().any(|name| name.contains(*case))).collect();
    assert!(missing.is_empty(), "no test bears the name of these cases: {missing:?}");
}

/// Whoever renames a test renames it there.
#[test]
fn every_test_that_the_reliability_page_names_is_there() {
    let page = include_str!("../../docs/reliability.md");
    let (_, tables) = page.split_once("## Promises, and where they are held").expect("the page has the heading");
    let sources = sources();
    let functions = functions(&sources);
    let is_name =
        |word: &str| word.contains('_') && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let named: Vec<&str> = tables.split('`').skip(1).step_by(2).filter(|word| is_name(word)).collect();
    assert!(named.len() > 60, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !functions.contains(*name)).collect();
    assert!(missing.is_empty(), "no function bears these names: {missing:?}");
}

fn read(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("a source is text"));
        }
    }
}

#[test]
fn help_is_not_a_failure() {
    assert!(dispatch(&["--help".to_owned()]).is_ok());
}
