//! Programs that tests need and Debian brings: installed when they are missing and this may, named otherwise.

use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Programs and the packages that bring them.
pub(crate) struct Needed {
    /// What people call them.
    pub(crate) what: &'static str,
    pub(crate) packages: &'static [&'static str],
    pub(crate) is_installed: fn() -> bool,
}

impl Needed {
    /// Installs them when they are missing and this may; says what to do otherwise.
    pub(crate) fn ensure(&self) -> Result<(), Failure> {
        if (self.is_installed)() {
            return Ok(());
        }
        if is_root() {
            self.install()?;
            if (self.is_installed)() {
                return Ok(());
            }
        }
        Err(self.missing())
    }

    /// The failure that names the one command.
    pub(crate) fn missing(&self) -> Failure {
        Failure::Failed(format!("{} missing: run `sudo {}`", self.what, self.command().join(" ")))
    }

    fn command(&self) -> Vec<&str> {
        [&["apt-get", "install", "--yes", "--no-install-recommends"], self.packages].concat()
    }

    fn install(&self) -> Result<(), Failure> {
        let command = self.command();
        let shown = command.join(" ");
        println!("$ {shown}");
        // Whether it worked is told by what is there afterwards.
        Command::new(command[0])
            .args(&command[1..])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .status()
            .map_err(|error| Failure::because(format!("cannot run `{shown}`"), error))?;
        Ok(())
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
