//! What user code cannot do to the machine: panic through it, hang in it, or outlive it.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn a_panic_is_a_typed_failure() {
    for (story, text) in [
        (Story::of(|_, _| async { panic!("out of paper") }), "orchestration panicked: out of paper"),
        (Story::of(|_, n| async move { panic!("out of {n}") }), "orchestration panicked: out of in"),
        (Story::of(|_, _| async { std::panic::panic_any(7) }), "orchestration panicked: orchestration panicked"),
    ] {
        let mut story = story;
        let commit = story.turn([]);
        assert_eq!(story.failure(), text);
        assert_eq!(rows(&commit), ["1 OrchestrationStarted", "2 OrchestrationFailed"]);
    }
}

#[test]
fn a_foreign_future_alone_fails_at_once_and_is_named() {
    let mut story = Story::of(|_, _| async move {
        let (_sender, receiver) = tokio::sync::oneshot::channel::<String>();
        receiver.await.map_err(|error| error.to_string())
    });
    story.turn([]);
    assert!(
        story.failure().starts_with("nondeterministic: orchestration 'Checkout' awaits a future that is not durable")
    );
}

#[test]
fn a_future_that_only_wakes_its_poll_is_foreign_too() {
    let mut story = Story::of(|_, _| {
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
    });
    story.turn([]);
    assert!(story.failure().contains("not durable"));
}

#[test]
fn a_foreign_future_beside_a_durable_one_fails_when_it_alone_is_left() {
    let mut story = Story::of(|ctx, _| async move {
        let (_sender, receiver) = tokio::sync::oneshot::channel::<String>();
        let (_, received) = ctx.join2(ctx.schedule_activity("a", ""), receiver).await;
        received.map_err(|error| error.to_string())
    });
    story.turn([]);
    assert_eq!(story.outcome, Outcome::Continue);
    story.turn([done(2, "")]);
    assert!(story.failure().contains("not durable"));
}

#[test]
fn every_prefix_asks_for_the_same_and_live_vs_replay_are_equal() {
    // Each `turn` drives both and compares whole commits, and replays every prefix of what was recorded.
    let mut story = Story::of(|ctx, _| async move {
        ctx.set_custom_status("begun");
        let raced = ctx.select2(ctx.schedule_activity("a", "1"), ctx.schedule_timer(LATER)).await;
        ctx.set_kv_value("key", "value");
        let child = ctx.schedule_sub_orchestration("Child", "2").await?;
        let (signal, message) = ctx.join2(ctx.schedule_wait("go"), ctx.dequeue_event("inbox")).await;
        Ok(format!("{raced:?} {child} {signal} {message} {}", ctx.new_guid().await?))
    });
    story.turn([]);
    story.turn([done(3, "one"), queued("inbox", "early")]);
    let child = story.history.iter().rfind(|event| matches!(event.kind, EventKind::SubOrchestrationScheduled { .. }));
    let child = child.expect("the child was asked for").event_id;
    story.turn([child_done(child, "two")]);
    story.turn([raised("go", "three")]);
    let answer = story.completed();
    assert!(answer.starts_with(r#"First(Ok("one")) two three early answer "#), "{answer}");
    // And once more from all but its end, without any message.
    let mut before = story.history.clone();
    before.pop();
    let mut again = story.open(before);
    again.advance(TurnInput { start: None, messages: Vec::new(), now_ms: story.now_ms });
    assert_eq!(again.outcome(), &story.outcome);
}

const LATER: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn infinite_loop_of_requests_is_stopped() {
    let mut story = Story::of(|ctx, _| {
        let mut held = Vec::new();
        std::future::poll_fn(move |_| {
            held.push(ctx.dequeue_event("q"));
            std::task::Poll::Pending
        })
    });
    story.turn([]);
    assert!(story.failure().contains("quiescence loop exceeded 100 iterations"), "{}", story.failure());
}

#[test]
fn a_late_tag_fails_the_orchestration_with_the_call_and_the_way_out() {
    let mut story = Story::of(|ctx, _| async move {
        let activity = ctx.schedule_activity("a", "");
        ctx.schedule_activity("b", "").await?;
        activity.with_tag("gpu").await
    });
    story.turn([]);
    story.turn([done(3, "")]);
    assert!(story.failure().starts_with("with_tag(\"gpu\") came after an await"), "{}", story.failure());
}

/// Calls the context and panics while it is dropped.
struct Vandal(OrchestrationContext, &'static AtomicUsize);

impl Drop for Vandal {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.set_custom_status("I was here");
        panic!("from a destructor");
    }
}

#[test]
fn what_destructors_do_to_a_discarded_execution_counts_for_nothing() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    let story = Story::of(|ctx, _| async move {
        let _vandal = Vandal(ctx.clone(), &DROPPED);
        Ok(ctx.schedule_wait("go").await)
    });
    let mut execution = story.open(Vec::new());
    execution.advance(story.input(Vec::new()));
    drop(execution);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1, "the execution was dropped, and its panic contained");
}

#[test]
fn user_code_may_poll_durable_futures_by_hand() {
    let mut story = Story::of(|ctx, _| async move {
        let mut a = pin!(ctx.schedule_activity("a", ""));
        let mut polls = 0;
        let result = std::future::poll_fn(|cx| {
            polls += 1;
            a.as_mut().poll(cx)
        });
        let result = result.await?;
        Ok(format!("{result} after {polls}"))
    });
    // The number of polls is the machine's business: live and cold agree on it all the same.
    story.turn([]);
    story.turn([raised("nobody", "")]);
    story.turn([done(2, "x")]);
    assert_eq!(story.completed(), "x after 2");
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn traces_are_emitted_once_however_often_the_code_is_replayed() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let story = Story::of(|ctx, _| async move {
            ctx.trace_info("charging");
            ctx.schedule_activity("charge", "").await
        });
        let mut first = story.open(Vec::new());
        first.advance(story.input(Vec::new()));
        let history = first.conclude(None).delta;
        for _ in 0..3 {
            drop(story.open(history.clone()));
        }
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("charging")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in [
        "INFO duroxide::orchestration:",
        "instance_id=order",
        "execution_id=1",
        "orchestration_name=Checkout",
        "orchestration_version=1.0.0",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
}

#[test]
fn any_number_of_dequeues_may_wait_at_once() {
    let mut story = Story::of(|ctx, _| async move {
        let messages = ctx.join((0..150).map(|_| ctx.dequeue_event("q")).collect()).await;
        Ok(messages.len().to_string())
    });
    assert_eq!(story.turn([]).delta.len(), 1 + 150);
}
