//! `cargo xtask sim`: whole runs from a seed, with everything that can go wrong; and bugs planted to be found.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Runs of the step `sim`: about a minute of one core.
const SEEDS_IN_CI: &str = "1000";
/// Runs that each planted bug gets at most in the step `mutants`; most are found by the first few.
const SEEDS_PER_MUTANT: &str = "400";

/// Passes the arguments on: a seed, `--seeds N`, `--from SEED`, `--mutants`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    workspace.program("duroxide-sim", &arguments.join(" "))
}

/// The step `sim`.
pub(crate) fn step(workspace: &Workspace) -> Result<(), Failure> {
    run(workspace, &["--seeds", SEEDS_IN_CI].map(str::to_owned))
}

/// The step `mutants`.
pub(crate) fn mutants(workspace: &Workspace) -> Result<(), Failure> {
    run(workspace, &["--mutants", "--seeds", SEEDS_PER_MUTANT].map(str::to_owned))
}
