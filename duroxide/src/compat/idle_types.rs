//! Types that the published crate offers at its root and that nothing takes or returns.

/// What kind of thing an orchestration can ask for.
#[derive(Debug, Clone)]
pub enum ScheduleKind {
    /// An activity.
    Activity {
        /// Activity name.
        name: String,
    },
    /// A timer.
    Timer,
    /// A wait for an external event.
    ExternalWait {
        /// Event name.
        event_name: String,
    },
    /// A wait for a queue message.
    QueueDequeue {
        /// Queue name.
        event_name: String,
    },
    /// A child orchestration.
    SubOrchestration {
        /// The request's number within its turn.
        token: u64,
    },
}

/// How loud a log line is.
#[derive(Debug, Clone)]
pub enum LogLevel {
    /// For information.
    Info,
    /// Something is odd.
    Warn,
    /// Something went wrong.
    Error,
}

/// What an orchestration can be answered.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum CompletionResult {
    /// An activity returned `Ok`.
    ActivityOk(String),
    /// An activity failed.
    ActivityErr(String),
    /// A timer fired.
    TimerFired,
    /// A child completed.
    SubOrchOk(String),
    /// A child failed.
    SubOrchErr(String),
    /// An event or a queue message arrived.
    ExternalData(String),
}
