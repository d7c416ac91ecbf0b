//! The project's own commands: `cargo xtask <command>`.

mod bench;
mod bless;
mod chromium;
mod compat;
mod compile_time;
mod debian;
mod failure;
mod link;
mod mutate;
mod net;
mod picture;
mod postgres;
mod power;
mod prove;
mod sim;
mod test;
#[cfg(test)]
mod tests;
mod tidy;
mod workspace;

use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

/// One row of the command table.
struct Command {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&Workspace, &[String]) -> Result<(), Failure>,
}

/// Every command. A new one is a row here and a file of the same name.
const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[step ...]",
        help: "everything CI runs, or only the named steps",
        run: test::run,
    },
    Command {
        name: "tidy",
        arguments: "[--check]",
        help: "floors, first lines, sizes; writes the code map (--check only compares it)",
        run: tidy::run,
    },
    Command {
        name: "bless",
        arguments: "",
        help: "accept what the ui tests and snapshots produce now; review the diff afterwards",
        run: bless::run,
    },
    Command {
        name: "link",
        arguments: "",
        help: "handlers of several crates are found in debug, release and fat LTO (minutes)",
        run: link::run,
    },
    Command {
        name: "bench",
        arguments: "[w1 .. | postgres] [--sync full|normal] [--json FILE] [--rounds N] [--ours] [--long] | typed",
        help: "our crate and the published one under the same workloads, in turn (minutes); or what a typed call costs",
        run: bench::run,
    },
    Command {
        name: "power",
        arguments: "[--states N] [--seed S]",
        help: "what a power cut may leave of a SQLite file: nothing acknowledged is lost",
        run: power::run,
    },
    Command {
        name: "sim",
        arguments: "[SEED | --seeds N [--from SEED] | --mutants]",
        help: "simulated runs: one in all detail, many, or each planted bug until it is found",
        run: sim::run,
    },
    Command {
        name: "prove",
        arguments: "[LANE | LANE=COUNT ...]",
        help: "the long lane: simulation, kills, fuzzing and more, by the count (an hour and longer); --help lists the lanes",
        run: prove::run,
    },
    Command {
        name: "mutate",
        arguments: "[FILE ...]",
        help: "cargo-mutants on replay/ and lease/policy.rs, or the named files of the pure core (hours)",
        run: mutate::run,
    },
    Command {
        name: "picture",
        arguments: "",
        help: "draw what one order of the checkout example did over time, into docs/timeline.svg",
        run: picture::run,
    },
    Command {
        name: "compat",
        arguments: "",
        help: "what programs for the published 0.1.32 would miss, but for what docs/compatibility.md explains",
        run: compat::run,
    },
    Command {
        name: "compile-time",
        arguments: "",
        help: "what typed handlers cost to compile, against the same by strings (a minute)",
        run: compile_time::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(text)) => {
            eprintln!("error: {text}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(text)) => {
            eprintln!("error: {text}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage(format!("which command?\n{}", help())));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", help());
        return Ok(());
    }
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(&Workspace::load()?, rest),
        None => Err(Failure::Usage(format!("there is no command `{name}`\n{}", help()))),
    }
}

/// Columns for the call; a longer one has a line of its own.
const CALL_WIDTH: usize = 18;

fn help() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n");
    for command in COMMANDS {
        let call = format!("{} {}", command.name, command.arguments);
        if call.len() > CALL_WIDTH {
            text.push_str(&format!("\n  {call}\n  {:<CALL_WIDTH$} {}", "", command.help));
        } else {
            text.push_str(&format!("\n  {call:<CALL_WIDTH$} {}", command.help));
        }
    }
    text.push('\n');
    text.push_str(&test::help());
    text
}
