//! `cargo xtask mutate`: cargo-mutants on the pure core.
//!
//! The core is copied into a crate of its own, so that a mutant builds in seconds and not in minutes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace::Workspace;

/// What the core consists of, and the two small modules that it is stamped by.
const MODULES: &[&str] =
    &["model", "ledger", "context", "replay", "registry", "codec", "lease", "mutants", "clock", "seams"];
/// What is mutated when no file is named.
const FILES: &[&str] = &["lease/policy.rs", "replay/*.rs"];
/// A mutant that runs into an endless loop is found by that.
const TIMEOUT_S: &str = "30";

/// `cargo xtask mutate [FILE ...]`: files below `duroxide/src`, `replay/*.rs` and `lease/policy.rs` when none is named.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(option) = arguments.iter().find(|argument| argument.starts_with('-')) {
        return Err(Failure::Usage(format!("`mutate` takes files below duroxide/src, found `{option}`")));
    }
    let version =
        Command::new("cargo").args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return Err(Failure::Failed(
            "`cargo-mutants` is missing; `cargo install --locked cargo-mutants` brings it".into(),
        ));
    }
    let folder = workspace.root.join("target/core");
    write(workspace, &folder).map_err(|error| Failure::because("cannot write the core below target/", error))?;
    let named: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let files = if named.is_empty() { FILES.to_vec() } else { named };
    let mut command = Command::new("cargo");
    // In place, since it is a copy already: another one would build everything again.
    command.args(["mutants", "--in-place", "--baseline", "run", "--timeout", TIMEOUT_S, "--output"]);
    command.arg(workspace.root.join("target")).current_dir(&folder);
    for file in files {
        command.arg("--file").arg(format!("src/{file}"));
    }
    command.args(["--", "--lib"]);
    let status = command.status().map_err(|error| Failure::because("cannot run `cargo mutants`", error))?;
    // 2: some were missed, and are listed.
    match status.code() {
        Some(0 | 2) => Ok(()),
        _ => Err(Failure::Failed(format!("`cargo mutants` ended with {status}"))),
    }
}

/// The core as a crate: its modules, and the versions of the workspace.
fn write(workspace: &Workspace, folder: &Path) -> std::io::Result<()> {
    let (from, to) = (workspace.root.join("duroxide/src"), folder.join("src"));
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    for module in MODULES {
        let file = from.join(module).with_extension("rs");
        if file.exists() {
            fs::create_dir_all(&to)?;
            fs::copy(&file, to.join(module).with_extension("rs"))?;
        } else {
            copy(&from.join(module), &to.join(module))?;
        }
    }
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    fs::copy(from.join("insight/quoted.rs"), to.join("quoted.rs"))?;
    fs::write(to.join("lib.rs"), library())?;
    fs::write(folder.join("Cargo.toml"), MANIFEST)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?
        } else {
            fs::copy(entry.path(), target).map(|_| ())?
        }
    }
    Ok(())
}

fn library() -> String {
    let modules: String = MODULES.iter().map(|module| format!("mod {module};\n")).collect();
    // A test of the core asks how its errors are shown to whoever may not see inputs.
    let insight = "mod quoted;\nmod insight {\n    pub(crate) use crate::quoted::without_inputs;\n}\n";
    format!("//! The pure core, to be mutated.\n#![allow(warnings)]\n{modules}{insight}")
}

/// Without the features: what is for macros and for planted bugs is not part of it.
const MANIFEST: &str = r#"[package]
name = "core-to-be-mutated"
version = "0.2.0"
edition = "2024"

[workspace]

[features]
macros = []
test-hooks = []
provider-test = []

[dependencies]
async-trait = "0.1"
semver = "1"
serde = { version = "1", features = ["derive"] }
serde_json = "1"
serde_path_to_error = "0.1"
thiserror = "2"
tracing = "0.1"
uuid = { version = "1", features = ["v4"] }
humantime = "2"

[dev-dependencies]
proptest = "1"
tracing-subscriber = { version = "0.3", default-features = false, features = ["ansi", "fmt", "std"] }
tokio = { version = "1", features = ["full", "test-util"] }

[profile.dev]
debug = false
incremental = true
"#;
