//! What is drawn: snapshots of small ones, bounds of large ones, and nothing that a name could smuggle in.

use super::scale::Scale;
use super::*;
use crate::insight::testing::{Asked, History};
use crate::model::event::EventKind;

/// A bit of everything: attempts, a wait of a day, an event, a child, a timer, and what is open.
fn everything() -> History {
    const DAY: u64 = 86_400_000;
    let mut history = History::new("checkout");
    let reserve = history.asks(0, Asked::activity("reserve", "1"));
    let charge = history.asks(0, Asked::activity("charge", "2"));
    let policy = r#"{"backoff":{"fixed":{"delay_ms":400}},"max_attempts":5}"#;
    history.governed(0, charge, policy);
    history.completed(180, reserve);
    history.failed(240, charge, "secret");
    let wait = history.asks(240, Asked::timer(400));
    history.fired(640, wait);
    let again = history.asks(640, Asked::activity("charge", "2"));
    history.completed(900, again);
    history.asks(900, Asked::event("approved"));
    history.asks(900, Asked::timer(2 * DAY));
    history.arrives(DAY, "approved");
    let ship = history.asks(DAY, Asked::child("ship", "sub::12"));
    let guid = history.asks(DAY, Asked::activity("__duroxide_syscall:new_guid", ""));
    history.completed(DAY, guid);
    history.push(DAY + 420, Some(ship), EventKind::SubOrchestrationCompleted { result: "secret".to_owned() });
    let print = history.asks(DAY + 420, Asked::activity("print_label", ""));
    history.failed(DAY + 700, print, "secret");
    history.asks(DAY + 700, Asked::dequeue("complaints"));
    history
}

const DAY: u64 = 86_400_000;

#[test]
fn a_picture_shows_attempts_waits_and_breaks() {
    let timeline = everything().timeline(DAY + 1_300);
    insta::assert_snapshot!("picture", svg(&timeline, &Layout { style: Style::Page, ..Layout::default() }));
    insta::assert_snapshot!("mermaid", mermaid(&timeline, &Layout::default()));
}

#[test]
fn no_payload_and_no_text_of_an_error_is_in_a_picture() {
    let timeline = everything().timeline(DAY + 1_300);
    for picture in [svg(&timeline, &Layout::default()), mermaid(&timeline, &Layout::default())] {
        assert!(!picture.contains("secret"), "{picture}");
    }
}

#[test]
fn names_are_text_and_never_markup() {
    let mut history = History::new("<script>alert(1)</script>");
    history.asks(0, Asked::activity("\"><script>&\u{0}\u{ffff}", ""));
    history.asks(0, Asked::event("a:b;c#d\nsection\u{202e}x"));
    let timeline = history.timeline(10);
    let picture = svg(&timeline, &Layout::default());
    assert!(!picture.contains("<script"), "{picture}");
    assert!(picture.contains("&quot;&gt;&lt;script&gt;&amp;\u{fffd}\u{fffd}"), "{picture}");
    let text = mermaid(&timeline, &Layout::default());
    assert!(text.contains("    a b c d section x (open) :active, e3, "), "{text}");
    // What turns the direction of reading would be obeyed by whatever shows the text.
    assert!(picture.contains("section\u{fffd}x"), "{picture}");
}

#[test]
fn a_history_of_ten_thousand_events_is_folded() {
    let mut history = History::new("wide");
    let asked: Vec<u64> = (0..5_000).map(|_| history.asks(0, Asked::activity("step", "1"))).collect();
    for (at, id) in (0..).zip(asked.iter().skip(1)) {
        history.completed(10 + at, *id);
    }
    let timeline = history.timeline(60_000);
    let layout = Layout { rows: 10, ..Layout::default() };
    let picture = svg(&timeline, &layout);
    assert!(picture.contains("and 4,990 more"), "{picture}");
    assert!(picture.len() < 12_000, "{}", picture.len());
    assert_eq!(picture.matches(r#"class="activity open""#).count(), 1, "what is open is always drawn");
    assert!(mermaid(&timeline, &layout).contains("section and 4,990 more"));
}

#[test]
fn thousands_of_attempts_of_one_call_are_folded() {
    let mut history = History::new("poll");
    let mut call = history.asks(0, Asked::activity("ping", ""));
    for at in 1..4_000 {
        history.failed(at * 10, call, "no");
        call = history.asks(at * 10, Asked::activity("ping", ""));
    }
    let timeline = history.timeline(60_000);
    let picture = svg(&timeline, &Layout::default());
    assert!(picture.len() < 20_000, "{}", picture.len());
    assert!(picture.contains("open, 1 min · 4000×"), "{picture}");
    assert!(mermaid(&timeline, &Layout::default()).len() < 10_000);
}

#[test]
fn an_empty_timeline_has_a_picture() {
    let timeline = History::new("idle").timeline(0);
    let picture = svg(&timeline, &Layout { width: 0, rows: 0, ..Layout::default() });
    assert!(picture.contains("nothing was asked for") && !picture.contains("NaN"), "{picture}");
}

#[test]
fn stretches_are_broken_only_where_they_hide_others() {
    let broken = |times: &[u64]| {
        let scale = Scale::of(times.to_vec(), 600.0);
        scale.pieces.iter().map(|piece| if piece.is_broken { '/' } else { '-' }).collect::<String>()
    };
    let table: [(&[u64], &str); 7] = [
        (&[5], "-"),
        (&[0, 40, 80, 120], "-"),
        (&[0, 1, 400, 401], "-"),
        (&[0, 40, 80, 86_400_000, 86_400_040], "-/-"),
        (&[0, 40, 86_400_000], "-/"),
        (&[0, 86_400_000, 86_400_040], "/-"),
        (&[0, 3_600_000, 7_200_000, 9_000_000], "-"),
    ];
    for (times, pieces) in table {
        assert_eq!(broken(times), pieces, "{times:?}");
    }
}

#[test]
fn a_scale_rises_from_edge_to_edge() {
    let times = vec![0, 40, 80, 86_400_000, 86_400_040, 900_000_000];
    let scale = Scale::of(times.clone(), 600.0);
    let placed: Vec<f64> = times.iter().map(|ms| scale.x(*ms)).collect();
    assert!(placed.is_sorted(), "{placed:?}");
    assert_eq!(placed[0], 0.0);
    assert!((placed[5] - 600.0).abs() < 1e-6, "{placed:?}");
    let ticks = scale.ticks();
    assert!(!ticks.is_empty() && ticks.len() <= 12, "{ticks:?}");
    assert!(ticks.windows(2).all(|pair| pair[1].x - pair[0].x >= 50.0), "{ticks:?}");
}
