//! A store with a hundred thousand instances: lists come from an index, and memory does not grow with the store.

use std::process::Stdio;

use duroxide::{AppErrorKind, ErrorDetails, EventKind};
use serde_json::Value;

use super::program::{command, on, ran};
use super::shop::{BEGAN_MS, Instance, Shop};

const INSTANCES: usize = 100_000;

/// Taken in at once.
const BATCH: usize = 2_000;

/// Address space of the program: what it maps before it does anything is a third of it.
const ADDRESSES_KIB: &str = "600000";

async fn filled() -> Shop {
    let shop = Shop::empty();
    for batch in 0..INSTANCES / BATCH {
        let instances: Vec<Instance> = (batch * BATCH..(batch + 1) * BATCH).map(instance).collect();
        shop.take_in(&instances).await;
    }
    shop
}

fn instance(number: usize) -> Instance {
    let is_failed = number.is_multiple_of(1_000);
    let status = if is_failed { "Failed" } else { "Completed" };
    let instance = Instance::new(format!("order-{number:06}"), "Checkout", status, BEGAN_MS + number as u64);
    let end = match is_failed {
        true => EventKind::OrchestrationFailed { details: declined() },
        false => EventKind::OrchestrationCompleted { output: "{}".to_owned() },
    };
    instance.ended(1, end)
}

fn declined() -> ErrorDetails {
    let (kind, message) = (AppErrorKind::OrchestrationFailed, "declined".to_owned());
    ErrorDetails::Application { kind, message, retryable: false }
}

#[tokio::test]
async fn lists_read_no_history_and_little_memory() {
    let shop = filled().await;
    keep_for_figures(&shop);
    // A list that looked into it would fail.
    let foreign = rusqlite::Connection::open(shop.path()).unwrap();
    foreign.execute_batch("ALTER TABLE history RENAME TO away").unwrap();
    let page = on(&shop.path(), &["ls", "--json", "--limit", "3"]).document();
    let ids: Vec<&Value> = page["rows"].as_array().unwrap().iter().map(|row| &row["instance_id"]).collect();
    assert_eq!(ids, ["order-099999", "order-099998", "order-099997"]);
    for (arguments, rows) in [
        (&["ls", "-q", "--status", "failed", "--limit", "1000"][..], 100),
        (&["ls", "-q", "--name", "Checkout", "--prefix", "order-0001", "--all"], 100),
        (&["ls", "-q", "--roots", "--since", "2026-11-27T12:01:39Z", "--all"], 1_000),
        (&["ls", "-q", "--status", "running"], 0),
        (&["ls", "-q", "--name", "Nothing"], 0),
    ] {
        assert_eq!(on(&shop.path(), arguments).well().lines().count(), rows, "{arguments:?}");
    }
    assert_eq!(bounded(&shop, "ls --all -q"), INSTANCES);
    assert_eq!(bounded(&shop, "ls --all --json"), INSTANCES);
    foreign.execute_batch("ALTER TABLE away RENAME TO history").unwrap();
    assert!(bounded(&shop, "explain order-050000") > 0);
    assert!(bounded(&shop, "get order-050000") > 0);
}

/// The lines that the program writes with an address space that holds no list of everything.
fn bounded(shop: &Shop, arguments: &str) -> usize {
    let program = command();
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -v {ADDRESSES_KIB} && exec \"$0\" --store \"$1\" {arguments}"));
    shell.arg(program.get_program()).arg(shop.path()).stdin(Stdio::null());
    ran(shell.output()).well().lines().count()
}

/// Whoever measures names a place for the store.
fn keep_for_figures(shop: &Shop) {
    if let Some(place) = std::env::var_os("DUROXIDE_LARGE_STORE") {
        std::fs::copy(shop.path(), place).expect("there is room for it");
    }
}
