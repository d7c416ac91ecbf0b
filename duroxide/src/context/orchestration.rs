//! `OrchestrationContext`: identity, replay flag, status, tracing.

use crate::ledger::{Book, Identity, Ledger};
use crate::model::action::Action;
use crate::model::event::Event;
use crate::model::stats::SystemStats;

/// What an orchestration may do: everything it asks for goes through this, so that a replay asks for the same.
///
/// A clone is another handle on the same orchestration.
#[derive(Clone)]
pub struct OrchestrationContext {
    pub(super) ledger: Ledger,
}

impl std::fmt::Debug for OrchestrationContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OrchestrationContext").field(self.ledger.identity()).finish()
    }
}

impl OrchestrationContext {
    /// A context outside of any runtime, for harnesses that drive handlers by hand. What is asked of it is recorded
    /// and never answered.
    pub fn new(
        history: Vec<Event>,
        execution_id: u64,
        instance_id: String,
        orchestration_name: String,
        orchestration_version: String,
        _worker_id: Option<String>,
    ) -> Self {
        let identity =
            Identity { instance: instance_id, execution_id, name: orchestration_name, version: orchestration_version };
        let ledger = Ledger::new(identity, Book::default());
        ledger.with(|book| book.replaying = !history.is_empty());
        OrchestrationContext::of(ledger)
    }

    pub(crate) fn of(ledger: Ledger) -> Self {
        OrchestrationContext { ledger }
    }

    /// Whether the code is being led through history that was recorded before.
    pub fn is_replaying(&self) -> bool {
        self.ledger.with(|book| book.replaying)
    }

    /// The instance id.
    pub fn instance_id(&self) -> String {
        self.ledger.identity().instance.clone()
    }

    /// The execution, from 1; continue-as-new begins the next.
    pub fn execution_id(&self) -> u64 {
        self.ledger.identity().execution_id
    }

    /// The orchestration's name.
    pub fn orchestration_name(&self) -> String {
        self.ledger.identity().name.clone()
    }

    /// The version this execution is pinned to.
    pub fn orchestration_version(&self) -> String {
        self.ledger.identity().version.clone()
    }

    /// Always false; kept for programs that ask.
    pub fn is_logging_enabled(&self) -> bool {
        false
    }

    /// Always `None`; kept for programs that ask.
    pub fn get_system_stats(&self) -> Option<SystemStats> {
        None
    }

    /// Logs once: nothing is emitted during replay. `level` is `INFO`, `WARN`, `ERROR` or `DEBUG` in any case;
    /// anything else is logged at trace level.
    pub fn trace(&self, level: impl Into<String>, message: impl Into<String>) {
        if self.is_replaying() {
            return;
        }
        let (level, message) = (level.into(), message.into());
        let Identity { instance, execution_id, name, version, .. } = self.ledger.identity();
        macro_rules! emit {
            ($emit:ident) => {
                tracing::$emit!(
                    target: "duroxide::orchestration",
                    instance_id = %instance,
                    execution_id = %execution_id,
                    orchestration_name = %name,
                    orchestration_version = %version,
                    "{message}"
                )
            };
        }
        match level.to_uppercase().as_str() {
            "INFO" => emit!(info),
            "WARN" => emit!(warn),
            "ERROR" => emit!(error),
            "DEBUG" => emit!(debug),
            _ => tracing::trace!(
                target: "duroxide::orchestration",
                level = %level,
                instance_id = %instance,
                execution_id = %execution_id,
                orchestration_name = %name,
                orchestration_version = %version,
                "{message}"
            ),
        }
    }

    /// Logs once at info level.
    pub fn trace_info(&self, message: impl Into<String>) {
        self.trace("INFO", message);
    }

    /// Logs once at warn level.
    pub fn trace_warn(&self, message: impl Into<String>) {
        self.trace("WARN", message);
    }

    /// Logs once at error level.
    pub fn trace_error(&self, message: impl Into<String>) {
        self.trace("ERROR", message);
    }

    /// Logs once at debug level.
    pub fn trace_debug(&self, message: impl Into<String>) {
        self.trace("DEBUG", message);
    }

    /// Tells clients where the orchestration stands; visible after the turn is committed.
    pub fn set_custom_status(&self, status: impl Into<String>) {
        self.update_custom_status(Some(status.into()));
    }

    /// Clears the custom status.
    pub fn reset_custom_status(&self) {
        self.update_custom_status(None);
    }

    fn update_custom_status(&self, status: Option<String>) {
        self.ledger.with(|book| {
            book.custom_status.clone_from(&status);
            book.tell(Action::UpdateCustomStatus { status });
        });
    }

    /// The custom status as set so far, by this execution or the one before.
    pub fn get_custom_status(&self) -> Option<String> {
        self.ledger.with(|book| book.custom_status.clone())
    }
}
