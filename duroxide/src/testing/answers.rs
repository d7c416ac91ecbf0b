//! Who answers for activities: the test's own closures, or the activities themselves.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio_util::sync::CancellationToken;

use crate::activity::context::{ActivityContext, Backing, Identity};
use crate::activity::{ActivityHandler, ActivityRegistry};
use crate::dispatch::activity::completion;
use crate::model::limits::Limits;
use crate::model::work_item::WorkItem;
use crate::providers::memory::MemoryProvider;
use crate::trace::Propagation;

/// What an activity returned, as history keeps it.
pub(super) type Outcome = Result<String, String>;

/// An activity that an orchestration asked for.
pub(super) struct Task {
    pub(super) instance: String,
    pub(super) execution_id: u64,
    /// Its schedule event.
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) input: String,
    session_id: Option<String>,
    tag: Option<String>,
    /// Of the lease on it.
    token: Arc<str>,
}

impl Task {
    pub(super) fn of(item: WorkItem, token: &str) -> Self {
        match item {
            WorkItem::ActivityExecute { instance, execution_id, id, name, input, session_id, tag } => {
                Task { instance, execution_id, id, name, input, session_id, tag, token: token.into() }
            }
            other => unreachable!("the worker queue of a harness holds activities only, not {other:?}"),
        }
    }

    pub(super) fn completion(&self, result: Outcome) -> WorkItem {
        completion(&self.instance, self.execution_id, self.id, result)
    }

    /// The same for every delivery of this activity.
    fn key(&self) -> Key {
        (self.instance.clone(), self.execution_id, self.id)
    }
}

type Key = (String, u64, u64);

/// A closure in the place of an activity.
pub(super) struct Mock {
    pub(super) answer: Box<dyn FnMut(&str) -> Outcome>,
    /// How long the answer takes, milliseconds; `u64::MAX` is for ever.
    pub(super) takes_ms: u64,
}

/// Everybody who answers.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) mocks: BTreeMap<String, Mock>,
    /// Activities that are run as they are, unless a mock has their name.
    pub(super) real: ActivityRegistry,
    /// What mocks have answered, and when it arrives: an activity that is delivered again answers the same, as an
    /// idempotent one would.
    given: BTreeMap<Key, (Outcome, u64)>,
}

impl Answers {
    pub(super) fn mock(&mut self, name: String, answer: Box<dyn FnMut(&str) -> Outcome>) -> &mut Mock {
        let mock = Mock { answer, takes_ms: 0 };
        self.mocks.entry(name).insert_entry(mock).into_mut()
    }

    /// The answer, and when it arrives.
    pub(super) fn answer(
        &mut self,
        task: &Task,
        by: &(String, String),
        store: &Arc<MemoryProvider>,
        now_ms: u64,
    ) -> (Outcome, u64) {
        if let Some((result, due_ms)) = self.given.get(&task.key()) {
            return (result.clone(), (*due_ms).max(now_ms));
        }
        if let Some(mock) = self.mocks.get_mut(&task.name) {
            let answer = ((mock.answer)(&task.input), now_ms.saturating_add(mock.takes_ms));
            self.given.insert(task.key(), answer.clone());
            return answer;
        }
        let Some((_, handler)) = self.real.resolve_handler(&task.name) else {
            panic!("{}", unanswered(task, by));
        };
        (run(&*handler, task, by, store), now_ms)
    }
}

fn unanswered(task: &Task, (orchestration, _): &(String, String)) -> String {
    let Task { instance, id, name, input, .. } = task;
    format!(
        "orchestration `{orchestration}` (instance `{instance}`, event {id}) asked for activity `{name}` with {input}, \
         and nobody answers\n\
         = help: `harness.mock::<{name}>(|..| Ok(..))` answers in its place\n\
         = help: `harness.register::<{name}>()` runs it\n\
         = help: `harness.mock_named({name:?}, |input| Ok(..))` answers for one that is registered by a string"
    )
}

/// Runs the activity itself, on this thread.
fn run(handler: &dyn ActivityHandler, task: &Task, by: &(String, String), store: &Arc<MemoryProvider>) -> Outcome {
    let identity = Identity {
        instance_id: task.instance.clone(),
        execution_id: task.execution_id,
        orchestration_name: by.0.as_str().into(),
        orchestration_version: by.1.as_str().into(),
        activity_name: task.name.clone(),
        activity_id: task.id,
        worker_id: "harness".into(),
        session_id: task.session_id.clone(),
        tag: task.tag.clone(),
        attempt: 1,
    };
    let backing = Backing {
        store: Arc::clone(store) as _,
        token: Arc::clone(&task.token),
        limits: Limits::default(),
        cancellation: CancellationToken::new(),
        trace: None,
        propagation: Propagation::default(),
    };
    let context = ActivityContext::new(identity, backing);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut running = handler.invoke(context, task.input.clone());
    loop {
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut Context::from_waker(&waker))));
        match polled {
            Ok(Poll::Ready(result)) => return result,
            Ok(Poll::Pending) if woken.0.swap(false, Ordering::Relaxed) => {}
            Ok(Poll::Pending) => panic!(
                "activity `{}` waits for something outside of the test\n= help: `harness.mock::<{0}>(|..| Ok(..))` \
                 answers in its place",
                task.name
            ),
            Err(panic) => return Err(format!("task panicked with message {:?}", panic_text(&*panic))),
        }
    }
}

/// Whether a future may be polled again at once.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
