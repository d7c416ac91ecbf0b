//! Builds the two programs and runs one trial at a time, each in a fresh process on a fresh folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Sync;
use super::cases::Case;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// How our program is told of a PostgreSQL server.
const POSTGRES: &str = "DUROXIDE_BENCH_POSTGRES";

/// Whose program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Ours,
    Published,
}

/// With which options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Best,
    Default,
}

impl Setting {
    fn word(self) -> &'static str {
        match self {
            Setting::Best => "best",
            Setting::Default => "default",
        }
    }
}

/// What a trial found.
#[derive(Debug, Clone)]
pub(super) struct Trial(pub(super) Value);

impl Trial {
    pub(super) fn figure(&self, key: &str) -> Option<f64> {
        self.0[key].as_f64()
    }

    /// Adds what was measured beside it.
    pub(super) fn set(&mut self, key: &str, value: f64) {
        self.0[key] = value.into();
    }

    pub(super) fn word(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
}

pub(super) struct Programs {
    ours: PathBuf,
    published: PathBuf,
    /// Databases are made here: on the disk of the workspace, and not in memory as `/tmp` may be.
    folder: PathBuf,
}

impl Programs {
    pub(super) fn build(workspace: &Workspace, only_ours: bool) -> Result<Self, Failure> {
        let target = workspace.root.join("target");
        let folder = target.join("bench");
        let tried = || format!("cannot make the folder `{}`", folder.display());
        fs::create_dir_all(&folder).map_err(|error| Failure::because(tried(), error))?;
        workspace.cargo("build --release --package bench-ours --target-dir target")?;
        if !only_ours {
            // Another workspace with another lock file: the two link different SQLite libraries.
            workspace.cargo(
                "build --release --locked --manifest-path benches/published/Cargo.toml --target-dir target/published",
            )?;
        }
        Ok(Programs {
            ours: target.join("release/bench-ours"),
            published: target.join("published/release/bench-published"),
            folder,
        })
    }

    /// Where everything is that a run makes.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs one trial, on a PostgreSQL server if there is a URL. Its logs are kept when it fails.
    pub(super) fn trial(
        &self,
        case: &Case,
        subject: Subject,
        setting: Setting,
        sync: Sync,
        postgres: Option<&str>,
    ) -> Result<Trial, Failure> {
        let (program, sizes) = match subject {
            Subject::Ours => (&self.ours, case.ours),
            Subject::Published => (&self.published, case.published),
        };
        let folder = self.folder.join("trial");
        let (out, log) = (self.folder.join("figures.json"), self.folder.join("trial.log"));
        empty(&folder)?;
        let log_file = File::create(&log).map_err(|error| Failure::because("cannot write a log", error))?;
        let logs = log_file.try_clone().map_err(|error| Failure::because("cannot write a log", error))?;
        let status = Command::new(program)
            .envs(postgres.map(|url| (POSTGRES, url)))
            .arg(case.workload)
            .args(sizes.unwrap_or_default().split_whitespace())
            .arg(format!("options={}", setting.word()))
            .arg(format!("sync={}", sync.word()))
            .arg(format!("folder={}", folder.display()))
            .arg(format!("out={}", out.display()))
            .stdout(logs)
            .stderr(log_file)
            .status()
            .map_err(|error| Failure::because(format!("cannot run `{}`", program.display()), error))?;
        if !status.success() {
            let tail = last_lines(&log);
            let what = format!("{} ({subject:?}, {setting:?}) ended with {status}", case.name);
            return Err(Failure::Failed(format!("{what}\n{tail}\nall of it is in {}", log.display())));
        }
        empty(&folder)?;
        let text = fs::read_to_string(&out).map_err(|error| Failure::because("cannot read the figures", error))?;
        let value = serde_json::from_str(&text).map_err(|error| Failure::because("the figures are no JSON", error))?;
        Ok(Trial(value))
    }
}

/// A folder with nothing in it.
fn empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| Failure::because("cannot empty the trial's folder", error))?;
    }
    fs::create_dir_all(folder).map_err(|error| Failure::because("cannot make the trial's folder", error))
}

fn last_lines(log: &Path) -> String {
    const LINES: usize = 8;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
