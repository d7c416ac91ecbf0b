//! What the macros cost to compile: a generated crate of typed handlers against the same by strings.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::workspace::Workspace;

const ACTIVITIES: usize = 200;
const ORCHESTRATIONS: usize = 50;
/// Each orchestration calls so many activities, so that each activity is called once.
const CALLS: usize = ACTIVITIES / ORCHESTRATIONS;
const ROUNDS: usize = 3;

/// One of the two crates.
struct Variant {
    name: &'static str,
    source: fn() -> String,
}

const VARIANTS: [Variant; 2] =
    [Variant { name: "typed", source: typed }, Variant { name: "by_strings", source: by_strings }];

/// `cargo xtask compile-time`: writes both crates below `target/`, builds them in turn and prints the table of
/// `docs/expansion.md`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if let Some(argument) = arguments.first() {
        return Err(Failure::Usage(format!("`compile-time` takes no arguments, found `{argument}`")));
    }
    let folder = workspace.root.join("target/compile-time");
    for variant in &VARIANTS {
        write(workspace, &folder.join(variant.name), variant)?;
    }
    let mut table = String::from("\n| | typed | by strings |\n|---|---|---|\n");
    for (what, command) in [("`cargo check`", "check"), ("`cargo build`, dev profile", "build")] {
        let [typed, by_strings] = best_of(&folder, command)?;
        writeln!(table, "| {what} | {:.2} s | {:.2} s |", typed.as_secs_f64(), by_strings.as_secs_f64())
            .map_err(|error| Failure::because("cannot write the table", error))?;
    }
    println!("{table}");
    Ok(())
}

/// The shortest of several runs, the variants in turn; the first builds the dependencies and does not count.
fn best_of(folder: &Path, command: &str) -> Result<[Duration; 2], Failure> {
    let mut best = [Duration::MAX; 2];
    for round in 0..=ROUNDS {
        for (variant, best) in VARIANTS.iter().zip(&mut best) {
            let took = compile(&folder.join(variant.name), command)?;
            if round > 0 {
                *best = took.min(*best);
            }
        }
    }
    Ok(best)
}

#[expect(clippy::disallowed_methods, reason = "how long it really takes is the question")]
fn compile(crate_folder: &Path, command: &str) -> Result<Duration, Failure> {
    let source = crate_folder.join("src/lib.rs");
    let text = fs::read(&source).map_err(|error| Failure::because("cannot read the generated crate", error))?;
    // Written again, the crate is built again.
    fs::write(&source, text).map_err(|error| Failure::because("cannot write the generated crate", error))?;
    let start = Instant::now();
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([command, "--quiet", "--offline"])
        .env("CARGO_INCREMENTAL", "0")
        .current_dir(crate_folder)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::because("cannot run cargo", error))?;
    let took = start.elapsed();
    if status.success() { Ok(took) } else { Err(Failure::Failed(format!("`cargo {command}` ended with {status}"))) }
}

fn write(workspace: &Workspace, folder: &Path, variant: &Variant) -> Result<(), Failure> {
    let library = workspace.root.join("duroxide");
    let target = workspace.root.join("target/compile-time/target");
    let manifest = format!(
        "[package]\nname = \"handlers_{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nduroxide = {{ path = {library:?}, default-features = false, features = [\"macros\"] }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n",
        variant.name
    );
    let files: [(PathBuf, String); 3] = [
        ("Cargo.toml".into(), manifest),
        (".cargo/config.toml".into(), format!("[build]\ntarget-dir = {target:?}\n")),
        ("src/lib.rs".into(), (variant.source)()),
    ];
    for (path, text) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| Failure::because("cannot make a folder below target/", error))?;
        fs::write(&path, text).map_err(|error| Failure::because("cannot write the generated crate", error))?;
    }
    // The versions of the workspace, so that nothing is fetched.
    fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| Failure::because("cannot copy Cargo.lock", error))?;
    Ok(())
}

const TYPES: &str = "
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order { pub id: u64, pub customer: String }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt { pub id: u64, pub cents: u64 }
";

/// Input: handler 7
/// Output: `#[activity] pub async fn activity_7(order: Order, cents: u64) -> Result<Receipt, String> { .. }`
fn typed() -> String {
    let mut source = format!(
        "use duroxide::{{OrchestrationContext, activity, orchestration}};\nuse serde::{{Deserialize, Serialize}};\n{TYPES}"
    );
    for at in 0..ACTIVITIES {
        source += &format!(
            "\n#[activity]\npub async fn activity_{at}(order: Order, cents: u64) -> Result<Receipt, String> {{\n    \
             Ok(Receipt {{ id: order.id + {at}, cents }})\n}}\n"
        );
    }
    for at in 0..ORCHESTRATIONS {
        source += &format!(
            "\n#[orchestration]\npub async fn orchestration_{at}(ctx: OrchestrationContext, order: Order) -> Result<u64, String> {{\n    let mut cents = 0;\n"
        );
        for call in at * CALLS..(at + 1) * CALLS {
            source += &format!("    cents += activity_{call}::call(&ctx, order.clone(), {call}).await?.cents;\n");
        }
        source += "    Ok(cents)\n}\n";
    }
    source
}

/// Input: handler 7
/// Output: `pub async fn activity_7(_: ActivityContext, input: String) -> Result<String, String> { .. }`, and its
/// registration.
fn by_strings() -> String {
    let mut source = format!(
        "use duroxide::runtime::registry::ActivityRegistry;\nuse duroxide::{{ActivityContext, OrchestrationContext, OrchestrationRegistry}};\nuse serde::{{Deserialize, Serialize}};\n{TYPES}
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {{
    serde_json::from_str(text).map_err(|error| error.to_string())
}}

fn written<T: Serialize>(value: &T) -> Result<String, String> {{
    serde_json::to_string(value).map_err(|error| error.to_string())
}}
"
    );
    for at in 0..ACTIVITIES {
        source += &format!(
            "\npub async fn activity_{at}(_ctx: ActivityContext, input: String) -> Result<String, String> {{\n    \
             let (order, cents): (Order, u64) = read(&input)?;\n    written(&Receipt {{ id: order.id + {at}, cents }})\n}}\n"
        );
    }
    for at in 0..ORCHESTRATIONS {
        source += &format!(
            "\npub async fn orchestration_{at}(ctx: OrchestrationContext, input: String) -> Result<String, String> {{\n    let order: Order = read(&input)?;\n    let mut cents = 0;\n"
        );
        for call in at * CALLS..(at + 1) * CALLS {
            source += &format!(
                "    let answer = ctx.schedule_activity(\"activity_{call}\", written(&(&order, {call}))?).await?;\n    \
                 cents += read::<Receipt>(&answer)?.cents;\n"
            );
        }
        source += "    written(&cents)\n}\n";
    }
    source += "\npub fn activities() -> ActivityRegistry {\n    ActivityRegistry::builder()\n";
    (0..ACTIVITIES).for_each(|at| source += &format!("        .register(\"activity_{at}\", activity_{at})\n"));
    source += "        .build()\n}\n\npub fn orchestrations() -> OrchestrationRegistry {\n    OrchestrationRegistry::builder()\n";
    (0..ORCHESTRATIONS)
        .for_each(|at| source += &format!("        .register(\"orchestration_{at}\", orchestration_{at})\n"));
    source + "        .build()\n}\n"
}
