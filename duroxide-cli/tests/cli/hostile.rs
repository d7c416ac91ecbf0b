//! Ids, names and payloads of others cannot make a terminal do anything.

use duroxide::{AppErrorKind, ErrorDetails, EventKind};

use super::program::on;
use super::shop::{BEGAN_MS, Instance, Shop};

fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)
}

#[tokio::test]
async fn nothing_that_a_terminal_obeys_is_written() {
    let shop = Shop::with_orders().await;
    let every: [&[&str]; 9] = [
        &["get", "order-5"],
        &["get", "order-5", "--json"],
        &["history", "order-5", "--full"],
        &["history", "order-5", "--json", "--full"],
        &["ls", "--color", "never"],
        &["export", "order-5"],
        &["replay", "order-4", "--full"],
        &["tree", "order-5"],
        &["kv", "order-5"],
    ];
    for arguments in every {
        let out = on(&shop.path(), arguments).well();
        assert!(!out.contains(is_hidden), "{arguments:?}: {out:?}");
    }
    let told = on(&shop.path(), &["get", "order-5"]).well();
    assert!(told.contains(r"says          \u{1b}[2J\u{9b}31m\u{202e}evil\nline"), "{told}");
    let err = on(&shop.path(), &["get", "\u{1b}[2Jnobody"]).ended(1);
    assert_eq!(err, r"duroxide: there is no instance `\u{1b}[2Jnobody` in this store");
    // The twin: a program reads what was there.
    let document = on(&shop.path(), &["get", "order-5", "--json"]).document();
    assert_eq!(document["custom_status"], "\u{1b}[2J\u{9b}31m\u{202e}evil\nline");
}

#[tokio::test]
async fn payloads_are_shown_only_where_they_are_asked_for() {
    let shop = Shop::with_orders().await;
    for arguments in [
        &["get", "order-2"][..],
        &["get", "order-2", "--json"],
        &["history", "order-2"],
        &["history", "order-2", "--json"],
        &["tail", "order-2"],
        &["tail", "order-2", "--json"],
        &["wait", "order-2"],
        &["wait", "order-2", "--json"],
        &["kv", "order-2"],
        &["kv", "order-2", "--json"],
        &["ls", "--json"],
        &["tree", "order-2", "--json"],
    ] {
        let out = on(&shop.path(), arguments).well();
        assert!(!out.contains("c-1") && !out.contains("1250"), "{arguments:?}: {out}");
    }
    // A failure by nondeterminism quotes what the code asked for.
    for arguments in [
        &["replay", "order-4"][..],
        &["replay", "order-4", "--json"],
        &["get", "order-4"],
        &["get", "order-4", "--json"],
        &["history", "order-4"],
        &["history", "order-4", "--json"],
        &["explain", "order-4"],
        &["explain", "order-4", "--json"],
    ] {
        let out = on(&shop.path(), arguments).well();
        assert!(!out.contains("secret") && out.contains("CallActivity"), "{arguments:?}: {out}");
    }
    let waited = on(&shop.path(), &["wait", "order-4"]);
    assert!(waited.code == 1 && !waited.out.contains("secret"), "{}", waited.out);
    assert!(on(&shop.path(), &["replay", "order-4", "--full"]).well().contains("secret"));
    for arguments in [
        &["get", "order-2", "--payloads"][..],
        &["history", "order-2", "--payloads"],
        &["history", "order-2", "--json", "--full"],
        &["tail", "order-2", "--full"],
        &["wait", "order-2", "--full"],
        &["kv", "order-2", "receipt"],
    ] {
        let out = on(&shop.path(), arguments).well();
        assert!(out.contains("c-1"), "{arguments:?}: {out}");
    }
}

/// A parent whose child failed by nondeterminism fails with its text: the inputs that stand there are hidden as well.
#[tokio::test]
async fn inputs_that_the_error_of_a_child_quotes_are_hidden_in_that_of_its_parent() {
    let shop = Shop::with_orders().await;
    let message = "child: nondeterministic: schedule mismatch: action=CallActivity { name: \"a\", input: \"secret\" } vs \
                   event=ActivityScheduled { name: \"b\", input: \"secret\" }";
    let details = ErrorDetails::Application {
        kind: AppErrorKind::OrchestrationFailed,
        message: message.to_owned(),
        retryable: false,
    };
    let parent = Instance::new("order-6", "Checkout", "Failed", BEGAN_MS);
    shop.take_in(&[parent.ended(9, EventKind::OrchestrationFailed { details })]).await;
    for command in ["get", "history", "explain", "wait"] {
        for json in [&[][..], &["--json"]] {
            let ran = on(&shop.path(), &[&[command, "order-6"], json].concat());
            assert!(ran.out.contains("action=CallActivity {…}"), "{command} {json:?}: {}", ran.out);
            assert!(!ran.out.contains("secret"), "{command} {json:?}: {}", ran.out);
            if command != "explain" {
                let whole = on(&shop.path(), &[&[command, "order-6", "--full"], json].concat());
                assert!(whole.out.contains("secret"), "{command} {json:?}: {}", whole.out);
            }
        }
    }
}

#[tokio::test]
async fn colours_are_there_only_when_they_are_wanted() {
    let shop = Shop::with_orders().await;
    let plain = on(&shop.path(), &["ls"]).well();
    assert!(!plain.contains('\u{1b}'));
    let coloured = on(&shop.path(), &["ls", "--color", "always"]).well();
    assert!(coloured.contains("\u{1b}[31mFailed\u{1b}[0m"), "{coloured:?}");
}
