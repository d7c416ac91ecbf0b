//! `cargo xtask bench typed`: the instructions of a typed call, and of the calls by strings that do the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace::Workspace;

/// What callgrind counts for so many calls less what it counts for so many fewer is what those calls cost: the start of
/// the program is in both.
const COUNTS: [u64; 2] = [200, 1_200];
/// At most so much more than the same by strings.
const TARGET: f64 = 1.03;

/// What is called, and how a reader knows it.
const CASES: &[(&str, &str)] =
    &[("none", "no argument, no result"), ("one", "one argument, a structure"), ("two", "two arguments")];
/// The program builds its history in the way of a run, too, which is no part of a call.
const NOTHING: &str = "nothing";
/// The typed call, the call by a name that writes and reads the same values, which is what is under it, and the one by
/// strings of a program that writes and reads its own JSON.
const WAYS: &[&str] = &["typed", "by_name", "strings"];

/// Builds the program, runs each case in each way under callgrind, and prints the table.
pub(super) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`bench typed` takes no arguments, found `{argument}`")));
    }
    if !is_installed() {
        let text =
            "callgrind counts the instructions, and `valgrind` is missing: `sudo apt-get install valgrind` brings it";
        return Err(Failure::Failed(text.to_owned()));
    }
    workspace.cargo("build --release --package bench-ours --bin bench-typed --target-dir target")?;
    let program = workspace.root.join("target/release/bench-typed");
    println!(
        "| a call with | typed | by name, with values | typed costs | by strings and hand | typed costs |\n|---|---|---|---|---|---|"
    );
    for (case, shown) in CASES {
        let history = per_call(&program, case, NOTHING)?;
        let costs: Vec<f64> =
            WAYS.iter().map(|way| Ok(per_call(&program, case, way)? - history)).collect::<Result<_, Failure>>()?;
        println!("{}", line(shown, &costs));
    }
    println!("\nInstructions for one call in a turn that replays {} of them.", COUNTS[1]);
    println!("The target is at most 3 % more than the same by name, with values.");
    Ok(())
}

/// Input: `two arguments`, `[4100.0, 4000.0, 5000.0]`
/// Output: `| two arguments | 4100 | 4000 | +2.5 %, met | 5000 | -18.0 % |`
fn line(case: &str, costs: &[f64]) -> String {
    let typed = costs[0];
    let mut line = format!("| {case} | {typed:.0} |");
    for (at, other) in costs[1..].iter().enumerate() {
        let more = (typed / other - 1.0) * 100.0;
        let verdict = match (at, typed <= other * TARGET) {
            (0, true) => ", met",
            (0, false) => ", missed",
            _ => "",
        };
        line += &format!(" {other:.0} | {more:+.1} %{verdict} |");
    }
    line
}

fn per_call(program: &Path, case: &str, way: &str) -> Result<f64, Failure> {
    let [few, many] = COUNTS.map(|count| instructions(program, case, way, count));
    let (few, many) = (few?, many?);
    Ok((many as f64 - few as f64) / (COUNTS[1] - COUNTS[0]) as f64)
}

/// Runs the program once under callgrind and reads how many instructions that were.
fn instructions(program: &Path, case: &str, way: &str, count: u64) -> Result<u64, Failure> {
    let figures: PathBuf = program.with_file_name("bench-typed.callgrind");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", figures.display()))
        .arg(program)
        .args([case, way, &count.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::because("cannot run `valgrind`", error))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::Failed(format!(
            "`bench-typed {case} {way} {count}` ended with {}\n{text}",
            output.status
        )));
    }
    let text = fs::read_to_string(&figures).map_err(|error| Failure::because("cannot read the figures", error))?;
    summed(&text).ok_or_else(|| Failure::Failed(format!("`{}` has no line `summary: `", figures.display())))
}

/// Input: `…\nsummary: 123456\n…`
/// Output: 123456
fn summed(figures: &str) -> Option<u64> {
    let line = figures.lines().find_map(|line| line.strip_prefix("summary: "))?;
    line.split_whitespace().next()?.parse().ok()
}

fn is_installed() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_more_and_whether_that_is_too_much() {
        assert_eq!(line("x", &[103.0, 100.0, 206.0]), "| x | 103 | 100 | +3.0 %, met | 206 | -50.0 % |");
        assert_eq!(line("x", &[104.0, 100.0]), "| x | 104 | 100 | +4.0 %, missed |");
    }

    #[test]
    fn the_sum_is_read_from_what_callgrind_writes() {
        assert_eq!(summed("events: Ir\nfn=(1)\n16 3\nsummary: 42\n"), Some(42));
        assert_eq!(summed("totals: 42"), None);
    }
}
