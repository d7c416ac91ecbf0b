//! A PostgreSQL server of the run's own, and what it does by itself: single-row inserts, by `pgbench`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;
use crate::postgres;

/// The same as for the tests.
const KEEPER: &str = include_str!("../../../tests/it/postgres/keeper.sh");

/// As a server is shipped, where it matters: `fsync` and `synchronous_commit` are on.
const OPTIONS: &str = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100 \
    -c shared_buffers=256MB -c max_wal_size=4GB";

/// What is inserted: about as long as an event.
const INSERT: &str = "INSERT INTO bench_inserts (body) VALUES (repeat('x', 200));\n";

/// For how long, in seconds, and by how many connections.
const SECONDS: &str = "3";
const CONNECTIONS: &str = "16";

/// A running server.
pub(super) struct Server {
    bin: PathBuf,
    port: u16,
    script: PathBuf,
    /// Its input is what keeps the server up.
    keeper: Child,
}

/// What the server does by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Inserts {
    /// Rows in a second, each in a transaction of its own, on 16 connections.
    pub(super) per_s: f64,
    /// Milliseconds of one such transaction, alone.
    pub(super) commit_ms: f64,
}

impl Server {
    /// Starts one with its files in `folder`, which is on the disk that is measured.
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let bin = postgres::bin()?;
        let data = folder.join("postgres");
        let made = fs::remove_dir_all(&data).or_else(|_| fs::create_dir_all(&data)).and(fs::create_dir_all(&data));
        made.map_err(|error| Failure::because(format!("cannot make the folder `{}`", data.display()), error))?;
        let port = free_port().map_err(|error| Failure::because("loopback has no free port", error))?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("BIN", &bin)
            .env("DATA", &data)
            .env("OPTIONS", format!("-p {port} {OPTIONS}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| Failure::because("cannot run `sh`", error))?;
        let mut answer = String::new();
        if let Some(output) = keeper.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut answer);
        }
        let server = Server { bin, port, script: folder.join("inserts.sql"), keeper };
        if answer.trim() != "ready" {
            return Err(Failure::Failed(format!("the private PostgreSQL server: {}", answer.trim())));
        }
        fs::write(&server.script, INSERT).map_err(|error| Failure::because("cannot write a script", error))?;
        server
            .run("psql", &["-q", "-c", "CREATE TABLE bench_inserts (id BIGSERIAL PRIMARY KEY, body TEXT NOT NULL)"])?;
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://duroxide@127.0.0.1:{}/postgres", self.port)
    }

    /// Measures the server itself, just before a trial of ours: the same disk, the same hour.
    pub(super) fn inserts(&self) -> Result<Inserts, Failure> {
        let many = self.pgbench(CONNECTIONS)?;
        let alone = self.pgbench("1")?;
        Ok(Inserts { per_s: tps(&many)?, commit_ms: 1_000.0 / tps(&alone)? })
    }

    fn pgbench(&self, connections: &str) -> Result<String, Failure> {
        let script = self.script.display().to_string();
        let threads = if connections == "1" { "1" } else { "2" };
        self.run("pgbench", &["-n", "-M", "prepared", "-c", connections, "-j", threads, "-T", SECONDS, "-f", &script])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, Failure> {
        let path = self.bin.join(program);
        let output = Command::new(&path)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "duroxide"])
            .args(arguments)
            .arg("postgres")
            .output()
            .map_err(|error| Failure::because(format!("cannot run `{}`", path.display()), error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Failure::Failed(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// `tps = 1234.5 (without initial connection time)`
pub(super) fn tps(said: &str) -> Result<f64, Failure> {
    let value = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| Failure::Failed(format!("`pgbench`: expected a line `tps = ..`, found {said}")))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
