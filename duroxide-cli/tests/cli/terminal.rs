//! On a terminal: what is asked, what an answer does, and that a bar is nowhere but there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::program::{Ran, command, on, ran};
use super::shop::{AS_OF, Shop};

/// The program with a terminal for questions; what it answers is still piped.
struct Terminal {
    /// The end at which a person would sit.
    person: File,
    child: Child,
    seen: String,
}

impl Terminal {
    fn begin(store: &Path, arguments: &[&str]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("this machine has terminals");
        grantpt(&person).and_then(|()| unlockpt(&person)).expect("it is ours");
        let name = ptsname(&person, Vec::new()).expect("it has a name");
        // Not to become the terminal that governs whoever runs the tests.
        let flags = i32::try_from(OFlags::NOCTTY.bits()).expect("a small flag");
        let mut options = OpenOptions::new();
        let terminal = options.read(true).write(true).custom_flags(flags).open(OsStr::from_bytes(name.to_bytes()));
        let terminal = terminal.expect("its other end opens");
        let mut program = command();
        program.env("TERM", "xterm").arg("--store").arg(store).args(arguments).stdout(Stdio::piped());
        program.stdin(terminal.try_clone().expect("one more")).stderr(terminal);
        let child = program.spawn().expect("the program starts");
        Terminal { person: File::from(person), child, seen: String::new() }
    }

    /// Reads what is on it until it says so.
    fn until(&mut self, words: &str) {
        while !self.seen.contains(words) {
            assert!(self.more(), "expected `{words}`, found: {}", self.seen);
        }
    }

    /// Whether there was something more to read: at the end a terminal has nobody any more.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 1024];
        match self.person.read(&mut bytes) {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
                true
            }
        }
    }

    fn answer(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).expect("somebody reads");
    }

    /// Its end; `err` is all that was seen on the terminal.
    fn end(mut self) -> Ran {
        while self.more() {}
        let mut ran = ran(self.child.wait_with_output());
        ran.err = self.seen;
        ran
    }
}

/// What it asks, how that is answered, and how it ends.
fn asked(store: &Path, arguments: &[&str], question: &str, keys: &str) -> Ran {
    let mut terminal = Terminal::begin(store, arguments);
    terminal.until(&format!("{question}? [y/N] "));
    terminal.answer(keys);
    terminal.end()
}

#[tokio::test]
async fn whoever_does_not_say_yes_has_said_no() {
    let shop = Shop::with_orders().await;
    let question = "delete 2 instances with all descendants";
    // Ctrl-D ends the input.
    for keys in ["n\n", "\n", "yes, but later\n", "\u{4}"] {
        let ran = asked(&shop.path(), &["delete", "order-2", "order-3"], question, keys);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{keys:?}: {}", ran.err);
        assert!(ran.err.contains("nothing was done"), "{keys:?}: {}", ran.err);
    }
    assert_eq!(on(&shop.path(), &["ls", "-q"]).well().lines().count(), 6);
    for (id, keys) in [("order-2", "y\n"), ("order-3", "YES\n")] {
        let ran = asked(&shop.path(), &["delete", id], &format!("delete {id} with all descendants"), keys);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.out.starts_with("deleted 1 instance"), "{}", ran.out);
    }
    assert_eq!(on(&shop.path(), &["ls", "-q"]).well().lines().count(), 4);
}

#[tokio::test]
async fn the_question_says_what_will_go() {
    let shop = Shop::with_orders().await;
    let before = ["delete", "--ended-before", "2026-11-27T13:30:00Z"];
    let ran = asked(
        &shop.path(),
        &before,
        "delete 1 instance that ended before 2026-11-27 13:30:00Z, with all descendants",
        "n\n",
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    let to = shop.beside("new.db");
    let transfer = ["db", "transfer", "--to", to.to_str().expect("a plain path")];
    let ran = asked(&shop.path(), &transfer, "move everything to the other store, and close this one", "n\n");
    assert!(ran.code == 1 && !to.exists(), "{}", ran.err);
    // Where there is nothing to do, nothing is asked.
    let ran = Terminal::begin(&shop.path(), &["prune", "--all", "--keep", "1"]).end();
    assert_eq!((ran.code, ran.out.as_str()), (0, "deleted 0 executions with 0 events of 0 instances\n"));
    assert!(!ran.err.contains('?'), "{}", ran.err);
}

#[tokio::test]
async fn a_bar_is_on_the_terminal_and_not_beside_documents() {
    let shop = Shop::with_orders().await;
    let shown = Terminal::begin(&shop.path(), &["db", "check"]).end();
    assert_eq!((shown.code, shown.out.as_str()), (0, "nothing was found that must not be\n"));
    assert!(shown.err.contains("looking through everything"), "{:?}", shown.err);
    let shown = Terminal::begin(&shop.path(), &["db", "check", "--json"]).end();
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    let shown = Terminal::begin(&shop.path(), &["delete", "--ended-before", "1h", "--as-of-ms", AS_OF, "--yes"]).end();
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.err.contains("deleting") && shown.err.contains("0/1"), "{:?}", shown.err);
}
