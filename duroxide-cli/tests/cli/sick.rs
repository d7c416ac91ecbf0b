//! A store that is not well: rows that nobody could read, and a queue that nobody empties.

use serde_json::json;

use super::program::on;
use super::shop::{AS_OF, Shop};

/// Two rows that were set aside, one of which can be read by now.
async fn spoilt() -> Shop {
    let shop = Shop::with_orders().await;
    let foreign = rusqlite::Connection::open(shop.path()).expect("the file is there");
    let message = json!({"ExternalRaised": {"instance": "order-1", "name": "approved", "data": "1"}}).to_string();
    let set_aside = "INSERT INTO quarantine (queue, instance_id, body, reason, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
    for (body, reason) in [("{\"secret\"", "EOF while parsing"), (&message, "unknown variant")] {
        let row = rusqlite::params!["orchestrator", "order-1", body, reason, 1_795_784_400_000_i64];
        foreign.execute(set_aside, row).expect("SQL of a test");
    }
    shop
}

#[tokio::test]
async fn rows_that_could_not_be_read_are_listed_retried_and_dropped() {
    let shop = spoilt().await;
    let listed = on(&shop.path(), &["queue", "quarantine", "--as-of-ms", AS_OF]).well();
    insta::assert_snapshot!("quarantine", listed);
    let shown = on(&shop.path(), &["queue", "quarantine", "--json", "--full", "--of", "order-1"]).document();
    assert_eq!(shown["rows"][0]["body"], "{\"secret\"");
    let (first, second) = (shown["rows"][0]["id"].to_string(), shown["rows"][1]["id"].to_string());

    let stays = on(&shop.path(), &["queue", "retry", &first]).ended(1);
    assert!(stays.contains(&format!("row {first} stays where it is")), "{stays}");
    assert_eq!(on(&shop.path(), &["queue", "retry", &second]).well(), format!("row {second} is back in its queue\n"));
    assert!(on(&shop.path(), &["queue", "rows", "--of", "order-1"]).well().contains("approved"));
    assert_eq!(
        on(&shop.path(), &["queue", "drop", &first, "--dry-run"]).well(),
        format!("would drop row {first} of order-1: EOF while parsing\n")
    );
    assert!(on(&shop.path(), &["queue", "drop", &first]).ended(2).contains("drop 1 row for good: say --yes"));
    assert_eq!(on(&shop.path(), &["queue", "drop", &first, "--yes"]).well(), format!("dropped row {first}\n"));
    let gone = on(&shop.path(), &["queue", "drop", &first, "--yes"]).ended(1);
    assert_eq!(gone, format!("duroxide: there is no row {first} among those that could not be read"));
    assert_eq!(on(&shop.path(), &["queue", "quarantine"]).well(), "nothing was set aside\n");
}

#[tokio::test]
async fn messages_for_nobody_are_dropped_and_no_others() {
    let shop = Shop::with_orders().await;
    on(&shop.path(), &["raise", "order-1", "approved", "1"]).well();
    // As a worker leaves it that has looked at it.
    let foreign = rusqlite::Connection::open(shop.path()).expect("the file is there");
    let message = json!({"ExternalRaised": {"instance": "nobody", "name": "approved", "data": "1"}}).to_string();
    let parked = "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, enqueued_at, state)
         VALUES ('nobody', ?1, 1, 1, 3)";
    assert_eq!(foreign.execute(parked, [message]).expect("SQL of a test"), 1);
    let row = |instance| on(&shop.path(), &["queue", "rows", "--of", instance, "--json"]).document()["rows"][0].clone();
    let (mine, nobodys) = (row("order-1"), row("nobody"));
    assert_eq!(nobodys["state"], "parked");
    let (mine, nobodys) = (mine["id"].to_string(), nobodys["id"].to_string());
    let drop = |more: &[&str]| on(&shop.path(), &[&["queue", "drop", "--parked"][..], more].concat());

    let refused = drop(&[&mine, "--yes"]).ended(1);
    assert!(refused.contains(&format!("there is no row {mine} among messages that wait for nobody")), "{refused}");
    assert_eq!(
        drop(&[&nobodys, "--dry-run"]).well(),
        format!("would drop row {nobodys} for nobody: ExternalRaised `approved`\n")
    );
    assert!(drop(&[&nobodys]).ended(2).contains("drop 1 row for good: say --yes"));
    assert_eq!(drop(&[&nobodys, "--yes"]).well(), format!("dropped row {nobodys}\n"));
    drop(&[&nobodys, "--yes"]).ended(1);
    assert_eq!(row("nobody"), serde_json::Value::Null);
    assert_eq!(row("order-1")["id"].to_string(), mine, "what somebody waits for is left");
    assert_eq!(on(&shop.path(), &["explain", "nobody"]).code, 1, "nothing is left of it");
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let shop = spoilt().await;
    let looked = on(&shop.path(), &["doctor", "--as-of-ms", AS_OF]);
    assert_eq!((looked.code, looked.err.as_str()), (0, ""), "{}", looked.out);
    for line in [
        "WARN  workers     none is alive",
        "WARN  quarantine  2 rows could not be read and were set aside",
        "OK    integrity   nothing was found that must not be",
    ] {
        assert!(looked.out.lines().any(|found| found == line), "{line}: {}", looked.out);
    }
    on(&shop.path(), &["cancel", "order-1"]).well();
    let looked = on(&shop.path(), &["doctor", "--json", "--quick"]);
    assert_eq!(looked.code, 1, "somebody waits, and nobody works: {}", looked.out);
    assert!(looked.out.contains("none is alive, and 1 row can be taken"), "{}", looked.out);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_found() {
    let shop = Shop::with_orders().await;
    let foreign = rusqlite::Connection::open(shop.path()).unwrap();
    foreign.execute("UPDATE history SET event_data = '{' WHERE instance_id = 'order-2' AND event_id = 3", []).unwrap();
    let check = on(&shop.path(), &["db", "check"]);
    assert_eq!((check.code, check.err.as_str()), (1, "duroxide: the check came to 1 finding\n"), "{}", check.out);
    assert!(check.out.contains("order-2"), "{}", check.out);
    let looked = on(&shop.path(), &["doctor"]);
    assert!(looked.code == 1 && looked.out.contains("FAIL  integrity"), "{}", looked.out);
}
