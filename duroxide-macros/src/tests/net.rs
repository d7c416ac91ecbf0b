//! The names for clippy and the table of the lint are the same names.

use std::fs;

use crate::lint::find;
use crate::lint::rules::RULES;

/// An entry of the `clippy.toml`: its path, and the code that its reason begins with.
struct Listed {
    section: String,
    path: String,
    code: String,
}

fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_once(&format!("{key} = \""))?.1.split('"').next()
}

fn listed() -> Vec<Listed> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../duroxide/clippy/clippy.toml");
    let text = fs::read_to_string(page).expect("the library ships its clippy.toml");
    let mut section = String::new();
    let mut listed = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(" = [") {
            name.clone_into(&mut section);
        }
        if let (Some(path), Some(reason)) = (quoted(line, "path"), quoted(line, "reason")) {
            let code = reason.split(':').next().unwrap_or_default().to_owned();
            listed.push(Listed { section: section.clone(), path: path.to_owned(), code });
        }
    }
    listed
}

/// `std::time::/Instant::now` without the mark of what may be left out.
fn whole(pattern: &str) -> String {
    pattern.replacen('/', "", 1)
}

#[test]
fn clippy_is_told_of_every_name_in_the_table() {
    let listed = listed();
    let has = |code: &str, fits: &dyn Fn(&Listed) -> bool| listed.iter().any(|entry| entry.code == code && fits(entry));
    let mut missing = Vec::new();
    for rule in RULES {
        for pattern in rule.paths {
            let path = whole(pattern);
            let path = path.trim_end_matches('!');
            let known = match path.strip_suffix('*') {
                Some(open) => has(rule.code, &|entry| entry.path.starts_with(open)),
                // A lone `select!` has no path that clippy could know; constants it does not look at.
                None => !path.contains("::") || has(rule.code, &|entry| entry.path == path),
            };
            if !known && path != "std::env::consts::*" {
                missing.push(format!("{} {path}", rule.code));
            }
        }
        for name in rule.types {
            if !has(rule.code, &|entry| entry.path.ends_with(&format!("::{name}"))) {
                missing.push(format!("{} {name}", rule.code));
            }
        }
        // Methods of a type that is listed need no entry of their own.
        for name in rule.methods.iter().filter(|_| rule.types.is_empty()) {
            if !has(rule.code, &|entry| entry.path.ends_with(&format!("::{name}"))) {
                missing.push(format!("{} .{name}()", rule.code));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "in rules.rs and not in clippy.toml");
}

#[test]
fn what_clippy_is_told_has_the_code_that_the_lint_gives_it() {
    for Listed { section, path, code } in listed() {
        assert!(RULES.iter().any(|rule| rule.code == code), "{path}: {code}");
        let segments: Vec<String> = path.split("::").map(str::to_owned).collect();
        let last = segments.last().map(String::as_str).unwrap_or_default();
        let rule = match section.as_str() {
            "disallowed-macros" => find::for_macro(&segments),
            "disallowed-types" => find::for_type(last),
            _ => find::for_path(&segments).or_else(|| find::for_method(last)),
        };
        // Clippy may know more than the lint, and never something else.
        if let Some(rule) = rule {
            assert_eq!(rule.code, code, "{path}");
        }
    }
}
