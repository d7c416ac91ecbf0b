//! Each exit code, and the sentence that comes with it.

use std::process::Stdio;

use super::program::{command, fed, on, ran};
use super::shop::Shop;

#[tokio::test]
async fn what_is_not_so_ends_with_1() {
    let shop = Shop::with_orders().await;
    let ended = |arguments: &[&str]| on(&shop.path(), arguments).ended(1);
    let unknown = "duroxide: there is no instance `nobody` in this store";
    for arguments in [
        &["get", "nobody"][..],
        &["history", "nobody"],
        &["tail", "nobody"],
        &["tree", "nobody"],
        &["wait", "nobody"],
        &["raise", "nobody", "approved"],
        &["enqueue", "nobody", "inbox", "1"],
        &["cancel", "nobody"],
        &["delete", "nobody", "--yes"],
        &["prune", "nobody", "--keep", "1", "--yes"],
        &["kv", "nobody"],
        &["export", "nobody"],
        &["replay", "nobody"],
    ] {
        assert_eq!(ended(arguments), unknown, "{arguments:?}");
    }
    assert_eq!(ended(&["kv", "order-2", "nothing"]), "duroxide: instance `order-2` has no key `nothing`");
    assert_eq!(
        ended(&["history", "order-2", "--execution", "7"]),
        "duroxide: instance `order-2` has no execution 7; kept are 1"
    );
    assert_eq!(
        ended(&["raise", "order-2", "approved"]),
        "duroxide: instance `order-2` has completed; what is sent to it now changes nothing"
    );
    assert_eq!(
        ended(&["delete", "order-1", "--yes"]),
        "duroxide: instance `order-1` still runs; cancel it first, or delete it with --force"
    );
    assert_eq!(ended(&["replay", "order-1"]), "duroxide: instance `order-1` has not failed by nondeterminism");
    // How it failed is told where the answer is told.
    let failed = on(&shop.path(), &["wait", "order-3"]);
    assert_eq!((failed.code, failed.out.as_str(), failed.err.as_str()), (1, "order-3  Failed  card declined\n", ""));
    assert_eq!(on(&shop.path(), &["wait", "order-2"]).well(), "order-2  Completed\n");
}

#[tokio::test]
async fn wrong_use_ends_with_2() {
    let shop = Shop::with_orders().await;
    let ended = |arguments: &[&str]| on(&shop.path(), arguments).ended(2);
    for (arguments, told) in [
        (&["ls", "--status", "happy"][..], "expected one of Running, Completed, Failed, ContinuedAsNew, found `happy`"),
        (&["ls", "--since", "yesterday"], "expected how long ago (`90m`, `2d`) or a time"),
        (&["ls", "--after", "x"], "expected `MILLISECONDS/ID`"),
        (&["ls", "--limit", "0"], "0 is not in 1..=1000"),
        (&["lst"], "unrecognized subcommand 'lst'"),
        (&["--schema", "x", "ls"], "--schema belongs to a postgres:// store"),
        (&["delete"], "the following required arguments were not provided"),
        (&["delete", "order-2"], "delete order-2 with all descendants: say --yes where nobody can be asked"),
        (&["prune", "order-2", "--keep", "1"], "say --yes where nobody can be asked"),
        (&["wait", "order-1", "--timeout", "soon"], "expected a duration (`500ms`, `30s`, `2h`), found `soon`"),
        (&["raise", "order-1", "approved", "@/no/such/file"], "cannot read /no/such/file"),
        (&["import", "/no/such/file"], "cannot read /no/such/file"),
        (&["start", "Checkout", "a::sub::b"], "uses the reserved sub-orchestration marker"),
    ] {
        let err = ended(arguments);
        assert!(err.contains(told), "{arguments:?}: {err}");
    }
    let none = ran(command().arg("ls").output());
    assert!(none.ended(2).contains("which store?"));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_ends_with_2_and_nothing_is_created() {
    let shop = Shop::empty();
    let every: [&[&str]; 14] = [
        &["ls"],
        &["get", "a"],
        &["history", "a"],
        &["wait", "a"],
        &["start", "A", "a"],
        &["raise", "a", "b"],
        &["cancel", "a"],
        &["delete", "a", "--yes"],
        &["queue"],
        &["workers"],
        &["stats"],
        &["doctor"],
        &["db", "check"],
        &["db", "migrate", "--yes"],
    ];
    for arguments in every {
        let err = on(&shop.path(), arguments).ended(2);
        assert!(err.starts_with("duroxide: there is no s"), "{arguments:?}: {err}");
        assert_eq!(std::fs::read_dir(shop.folder()).unwrap().count(), 0, "{arguments:?}");
    }
    std::fs::write(shop.path(), "not a database at all, but long enough to have a header of its own").unwrap();
    assert!(on(&shop.path(), &["ls"]).ended(2).contains("file is not a database"));
    assert!(on(&shop.path(), &["db", "migrate", "--dry-run"]).ended(2).contains("file is not a database"));
    std::fs::write(shop.path(), "").unwrap();
    assert!(on(&shop.path(), &["db", "migrate", "--dry-run"]).well().starts_with("would migrate: "));
    assert!(on(&shop.path(), &["ls"]).ended(2).contains("the store's tables are not of this version"));
    assert_eq!(std::fs::metadata(shop.path()).unwrap().len(), 0);

    let place = "postgres://user:hunter2@127.0.0.1:1/shop";
    let unreachable = ran(command().args(["--store", place, "ls"]).output());
    let err = unreachable.ended(2);
    assert!(err.contains("expected a server that answers") && !err.contains("hunter2"), "{err}");
    for mode in ["sslmode=require", "application_name=a&sslmode=verify-full"] {
        let place = format!("{place}?{mode}");
        let err = ran(command().args(["--store", &place, "ls"]).output()).ended(2);
        assert!(err.contains("the URL asks for TLS with sslmode=") && !err.contains("hunter2"), "{err}");
    }
}

#[tokio::test]
async fn a_wait_that_is_over_ends_with_3() {
    let shop = Shop::with_orders().await;
    let err = on(&shop.path(), &["wait", "order-1", "--timeout", "10ms"]).ended(3);
    assert_eq!(err, "duroxide: instance `order-1` has not ended after 10ms");
    let err = on(&shop.path(), &["wait", "nobody", "--even-if-unknown", "--timeout", "10ms"]).ended(3);
    assert_eq!(err, "duroxide: instance `nobody` has not ended after 10ms");
}

#[tokio::test]
async fn a_store_that_refuses_ends_with_4() {
    let shop = Shop::with_orders().await;
    let foreign = rusqlite::Connection::open(shop.path()).unwrap();
    foreign
        .execute_batch(
            "CREATE TRIGGER refusal BEFORE INSERT ON orchestrator_queue BEGIN SELECT RAISE(ABORT, 'no more'); END",
        )
        .unwrap();
    let err = on(&shop.path(), &["cancel", "order-1"]).ended(4);
    assert!(err.contains("no more"), "{err}");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_ends_quietly() {
    let shop = Shop::with_orders().await;
    let mut program = command();
    program.arg("--store").arg(shop.path()).args(["history", "order-1"]);
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ran = ran(child.wait_with_output());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[tokio::test]
async fn what_cannot_be_read_as_an_export_ends_with_2() {
    let shop = Shop::with_orders().await;
    let err = fed(&shop.path(), &["import", "-"], "{}\n").ended(2);
    assert!(err.contains("line 1: expected the head of an export of duroxide"), "{err}");
}
