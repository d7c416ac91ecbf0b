//! A join polls only what changed, and decides what one would that polls everything.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

type Boxed = Pin<Box<dyn Future<Output = String> + Send>>;
type JoinOf = fn(&OrchestrationContext, Vec<Boxed>) -> Pin<Box<dyn Future<Output = Vec<String>> + Send>>;

/// Something to wait for.
#[derive(Debug, Clone)]
enum Plan {
    Activity,
    Timer,
    /// One of two names, so that waits compete.
    Signal(bool),
    Queue(bool),
    /// One after the other.
    Then(Box<Plan>, Box<Plan>),
    /// The loser is dropped.
    Race(Box<Plan>, Box<Plan>),
    Both(Box<Plan>, Box<Plan>),
    All(Vec<Plan>),
    /// Waits, and is done the second time that it is polled: nothing calls it. Beside something that calls it would be
    /// left alone until then, so there it does not wait.
    Restless,
}

fn plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        3 => Just(Plan::Activity),
        1 => Just(Plan::Timer),
        1 => any::<bool>().prop_map(Plan::Signal),
        2 => any::<bool>().prop_map(Plan::Queue),
        1 => Just(Plan::Restless),
    ];
    let inner = leaf.prop_recursive(4, 24, 6, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            1 => two().prop_map(|(a, b)| Plan::Then(a, b)),
            1 => two().prop_map(|(a, b)| Plan::Race(a, b)),
            1 => two().prop_map(|(a, b)| Plan::Both(a, b)),
            3 => prop::collection::vec(inner.clone(), 0..6).prop_map(Plan::All),
        ]
    });
    prop::collection::vec(inner, 1..6).prop_map(Plan::All)
}

fn follow(plan: Plan, ctx: OrchestrationContext, join: JoinOf, is_alone: bool) -> Boxed {
    Box::pin(async move {
        match plan {
            Plan::Activity => ctx.schedule_activity("a", "").await.unwrap_or_default(),
            Plan::Timer => {
                ctx.schedule_timer(Duration::from_secs(1)).await;
                "timer".to_owned()
            }
            Plan::Signal(which) => ctx.schedule_wait(which.to_string()).await,
            Plan::Queue(which) => ctx.dequeue_event(which.to_string()).await,
            Plan::Then(first, second) => {
                let first = follow(*first, ctx.clone(), join, is_alone).await;
                first + &follow(*second, ctx, join, is_alone).await
            }
            Plan::Race(first, second) => {
                let (first, second) =
                    (follow(*first, ctx.clone(), join, false), follow(*second, ctx.clone(), join, false));
                let (winner, value) = ctx.select2(first, second).await.into_tuple();
                format!("{winner}:{value}")
            }
            Plan::Both(first, second) => {
                let (first, second) =
                    (follow(*first, ctx.clone(), join, false), follow(*second, ctx.clone(), join, false));
                let (first, second) = ctx.join2(first, second).await;
                first + &second
            }
            Plan::All(plans) => {
                let futures = plans.into_iter().map(|plan| follow(plan, ctx.clone(), join, true)).collect();
                format!("[{}]", join(&ctx, futures).await.join(" "))
            }
            Plan::Restless => {
                let mut polls = usize::from(!is_alone);
                std::future::poll_fn(move |_| {
                    polls += 1;
                    if polls > 1 { Poll::Ready("restless".to_owned()) } else { Poll::Pending }
                })
                .await
            }
        }
    })
}

fn by_change(ctx: &OrchestrationContext, futures: Vec<Boxed>) -> Pin<Box<dyn Future<Output = Vec<String>> + Send>> {
    Box::pin(ctx.join(futures))
}

/// The rule that joins had at first: on every poll, every child that is not done.
fn by_polling_all(_: &OrchestrationContext, futures: Vec<Boxed>) -> Pin<Box<dyn Future<Output = Vec<String>> + Send>> {
    let mut children: Vec<(Boxed, Option<String>)> = futures.into_iter().map(|future| (future, None)).collect();
    Box::pin(std::future::poll_fn(move |cx: &mut Context<'_>| {
        for (future, output) in children.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                *output = Some(value);
                // As in a join: what a child leaves behind is dropped as soon as it is done.
                *future = Box::pin(std::future::pending());
            }
        }
        if children.iter().any(|(_, output)| output.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(children.iter_mut().map(|(_, output)| output.take().unwrap()).collect())
    }))
}

fn story(plan: &Plan, join: JoinOf) -> Story {
    let plan = plan.clone();
    Story::of(move |ctx, _| {
        let followed = follow(plan.clone(), ctx, join, true);
        async move { Ok(followed.await) }
    })
}

/// What may arrive, drawn by number from what is open.
fn arrival(open: &mut Vec<(u64, EventKind)>, draw: usize) -> WorkItem {
    match draw % 8 {
        0 => raised("true", &draw.to_string()),
        1 => raised("false", &draw.to_string()),
        2 => queued("true", &draw.to_string()),
        3 => queued("false", &draw.to_string()),
        _ if open.is_empty() => queued("true", &draw.to_string()),
        _ => {
            let at = (draw / 8) % open.len();
            let (id, kind) = open.remove(at);
            match kind {
                EventKind::TimerCreated { .. } => fired(id),
                _ => done(id, &draw.to_string()),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_join_decides_what_one_would_that_polls_everything(
        plan in plan(),
        draws in prop::collection::vec(prop::collection::vec(0..800_usize, 1..5), 1..16),
    ) {
        let (mut ours, mut reference) = (story(&plan, by_change), story(&plan, by_polling_all));
        let mut open = Vec::new();
        let mut messages = Vec::new();
        for draws in draws {
            let commit = ours.turn(messages.clone());
            let expected = reference.turn(messages.clone());
            prop_assert_eq!(format!("{:#?}", commit), format!("{:#?}", expected));
            if ours.outcome != Outcome::Continue {
                break;
            }
            open.extend(commit.delta.into_iter().filter_map(|event| match event.kind {
                EventKind::ActivityScheduled { .. } | EventKind::TimerCreated { .. } => {
                    Some((event.event_id, event.kind))
                }
                _ => None,
            }));
            messages = draws.iter().map(|draw| arrival(&mut open, *draw)).collect();
        }
    }
}

/// Counts how often what it holds is polled.
struct Counted<F>(Pin<Box<F>>, &'static AtomicUsize);

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.as_mut().poll(cx)
    }
}

const WIDE: usize = 5_000;

/// The answer to the n-th call, in an order that is neither theirs nor the reverse.
fn shuffled() -> impl Iterator<Item = WorkItem> {
    (0..WIDE).map(|n| {
        let at = (n * 1_777) % WIDE;
        done(at as u64 + 2, &at.to_string())
    })
}

/// Drives a fan-in of [`WIDE`] live, and cold from its whole history.
fn drive_wide(code: Story, batches: impl Iterator<Item = Vec<WorkItem>>) {
    let mut live = code.open(Vec::new());
    live.advance(code.input(Vec::new()));
    let mut history = live.conclude(None).delta;
    assert_eq!(history.len(), WIDE + 1);
    let mut last = Vec::new();
    for batch in batches {
        history.append(&mut last);
        live.advance(TurnInput { start: None, messages: batch.clone(), now_ms: 2_000 });
        last = live.conclude(None).delta;
        if live.outcome() != &Outcome::Continue {
            let mut cold = code.open(history.clone());
            cold.advance(TurnInput { start: None, messages: batch, now_ms: 2_000 });
            assert_eq!(cold.conclude(None).delta, last);
        }
    }
    assert_eq!(live.outcome(), &Outcome::Completed(Arc::new((WIDE * (WIDE - 1) / 2).to_string())));
}

fn sum(answers: Vec<Result<String, String>>) -> Result<String, String> {
    let mut sum = 0;
    for answer in answers {
        sum += answer?.parse::<usize>().map_err(|error| error.to_string())?;
    }
    Ok(sum.to_string())
}

#[test]
fn a_wide_fan_in_polls_each_child_when_it_begins_and_when_its_answer_comes() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    let code = || {
        Story::of(|ctx, _| async move {
            let children = (0..WIDE).map(|n| {
                let ctx = ctx.clone();
                Counted(Box::pin(async move { ctx.schedule_activity("a", n.to_string()).await }), &POLLS)
            });
            sum(ctx.join(children.collect()).await)
        })
    };
    // Live and cold, each once in the beginning and once at the end.
    drive_wide(code(), shuffled().map(|answer| vec![answer]));
    assert_eq!(POLLS.swap(0, Ordering::Relaxed), 4 * WIDE);
    drive_wide(code(), std::iter::once(shuffled().collect()));
    assert_eq!(POLLS.load(Ordering::Relaxed), 4 * WIDE);
}

#[test]
fn joins_within_joins_poll_only_the_way_to_the_answer() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    const SIDE: usize = 50;
    let mut story = Story::of(|ctx, _| async move {
        let rows = (0..SIDE).map(|_| {
            let cells = (0..SIDE).map(|_| ctx.schedule_activity("a", "")).collect();
            Counted(Box::pin(ctx.join(cells)), &POLLS)
        });
        Ok(ctx.join(rows.collect()).await.len().to_string())
    });
    let mut live = story.open(Vec::new());
    live.advance(story.input(Vec::new()));
    story.history = live.conclude(None).delta;
    assert_eq!(POLLS.swap(0, Ordering::Relaxed), SIDE);
    for id in 2..(2 + SIDE * SIDE) as u64 {
        live.advance(TurnInput { start: None, messages: vec![done(id, "")], now_ms: 2_000 });
        live.conclude(None);
    }
    assert_eq!(live.outcome(), &Outcome::Completed(Arc::new(SIDE.to_string())));
    assert_eq!(POLLS.load(Ordering::Relaxed), SIDE * SIDE);
}

#[test]
fn a_foreign_future_in_a_join_is_polled_each_time_and_fails_when_it_alone_is_left() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    let mut story = Story::of(|ctx, _| async move {
        let (sender, receiver) = tokio::sync::oneshot::channel::<String>();
        let foreign: Boxed = Box::pin(Counted(Box::pin(async move { receiver.await.unwrap_or_default() }), &POLLS));
        let activities = (0..3).map(|_| {
            let call = ctx.schedule_activity("a", "");
            Box::pin(async move { call.await.unwrap_or_default() }) as Boxed
        });
        let all = ctx.join(std::iter::once(foreign).chain(activities).collect()).await;
        drop(sender);
        Ok(all.concat())
    });
    let mut live = story.open(Vec::new());
    live.advance(story.input(Vec::new()));
    story.history = live.conclude(None).delta;
    for (answered, id) in [2, 3, 4].into_iter().enumerate() {
        assert_eq!(live.outcome(), &Outcome::Continue);
        assert_eq!(POLLS.load(Ordering::Relaxed), answered + 1);
        live.advance(TurnInput { start: None, messages: vec![done(id, "")], now_ms: 2_000 });
        live.conclude(None);
    }
    assert!(matches!(live.outcome(), Outcome::Failed(details) if details.display_message().contains("not durable")));
}

#[test]
fn a_message_that_one_child_gives_up_goes_to_a_later_one_in_the_same_poll() {
    let mut story = Story::of(|ctx, _| async move {
        let held = ctx.dequeue_event("q");
        let calling = ctx.clone();
        let first: Boxed = Box::pin(async move {
            let answer = calling.schedule_activity("a", "").await.unwrap_or_default();
            drop(held);
            answer
        });
        let second = ctx.dequeue_event("q");
        let second: Boxed = Box::pin(second);
        Ok(ctx.join(vec![first, second]).await.join(" "))
    });
    story.turn([]);
    // The message is for the dequeue that is held, and not polled.
    story.turn([queued("q", "m")]);
    assert_eq!(story.outcome, Outcome::Continue);
    story.turn([done(4, "x")]);
    assert_eq!(story.completed(), "x m");
}

#[test]
fn what_lost_a_race_is_not_relied_upon_to_call() {
    let mut story = Story::of(|ctx, _| async move {
        let race = ctx.select2(ctx.schedule_activity("a", ""), ctx.schedule_activity("b", ""));
        let child: Boxed = Box::pin(async move {
            race.await;
            let mut polls = 0;
            std::future::poll_fn(|_| {
                polls += 1;
                if polls > 1 { Poll::Ready("second poll".to_owned()) } else { Poll::Pending }
            })
            .await
        });
        Ok(ctx.join(vec![child]).await.concat())
    });
    story.turn([]);
    story.turn([done(3, "")]);
    assert_eq!(story.outcome, Outcome::Continue);
    story.turn([queued("nobody's", "")]);
    assert_eq!(story.completed(), "second poll");
}

#[test]
fn a_foreign_future_beside_a_durable_one_in_a_child_is_polled_each_time() {
    static POLLS: AtomicUsize = AtomicUsize::new(0);
    let mut story = Story::of(|ctx, _| async move {
        let (sender, receiver) = tokio::sync::oneshot::channel::<String>();
        let both = ctx.join2(ctx.schedule_activity("a", ""), Counted(Box::pin(receiver), &POLLS));
        let child: Boxed = Box::pin(async move { both.await.0.unwrap_or_default() });
        let other: Boxed = Box::pin(ctx.dequeue_event("q"));
        let all = ctx.join(vec![child, other]).await;
        drop(sender);
        Ok(all.concat())
    });
    let mut live = story.open(Vec::new());
    live.advance(story.input(Vec::new()));
    story.history = live.conclude(None).delta;
    let before = POLLS.load(Ordering::Relaxed);
    live.advance(TurnInput { start: None, messages: vec![queued("q", "")], now_ms: 2_000 });
    assert_eq!(POLLS.load(Ordering::Relaxed), before + 1);
}
