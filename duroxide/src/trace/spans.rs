//! The spans of the library: their names and fields, once.

use tracing::field::Empty;
use tracing::{Span, info_span};

/// A client starts an orchestration: a child of the caller's span.
pub(crate) fn start(instance: &str, orchestration: &str) -> Span {
    info_span!(
        target: "duroxide::trace",
        "start",
        otel.name = %format_args!("start {orchestration}"),
        otel.kind = "producer",
        instance_id = %instance,
        orchestration_name = %orchestration,
    )
}

/// A turn, from its first line of code to its commit. `committed` is `false` when it counts for nothing and is run
/// again.
pub(crate) fn turn(instance: &str, execution_id: u64, orchestration: &str, version: &str) -> Span {
    info_span!(
        target: "duroxide::trace",
        parent: None,
        "turn",
        otel.name = %format_args!("orchestration {orchestration}"),
        otel.kind = "consumer",
        instance_id = %instance,
        execution_id,
        orchestration_name = %orchestration,
        orchestration_version = %version,
        committed = Empty,
    )
}

/// What an activity's span tells.
pub(crate) struct ActivityRun<'a> {
    pub(crate) instance: &'a str,
    pub(crate) execution_id: u64,
    pub(crate) name: &'a str,
    pub(crate) id: u64,
    pub(crate) worker_id: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) attempt: u32,
}

/// One run of an activity: the code of the user and nothing else.
pub(crate) fn activity(run: &ActivityRun<'_>) -> Span {
    info_span!(
        target: "duroxide::trace",
        parent: None,
        "activity",
        otel.name = %format_args!("activity {}", run.name),
        otel.kind = "consumer",
        otel.status_code = Empty,
        instance_id = %run.instance,
        execution_id = run.execution_id,
        activity_name = %run.name,
        activity_id = run.id,
        worker_id = %run.worker_id,
        tag = run.tag,
        attempt = run.attempt,
        outcome = Empty,
    )
}

/// How an activity ended: `success`, `app_error` or `cancelled`.
pub(crate) fn ended(span: &Span, outcome: &'static str) {
    span.record("outcome", outcome);
    // Ok is left to whoever reads the trace: the recommendation wants it set by users only.
    if outcome != "success" {
        span.record("otel.status_code", "error");
    }
}
