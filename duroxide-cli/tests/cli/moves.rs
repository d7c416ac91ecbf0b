//! The store itself: made, checked, moved.

use serde_json::json;

use super::program::{command, on, ran};
use super::shop::Shop;

#[tokio::test]
async fn tables_are_made_only_when_that_was_asked_for() {
    let shop = Shop::empty();
    assert!(on(&shop.path(), &["db", "migrate", "--yes"]).ended(2).contains("--create makes it"));
    assert_eq!(
        on(&shop.path(), &["db", "migrate", "--create", "--dry-run"]).well(),
        "would create the file; nothing was done\n"
    );
    assert!(!shop.path().exists());
    assert_eq!(on(&shop.path(), &["db", "migrate", "--create"]).well(), "the tables are of this version now\n");
    assert_eq!(on(&shop.path(), &["db", "migrate"]).well(), "the tables are of this version; nothing was done\n");
    assert_eq!(on(&shop.path(), &["db", "check"]).well(), "nothing was found that must not be\n");

    let foreign = rusqlite::Connection::open(shop.path()).unwrap();
    foreign.execute("UPDATE duroxide_store SET schema_version = schema_version + 1", []).unwrap();
    assert!(on(&shop.path(), &["ls"]).ended(2).contains("or older, found"), "of a newer version");
}

#[test]
fn the_script_is_printed_without_a_store() {
    let script = ran(command().args(["--store", "nowhere.db", "db", "sql"]).output()).well();
    assert!(script.starts_with("BEGIN;") && script.contains("CREATE TABLE history"), "{script}");
    let place = "postgres://nobody@nowhere/nothing";
    let script = ran(command().args(["--store", place, "--schema", "shop", "db", "sql"]).output()).well();
    assert!(script.contains("CREATE TABLE \"shop\".history"), "{script}");
}

#[tokio::test]
async fn the_script_for_older_tables_is_that_of_their_version() {
    let shop = Shop::empty();
    assert!(on(&shop.path(), &["db", "sql", "--upgrade"]).ended(2).contains("there is no store at"));
    drop(shop.open().await);
    let nothing = on(&shop.path(), &["db", "sql", "--upgrade"]).well();
    assert!(nothing.starts_with("-- Tables of version ") && nothing.contains("lack nothing"), "{nothing}");
    let foreign = rusqlite::Connection::open(shop.path()).unwrap();
    foreign.execute("UPDATE duroxide_store SET schema_version = 2", []).unwrap();
    let lacking = on(&shop.path(), &["db", "sql", "--upgrade"]).well();
    assert!(lacking.contains("CREATE TABLE workers") && !lacking.contains("CREATE TABLE history"), "{lacking}");
    assert_eq!(on(&shop.beside("nowhere.db"), &["db", "sql", "--from", "2"]).well(), lacking);
    assert!(on(&shop.path(), &["ls"]).ended(2).contains("found 2"), "nothing was changed");
    let newer = on(&shop.path(), &["db", "sql", "--from", "1000"]).ended(2);
    assert!(newer.contains("version 1000 of the tables is newer than this program knows"), "{newer}");
    let place = "postgres://nobody@nowhere/nothing";
    let script = ran(command().args(["--store", place, "db", "sql", "--from", "3"]).output()).well();
    assert!(script.contains("CREATE TABLE \"duroxide\".traces") && script.contains("<> 3 THEN"), "{script}");
}

#[tokio::test]
async fn a_store_is_moved_and_says_where_it_is() {
    let shop = Shop::with_orders().await;
    let to = shop.beside("new.db");
    let target = to.to_str().unwrap();
    let tried = on(&shop.path(), &["db", "transfer", "--to", target, "--dry-run"]).well();
    assert!(tried.starts_with("would move 6 instances with "), "{tried}");
    let full = Shop::with_orders().await;
    let refused = on(&shop.path(), &["db", "transfer", "--to", full.path().to_str().unwrap(), "--dry-run"]).ended(1);
    assert!(refused.contains("expected an empty store, found 6 instances"), "{refused}");
    assert!(on(&shop.path(), &["db", "transfer", "--to", target]).ended(2).contains("--yes"));
    assert!(!to.exists());
    let moved = on(&shop.path(), &["db", "transfer", "--to", target, "--yes", "--json"]).document();
    assert_eq!(moved["tables"][0]["rows"], json!(6), "{moved}");
    let err = on(&shop.path(), &["ls"]).ended(2);
    assert!(err.contains("this store was moved to the SQLite file") && err.contains("new.db"), "{err}");
    assert_eq!(on(&to, &["ls", "-q"]).well().lines().count(), 6);
    let missing = shop.beside("missing.db");
    on(&missing, &["db", "transfer", "--to", target, "--yes"]).ended(2);
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_transfer_is_given_up() {
    let shop = Shop::with_orders().await;
    assert!(on(&shop.path(), &["db", "cancel-transfer", "--yes"]).ended(1).contains("takes part in no transfer"));
    // The target is not empty: the source is closed, and then opened again, or given up by hand.
    let other = Shop::with_orders().await;
    let err = on(&shop.path(), &["db", "transfer", "--to", other.path().to_str().unwrap(), "--yes"]).ended(1);
    assert!(err.contains("expected an empty store, found"), "{err}");
    assert_eq!(on(&shop.path(), &["ls", "-q"]).well().lines().count(), 6);
}
