//! The clippy net, held against a crate whose lines say what clippy must find in them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::failure::Failure;
use crate::workspace::Workspace;

const CRATE: &str = "duroxide_clippy_net";
const SOURCE: &str = "ui-tests/clippy_net/src/lib.rs";
/// What the step `clippy` says, so that nothing but the crate is looked at again.
const LINTING: &str = "clippy --workspace --all-targets --all-features --message-format json -- -D warnings";
/// Without it the mistakes are not compiled.
const SWITCH: &[(&str, &str)] = &[("DUROXIDE_CLIPPY_NET", "1")];

/// A line, and the code that it is about.
type Finding = (u64, String);

/// Lints the crate and compares. Its deny levels make cargo fail, which is what is wanted here.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let source = fs::read_to_string(workspace.root.join(SOURCE)).map_err(|error| Failure::because(SOURCE, error))?;
    let expected = expected(&source);
    let output = workspace.output_with(SWITCH, LINTING)?;
    let found = found(&output);
    let missed = expected.difference(&found).map(|(line, code)| format!("{SOURCE}:{line}: clippy misses {code}"));
    let unwanted = found.difference(&expected).map(|(line, code)| format!("{SOURCE}:{line}: clippy reports {code}"));
    let wrong: Vec<String> = missed.chain(unwanted).collect();
    if wrong.is_empty() {
        println!("clippy finds what it should in {} lines of {SOURCE}", expected.len());
        return Ok(());
    }
    Err(Failure::Failed(wrong.join("\n")))
}

/// Input: `let now = Clock::now(); // DX0001`
/// Output: its line and `DX0001`.
fn expected(source: &str) -> BTreeSet<Finding> {
    let lines = (1..).zip(source.lines());
    lines
        .filter_map(|(line, text)| Some((line, text.rsplit_once("// DX")?.1)))
        .map(|(line, code)| (line, format!("DX{code}")))
        .collect()
}

/// The findings in what cargo says, one JSON value a line: those of clippy by the code in their reason, and whatever
/// else is an error.
fn found(output: &str) -> BTreeSet<Finding> {
    let values = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_net = |value: &Value| value["target"]["name"] == CRATE && value["reason"] == "compiler-message";
    let messages = values.filter(of_net).map(|value| value["message"].clone());
    messages.filter_map(|message| finding(&message)).collect()
}

fn finding(message: &Value) -> Option<Finding> {
    let line = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?["line_start"].as_u64()?;
    let text = message["rendered"].as_str()?;
    let code = text.find("DX").and_then(|at| text.get(at..at + "DX0001".len())).unwrap_or(text);
    Some((line, code.to_owned()))
}
