//! `cargo xtask bench`: our crate and the published one under the same workloads, in turn, on the same disk.

mod cases;
mod machine;
mod programs;
mod report;
mod server;
#[cfg(test)]
mod tests;
mod typed;

use std::fs;
use std::path::PathBuf;

use crate::failure::Failure;
use crate::workspace::Workspace;
use cases::{CASES, Case, Often, POSTGRES, Store};
use programs::{Programs, Setting, Subject};
use report::Series;
use server::Server;

/// What a commit of ours has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    Full,
    Normal,
}

impl Sync {
    fn word(self) -> &'static str {
        match self {
            Sync::Full => "full",
            Sync::Normal => "normal",
        }
    }
}

/// The command line.
#[derive(Debug, PartialEq)]
struct Wish {
    /// Names of workloads; all when empty.
    workloads: Vec<String>,
    sync: Sync,
    json: Option<PathBuf>,
    rounds: usize,
    /// Leave the published crate out.
    only_ours: bool,
    /// Run the cases that take long, too.
    long: bool,
}

/// Rounds when none are asked for: three have a median.
const ROUNDS: usize = 3;

/// The name that stands for the cases on PostgreSQL.
const ON_POSTGRES: &str = "postgres";

/// `cargo xtask bench [w1 .. | postgres] [--sync full|normal] [--json FILE] [--rounds N] [--ours] [--long]`, or `bench typed`
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(("typed", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return typed::run(workspace, rest);
    }
    let wish = Wish::parse(arguments)?;
    let cases: Vec<&Case> = CASES.iter().chain(POSTGRES).filter(|case| wish.wants(case)).collect();
    let published_runs = cases.iter().any(|case| case.published.is_some()) && !wish.only_ours;
    let programs = Programs::build(workspace, !published_runs)?;
    let on_postgres = cases.iter().any(|case| case.store == Store::Postgres);
    let server = on_postgres.then(|| Server::start(programs.folder())).transpose()?;
    let before = machine::describe();
    let mut series: Vec<Series> = cases.iter().map(|case| Series::new(case)).collect();
    let measured = measure(&programs, server.as_ref(), &wish, &mut series);
    // What was measured before something failed took minutes, and is shown all the same.
    print!("{}", report::table(&series, &before, wish.sync.word()));
    if let Some(path) = &wish.json {
        fs::write(path, report::json_lines(&series, wish.sync.word()))
            .map_err(|error| Failure::because(format!("cannot write `{}`", path.display()), error))?;
    }
    measured
}

/// All rounds. Ours must not fail; what the other one does not finish is told in the table.
fn measure(
    programs: &Programs,
    server: Option<&Server>,
    wish: &Wish,
    series: &mut [Series<'_>],
) -> Result<(), Failure> {
    for round in 0..wish.rounds {
        for series in &mut *series {
            let case = series.case();
            eprintln!("round {} of {}: {}", round + 1, wish.rounds, case.name);
            for (subject, setting) in turns(case, round, wish) {
                let server = server.filter(|_| case.store == Store::Postgres);
                let inserts = server.map(Server::inserts).transpose()?;
                let url = server.map(Server::url);
                let mut trial = match programs.trial(case, subject, setting, wish.sync, url.as_deref()) {
                    Err(Failure::Failed(why)) if subject == Subject::Published => {
                        eprintln!("{why}");
                        series.unfinished(setting);
                        continue;
                    }
                    ended => ended?,
                };
                if let Some(inserts) = inserts {
                    trial.set("inserts_per_s", inserts.per_s);
                    trial.set("commit_ms", inserts.commit_ms);
                }
                series.add(subject, setting, trial)?;
            }
        }
    }
    Ok(())
}

/// Who runs in this round, in order: the two crates alternate.
fn turns(case: &Case, round: usize, wish: &Wish) -> Vec<(Subject, Setting)> {
    let all = [
        (Subject::Ours, Setting::Best, case.ours.map(|_| Often::Always)),
        (Subject::Published, Setting::Best, case.published.map(|_| case.published_best)),
        (Subject::Ours, Setting::Default, case.ours.map(|_| case.ours_default)),
        (Subject::Published, Setting::Default, case.published.map(|_| case.published_default)),
    ];
    let is_due = |often: Option<Often>| match often {
        Some(Often::Always) => true,
        Some(Often::Once) => round == 0,
        Some(Often::Never) | None => false,
    };
    let due = all.into_iter().filter(|(subject, _, often)| {
        is_due(*often) && (!case.once || round == 0) && (*subject == Subject::Ours || !wish.only_ours)
    });
    due.map(|(subject, setting, _)| (subject, setting)).collect()
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut wish =
            Wish { workloads: Vec::new(), sync: Sync::Full, json: None, rounds: ROUNDS, only_ours: false, long: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = |what: &str| {
                let none = || Failure::Usage(format!("`{argument}` expects {what}"));
                rest.next().cloned().ok_or_else(none)
            };
            match argument.as_str() {
                "--sync" => wish.sync = sync(&value("full or normal")?)?,
                "--json" => wish.json = Some(PathBuf::from(value("a file")?)),
                "--rounds" => wish.rounds = rounds(&value("a number")?)?,
                "--ours" => wish.only_ours = true,
                "--long" => wish.long = true,
                name => wish.workloads.push(workload(name)?),
            }
        }
        Ok(wish)
    }

    fn wants(&self, case: &Case) -> bool {
        let name = match case.store {
            Store::File => case.workload,
            Store::Postgres => ON_POSTGRES,
        };
        let by_itself = self.workloads.is_empty() && case.store == Store::File;
        let is_named = by_itself || self.workloads.iter().any(|wanted| wanted == name);
        is_named && (self.long || !case.long)
    }
}

fn sync(word: &str) -> Result<Sync, Failure> {
    match word {
        "full" => Ok(Sync::Full),
        "normal" => Ok(Sync::Normal),
        other => Err(Failure::Usage(format!("`--sync` expects full or normal, found `{other}`"))),
    }
}

fn rounds(word: &str) -> Result<usize, Failure> {
    let wrong = || Failure::Usage(format!("`--rounds` expects a number from 1, found `{word}`"));
    word.parse().ok().filter(|rounds| *rounds > 0).ok_or_else(wrong)
}

fn workload(name: &str) -> Result<String, Failure> {
    if name == ON_POSTGRES || CASES.iter().any(|case| case.workload == name) {
        return Ok(name.to_owned());
    }
    let mut names: Vec<&str> = CASES.iter().map(|case| case.workload).collect();
    names.dedup();
    names.push(ON_POSTGRES);
    Err(Failure::Usage(format!(
        "`bench` knows the workloads {}, found `{name}`; `bench typed` stands alone",
        names.join(", ")
    )))
}
