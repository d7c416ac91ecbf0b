//! The Rust files of the workspace, read and parsed once.

use std::fs;
use std::path::Path;

use super::finding::{Finding, Weight};
use super::test_only;
use crate::failure::Failure;

/// One Rust file.
pub(super) struct Source {
    /// Path from the root of the workspace, with forward slashes.
    pub(super) path: String,
    pub(super) role: Role,
    pub(super) text: String,
    /// Empty for a fixture: some of them are meant not to parse.
    pub(super) syntax: syn::File,
}

/// What a file is for, which decides the rules that it obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// What we ship, and the tools we build it with.
    Product,
    /// `tests.rs` beside a module, what only tests compile, and the packages that hold nothing but tests.
    Test,
    /// Written to be read by a newcomer.
    Example,
    /// A program with a mistake in it, and its allowed twin.
    Fixture,
}

impl Source {
    /// Reads a text that may not parse; the finding says where.
    pub(super) fn parse(path: &str, text: String) -> Result<Self, Finding> {
        let role = role(path);
        let parsed = match role {
            Role::Fixture => syn::parse_file(""),
            Role::Product | Role::Test | Role::Example => syn::parse_file(&text),
        };
        match parsed {
            Ok(syntax) => Ok(Self { path: path.to_owned(), role, text, syntax }),
            Err(error) => Err(Finding {
                file: path.to_owned(),
                line: error.span().start().line,
                weight: Weight::Error,
                what: format!("the file does not parse: {error}"),
                instead: "make it compile first".to_owned(),
            }),
        }
    }

    /// The first line, or an empty one.
    pub(super) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// Every Rust file below `root`, sorted by path, and a finding for each that does not parse.
pub(super) fn load(root: &Path) -> Result<(Vec<Source>, Vec<Finding>), Failure> {
    let mut paths = Vec::new();
    walk(root, "", &mut paths)?;
    paths.sort();
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let text = fs::read_to_string(root.join(&path))
            .map_err(|error| Failure::because(format!("cannot read `{path}`"), error))?;
        match Source::parse(&path, text) {
            Ok(source) => sources.push(source),
            Err(finding) => findings.push(finding),
        }
    }
    mark_test_modules(&mut sources);
    Ok((sources, findings))
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<(), Failure> {
    let explain = |error| Failure::because(format!("cannot list `{}`", root.join(folder).display()), error);
    for entry in fs::read_dir(root.join(folder)).map_err(explain)? {
        let entry = entry.map_err(explain)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().map_err(explain)?.is_dir() {
            // Build output and hidden folders hold no source of ours.
            if name != "target" && !name.starts_with('.') {
                walk(root, &path, paths)?;
            }
        } else if name.ends_with(".rs") {
            paths.push(path);
        }
    }
    Ok(())
}

/// The role that a path alone tells.
fn role(path: &str) -> Role {
    let folders: Vec<&str> = path.split('/').collect();
    match folders.as_slice() {
        ["ui-tests", "lib.rs" | "build.rs"] | ["ui-tests", "src" | "tests", ..] => Role::Test,
        ["ui-tests", ..] => Role::Fixture,
        ["examples", ..] => Role::Example,
        ["tests" | "benches", ..] | [_, "tests" | "benches", ..] | [.., "tests.rs"] => Role::Test,
        _ => Role::Product,
    }
}

/// A file that its parent declares as `#[cfg(test)] mod name;` is a test, whatever it is called.
pub(super) fn mark_test_modules(sources: &mut [Source]) {
    let declared: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in sources.iter_mut().filter(|source| source.role == Role::Product) {
        let stem = source.path.trim_end_matches(".rs");
        if declared.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/"))) {
            source.role = Role::Test;
        }
    }
}

/// Paths, without `.rs`, of the test modules that this file declares.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let home = if matches!(name, "mod" | "lib" | "main") { folder } else { stem };
    let modules = source.syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && test_only::attributes(&module.attrs) => Some(module),
        _ => None,
    });
    modules.map(|module| format!("{home}/{}", module.ident)).collect()
}
