//! `schedule_*`: activities, timers, children, events, continue-as-new.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::future::DurableFuture;
use super::orchestration::OrchestrationContext;
use crate::ledger::Ledger;
use crate::ledger::bindings::{Class, Reply};
use crate::model::action::Action;
use crate::model::error::{AppErrorKind, ErrorDetails};
use crate::model::ids;

/// The text that user code sees of a failure.
fn as_text(result: Result<String, ErrorDetails>) -> Result<String, String> {
    result.map_err(|details| details.display_message())
}

impl OrchestrationContext {
    /// Runs an activity, at least once, and resolves to what it returned.
    pub fn schedule_activity(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_activity_raw(name.into(), input.into(), None, None).map(as_text)
    }

    /// The same on a worker that owns `session_id`: activities of one session run in one process.
    pub fn schedule_activity_on_session(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
        session_id: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_activity_raw(name.into(), input.into(), Some(session_id.into()), None).map(as_text)
    }

    pub(crate) fn schedule_activity_raw(
        &self,
        name: String,
        input: String,
        session_id: Option<String>,
        tag: Option<String>,
    ) -> DurableFuture<Result<String, ErrorDetails>> {
        let action = |_| Action::CallActivity { scheduling_event_id: 0, name, input, session_id, tag };
        self.ask(Class::Activity, action, ended)
    }

    /// Resolves after `delay`, counted from the turn that schedules it; survives restarts.
    pub fn schedule_timer(&self, delay: Duration) -> DurableFuture<()> {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let fire_at_ms = self.ledger.with(|book| book.now_ms.saturating_add(delay_ms));
        self.ask(
            Class::Timer,
            |_| Action::CreateTimer { scheduling_event_id: 0, fire_at_ms },
            |reply| match reply {
                Reply::Fired => (),
                Reply::Ended(_) | Reply::Data(_) => unreachable!("a timer is only answered by its firing"),
            },
        )
    }

    /// Resolves to the payload of the next external event `name` that arrives while this waits for it. Events that
    /// arrive earlier are not kept; for those that are, see [`dequeue_event`](Self::dequeue_event).
    pub fn schedule_wait(&self, name: impl Into<String>) -> DurableFuture<String> {
        let name = name.into();
        self.ask(Class::External, |_| Action::WaitExternal { scheduling_event_id: 0, name }, data)
    }

    /// Resolves to the next message of `queue`. Messages wait for their reader, also over continue-as-new.
    pub fn dequeue_event(&self, queue: impl Into<String>) -> DurableFuture<String> {
        let name = queue.into();
        self.ask(Class::Queue, |_| Action::DequeueEvent { scheduling_event_id: 0, name }, data)
    }

    /// The older name of [`dequeue_event`](Self::dequeue_event).
    #[deprecated(note = "use dequeue_event")]
    pub fn schedule_wait_persistent(&self, name: impl Into<String>) -> DurableFuture<String> {
        self.dequeue_event(name)
    }

    /// Runs a child orchestration under a generated id and resolves to what it returned.
    pub fn schedule_sub_orchestration(
        &self,
        name: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_child_raw(name.into(), None, None, input.into()).map(as_text)
    }

    /// The same under an id of your own, which must not begin with `sub::`.
    pub fn schedule_sub_orchestration_with_id(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_child_raw(name.into(), None, Some(instance.into()), input.into()).map(as_text)
    }

    /// The same in a given version; `None` leaves it to the registry.
    pub fn schedule_sub_orchestration_versioned(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        input: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_child_raw(name.into(), version, None, input.into()).map(as_text)
    }

    /// The same in a given version and under an id of your own.
    pub fn schedule_sub_orchestration_versioned_with_id(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) -> DurableFuture<Result<String, String>> {
        self.schedule_child_raw(name.into(), version, Some(instance.into()), input.into()).map(as_text)
    }

    pub(crate) fn schedule_child_raw(
        &self,
        name: String,
        version: Option<String>,
        instance: Option<String>,
        input: String,
    ) -> DurableFuture<Result<String, ErrorDetails>> {
        if let Some(id) = instance.as_deref().filter(|id| ids::is_auto_generated_sub_orch_id(id)) {
            let refusal = format!(
                "sub-orchestration instance id '{id}' starts with the reserved marker 'sub::', which the runtime uses \
                 to mark auto-generated child ids; use an id that does not begin with it"
            );
            self.ledger.with(|book| book.next_token());
            return DurableFuture::refused(|| {
                Err(ErrorDetails::application(AppErrorKind::OrchestrationFailed, refusal))
            });
        }
        let action = |token| Action::StartSubOrchestration {
            scheduling_event_id: 0,
            name,
            version,
            instance: instance.unwrap_or_else(|| ids::pending_child_id(token)),
            input,
        };
        self.ask(Class::Child, action, ended)
    }

    /// Starts an independent orchestration and does not wait for it.
    ///
    /// # Panics
    /// When `instance` begins with `sub::` or contains `::sub::`.
    pub fn schedule_orchestration(
        &self,
        name: impl Into<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) {
        self.schedule_orchestration_versioned(name, None, instance, input);
    }

    /// The same in a given version; `None` leaves it to the registry.
    ///
    /// # Panics
    /// When `instance` begins with `sub::` or contains `::sub::`.
    pub fn schedule_orchestration_versioned(
        &self,
        name: impl Into<String>,
        version: Option<String>,
        instance: impl Into<String>,
        input: impl Into<String>,
    ) {
        self.tell_start(name.into(), version, instance.into(), input.into());
    }

    /// The same, to be amended.
    #[cfg(feature = "macros")]
    pub(crate) fn start_detached_raw(
        &self,
        name: String,
        version: Option<String>,
        instance: String,
        input: String,
    ) -> DetachedStart {
        let token = self.tell_start(name, version, instance, input);
        DetachedStart { ledger: self.ledger.clone(), token }
    }

    fn tell_start(&self, name: String, version: Option<String>, instance: String, input: String) -> u64 {
        assert!(
            !ids::uses_reserved_marker(&instance),
            "detached orchestration instance id '{instance}' uses the reserved sub-orchestration marker 'sub::'; \
             root instance ids must not start with it or contain '::sub::'"
        );
        self.ledger.with(|book| {
            book.tell(Action::StartOrchestrationDetached { scheduling_event_id: 0, name, version, instance, input })
        })
    }

    /// Ends this execution and begins the next with `input`, in the version that the registry resolves. Never
    /// resolves: code behind its `.await` is not reached.
    pub fn continue_as_new(&self, input: impl Into<String>) -> ContinueAsNew {
        self.continue_with(None, input.into())
    }

    /// The same in a given version.
    pub fn continue_as_new_versioned(&self, version: impl Into<String>, input: impl Into<String>) -> ContinueAsNew {
        self.continue_with(Some(version.into()), input.into())
    }

    fn continue_with(&self, version: Option<String>, input: String) -> ContinueAsNew {
        let token = self.ledger.with(|book| {
            book.continued = true;
            book.tell(Action::ContinueAsNew { input, version })
        });
        ContinueAsNew { ledger: self.ledger.clone(), token }
    }

    /// The next execution is of the same orchestration: `name`, by which it is asked for, must be that.
    #[cfg(feature = "macros")]
    pub(crate) fn require_name(&self, name: &str) {
        let running = &self.ledger.identity().name;
        if running != name {
            self.ledger.with(|book| {
                book.misuse.get_or_insert_with(|| {
                    format!(
                        "{name}::continue_as_new(..) was called in an execution of {running}, whose next execution is \
                         of {running} too and would be given arguments of another; call {running}::continue_as_new(..), \
                         or begin an instance of its own with {name}::start_detached(..)"
                    )
                });
            });
        }
    }

    /// A random UUID, version 4, recorded: a replay gets the same.
    pub fn new_guid(&self) -> DurableFuture<Result<String, String>> {
        self.schedule_activity(ids::SYSCALL_NEW_GUID, "")
    }

    /// The time, recorded: a replay gets the same.
    pub fn utc_now(&self) -> DurableFuture<Result<SystemTime, String>> {
        self.schedule_activity(ids::SYSCALL_UTC_NOW_MS, "").map(|result| {
            let text = result?;
            let ms = text.parse::<u64>().map_err(|error| format!("utc_now recorded {text:?}: {error}"))?;
            Ok(UNIX_EPOCH + Duration::from_millis(ms))
        })
    }

    /// Makes a request and a future for its answer.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        class: Class,
        action: impl FnOnce(u64) -> Action,
        finish: impl FnOnce(Reply) -> T + Send + 'static,
    ) -> DurableFuture<T> {
        let token = self.ledger.with(|book| book.ask(class, action));
        DurableFuture::asked(self.ledger.clone(), token, finish)
    }
}

fn ended(reply: Reply) -> Result<String, ErrorDetails> {
    match reply {
        Reply::Ended(result) => result.map_err(|details| *details),
        Reply::Fired | Reply::Data(_) => unreachable!("activities and children are only answered by their end"),
    }
}

fn data(reply: Reply) -> String {
    match reply {
        Reply::Data(data) => data,
        Reply::Ended(_) | Reply::Fired => unreachable!("a wait is only answered by an arrival"),
    }
}

/// The end of this execution; never resolves.
#[derive(Debug)]
#[must_use = "await it: what follows would run in an execution that has ended"]
#[cfg_attr(not(feature = "macros"), allow(dead_code, reason = "only typed calls change the version afterwards"))]
pub struct ContinueAsNew {
    ledger: Ledger,
    token: u64,
}

#[cfg(feature = "macros")]
impl ContinueAsNew {
    /// Changes the version of the next execution. `option` names the call that came too late.
    pub(crate) fn amend_version(&self, option: &str, new: Option<String>) {
        self.ledger.amend(self.token, option, |emitted| {
            if let Action::ContinueAsNew { version, .. } = &mut emitted.action {
                *version = new;
            }
        });
    }
}

/// The start of an independent orchestration.
#[cfg(feature = "macros")]
#[derive(Debug)]
pub(crate) struct DetachedStart {
    ledger: Ledger,
    token: u64,
}

#[cfg(feature = "macros")]
impl DetachedStart {
    /// Changes the version that is started. `option` names the call that came too late.
    pub(crate) fn amend_version(&self, option: &str, new: String) {
        self.ledger.amend(self.token, option, |emitted| {
            if let Action::StartOrchestrationDetached { version, .. } = &mut emitted.action {
                *version = Some(new);
            }
        });
    }
}

impl Future for ContinueAsNew {
    type Output = Result<String, String>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
