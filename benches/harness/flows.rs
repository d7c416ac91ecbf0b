//! The orchestrations and activities that all workloads are made of.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::time::Instant;

/// Activities of one fan-out.
const FAN: usize = 5;

/// How often code reached the place where it waits, and passed it. Counted by first visits, since code may be run
/// again.
pub(crate) static WAITING: Marks = Marks::new();
pub(crate) static PASSED: Marks = Marks::new();

/// When each step of a chain ran.
pub(crate) static STEPS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());

/// Who was at a place, and when for the first time; by number.
pub(crate) struct Marks {
    times: Mutex<Vec<Option<Instant>>>,
    count: AtomicUsize,
}

impl Marks {
    const fn new() -> Self {
        Marks { times: Mutex::new(Vec::new()), count: AtomicUsize::new(0) }
    }

    fn mark(&self, number: usize) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() <= number {
            times.resize(number + 1, None);
        }
        if times[number].is_none() {
            times[number] = Some(Instant::now());
            self.count.fetch_add(1, Ordering::Release);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub(crate) fn at(&self, number: usize) -> Option<Instant> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied().flatten()
    }

    /// Waits until so many were there, or the time is over. Returns whether they were.
    pub(crate) async fn reach(&self, count: usize, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.count() < count {
            if begun.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        true
    }
}

/// What `fan` returns for this input.
pub(crate) fn fanned(input: &str) -> String {
    (0..FAN).map(|n| format!("{input}.{n}")).collect::<Vec<_>>().join(",")
}

pub(crate) fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("echo", |_: ActivityContext, input: String| async move { Ok(input) })
        .register("step", |_: ActivityContext, input: String| async move {
            let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
            steps.push(Instant::now());
            Ok(input)
        })
        .register("heavy", |_: ActivityContext, input: String| async move {
            let bytes = input.parse::<usize>().map_err(|error| error.to_string())?;
            Ok("x".repeat(bytes))
        })
        .build()
}

pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("fan", |ctx: OrchestrationContext, input: String| async move {
            let asked = (0..FAN).map(|n| ctx.schedule_activity("echo", format!("{input}.{n}"))).collect();
            let answers: Result<Vec<String>, String> = ctx.join(asked).await.into_iter().collect();
            Ok(answers?.join(","))
        })
        .register("chain", |ctx: OrchestrationContext, input: String| async move {
            let length = number(&input)?;
            for n in 0..length {
                let answer = ctx.schedule_activity("step", n.to_string()).await?;
                if answer != n.to_string() {
                    return Err(format!("step {n} answered {answer}"));
                }
            }
            Ok(length.to_string())
        })
        .register("wide", |ctx: OrchestrationContext, input: String| async move {
            let asked = (0..number(&input)?).map(|n| ctx.schedule_activity("echo", n.to_string())).collect();
            let answers: Result<Vec<String>, String> = ctx.join(asked).await.into_iter().collect();
            Ok(answers?.len().to_string())
        })
        .register("one", |ctx: OrchestrationContext, input: String| async move {
            ctx.schedule_activity("echo", input).await
        })
        .register("wait", |ctx: OrchestrationContext, input: String| async move {
            let me = number(&input)?;
            let event = ctx.schedule_wait("go");
            WAITING.mark(me);
            let data = event.await;
            PASSED.mark(me);
            Ok(data)
        })
        .register("sleep", |ctx: OrchestrationContext, input: String| async move {
            let me = number(&input)?;
            let timer = ctx.schedule_timer(nap(me));
            WAITING.mark(me);
            timer.await;
            PASSED.mark(me);
            Ok(input)
        })
        .register("heavy", |ctx: OrchestrationContext, input: String| async move {
            ctx.schedule_activity("heavy", input).await
        })
        .build()
}

/// How long the sleeper of this number sleeps: 1 to 2 s.
pub(crate) fn nap(number: usize) -> Duration {
    Duration::from_millis(1_000 + (number as u64 * 7) % 1_000)
}

fn number(input: &str) -> Result<usize, String> {
    input.parse().map_err(|error| format!("{input}: {error}"))
}
