//! What destroys something: tried first, confirmed, and then done.

use serde_json::json;

use super::program::{fed, on};
use super::shop::Shop;

#[tokio::test]
async fn a_dry_run_deletes_nothing_and_says_what_would_go() {
    let shop = Shop::with_orders().await;
    let all = || on(&shop.path(), &["ls", "-q"]).well();
    let before = all();
    assert_eq!(
        on(&shop.path(), &["delete", "order-2", "order-3", "--dry-run"]).well(),
        "  order-2\n  order-3\nwould delete 2 instances, 2 executions, 9 events; nothing was done\n"
    );
    let bulk =
        on(&shop.path(), &["delete", "--ended-before", "2026-11-27T13:30:00Z", "--dry-run", "--json"]).document();
    assert_eq!(bulk["ids"], json!(["order-2"]));
    assert_eq!(on(&shop.path(), &["delete", "order-1", "--dry-run"]).code, 1);
    let forced = on(&shop.path(), &["delete", "order-1", "--force", "--dry-run", "--json"]).document();
    assert_eq!((&forced["instances"], &forced["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(all(), before);

    assert_eq!(on(&shop.path(), &["delete", "order-2", "--yes"]).well(), "deleted 1 instance, 1 execution, 5 events\n");
    let bulk = on(&shop.path(), &["delete", "--ended-before", "2026-11-27T23:30:00Z", "--yes", "--json"]).document();
    assert_eq!(bulk["instances"], json!(2), "{bulk}");
    assert_eq!(all(), "order-5\norder-1::sub::3\norder-1\n");
    let child = on(&shop.path(), &["delete", "order-1::sub::3", "--yes"]).ended(1);
    assert!(child.contains("Delete the root orchestration instead"), "{child}");
}

#[tokio::test]
async fn an_instance_leaves_and_comes_back() {
    let shop = Shop::with_orders().await;
    let file = shop.beside("order-2.jsonl");
    let file = file.to_str().unwrap();
    let wrote = on(&shop.path(), &["export", "order-2", "--output", file]).well();
    assert!(wrote.starts_with("wrote 1 instance with 8 rows to "), "{wrote}");
    assert!(on(&shop.path(), &["export", "order-2", "--output", file]).ended(2).contains("cannot write"));
    let taken = on(&shop.path(), &["import", file]).ended(1);
    assert!(taken.contains("instance `order-2` is there already"), "{taken}");
    assert!(on(&shop.path(), &["import", file, "--dry-run"]).ended(1).contains("is there already"));

    let history = || on(&shop.path(), &["history", "order-2", "--json", "--full"]).well();
    let (before, row) = (history(), on(&shop.path(), &["get", "order-2", "--json", "--full"]).well());
    on(&shop.path(), &["delete", "order-2", "--yes"]).well();
    assert!(on(&shop.path(), &["import", file, "--dry-run"]).well().contains("would take in order-2 with 8 rows"));
    assert_eq!(on(&shop.path(), &["get", "order-2"]).code, 1);
    assert_eq!(on(&shop.path(), &["import", file]).well(), "took in order-2 with 8 rows\n");
    assert_eq!(history(), before);
    assert_eq!(on(&shop.path(), &["get", "order-2", "--json", "--full"]).well(), row);
}

#[tokio::test]
async fn an_instance_that_runs_comes_only_where_it_may_go_on() {
    let shop = Shop::with_orders().await;
    let exported = on(&shop.path(), &["export", "order-1", "--tree"]).well();
    let other = Shop::empty();
    drop(other.open().await);
    let refused = fed(&other.path(), &["import", "-"], &exported).ended(2);
    assert!(refused.contains("instance `order-1` had not ended; with --running it goes on here"), "{refused}");
    assert!(fed(&other.path(), &["import", "-", "--running"], &exported).ended(2).contains("--yes"));
    fed(&other.path(), &["import", "-", "--running", "--yes"], &exported).well();
    assert_eq!(on(&other.path(), &["export", "order-1", "--tree"]).well().len(), exported.len());
    let tree = on(&other.path(), &["tree", "order-1"]).well();
    assert_eq!(tree.lines().count(), 2, "{tree}");
}
