//! Runs the program, as a script would.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What the program wrote, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, without what this machine's environment would tell it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duroxide"));
    for variable in ["DUROXIDE_STORE", "DUROXIDE_SCHEMA", "NO_COLOR", "COLUMNS"] {
        command.env_remove(variable);
    }
    command
}

/// On a store.
pub(crate) fn on(store: &Path, arguments: &[&str]) -> Ran {
    ran(command().arg("--store").arg(store).args(arguments).stdin(Stdio::null()).output())
}

/// The same with text on standard input.
pub(crate) fn fed(store: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut program = command();
    program.arg("--store").arg(store).args(arguments);
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    ran(child.wait_with_output())
}

pub(crate) fn ran(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes text");
    Ran { code: output.status.code().expect("nobody killed it"), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// What was written, by a program that ended well.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The same as a document.
    #[track_caller]
    pub(crate) fn document(self) -> Value {
        let out = self.well();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// The sentence with which it ended so.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> String {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        self.err.trim_end().to_owned()
    }
}
