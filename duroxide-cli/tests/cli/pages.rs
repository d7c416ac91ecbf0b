//! Help, completions, and the page that tells of every command.

use std::collections::BTreeSet;

use super::program::{command, ran};

const PAGE: &str = include_str!("../../../docs/cli.md");

fn help(words: &[&str]) -> String {
    ran(command().args(words).arg("--help").output()).well()
}

/// The names of the commands below this one, as its help lists them.
fn below(help: &str) -> Vec<String> {
    let Some((_, rest)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let names = rest
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Every command with its help, the commands below other ones included.
fn everything() -> Vec<(String, String)> {
    let whole = help(&[]);
    let mut found = vec![(String::new(), whole.clone())];
    for name in below(&whole) {
        let text = help(&[&name]);
        for inner in below(&text) {
            found.push((format!("{name} {inner}"), help(&[&name, &inner])));
        }
        found.push((name, text));
    }
    found
}

#[test]
fn help_stays_as_it_was_read() {
    for (name, text) in everything() {
        let file = format!("help_{}", if name.is_empty() { "duroxide".to_owned() } else { name.replace(' ', "_") });
        insta::assert_snapshot!(file, text);
    }
}

/// A command that is not on the page, or an option there that does not exist, is a page that rots.
#[test]
fn the_page_tells_of_every_command_and_of_nothing_else() {
    let mut options = BTreeSet::new();
    for (name, text) in everything() {
        assert!(PAGE.contains(&format!("`duroxide {name}")) || name.is_empty(), "the page misses `duroxide {name}`");
        options.extend(words(&text));
    }
    let unknown: Vec<String> = words(PAGE).into_iter().filter(|option| !options.contains(option)).collect();
    assert!(unknown.is_empty(), "the page has options that no command has: {unknown:?}");
}

/// The long options that a text names.
fn words(text: &str) -> BTreeSet<String> {
    let is_end = |c: char| !(c.is_ascii_lowercase() || c == '-');
    let found = text.match_indices("--").filter(|(at, _)| !text[..*at].ends_with('-'));
    let names = found.map(|(at, _)| text[at..].split(is_end).next().unwrap_or_default().to_owned());
    names.filter(|name| name.len() > 2 && !name.starts_with("---")).collect()
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ran(command().args(["completions", shell]).output()).well();
        assert!(script.contains("duroxide") && script.contains("explain"), "{shell}");
    }
    assert!(ran(command().args(["completions", "tcsh"]).output()).ended(2).contains("invalid value 'tcsh'"));
}

#[test]
fn the_version_is_that_of_the_library() {
    let version = ran(command().arg("--version").output()).well();
    assert_eq!(version.trim(), format!("duroxide {}", env!("CARGO_PKG_VERSION")));
}
