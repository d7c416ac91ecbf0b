//! Whatever destroys something can be tried first, and is confirmed.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

use super::Ended;
use crate::failure::Failure;
use crate::output::text;

/// The options of a command that destroys something.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Careful {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do it without asking; needed where nobody can be asked
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

impl Careful {
    /// Refuses at once what could not be asked about later.
    pub(crate) fn check(self, what: &str) -> Ended {
        let can_ask = || io::stdin().is_terminal() && io::stderr().is_terminal();
        match self.yes || self.dry_run || can_ask() {
            true => Ok(()),
            false => {
                Err(Failure::usage(format!("{what}: say --yes where nobody can be asked, or look with --dry-run")))
            }
        }
    }

    /// Goes on if that is wanted.
    pub(crate) fn confirm(self, what: &str) -> Ended {
        self.check(what)?;
        if self.yes {
            return Ok(());
        }
        eprint!("{}? [y/N] ", text::safe(what));
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::not_so("nothing was done")),
        }
    }
}
