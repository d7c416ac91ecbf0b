//! The rules of the house that no compiler checks.

mod code_map;
mod finding;
mod first_line;
mod floors;
mod sizes;
mod source;
mod test_only;
#[cfg(test)]
mod tests;

use crate::failure::Failure;
use crate::workspace::Workspace;
use finding::Weight;

/// What to do with a code map that is out of date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write it.
    Write,
    /// Only say so, as CI does.
    Check,
}

/// `cargo xtask tidy [--check]`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => check(workspace, Mode::Write),
        ["--check"] => check(workspace, Mode::Check),
        other => Err(Failure::Usage(format!("`tidy` takes `--check` or nothing, found `{}`", other.join(" ")))),
    }
}

/// Applies every rule, prints what it finds, and fails when one of the findings is an error.
pub(crate) fn check(workspace: &Workspace, mode: Mode) -> Result<(), Failure> {
    let (sources, mut findings) = source::load(&workspace.root)?;
    for source in &sources {
        findings.extend(floors::check(source));
        findings.extend(first_line::check(source));
        findings.extend(sizes::check(source));
    }
    findings.extend(code_map::update(&workspace.root, &sources, mode)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.iter().filter(|finding| finding.weight == Weight::Error).count() {
        0 => {
            println!("tidy: {} files in order", sources.len());
            Ok(())
        }
        errors => Err(Failure::Failed(format!("tidy has {errors} findings"))),
    }
}
