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
use std::sync::Mutex;
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

/// What all seeds came to.
#[derive(Default)]
struct Sum {
    counts: BTreeMap<Fault, u64>,
    calls: u64,
    instances: usize,
    failed: BTreeMap<u64, String>,
}

impl Sum {
    fn add(&mut self, seed: u64, report: Report) {
        for (fault, count) in report.counts {
            *self.counts.entry(fault).or_default() += count;
        }
        self.calls += report.calls;
        self.instances += report.instances;
        self.failed.extend(report.violation.map(|violation| (seed, violation)));
    }
}

/// Does something for each item, on every core. A run lives on one thread, with a clock and luck of its own.
fn everywhere<T: Send>(items: impl Iterator<Item = T> + Send, act: impl Fn(T) + Sync) {
    let items = Mutex::new(items);
    let next = || items.lock().ok()?.next();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(item) = next() {
                    act(item);
                }
            });
        }
    });
}

fn many(from: u64, seeds: u64) -> ExitCode {
    let began = now();
    let sum = Mutex::new(Sum::default());
    everywhere(from..from + seeds, |seed| {
        let report = world::run(seed, None, false);
        sum.lock().expect("adding does not panic").add(seed, report);
    });
    let took: Duration = now() - began;
    let Sum { counts, calls, instances, failed } = sum.into_inner().expect("adding does not panic");
    let count_of = |fault: &Fault| counts.get(fault).copied().unwrap_or(0);
    let faults: u64 = counts.values().sum();
    Fault::ALL.iter().for_each(|fault| println!("{:>9} {fault:?}", count_of(fault)));
    println!("{seeds} seeds, {instances} instances, {calls} calls, {faults} faults, {:.1} s", took.as_secs_f64());
    let silent: Vec<_> = Fault::ALL.iter().filter(|fault| count_of(fault) == 0).collect();
    if !silent.is_empty() && seeds >= 100 {
        println!("never happened: {silent:?}");
        return ExitCode::FAILURE;
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    failed.iter().for_each(|(seed, violation)| println!("seed {seed}: {violation}"));
    println!("{} of {seeds} seeds failed; `cargo xtask sim SEED` shows one", failed.len());
    ExitCode::FAILURE
}

/// Each planted bug must be found by one of the seeds.
fn mutants(from: u64, seeds: u64) -> ExitCode {
    let all = Sabotage::all();
    let missed = Mutex::new(0);
    everywhere(all.iter(), |sabotage| {
        let found = (from..from + seeds).find_map(|seed| {
            let violation = world::run(seed, Some(*sabotage), false).violation?;
            // A seed that fails by itself has found another bug than this one.
            world::run(seed, None, false).violation.is_none().then_some((seed, violation))
        });
        let (name, what) = (sabotage.name(), sabotage.what());
        match found {
            Some((seed, violation)) => {
                let short: String = violation.chars().take(150).collect();
                println!("found   {name} ({what}) by seed {seed}: {short}");
            }
            None => {
                println!("MISSED  {name} ({what}) by {seeds} seeds");
                *missed.lock().expect("counting does not panic") += 1;
            }
        }
    });
    let missed = missed.into_inner().expect("counting does not panic");
    println!("{} of {} planted bugs found", all.len() - missed, all.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
