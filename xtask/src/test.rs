//! Everything CI runs, as a table of named steps.

use std::time::{Duration, Instant};

use crate::chromium;
use crate::failure::Failure;
use crate::net;
use crate::postgres;
use crate::power;
use crate::sim;
use crate::tidy;
use crate::workspace::Workspace;

/// One row of the step table.
struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace) -> Result<(), Failure>,
}

/// Every step, the cheapest first, so that a small mistake is told soon.
///
/// The steps share one profile and, where they can, one set of features, so that dependencies are built once for
/// checking and once for running.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted; `cargo fmt --all` repairs it",
        // Only the names: the difference is long, and nobody repairs it by hand.
        run: |workspace| workspace.cargo("fmt --all --check -- -l"),
    },
    Step {
        name: "tidy",
        what: "floors, first lines, sizes; `cargo xtask tidy` repairs the code map",
        run: |workspace| tidy::check(workspace, tidy::Mode::Check),
    },
    Step {
        name: "clippy",
        what: "no warnings anywhere",
        run: |workspace| workspace.cargo("clippy --workspace --all-targets --all-features -- -D warnings"),
    },
    Step { name: "net", what: "clippy finds in orchestrations what the macros cannot see", run: net::check },
    Step { name: "features", what: "each feature compiles alone, and leaves nothing unused", run: each_feature_alone },
    Step {
        name: "doc",
        what: "the reference builds without warnings",
        run: |workspace| {
            let deny = [("RUSTDOCFLAGS", "-D warnings")];
            workspace.cargo_with(&deny, "doc --no-deps --all-features -p duroxide -p duroxide-macros")
        },
    },
    Step {
        name: "postgres",
        what: "PostgreSQL's server programs are there; their Debian package is installed if it may be",
        run: postgres::ensure,
    },
    Step {
        name: "chromium",
        what: "Chromium is there, to look at the dashboard with; its Debian package is installed if it may be",
        run: chromium::ensure,
    },
    Step { name: "test", what: "unit, integration, ui and doc tests", run: all_tests },
    Step { name: "sim", what: "a thousand simulated runs with everything that can go wrong", run: sim::step },
    Step { name: "mutants", what: "bugs that are planted are found by simulated runs", run: sim::mutants },
    Step {
        name: "power",
        what: "what power cuts may leave of a SQLite file is whole and has all that was acknowledged",
        run: power::step,
    },
    Step {
        name: "warmth",
        what: "the same behaviour with orchestrations that never stay in memory, and with ones that leave after each turn",
        run: in_other_warmths,
    },
    Step {
        name: "default",
        what: "the library's own tests compile with its default features alone, and with none: they must not need more",
        run: |workspace| {
            let check = "check -p duroxide --lib --profile test";
            workspace.cargo(check)?;
            workspace.cargo(&format!("{check} --no-default-features"))
        },
    },
];

/// What became of a step.
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// `cargo xtask test [step ...]`: runs the steps in the order of the table and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<(), Failure> {
    let steps = select(names)?;
    let mut outcomes = Vec::new();
    let mut verdict = Ok(());
    for step in &steps {
        if verdict.is_err() {
            outcomes.push(Outcome::NotRun);
            continue;
        }
        println!("\n── {}: {}", step.name, step.what);
        let (result, took) = timed(|| (step.run)(workspace));
        outcomes.push(if result.is_ok() { Outcome::Passed(took) } else { Outcome::Failed(took) });
        println!("── {} took {}", step.name, seconds(took));
        verdict = result.map_err(|failure| explain(step, &failure));
    }
    print!("{}", summary(&steps, &outcomes));
    verdict
}

/// The last line that a developer sees has to be enough to go on from.
fn explain(step: &Step, failure: &Failure) -> Failure {
    let (Failure::Failed(why) | Failure::Usage(why)) = failure;
    Failure::Failed(format!("step `{0}` failed: {why}\nrun it alone with `cargo xtask test {0}`", step.name))
}

/// The steps by name, for the help text.
pub(crate) fn help() -> String {
    let mut text = String::from("\nsteps of `test`:\n");
    for step in STEPS {
        text.push_str(&format!("\n  {:<18} {}", step.name, step.what));
    }
    text
}

/// The named steps in the order of the table; all of them when none is named.
fn select(names: &[String]) -> Result<Vec<&'static Step>, Failure> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        return Err(Failure::Usage(format!("`test` has no step `{unknown}`\n{}", help())));
    }
    let wanted = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(wanted).collect())
}

/// The library with no feature, then with each one on its own: a user may pick any of them. With `macros` alone what the
/// macros write, too. Of the command line the stores alone, since the rest of it shows in the step `clippy`, and costs
/// minutes here.
fn each_feature_alone(workspace: &Workspace) -> Result<(), Failure> {
    // Nothing is built of `host-features`: its manifest says what it is for.
    let alone = |package: &str, more: &str| {
        workspace.cargo(&format!("clippy -p host-features -p {package} --no-default-features {more} -- -D warnings"))
    };
    let each = |package: &str, features: &[&str]| {
        alone(package, "")?;
        features.iter().try_for_each(|feature| alone(package, &format!("--features {package}/{feature}")))
    };
    let features = workspace.package("duroxide")?.features.iter().map(String::as_str);
    each("duroxide", &features.collect::<Vec<_>>())?;
    alone("duroxide-ui-tests", "--tests")?;
    each("duroxide-cli", &["sqlite", "postgres"])
}

/// Builds the tests, and runs them. The one that holds messages of the compiler compiles for a minute, and many others
/// wait for disks and clocks: they run beside each other, and more at once than there are cores.
fn all_tests(workspace: &Workspace) -> Result<(), Failure> {
    const ALL: &str = "test --workspace --all-features";
    const MESSAGES: &str = "mistakes_are_told_as_reviewed";
    let at_once = (2 * std::thread::available_parallelism().map_or(1, usize::from)).to_string();
    workspace.cargo(&format!("{ALL} --quiet --no-run"))?;
    let (messages, others) = std::thread::scope(|scope| {
        let messages = scope.spawn(|| workspace.cargo_aside(&[], &format!("{ALL} --test ui -- {MESSAGES}")));
        let variables = [("RUST_TEST_THREADS", at_once.as_str())];
        let others = workspace.cargo_with(&variables, &format!("{ALL} -- --skip {MESSAGES}"));
        (messages.join(), others)
    });
    others.and(messages.map_err(crashed)?)
}

/// What is told of a panic in a thread of a step.
fn crashed(_: Box<dyn std::any::Any + Send>) -> Failure {
    Failure::Failed("a thread of the step panicked".to_owned())
}

/// Both warmths at once: their tests wait more than they compute. All of the workspace is named, so that what the step
/// `test` built is run, and not built once more with fewer features.
fn in_other_warmths(workspace: &Workspace) -> Result<(), Failure> {
    const RUNTIME: &str = "test --workspace --all-features --lib runtime::";
    // Stores by themselves know nothing of it, and moving a store or breaking a server takes long.
    const OTHERS: &str = "test --workspace --all-features --test it --test crash --test surface --test veteran \
        -- --skip providers:: --skip transfer:: --skip chaos::";
    let in_warmth = |warmth| {
        let variables = [("DUROXIDE_WARMTH", warmth)];
        workspace.cargo_aside(&variables, RUNTIME)?;
        workspace.cargo_aside(&variables, OTHERS)
    };
    let [off, evict] = std::thread::scope(|scope| {
        ["off", "evict"].map(|warmth| scope.spawn(move || in_warmth(warmth))).map(|thread| thread.join())
    });
    off.map_err(crashed)?.and(evict.map_err(crashed)?)
}

#[expect(clippy::disallowed_methods, reason = "a developer's tool tells how long things really took")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

/// One line for each step and one for their sum.
fn summary(steps: &[&Step], outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n");
    let mut total = Duration::ZERO;
    for (step, outcome) in steps.iter().zip(outcomes) {
        let (word, took) = match outcome {
            Outcome::Passed(took) => ("passed", Some(*took)),
            Outcome::Failed(took) => ("FAILED", Some(*took)),
            Outcome::NotRun => ("not run", None),
        };
        total += took.unwrap_or_default();
        text.push_str(&format!("  {:<10} {word:<8} {:>9}\n", step.name, took.map(seconds).unwrap_or_default()));
    }
    text.push_str(&format!("  {:<10} {:<8} {:>9}\n", "total", "", seconds(total)));
    text
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
