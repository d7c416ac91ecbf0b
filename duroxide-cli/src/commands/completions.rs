//! `completions`: for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Desk, Ended};
use crate::args::Cli;

/// Print completions for a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, desk: &mut Desk) -> Ended {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "duroxide", &mut script);
        Ok(desk.out.raw(&String::from_utf8_lossy(&script))?)
    }
}
