//! What needs no server: what stores say to each other.

use super::hints::{Hints, News};
use crate::providers::signal::{Reach, WorkQueue};

#[test]
fn many_commits_are_one_message() {
    let news = News { messages: true, activities: false, changed: ["b", "a"].map(Into::into).into() };
    assert_eq!(news.written(), r#"m-["a","b"]"#);
    let many = News { changed: (0..100).map(|n| n.to_string()).collect(), ..News::default() };
    assert_eq!(many.written(), "--*");
    let long = News { changed: ["x".repeat(10_000)].into(), ..News::default() };
    assert_eq!(long.written(), "--*");
}

#[tokio::test]
async fn what_was_told_is_taken_once() {
    let hints = Hints::new(Reach::All);
    hints.tell(WorkQueue::Worker);
    hints.tell_changed("i".into());
    assert_eq!(hints.news().await.written(), r#"-a["i"]"#);
    hints.tell(WorkQueue::Orchestrator);
    assert_eq!(hints.news().await.written(), "m-[]");
}

#[tokio::test]
async fn what_is_heard_wakes_those_it_concerns() {
    let hints = Hints::new(Reach::All);
    for said in [r#"--["i"]"#, "--*", "nonsense"] {
        let mut watch = std::sync::Arc::clone(hints.signal()).watch("i");
        hints.hear(said);
        assert_eq!(watch.changed().await, None, "{said}");
    }
}
