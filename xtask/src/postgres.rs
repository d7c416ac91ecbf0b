//! PostgreSQL's server programs, which the tests start a private server with.

use std::path::{Path, PathBuf};

use crate::debian::Needed;
use crate::failure::Failure;
use crate::workspace::Workspace;

const SERVER: Needed =
    Needed { what: "PostgreSQL's server programs are", packages: &["postgresql"], is_installed: || found().is_some() };

/// Installs the server programs when they are missing and this may; says what to do otherwise.
pub(crate) fn ensure(_workspace: &Workspace) -> Result<(), Failure> {
    SERVER.ensure()
}

/// Where the server programs are.
pub(crate) fn bin() -> Result<PathBuf, Failure> {
    found().ok_or_else(|| SERVER.missing())
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
