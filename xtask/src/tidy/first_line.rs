//! The first line of a file says why the file exists.

use super::finding::{Finding, Weight};
use super::source::{Role, Source};

/// A purpose that needs more room has an "and" too many. The same width as `rustfmt.toml`.
const CHARS_MAX: usize = 120;

/// At most one finding: what the first line lacks.
pub(super) fn check(source: &Source) -> Option<Finding> {
    let owes_a_purpose = match source.role {
        Role::Product | Role::Test => true,
        // An example begins with what its reader needs, a fixture with the mistake it makes.
        Role::Example | Role::Fixture => false,
    };
    let (what, instead) = problem(source.first_line()).filter(|_| owes_a_purpose)?;
    Some(Finding { file: source.path.clone(), line: 1, weight: Weight::Error, what, instead: instead.to_owned() })
}

fn problem(line: &str) -> Option<(String, &'static str)> {
    let chars = line.chars().count();
    if !line.starts_with("//! ") {
        Some(("the file does not say why it exists".to_owned(), "begin it with `//! its purpose, as one sentence.`"))
    } else if !line.ends_with(['.', ':']) {
        Some(("the first line is not a whole sentence".to_owned(), "fit the purpose on it, and end with `.` or `:`"))
    } else if chars > CHARS_MAX {
        Some((
            format!("the first line has {chars} characters of {CHARS_MAX}"),
            "shorten it, or make two files of this one",
        ))
    } else {
        None
    }
}
