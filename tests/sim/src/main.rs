//! Seeds on the command line: `cargo xtask sim [SEED | --seeds N [--from S] | --mutants [--seeds N]]`.

mod code;
mod customer;
mod faults;
mod flaws;
mod histories;
mod judgement;
mod leases;
mod model;
mod process;
mod program;
mod random;
mod store;
#[cfg(test)]
mod tests;
mod truth;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use faults::Fault;
use world::{Report, Sabotage};

/// What is asked for.
enum Task {
    One(u64),
    Many { from: u64, seeds: u64 },
    Mutants { from: u64, seeds: u64 },
}

fn main() -> ExitCode {
    quiet();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match read(&arguments) {
        Ok(Task::One(seed)) => one(seed),
        Ok(Task::Many { from, seeds }) => many(from, seeds),
        Ok(Task::Mutants { from, seeds }) => mutants(from, seeds),
        Err(mistake) => {
            eprintln!("{mistake}\nusage: sim [SEED | --seeds N [--from SEED] | --mutants [--seeds N] [--from SEED]]");
            ExitCode::from(2)
        }
    }
}

/// Planned panics are told by the runs that planned them, and logs are of no use among thousands of runs.
fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
        if text != "planned" && !text.starts_with(r#"{"said""#) {
            usual(panic);
        }
    }));
    // Whoever sets one first keeps it; the runtimes under test try later.
    let _ = tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new());
}

fn read(arguments: &[String]) -> Result<Task, String> {
    let mut words = arguments.iter();
    let (mut seed, mut seeds, mut from, mut is_mutants) = (None, None, 0, false);
    let number = |word: Option<&String>| {
        let word = word.ok_or("a number is missing")?;
        word.parse::<u64>().map_err(|_| format!("`{word}` is no number"))
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => seeds = Some(number(words.next())?),
            "--from" => from = number(words.next())?,
            "--mutants" => is_mutants = true,
            _ => seed = Some(number(Some(word))?),
        }
    }
    match (seed, is_mutants) {
        (Some(seed), false) => Ok(Task::One(seed)),
        (None, false) => Ok(Task::Many { from, seeds: seeds.unwrap_or(1_000) }),
        (None, true) => Ok(Task::Mutants { from, seeds: seeds.unwrap_or(400) }),
        (Some(_), true) => Err("one seed says little of a planted bug".to_owned()),
    }
}

/// Everything that happens in one run.
fn one(seed: u64) -> ExitCode {
    let Report { violation, calls, instances, hash, lines, .. } = world::run(seed, None, true);
    lines.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: {calls} calls, {instances} instances, trace {hash:016x}");
    match violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            println!("seed {seed}: {violation}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the simulation itself takes is real time")]
fn now() -> Instant {
    Instant::now()
}

fn many(from: u64, seeds: u64) -> ExitCode {
    let began = now();
    let mut counts: BTreeMap<Fault, u64> = Fault::ALL.into_iter().map(|fault| (fault, 0)).collect();
    let (mut failed, mut calls, mut instances) = (Vec::new(), 0, 0);
    for seed in from..from + seeds {
        let report = world::run(seed, None, false);
        for (fault, count) in report.counts {
            *counts.entry(fault).or_default() += count;
        }
        calls += report.calls;
        instances += report.instances;
        if let Some(violation) = report.violation {
            println!("seed {seed}: {violation}");
            failed.push(seed);
        }
    }
    let faults: u64 = counts.values().sum();
    let took: Duration = now() - began;
    counts.iter().for_each(|(fault, count)| println!("{count:>9} {fault:?}"));
    println!("{seeds} seeds, {instances} instances, {calls} calls, {faults} faults, {:.1} s", took.as_secs_f64());
    let silent: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).map(|(fault, _)| fault).collect();
    if !silent.is_empty() && seeds >= 100 {
        println!("never happened: {silent:?}");
        return ExitCode::FAILURE;
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("{} of {seeds} seeds failed: {failed:?}; `cargo xtask sim SEED` shows one", failed.len());
    ExitCode::FAILURE
}

/// Each planted bug must be found by one of the seeds.
fn mutants(from: u64, seeds: u64) -> ExitCode {
    let mut missed = Vec::new();
    let all = Sabotage::all();
    for sabotage in &all {
        let found = (from..from + seeds).find_map(|seed| {
            let violation = world::run(seed, Some(*sabotage), false).violation?;
            Some((seed, violation))
        });
        match found {
            Some((seed, violation)) => {
                let short: String = violation.chars().take(150).collect();
                println!("found   {} ({}) by seed {seed}: {short}", sabotage.name(), sabotage.what());
            }
            None => {
                println!("MISSED  {} ({}) by {seeds} seeds", sabotage.name(), sabotage.what());
                missed.push(sabotage.name());
            }
        }
    }
    println!("{} of {} planted bugs found", all.len() - missed.len(), all.len());
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
