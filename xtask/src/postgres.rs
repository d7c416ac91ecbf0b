//! PostgreSQL's server programs, which the tests start a private server with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace::Workspace;

/// What brings them on Debian and its relatives.
const INSTALL: &[&str] = &["apt-get", "install", "--yes", "--no-install-recommends", "postgresql"];

/// Installs the server programs when they are missing and this may; says what to do otherwise.
pub(crate) fn ensure(_workspace: &Workspace) -> Result<(), Failure> {
    if is_installed() {
        return Ok(());
    }
    let shown = INSTALL.join(" ");
    if is_root() {
        println!("$ {shown}");
        let installed = Command::new(INSTALL[0])
            .args(&INSTALL[1..])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .status()
            .map_err(|error| Failure::because(format!("cannot run `{shown}`"), error))?;
        if installed.success() && is_installed() {
            return Ok(());
        }
    }
    Err(Failure::Failed(format!("PostgreSQL's server programs are missing; `sudo {shown}` brings them")))
}

/// Where the server programs are.
pub(crate) fn bin() -> Result<PathBuf, Failure> {
    let missing = || {
        Failure::Failed(format!("PostgreSQL's server programs are missing; `sudo {}` brings them", INSTALL.join(" ")))
    };
    found().ok_or_else(missing)
}

fn is_installed() -> bool {
    found().is_some()
}

/// Where the tests look: under Debian's roof, then in the path.
fn found() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions.map(|version| version.path().join("bin")).chain(std::env::split_paths(&path)).find(|bin| has_server(bin))
}

fn has_server(bin: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).exists())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
