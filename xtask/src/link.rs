//! Registration at link time, as linkers that throw more and more away leave it.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// How programs are built, from what keeps most to what keeps least. The first is part of `cargo xtask test` as well.
const PROFILES: &[&str] = &["dev", "release", "fat"];

/// `cargo xtask link`: builds and runs the programs of `examples/shop/linking` in every profile.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`link` takes no arguments, found `{argument}`")));
    }
    PROFILES.iter().try_for_each(|profile| {
        println!("\n── profile {profile}");
        workspace.cargo(&format!("test -p shop-linking --profile {profile}"))
    })
}
