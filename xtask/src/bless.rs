//! Accepts what the ui tests and the snapshots produce now.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// A test library that keeps expected output in files, and how it is told to rewrite them.
struct Keeper {
    library: &'static str,
    variables: &'static [(&'static str, &'static str)],
}

const KEEPERS: &[Keeper] = &[
    Keeper { library: "trybuild", variables: &[("TRYBUILD", "overwrite")] },
    // `always` writes the file, and the test still fails unless it is also forced to pass.
    Keeper { library: "insta", variables: &[("INSTA_UPDATE", "always"), ("INSTA_FORCE_PASS", "1")] },
];

/// `cargo xtask bless`: runs the tests of every package that depends on a keeper, letting it overwrite its files.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`bless` takes no arguments, found `{argument}`")));
    }
    for keeper in KEEPERS {
        bless(workspace, keeper)?;
    }
    println!("blessed; read `git diff` as if you were the user before you commit it");
    Ok(())
}

fn bless(workspace: &Workspace, keeper: &Keeper) -> Result<(), Failure> {
    let depends = |names: &[String]| names.iter().any(|name| name == keeper.library);
    let packages = workspace.packages.iter().filter(|package| depends(&package.dependencies));
    let selected: String = packages.map(|package| format!(" --package {}", package.name)).collect();
    if selected.is_empty() {
        println!("no package depends on {}: nothing to bless there", keeper.library);
        return Ok(());
    }
    workspace.cargo_with(keeper.variables, &format!("test --all-features --no-fail-fast{selected}"))
}
