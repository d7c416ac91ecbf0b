//! Kills the checkout example with `kill -9` again and again, always with work in flight, and checks every order.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod orders;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duroxide::providers::sqlite::SqliteProvider;
use tokio::time::Instant;

use orders::{checkout, order};

/// How often the process is killed, each time with orders proven in flight; `DUROXIDE_KILLS` says otherwise.
const KILLS: usize = 50;
const ORDERS: usize = 40;
/// History rows between two kills, at most: about one order's worth.
const STEP_MAX: u64 = 24;
/// Longer than the lease of a turn: what a stopped process had under way belongs to others by then.
const STOPPED: Duration = Duration::from_secs(7);
/// Longer than any step here takes; past it the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn every_order_ends_exactly_as_it_should_however_often_the_process_is_killed() {
    let wanted =
        std::env::var("DUROXIDE_KILLS").map_or(KILLS, |kills| kills.parse().expect("DUROXIDE_KILLS is a number"));
    let mut kills = 0;
    let mut round = 0;
    let mut random = Random(std::process::id().into());
    println!("seed {}", random.0);
    while kills < wanted {
        round += 1;
        let shop = Shop::new();
        kills += shop.kill_until_done(&mut random, wanted - kills).await;
        shop.finish();
        shop.check().await;
        println!("round {round}: {kills} kills so far");
    }
}

/// Two processes on one file, of which one is stopped with orders in flight until all its leases are over, and then goes on.
/// Once in every run of the tests, and as often as `DUROXIDE_STOPS` says.
#[cfg(unix)]
#[tokio::test]
async fn sigstop_zombie_writes_nothing_twice() {
    let stops = std::env::var("DUROXIDE_STOPS").map_or(1, |stops| stops.parse().expect("DUROXIDE_STOPS is a number"));
    let mut random = Random(std::process::id().into());
    for stop in 1..=stops {
        let shop = Shop::new();
        let mut zombie = shop.command().stdout(Stdio::null()).spawn().unwrap();
        assert!(!shop.wait_for_rows(&mut zombie, 60 + random.below(200)), "it ended before it could be stopped");
        signal(&zombie, "-STOP");
        let in_flight = shop.running_instances();
        assert!(in_flight > 0, "nothing was in flight");
        let mut heir = shop.command().stdout(Stdio::null()).spawn().unwrap();
        // The time of the leases is what this is about; there is nothing else to wait for.
        tokio::time::sleep(STOPPED).await;
        signal(&zombie, "-CONT");
        for process in [&mut zombie, &mut heir] {
            ends_well(process).await;
        }
        shop.check().await;
        println!("stop {stop}: {in_flight} orders in flight");
    }
}

#[cfg(unix)]
async fn ends_well(process: &mut Child) {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}

#[cfg(unix)]
fn signal(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill {signal}: {sent}");
}

#[test]
fn a_bad_line_is_named_by_its_number_and_the_good_ones_are_processed() {
    let shop = Shop::new();
    let good = order(1).to_string();
    std::fs::write(&shop.orders, format!("{good}\n{{\"id\": 7}}\n")).unwrap();
    let output = shop.command().output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stderr.contains("orders.jsonl:2: not an order: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stdout.contains("shipped              1"), "{stdout}");
}

#[test]
fn a_wrong_path_and_a_database_that_cannot_be_opened_get_one_sentence() {
    let shop = Shop::new();
    for (arguments, sentence) in [
        (vec!["no-such-file.jsonl"], "cannot read the orders file no-such-file.jsonl: "),
        (vec!["--db", "no/such/folder/x.db"], "cannot open the database no/such/folder/x.db: "),
        (vec!["--speed"], "unknown option --speed; usage: checkout [ORDERS.jsonl] [--db FILE | --db postgres://"),
    ] {
        let output = Command::new(checkout()).args(arguments).current_dir(shop.folder.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with(sentence) && stderr.lines().count() == 1, "{stderr}");
    }
}

/// One database and one file of orders.
struct Shop {
    folder: tempfile::TempDir,
    orders: PathBuf,
    database: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (orders, database) = (folder.path().join("orders.jsonl"), folder.path().join("shop.db"));
        let lines: Vec<String> = (1..=ORDERS).map(|n| order(n).to_string()).collect();
        std::fs::write(&orders, lines.join("\n")).unwrap();
        Shop { folder, orders, database }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(checkout());
        command.arg(&self.orders).arg("--db").arg(&self.database);
        command
    }

    /// Starts and kills until all orders are done or there were enough kills. Returns how many there were.
    async fn kill_until_done(&self, random: &mut Random, enough: usize) -> usize {
        let mut kills = 0;
        let mut target = 0;
        while kills < enough {
            let mut process = self.command().stdout(Stdio::null()).spawn().unwrap();
            target = self.rows().max(target) + random.below(STEP_MAX);
            let finished = self.wait_for_rows(&mut process, target);
            // SIGKILL: no destructor, no flush, no goodbye.
            process.kill().unwrap();
            process.wait().unwrap();
            if finished || self.running_instances() == 0 {
                break;
            }
            // Only a kill that takes activities from under their workers counts.
            kills += usize::from(self.leased_activities() > 0);
        }
        kills
    }

    /// Returns whether the process ended by itself before history had that many rows.
    fn wait_for_rows(&self, process: &mut Child, target: u64) -> bool {
        let begun = Instant::now();
        while self.rows() < target {
            if process.try_wait().unwrap().is_some() {
                return true;
            }
            assert!(begun.elapsed() < PATIENCE, "stuck at {} of {target} rows", self.rows());
            std::thread::yield_now();
        }
        false
    }

    fn rows(&self) -> u64 {
        self.query("SELECT count(*) FROM history")
    }

    fn running_instances(&self) -> u64 {
        self.query("SELECT count(*) FROM executions WHERE status = 'Running'")
    }

    fn leased_activities(&self) -> u64 {
        self.query("SELECT count(*) FROM worker_queue WHERE lock_token IS NOT NULL")
    }

    /// A number from the database, 0 while there is none.
    fn query(&self, sql: &str) -> u64 {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(&self.database, flags);
        database
            .and_then(|database| database.query_row(sql, [], |row| row.get::<_, i64>(0)))
            .map_or(0, i64::unsigned_abs)
    }

    /// The last run: nobody kills it.
    fn finish(&self) {
        let output = self.command().output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    async fn check(&self) {
        let store = SqliteProvider::open(&self.database).await.unwrap();
        orders::check(&store, ORDERS).await;
        assert_eq!(self.query("SELECT count(*) FROM worker_queue"), 0, "activities are left over");
        // Each run starts each order again; what has not been dropped yet of these is all that may be left.
        let others = r#"SELECT count(*) FROM orchestrator_queue WHERE work_item NOT LIKE '{"StartOrchestration"%'"#;
        assert_eq!(self.query(others), 0, "messages are left over");
        assert_eq!(self.query("SELECT count(*) FROM quarantine"), 0, "something could not be read");
    }
}

/// A small generator (xorshift): the test prints its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
