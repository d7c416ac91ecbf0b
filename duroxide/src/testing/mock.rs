//! Closures in the place of typed handlers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::answers::Outcome;
use crate::context::handler::OrchestrationHandler;
use crate::context::orchestration::OrchestrationContext;

/// A closure that takes the arguments of a handler in order, up to eight, and returns its `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer for this handler",
    note = "a mock takes the handler's arguments in order, without context and states: `|order: Order, cents| ..`",
    note = "it returns what the handler returns: a `Result` with the same types"
)]
pub trait MockFn<Args, Out> {
    #[doc(hidden)]
    fn answer(&mut self, args: Args) -> Out;
}

macro_rules! mock_fns {
    ($([$($argument:ident)*])*) => {
        $(
            impl<F, Out, $($argument),*> MockFn<($($argument,)*), Out> for F
            where
                F: FnMut($($argument),*) -> Out,
            {
                #[allow(non_snake_case, reason = "a type and its value share a letter")]
                fn answer(&mut self, ($($argument,)*): ($($argument,)*)) -> Out {
                    self($($argument),*)
                }
            }
        )*
    };
}

mock_fns! {
    []
    [A]
    [A B]
    [A B C]
    [A B C D]
    [A B C D E]
    [A B C D E G]
    [A B C D E G H]
    [A B C D E G H I]
}

type Answer = Box<dyn FnMut(&str) -> Outcome + Send>;

/// An orchestration whose answer comes from a closure.
pub(super) struct MockedChild {
    /// Taken out while it runs: no lock is held across a test's code.
    answer: Mutex<Option<Answer>>,
    /// What each execution was answered: a replay is answered the same.
    given: Mutex<BTreeMap<(String, u64), Outcome>>,
    takes_ms: Arc<AtomicU64>,
}

impl MockedChild {
    pub(super) fn new(answer: Answer, takes_ms: Arc<AtomicU64>) -> Self {
        MockedChild { answer: Mutex::new(Some(answer)), given: Mutex::default(), takes_ms }
    }
}

#[async_trait]
impl OrchestrationHandler for MockedChild {
    async fn invoke(&self, ctx: OrchestrationContext, input: String) -> Outcome {
        match self.takes_ms.load(Ordering::Relaxed) {
            0 => {}
            u64::MAX => std::future::pending().await,
            takes_ms => ctx.schedule_timer(Duration::from_millis(takes_ms)).await,
        }
        let key = (ctx.instance_id(), ctx.execution_id());
        if let Some(given) = lock(&self.given).get(&key) {
            return given.clone();
        }
        let mut answer = lock(&self.answer).take().expect("a harness runs one orchestration at a time");
        let outcome = answer(&input);
        *lock(&self.answer) = Some(answer);
        lock(&self.given).insert(key, outcome.clone());
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
