//! What is shown of a store whose times are fixed.

use insta::assert_snapshot;

use super::program::on;
use super::shop::{AS_OF, Shop};

#[tokio::test]
async fn tables_and_lines() {
    let shop = Shop::with_orders().await;
    let shown = |arguments: &[&str]| {
        let mut all = vec!["--as-of-ms", AS_OF];
        all.extend(arguments);
        on(&shop.path(), &all).well()
    };
    for (name, arguments) in [
        ("ls", &["ls"][..]),
        ("ls_failed", &["ls", "--status", "failed"]),
        ("ls_page", &["ls", "--limit", "2"]),
        ("ls_quiet", &["ls", "-q", "--roots", "--since", "90m"]),
        ("ls_json", &["ls", "--json", "--parent", "order-1"]),
        ("get", &["get", "order-1"]),
        ("get_failed", &["get", "order-3"]),
        ("get_payloads", &["get", "order-2", "--payloads"]),
        ("get_json", &["get", "order-2", "--json"]),
        ("history", &["history", "order-1"]),
        ("history_payloads", &["history", "order-2", "--payloads"]),
        ("history_last", &["history", "order-3", "--last", "2"]),
        ("history_json", &["history", "order-2", "--json", "--last", "2"]),
        ("tree", &["tree", "order-1"]),
        ("tree_json", &["tree", "order-1", "--json"]),
        ("graph", &["graph", "order-2"]),
        ("graph_svg", &["graph", "order-2", "--form", "svg"]),
        ("kv", &["kv", "order-2"]),
        ("replay", &["replay", "order-4"]),
        ("stats", &["stats"]),
        ("stats_json", &["stats", "--json"]),
        ("queue", &["queue"]),
        ("queue_rows", &["queue", "rows", "--of", "order-1"]),
    ] {
        assert_snapshot!(name, shown(arguments));
    }
}

/// Ages are as of now there.
#[tokio::test]
async fn an_explanation_says_what_is_waited_for() {
    let shop = Shop::with_orders().await;
    let told = on(&shop.path(), &["explain", "order-1"]).well();
    assert!(told.starts_with("`order-1` (Checkout 1.0.0) runs since "), "{told}");
    for word in ["`approved`", "timer", "no worker"] {
        assert!(told.to_lowercase().contains(word), "{word}: {told}");
    }
    let document = on(&shop.path(), &["explain", "order-1", "--json", "--deep"]).document();
    assert_eq!((&document["stand"], &document["needs_help"]), (&"running".into(), &true.into()), "{document}");
    let sentences = document["sentences"].as_array().expect("sentences");
    assert_eq!(sentences.len(), document["reasons"].as_array().expect("reasons").len());
}

#[tokio::test]
async fn a_page_ends_with_the_cursor_of_the_next() {
    let shop = Shop::with_orders().await;
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec!["ls", "--json", "--limit", "2"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let page = on(&shop.path(), &arguments).document();
        let rows = page["rows"].as_array().expect("rows");
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["instance_id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ["order-5", "order-4", "order-3", "order-2", "order-1::sub::3", "order-1"]);
    let all = on(&shop.path(), &["ls", "--all", "-q"]).well();
    assert_eq!(all.lines().collect::<Vec<_>>(), seen);
}
