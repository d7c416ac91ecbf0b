//! The checkout example on PostgreSQL: two processes share the orders, one is killed, and what a wrong URL gets.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod orders;
#[expect(dead_code, reason = "the server of the other tests can do more than is needed here")]
#[path = "../../tests/it/postgres/server.rs"]
mod server;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duroxide::providers::postgres::PostgresProvider;
use tokio::time::Instant;

use orders::{checkout, order};
use server::Server;

const ORDERS: usize = 60;

/// Longer than any step here takes; past it the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_orders_and_one_does_what_the_other_left() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.jsonl");
    let lines: Vec<String> = (1..=ORDERS).map(|n| order(n).to_string()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let start = || {
        let mut command = Command::new(checkout());
        command.arg(&path).args(["--db", &server.url()]).stdout(Stdio::null()).spawn().unwrap()
    };
    let store = PostgresProvider::connect(&server.url()).await.unwrap();
    let (mut victim, mut heir) = (start(), start());
    until_some_events(&store, &mut victim, 80).await;
    // SIGKILL, in the middle of what it had under way.
    victim.kill().unwrap();
    victim.wait().unwrap();
    let left = store.get_system_metrics().await.unwrap().running_instances;
    assert!(left > 0, "it was killed too late to prove anything");
    ends_well(&mut heir).await;
    // And again, when all is done: it finds that out.
    ends_well(&mut start()).await;
    orders::check(&store, ORDERS).await;
}

async fn until_some_events(store: &PostgresProvider, process: &mut Child, events: u64) {
    let begun = Instant::now();
    while store.get_system_metrics().await.unwrap().total_events < events {
        assert!(process.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(begun.elapsed() < PATIENCE, "no progress");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn ends_well(process: &mut Child) {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_url_gets_one_sentence_without_the_password() {
    let server = tokio::task::spawn_blocking(Server::start).await.unwrap();
    let port = server.port();
    let place = |rest: &str| format!("127.0.0.1:{port}/{rest}");
    for (url, sentence) in [
        (
            "mysql://app:hunter2@h/d".to_owned(),
            "mysql://h/d: expected a file or a URL that begins with postgres://".to_owned(),
        ),
        (
            "postgres://app:hunter2@h:port/d".to_owned(),
            "postgres://h:port/d: database URL: expected postgres://".to_owned(),
        ),
        (format!("postgres://nobody:hunter2@{}", place("d")), format!("postgres://{}: database: ", place("d"))),
        (
            "postgres://app:hunter2@127.0.0.1:1/d".to_owned(),
            "postgres://127.0.0.1:1/d: PostgreSQL on 127.0.0.1:1: ".to_owned(),
        ),
    ] {
        let output = Command::new(checkout()).args(["--db", &url]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.starts_with(&format!("cannot open the database {sentence}")), "{stderr}");
        assert!(stderr.lines().count() == 1 && !stderr.contains("hunter2"), "{stderr}");
    }
}
