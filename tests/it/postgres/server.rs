//! A PostgreSQL server of the tests' own, in a temporary folder, stopped and removed when they end, however they end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What to do when there is none.
const HOW_TO_INSTALL: &str = "PostgreSQL's server programs are not installed; `apt-get install postgresql` brings them";

/// Runs in a shell that outlives the tests by a moment; `cargo xtask bench` uses it, too.
const KEEPER: &str = include_str!("keeper.sh");

/// A running server.
pub(crate) struct Server {
    bin: PathBuf,
    data: PathBuf,
    port: u16,
    /// Its input is what keeps the server up.
    keeper: Child,
}

impl Server {
    /// A server for one test, which may restart it.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start; the message says what to do.
    pub(crate) fn start() -> Server {
        assert!(is_installed(), "{HOW_TO_INSTALL}");
        let bin = bin().expect("it is installed");
        // Kept, because the keeper removes it: the tests may be killed.
        let data = tempfile::Builder::new().prefix("duroxide-postgres-").tempdir().expect("a temporary folder").keep();
        let port = free_port();
        // Everything that a crash may test is as in production; only the memory is small.
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=300 -c shared_buffers=64MB",
            data.display()
        );
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("BIN", &bin)
            .env("DATA", &data)
            .env("OPTIONS", options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let mut answer = String::new();
        let output = keeper.stdout.take().expect("it is a pipe");
        BufReader::new(output).read_line(&mut answer).expect("the keeper speaks");
        assert_eq!(answer.trim(), "ready", "the private PostgreSQL server");
        Server { bin, data, port, keeper }
    }

    /// The server that the tests of this binary share.
    pub(crate) fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Server::start)
    }

    /// Its database, as a URL.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same through somebody who listens on another port.
    pub(crate) fn url_at(&self, port: u16) -> String {
        format!("postgres://duroxide@127.0.0.1:{port}/postgres")
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Crashes the server and starts it again: `pg_ctl restart -m immediate`.
    pub(crate) fn restart_immediately(&self) {
        let log = self.data.join("db/server.log");
        let mut command = Command::new(self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.data.join("db")).args(["-w", "-m", "immediate", "-l"]).arg(log).arg("restart");
        let status = as_server_user(command).stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.expect("pg_ctl runs").success(), "the server comes up again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Whether there is anything to start.
pub(crate) fn is_installed() -> bool {
    bin().is_some()
}

/// A name that no other test has.
pub(crate) fn fresh_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn as_server_user(command: Command) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return command;
    }
    let mut changed = Command::new("setpriv");
    changed.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    changed.arg(command.get_program()).args(command.get_args()).current_dir("/");
    changed
}

/// Where the server's programs are: those of the newest version under Debian's roof, or those in the path.
fn bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| has_server(bin))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.pop().map(|(_, bin)| bin).or_else(|| std::env::split_paths(&path).find(|bin| has_server(bin)))
}

fn has_server(bin: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| bin.join(program).exists())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}
