//! `cargo xtask power`: cuts the power of a disk, in a model of it, and looks at what is left.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// States of the step `power`: a quarter of a minute.
const STATES_IN_CI: &str = "400";

/// Passes the arguments on: `--states N`, `--seed S`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    workspace.program("duroxide-power", &arguments.join(" "))
}

/// The step `power`.
pub(crate) fn step(workspace: &Workspace) -> Result<(), Failure> {
    run(workspace, &["--states", STATES_IN_CI].map(str::to_owned))
}
