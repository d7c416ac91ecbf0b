//! No room left, for a while.

use std::path::{Path, PathBuf};

use duroxide::providers::sqlite::SqliteProvider;

use super::{FOLDER, Stage, again};

/// A file system of 10 MiB, of which somebody else who goes away in the end has left 3. What can be
/// acknowledged on those comes to 5 when it has ended (each payload stands in seven rows), beside the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_full_is_told_and_what_was_acknowledged_goes_on_when_there_is_room() {
    const BYTES: usize = 20_000;
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size=10m none \"${FOLDER}\"");
        let test = "disk::disk_full_is_told_and_what_was_acknowledged_goes_on_when_there_is_room";
        again(test, true, &mount, folder.path());
        return;
    };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![7; 7 << 20]).unwrap();
    let stage = Stage::on(&folder.join("store.db")).await;
    let (started, error) = stage.fill(BYTES, &["database or disk is full"]).await;
    assert!(started > 0, "{error}");
    println!("{started} started, then: {error}");
    std::fs::remove_file(ballast).unwrap();
    stage.all_end(started, BYTES).await;
    stage.end().await;
}

/// Files may not grow past 2 MiB, as `ulimit` has it; the signal that comes with it is ignored, as servers do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow_are_told_and_the_next_process_goes_on() {
    const BYTES: usize = 20_000;
    const TEST: &str = "disk::files_that_may_not_grow_are_told_and_the_next_process_goes_on";
    if let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) {
        let stage = Stage::on(&folder.join("store.db")).await;
        let (started, error) = stage.fill(BYTES, &["disk I/O error", "database or disk is full"]).await;
        println!("started={started}; then: {error}");
        // No shutdown: it goes down as a process does that nobody expected to fail.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(told) = again(TEST, false, "trap '' XFSZ && ulimit -f 4096", folder.path()) else {
        return;
    };
    let started = told.split("started=").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    let started: usize = started.parse().unwrap();
    assert!(started > 0, "{told}");
    let stage = Stage::on(&folder.path().join("store.db")).await;
    stage.all_end(started, BYTES).await;
    is_whole(&folder.path().join("store.db"));
    stage.end().await;
}

fn is_whole(file: &Path) {
    let conn = rusqlite::Connection::open(file).unwrap();
    let found: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

/// A database that turns read-only under a running process: told at once, mended, gone on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readonly_file_system_is_told_within_two_seconds() {
    const TEST: &str = "disk::readonly_file_system_is_told_within_two_seconds";
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size=16m none \"${FOLDER}\"");
        again(TEST, true, &mount, folder.path());
        return;
    };
    let file = folder.join("store.db");
    let stage = Stage::on(&file).await;
    stage.client.start_orchestration("i-0", "Echo", "x").await.unwrap();
    stage.ended("i-0").await.unwrap();
    stage.store.checkpoint().await.unwrap();
    stage.end().await;
    // The store closes its file a moment after it was dropped.
    let mut tries = 0;
    while !remount(&folder, "ro") {
        tries += 1;
        assert!(tries < 200, "somebody keeps a file open");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let refused = tokio::time::timeout(std::time::Duration::from_secs(2), SqliteProvider::open(&file)).await;
    let refused = refused.expect("it is told at once").unwrap_err().to_string();
    assert!(refused.to_lowercase().contains("read-only") || refused.contains("readonly"), "{refused}");
    assert!(remount(&folder, "rw"));
    let stage = Stage::on(&file).await;
    stage.all_end(1, 1).await;
    stage.end().await;
}

fn remount(folder: &Path, mode: &str) -> bool {
    let option = format!("remount,{mode}");
    std::process::Command::new("mount").args(["-o", &option]).arg(folder).status().unwrap().success()
}
