//! `cargo xtask prove`: the long lane. Everything that proves by numbers, each with as many as one has time for.

use std::time::Duration;

use crate::failure::Failure;
use crate::test::{seconds, timed};
use crate::workspace::Workspace;

/// One way to prove something: what is counted, and the command for so many.
struct Lane {
    name: &'static str,
    /// What is counted, in the plural.
    unit: &'static str,
    what: &'static str,
    /// So many when nobody says otherwise; what CI shall have at least, by the programme of docs/reliability.md.
    count: u64,
    run: fn(&Workspace, u64) -> Result<(), Failure>,
}

/// Every lane, the ones that find most first.
const LANES: &[Lane] = &[
    Lane {
        name: "sim",
        unit: "seeds",
        what: "simulated runs of the whole runtime, with everything that can go wrong",
        count: 5_000,
        run: |workspace, count| sim(workspace, &format!("--seeds {count}")),
    },
    Lane {
        name: "planted",
        unit: "seeds for each planted bug",
        what: "bugs that are planted are found by simulated runs",
        count: 400,
        run: |workspace, count| sim(workspace, &format!("--mutants --seeds {count}")),
    },
    Lane {
        name: "kill",
        unit: "kills",
        what: "`kill -9` of processes on one file, with orders in flight",
        count: 200,
        run: |workspace, count| {
            counted(workspace, "DUROXIDE_KILLS", count, "-p duroxide-examples --test kill every_order -- --nocapture")
        },
    },
    Lane {
        name: "stop",
        unit: "stops",
        what: "`SIGSTOP` past the leases, with orders in flight and a second process on the file",
        count: 20,
        run: |workspace, count| {
            counted(workspace, "DUROXIDE_STOPS", count, "-p duroxide-examples --test kill sigstop -- --nocapture")
        },
    },
    Lane {
        name: "power",
        unit: "states",
        what: "states of the disk that a power cut could leave, each opened again",
        count: 2_000,
        run: |workspace, count| {
            workspace.cargo(&format!("run --release --quiet --package duroxide-power -- --states {count}"))
        },
    },
    Lane {
        name: "crash",
        unit: "seconds of a foreign lock",
        what: "full and read-only file systems, files that may not grow, flipped bits, a write lock that others hold",
        count: 65,
        run: |workspace, count| {
            counted(workspace, "DUROXIDE_CRASH_LOCK_SECONDS", count, "-p duroxide-tests --test crash -- --nocapture")
        },
    },
    Lane {
        name: "soak",
        unit: "seconds",
        what: "work without end, what has ended deleted: memory, log, file and descriptors stay within bounds",
        count: 300,
        run: |workspace, count| {
            let one = "-p duroxide-tests --test crash soak -- --nocapture";
            counted(workspace, "DUROXIDE_SOAK_SECONDS", count, one)
        },
    },
    Lane {
        name: "postgres",
        unit: "orchestrations",
        what: "PostgreSQL with workers killed, stopped and parted from it, backends terminated and restarts",
        count: 5_000,
        run: |workspace, count| {
            counted(workspace, "DUROXIDE_CHAOS", count, "-p duroxide-tests --test it postgres::chaos -- --nocapture")
        },
    },
    Lane {
        name: "fuzz",
        unit: "inputs",
        what: "rows, messages, names and attributes that may be anything",
        count: 3_000_000,
        run: fuzz,
    },
];

/// Targets of `duroxide/tests/fuzz.rs` and of `duroxide-macros/src/tests/soup.rs`.
const ROW_TARGETS: u64 = 4;
const TOKEN_TARGETS: u64 = 5;
/// An expansion takes so many times as long as reading a row, so that so much fewer are tried.
const TOKENS_ARE_SLOWER: u64 = 4;

/// `cargo xtask prove [LANE=COUNT ...]`: all lanes at their counts, or the named ones at theirs.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| matches!(argument.as_str(), "help" | "--help" | "-h")) {
        println!("{}", help());
        return Ok(());
    }
    let plan = plan(arguments)?;
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for (lane, count) in plan {
        println!("\n── {}: {count} {} · {}", lane.name, lane.unit, lane.what);
        let (result, took) = timed(|| (lane.run)(workspace, count));
        rows.push(row(lane, count, result.is_ok(), took));
        // The others still prove something, and take long to get to.
        if let Err(Failure::Failed(why) | Failure::Usage(why)) = result {
            failures.push(format!("lane `{}` failed: {why}", lane.name));
        }
    }
    println!("\n| lane | | | took |\n|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    if failures.is_empty() { Ok(()) } else { Err(Failure::Failed(failures.join("\n"))) }
}

/// What is to run, in the order of the table.
fn plan(arguments: &[String]) -> Result<Vec<(&'static Lane, u64)>, Failure> {
    let mut wanted: Vec<(&str, Option<u64>)> = Vec::new();
    for argument in arguments {
        let (name, count) =
            argument.split_once('=').map_or((argument.as_str(), None), |(name, count)| (name, Some(count)));
        if LANES.iter().all(|lane| lane.name != name) {
            return Err(Failure::Usage(format!("`prove` has no lane `{name}`\n{}", help())));
        }
        let read = |count: &str| match count.replace('_', "").parse::<u64>() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(Failure::Usage(format!("`{name}=` expects a number from 1, found `{count}`"))),
        };
        wanted.push((name, count.map(read).transpose()?));
    }
    let count_of = |lane: &'static Lane| match wanted.iter().rev().find(|(name, _)| *name == lane.name) {
        Some((_, count)) => Some((lane, count.unwrap_or(lane.count))),
        None => wanted.is_empty().then_some((lane, lane.count)),
    };
    Ok(LANES.iter().filter_map(count_of).collect())
}

fn row(lane: &Lane, count: u64, passed: bool, took: Duration) -> String {
    format!(
        "| {} | {count} {} | {} | {} |",
        lane.name,
        lane.unit,
        if passed { "passed" } else { "FAILED" },
        seconds(took)
    )
}

/// The lanes with their counts.
fn help() -> String {
    let mut text = String::from(
        "usage: cargo xtask prove [LANE | LANE=COUNT ...]\n\nAll lanes, or those that are named; a count may have underscores: `sim=150_000`.\n\n",
    );
    for lane in LANES {
        let count = format!("{}={}", lane.name, lane.count);
        text.push_str(&format!("  {count:<16} {}: {}\n", lane.unit, lane.what));
    }
    text
}

/// Release: a run is the same, and there are many.
fn sim(workspace: &Workspace, arguments: &str) -> Result<(), Failure> {
    workspace.cargo(&format!("run --release --quiet --package duroxide-sim -- {arguments}"))
}

/// Tests that read from the environment how much they are to do.
fn counted(workspace: &Workspace, variable: &str, count: u64, which: &str) -> Result<(), Failure> {
    workspace.cargo_with(&[(variable, &count.to_string())], &format!("test --all-features {which}"))
}

fn fuzz(workspace: &Workspace, count: u64) -> Result<(), Failure> {
    let [rows, tokens] = shares(count);
    let rows = rows.to_string();
    let tokens = tokens.to_string();
    let of = |count: &str, which: &str| workspace.cargo_with(&[("BOLERO_RANDOM_ITERATIONS", count)], which);
    of(&rows, "test --release -p duroxide --all-features --test fuzz")?;
    of(&tokens, "test --release -p duroxide-macros soup")
}

/// Inputs for each target of rows and for each of tokens, so that all together are `count` at least.
fn shares(count: u64) -> [u64; 2] {
    let tokens = count.div_ceil(ROW_TARGETS * TOKENS_ARE_SLOWER + TOKEN_TARGETS);
    [tokens * TOKENS_ARE_SLOWER, tokens]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Result<Vec<(&'static str, u64)>, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match plan(&arguments) {
            Ok(plan) => Ok(plan.into_iter().map(|(lane, count)| (lane.name, count)).collect()),
            Err(Failure::Usage(text) | Failure::Failed(text)) => Err(text),
        }
    }

    #[test]
    fn all_lanes_run_unless_some_are_named() {
        assert_eq!(planned("").unwrap().len(), LANES.len());
        assert_eq!(planned("fuzz sim=150_000").unwrap(), [("sim", 150_000), ("fuzz", 3_000_000)]);
        assert_eq!(planned("sim=0").unwrap_err(), "`sim=` expects a number from 1, found `0`");
        assert!(planned("simulation").unwrap_err().starts_with("`prove` has no lane `simulation`\nusage: "));
    }

    #[test]
    fn the_shares_come_to_what_was_asked_for() {
        for count in [1, 200_000, 3_000_000] {
            let [rows, tokens] = shares(count);
            assert!(rows * ROW_TARGETS + tokens * TOKEN_TARGETS >= count);
        }
    }
}
