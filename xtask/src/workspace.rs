//! What cargo knows about this workspace, and how to call cargo in it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;

/// The workspace that xtask was called in.
pub(crate) struct Workspace {
    /// Absolute path of the folder with the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    target: PathBuf,
    /// The members, in cargo's order.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Names of the features that switch something themselves, sorted: not those that only stand for others, as `default`.
    pub(crate) features: Vec<String>,
    /// Names of the packages it depends on directly, for whatever purpose.
    pub(crate) dependencies: Vec<String>,
}

impl Workspace {
    /// Asks cargo. Fails when the current folder is in no workspace.
    pub(crate) fn load() -> Result<Self, Failure> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::because("cannot run `cargo metadata`", error))?;
        if !output.status.success() {
            return Err(Failure::Failed(format!("`cargo metadata` ended with {}", output.status)));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| Failure::because("cannot read the answer of `cargo metadata`", error))?;
        Ok(Self {
            root: PathBuf::from(text(&metadata["workspace_root"])),
            target: PathBuf::from(text(&metadata["target_directory"])),
            packages: list(&metadata["packages"]).iter().map(Package::read).collect(),
        })
    }

    /// The member of this name.
    pub(crate) fn package(&self, name: &str) -> Result<&Package, Failure> {
        let found = self.packages.iter().find(|package| package.name == name);
        found.ok_or_else(|| Failure::Failed(format!("the workspace has no member `{name}`")))
    }

    /// Runs cargo at the root with the terminal attached; fails when cargo does. No argument of ours has a space in it.
    pub(crate) fn cargo(&self, arguments: &str) -> Result<(), Failure> {
        self.cargo_with(&[], arguments)
    }

    /// The same, with variables added to the environment.
    pub(crate) fn cargo_with(&self, variables: &[(&str, &str)], arguments: &str) -> Result<(), Failure> {
        let line = shown(variables, arguments);
        attached(self.command(arguments).envs(variables.iter().copied()), &line)
    }

    /// Runs a program of ours, built beside the tests: with what they are built with, so that the library is not built once
    /// more for it.
    pub(crate) fn program(&self, name: &str, arguments: &str) -> Result<(), Failure> {
        self.cargo(&format!("build --quiet --workspace --all-features --tests --bin {name}"))?;
        let mut program = Command::new(self.target.join("debug").join(name));
        program.args(arguments.split_whitespace()).current_dir(&self.root);
        attached(&mut program, &format!("{name} {arguments}"))
    }

    /// The same, and prints what cargo wrote when it has ended: for commands that run beside each other.
    pub(crate) fn cargo_aside(&self, variables: &[(&str, &str)], arguments: &str) -> Result<(), Failure> {
        let line = shown(variables, arguments);
        println!("$ {line} &");
        let output = self
            .command(arguments)
            .envs(variables.iter().copied())
            .output()
            .map_err(|error| Failure::because(format!("cannot run `{line}`"), error))?;
        let written = [output.stderr, output.stdout].concat();
        println!("$ {line}\n{}", String::from_utf8_lossy(&written));
        if output.status.success() {
            return Ok(());
        }
        Err(Failure::Failed(format!("`{line}` ended with {}", output.status)))
    }

    /// Whether cargo succeeds; says nothing either way.
    pub(crate) fn answers(&self, arguments: &str) -> bool {
        let status = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// What cargo writes on standard output, whether it succeeds or not; the rest goes to the terminal.
    pub(crate) fn output(&self, arguments: &str) -> Result<String, Failure> {
        self.output_with(&[], arguments)
    }

    /// The same, with variables added to the environment.
    pub(crate) fn output_with(&self, variables: &[(&str, &str)], arguments: &str) -> Result<String, Failure> {
        println!("$ {}", shown(variables, arguments));
        let output = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::because(format!("cannot run `cargo {arguments}`"), error))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = cargo();
        command.args(arguments.split_whitespace()).current_dir(&self.root);
        command
    }
}

impl Package {
    fn read(package: &Value) -> Self {
        let dependencies = list(&package["dependencies"]);
        Self {
            name: text(&package["name"]),
            features: own_features(&package["features"]),
            dependencies: dependencies.iter().map(|dependency| text(&dependency["name"])).collect(),
        }
    }
}

/// Of features, each with what it switches on, those that switch on more than other features of the package.
///
/// Input: `{"default": ["a"], "a": ["dep:a"], "b": []}`
/// Output: `["a", "b"]`
pub(crate) fn own_features(features: &Value) -> Vec<String> {
    let Some(features) = features.as_object() else {
        return Vec::new();
    };
    let only_others =
        |on: &[Value]| !on.is_empty() && on.iter().all(|one| features.contains_key(one.as_str().unwrap_or_default()));
    let own = features.iter().filter(|(_, on)| !only_others(list(on)));
    own.map(|(name, _)| name.clone()).collect()
}

/// Runs it with the terminal attached, and fails when it does.
fn attached(command: &mut Command, line: &str) -> Result<(), Failure> {
    println!("$ {line}");
    let status = command.status().map_err(|error| Failure::because(format!("cannot run `{line}`"), error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Failed(format!("`{line}` ended with {status}")))
}

/// A command as it could be typed.
fn shown(variables: &[(&str, &str)], arguments: &str) -> String {
    let variables = variables.iter().map(|(key, value)| format!("{key}={value:?} "));
    format!("{}cargo {arguments}", variables.collect::<String>())
}

/// The cargo that runs us, so that the toolchain stays the same.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
