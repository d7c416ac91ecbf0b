//! How requests meet their answers.

use super::bindings::{Class, Reply};
use super::*;

fn dequeue(book: &mut Book, event_id: u64) -> u64 {
    let token = book.ask(Class::Queue, |_| Action::DequeueEvent { scheduling_event_id: 0, name: "q".into() });
    book.bind_message(token, event_id, "q");
    token
}

fn wait(book: &mut Book, event_id: u64) -> u64 {
    let token = book.ask(Class::External, |_| Action::WaitExternal { scheduling_event_id: 0, name: "s".into() });
    book.bind_signal(token, event_id, "s");
    token
}

fn data(text: &str) -> Option<Reply> {
    Some(Reply::Data(text.into()))
}

#[test]
fn a_signal_answers_the_oldest_wait_and_an_early_one_is_lost() {
    let mut book = Book::default();
    assert!(!book.signal("s", "early".into()));
    let (first, second) = (wait(&mut book, 2), wait(&mut book, 3));
    assert!(book.signal("s", "a".into()) && book.signal("s", "b".into()) && !book.signal("s", "c".into()));
    assert_eq!(book.take(second), data("b"));
    assert_eq!(book.take(first), data("a"));
}

#[test]
fn a_dropped_wait_takes_its_value_with_it() {
    let mut book = Book::default();
    let (first, second) = (wait(&mut book, 2), wait(&mut book, 3));
    assert!(book.signal("s", "a".into()));
    book.abandon(first);
    assert_eq!(book.take(second), None);
    assert!(book.signal("s", "b".into()));
    assert_eq!(book.take(second), data("b"));
}

#[test]
fn a_held_dequeue_reserves_its_message() {
    let mut book = Book::default();
    let (first, second) = (dequeue(&mut book, 2), dequeue(&mut book, 3));
    book.message("q", "a".into());
    assert_eq!(book.take(second), None, "the second dequeue is for the second message");
    book.message("q", "b".into());
    assert_eq!(book.take(second), data("b"));
    assert_eq!(book.take(first), data("a"));
}

#[test]
fn a_message_survives_the_dequeue_that_gave_it_up_and_is_read_once() {
    let mut book = Book::default();
    let (first, second) = (dequeue(&mut book, 2), dequeue(&mut book, 3));
    book.message("q", "a".into());
    book.message("q", "b".into());
    assert_eq!(book.take(second), data("b"));
    book.abandon(first);
    let third = dequeue(&mut book, 4);
    assert_eq!(book.take(third), data("a"), "not the message that was read already");
    assert!(book.mailbox.unread().is_empty());
}

#[test]
fn a_dequeue_dropped_before_it_was_bound_takes_no_place() {
    let mut book = Book::default();
    let dropped = book.ask(Class::Queue, |_| Action::DequeueEvent { scheduling_event_id: 0, name: "q".into() });
    book.abandon(dropped);
    book.bind_message(dropped, 2, "q");
    let held = dequeue(&mut book, 3);
    book.message("q", "a".into());
    assert_eq!(book.take(held), data("a"));
    assert_eq!(book.bindings.take_abandoned(), [(Class::Queue, 2)]);
}

#[test]
fn unread_messages_keep_the_order_of_arrival_across_queues() {
    let mut book = Book::default();
    for (queue, text) in [("b", "1"), ("a", "2"), ("b", "3")] {
        book.message(queue, text.into());
    }
    let unread: Vec<_> = book.mailbox.unread().into_iter().map(|(_, text)| text).collect();
    assert_eq!(unread, ["1", "2", "3"]);
}

#[test]
fn a_detached_ledger_records_nothing() {
    let ledger = Ledger::new(
        Identity { instance: "i".into(), execution_id: 1, name: "n".into(), version: "1.0.0".into() },
        Book::default(),
    );
    let token = ledger.with(|book| dequeue(book, 2));
    ledger.detach();
    ledger.with(|book| {
        book.emitted.clear();
        book.abandon(token);
        book.tell(Action::ClearKeyValues);
        assert!(book.emitted.is_empty() && book.bindings.take_abandoned().is_empty());
    });
}

#[test]
fn a_repeated_set_counts_from_the_recorded_time() {
    let mut overlay = Overlay::new(Default::default(), [100].into_iter());
    assert_eq!(overlay.set("a".into(), "1".into(), 900), 100);
    assert_eq!(overlay.set("b".into(), "2".into(), 900), 900);
    assert_eq!(overlay.updated_before(500), ["a"]);
}

#[test]
fn what_is_answered_or_dropped_is_not_outstanding() {
    let mut book = Book::default();
    let first = book.ask(Class::Timer, |_| Action::CreateTimer { scheduling_event_id: 0, fire_at_ms: 1 });
    let second = book.ask(Class::Timer, |_| Action::CreateTimer { scheduling_event_id: 0, fire_at_ms: 1 });
    assert_eq!(book.outstanding(), 2);
    book.deliver(first, Reply::Fired);
    assert_eq!(book.outstanding(), 1);
    book.abandon(second);
    assert_eq!(book.outstanding(), 0);
    assert_eq!(book.take(first), Some(Reply::Fired));
    assert_eq!(book.outstanding(), 0);
}

#[test]
fn an_ascending_map_is_a_map() {
    let mut ours = ascending::Ascending::default();
    let mut reference = std::collections::BTreeMap::new();
    let mut state = 7_u64;
    let mut draw = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut top = 0;
    for step in 0..20_000_u64 {
        match draw(8) {
            // Mostly new keys, with and without gaps; now and then an old one.
            0..=2 => {
                top += 1 + draw(3) * draw(2);
                ours.insert(top, step);
                reference.insert(top, step);
            }
            3 => {
                let key = draw(top + 2);
                ours.insert(key, step);
                reference.insert(key, step);
            }
            4..=6 => {
                let oldest = reference.keys().next().copied().unwrap_or_default();
                let key = if draw(2) == 0 { oldest } else { draw(top + 2) };
                assert_eq!(ours.remove(key), reference.remove(&key), "step {step}");
            }
            _ => {
                let key = draw(top + 2);
                assert_eq!(ours.get(key), reference.get(&key));
                assert_eq!(ours.get_mut(key), reference.get_mut(&key));
            }
        }
        if step % 500 == 0 {
            assert!(ours.iter().eq(reference.iter().map(|(key, value)| (*key, value))), "step {step}");
        }
    }
}

#[test]
fn what_was_dropped_is_forgotten_once_it_was_taken_account_of() {
    let mut book = Book::default();
    let timer =
        |book: &mut Book| book.ask(Class::Timer, |_| Action::CreateTimer { scheduling_event_id: 0, fire_at_ms: 1 });
    let (early, late) = (timer(&mut book), timer(&mut book));
    book.abandon(early);
    book.bind(early, 2);
    book.bind(late, 3);
    book.abandon(late);
    assert_eq!(book.bindings.take_abandoned(), [(Class::Timer, 2), (Class::Timer, 3)]);
    assert_eq!(book.bindings.take_abandoned(), []);
    book.deliver(early, Reply::Fired);
    assert_eq!((book.take(early), book.outstanding()), (None, 0));
}
