//! What a program for the published crate would miss here, held against what `docs/compatibility.md` explains.

use std::collections::BTreeSet;
use std::path::Path;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// The release whose programs must go on compiling.
const PUBLISHED: &str = "0.1.32";

/// Every feature that both crates have, so that what they guard is compared as well.
const FEATURES: &str = "--only-explicit-features --features sqlite --features test";

/// Where each item that stays missing has its reason.
const EXPLAINED: &str = "docs/compatibility.md";

/// `cargo xtask compat`: fails over an item that is missing without a reason, and over a reason without an item.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`compat` takes no arguments, found `{argument}`")));
    }
    if !workspace.answers("semver-checks --version") {
        return Err(Failure::Failed(
            "cargo-semver-checks is not installed: `cargo install cargo-semver-checks --locked`".to_owned(),
        ));
    }
    let report = workspace.output(&format!(
        "semver-checks -p duroxide --release-type minor --baseline-version {PUBLISHED} --color never {FEATURES}"
    ))?;
    compare(&missing(&report)?, &explained(&read(&workspace.root.join(EXPLAINED))?))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::because(format!("cannot read {}", path.display()), error))
}

/// Both ways, so that the page neither hides nor outlives anything.
fn compare(missing: &BTreeSet<String>, explained: &BTreeSet<String>) -> Result<(), Failure> {
    let mut text = String::new();
    for item in missing.difference(explained) {
        text.push_str(&format!("\n  missing, and {EXPLAINED} has no reason for it: {item}"));
    }
    for item in explained.difference(missing) {
        text.push_str(&format!("\n  explained in {EXPLAINED}, and not missing: {item}"));
    }
    if text.is_empty() {
        println!("{} items of {PUBLISHED} are missing, each with its reason in {EXPLAINED}", missing.len());
        return Ok(());
    }
    Err(Failure::Failed(format!("the surface of {PUBLISHED} differs{text}")))
}

/// The items that cargo-semver-checks lists below `Failed in:`.
///
/// Fails when there is no summary: then the comparison itself did not come about.
fn missing(report: &str) -> Result<BTreeSet<String>, Failure> {
    if !report.contains("--- failure") && !report.contains("no semver update required") && !report.trim().is_empty() {
        return Err(Failure::Failed(format!("cargo-semver-checks compared nothing:\n{report}")));
    }
    let items = report.lines().skip_while(|line| !line.starts_with("Failed in:"));
    // Its explanations are indented as deeply, but they are set before the list.
    let mut in_list = false;
    let mut found = BTreeSet::new();
    for line in items {
        match line.strip_prefix("  ") {
            Some(item) if in_list => drop(found.insert(name(item))),
            _ => in_list = line.starts_with("Failed in:"),
        }
    }
    Ok(found)
}

/// What an item is called, without where it was.
fn name(item: &str) -> String {
    let end = [", previously in file", ", in /"].into_iter().filter_map(|place| item.find(place)).min();
    let name = &item[..end.unwrap_or(item.len())];
    name.trim_end_matches(" in the package's Cargo.toml").to_owned()
}

/// The first cell of each row of the page, where it is code.
fn explained(page: &str) -> BTreeSet<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(item, _)| item.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "
--- failure feature_missing: package feature removed or renamed ---

Description:
A feature has been removed.
        ref: https://doc.rust-lang.org
Failed in:
  feature futures in the package's Cargo.toml

--- failure inherent_method_missing: pub method removed or renamed ---

Failed in:
  Runtime::step, previously in file /somewhere/runtime.rs:7
  Runtime::leap now takes 1 parameters instead of 2, in /somewhere/runtime.rs:9
";

    fn set(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn items_are_read_from_the_report_and_from_the_page() {
        assert_eq!(
            missing(REPORT).expect("it is a report"),
            set(&["Runtime::leap now takes 1 parameters instead of 2", "Runtime::step", "feature futures",])
        );
        let page = "| item | reason |\n|---|---|\n| `feature futures` | never meant |\n| `Runtime::step` | no |\n";
        assert_eq!(explained(page), set(&["Runtime::step", "feature futures"]));
    }

    #[test]
    fn a_difference_fails_either_way() {
        assert!(compare(&set(&["a"]), &set(&["a"])).is_ok());
        assert!(compare(&set(&["a", "b"]), &set(&["a"])).is_err());
        assert!(compare(&set(&["a"]), &set(&["a", "b"])).is_err());
    }

    #[test]
    fn an_answer_that_is_no_report_fails() {
        assert!(missing("error: no such package").is_err());
    }
}
