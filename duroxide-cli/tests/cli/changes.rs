//! What destroys something: tried first, confirmed, and then done.

use serde_json::json;

use super::live::Working;
use super::program::{fed, on};
use super::shop::{BEGAN_MS, Instance, Shop};

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

/// Roots of many ages, some with descendants, one that was begun early and ended late, and one that runs.
async fn aged() -> Shop {
    let shop = Shop::with_orders().await;
    let ended = |id: &str, begin: u64, end: u64| {
        let instance = Instance::new(id, "Checkout", "Completed", BEGAN_MS + begin);
        instance.ended(end - begin, duroxide::EventKind::OrchestrationCompleted { output: String::new() })
    };
    let child = |id: &str, parent: &str, begin: u64| {
        let mut child = ended(id, begin, begin + 1);
        child.parent = Some(parent.to_owned());
        child
    };
    let roots =
        [ended("old", 10, 20), ended("older", 5, 8), ended("late", 1, 9_000_000), ended("new", 8_000_000, 8_000_001)];
    let kin = [
        child("old::sub::1", "old", 11),
        child("old::sub::1::sub::1", "old::sub::1", 12),
        child("late::sub::2", "late", 7),
    ];
    shop.take_in(&[&roots[..], &kin[..]].concat()).await;
    shop
}

#[tokio::test]
async fn what_a_dry_run_of_a_deletion_tells_is_what_goes() {
    let before = ["delete", "--ended-before", "2026-11-27T13:30:00Z"];
    for (arguments, expected) in [
        (&["old"][..], &["old", "old::sub::1", "old::sub::1::sub::1"][..]),
        (&["new", "old", "new"], &["new", "old", "old::sub::1", "old::sub::1::sub::1"]),
        (
            &["--ended-before", "2026-11-27T13:30:00Z"],
            &["older", "old", "old::sub::1", "old::sub::1::sub::1", "order-2"],
        ),
        (&["--ended-before", "2026-11-27T13:30:00Z", "--limit", "1"], &["older"]),
        (&["--ended-before", "2026-11-27T13:30:00Z", "--limit", "0"], &[]),
        (&["--ended-before", "2026-11-27T12:00:00Z"], &[]),
        (&["order-1", "--force"], &["order-1", "order-1::sub::3"]),
    ] {
        let shop = aged().await;
        let delete = |more: &str| on(&shop.path(), &[&["delete", more, "--json"], arguments].concat()).document();
        let ids =
            || -> Vec<String> { on(&shop.path(), &["ls", "-q", "--all"]).well().lines().map(Into::into).collect() };
        let all = ids();
        let tried = delete("--dry-run");
        assert_eq!(tried["ids"].as_array().map_or(&[][..], Vec::as_slice), expected, "{arguments:?}");
        assert_eq!(ids(), all, "{arguments:?}: nothing was done");
        let done = delete("--yes");
        for figure in ["instances", "executions", "events"] {
            assert_eq!(done[figure], tried[figure], "{arguments:?}: {figure}");
        }
        let left: Vec<String> = all.into_iter().filter(|id| !expected.contains(&id.as_str())).collect();
        assert_eq!(ids(), left, "{arguments:?}");
    }
    // What a real run would refuse, the dry run refuses, and then nothing goes.
    let shop = aged().await;
    for refused in [&["old", "old::sub::1"][..], &["old", "order-1"], &["old", "nobody"]] {
        for more in ["--dry-run", "--yes"] {
            on(&shop.path(), &[&["delete", more], refused].concat()).ended(1);
        }
    }
    assert!(on(&shop.path(), &before).ended(2).contains("delete all that ended before then: say --yes"));
    on(&shop.path(), &["get", "old"]).well();
}

#[tokio::test]
async fn what_a_dry_run_of_pruning_tells_is_what_goes() {
    let shop = Shop::with_orders().await;
    let working = Working::on(&shop).await;
    for (id, round) in [("a", "0"), ("b", "0"), ("c", "3"), ("d", "5")] {
        working.client.start_orchestration(id, "Forever", round).await.unwrap();
        working.client.wait_for_orchestration(id, super::live::LONG).await.unwrap();
    }
    working.stop().await;
    for (arguments, executions) in [
        (&["a", "--keep", "5"][..], 1),
        // `d` has one execution, `c` has three.
        (&["--all", "2", "--keep", "2"], 1),
        (&["--all", "--keep", "4"], 3),
        (&["--all", "--ended-before", "1h"], 0),
        (&["--all", "--keep", "3", "--ended-before", "2100-01-01T00:00:00Z"], 2),
        (&["--all", "--ended-before", "2100-01-01T00:00:00Z"], 5),
        (&["--all", "--keep", "1"], 0),
    ] {
        let prune = |more: &str| on(&shop.path(), &[&["prune", more, "--json"], arguments].concat()).document();
        let (again, mut tried) = (prune("--dry-run"), prune("--dry-run"));
        assert_eq!((&again, &tried["executions"]), (&tried, &json!(executions)), "{arguments:?}");
        tried["dry_run"] = json!(false);
        assert_eq!(prune("--yes"), tried, "{arguments:?}");
        assert_eq!(prune("--dry-run")["executions"], json!(0), "{arguments:?}: nothing is left");
    }
    assert!(on(&shop.path(), &["prune", "--all", "--keep", "1"]).ended(2).contains("say --yes"));
}

#[tokio::test]
async fn a_dry_run_of_a_cancellation_names_who_would_end() {
    let shop = Shop::with_orders().await;
    let mut child = Instance::new("order-1::sub::9", "Reserve", "Running", BEGAN_MS + 90);
    child.parent = Some("order-1".to_owned());
    shop.take_in(&[child]).await;
    assert_eq!(
        on(&shop.path(), &["cancel", "order-1", "--dry-run"]).well(),
        "  order-1\n  order-1::sub::9\nwould cancel 2 instances; nothing was done\n"
    );
    assert_eq!(on(&shop.path(), &["queue", "--json"]).document()["orchestrator"]["ready"], json!(0));
    assert_eq!(
        on(&shop.path(), &["cancel", "order-2", "--dry-run"]).ended(1),
        on(&shop.path(), &["cancel", "order-2"]).ended(1)
    );
    on(&shop.path(), &["cancel", "order-1"]).well();
    assert_eq!(on(&shop.path(), &["queue", "--json"]).document()["orchestrator"]["ready"], json!(1));
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
