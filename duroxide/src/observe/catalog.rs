//! Every metric of the library as one table: what recorders are told; the reference in `docs/` is held against it.

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// All labels that it may have; a figure about something that is not known here has fewer.
    #[cfg_attr(not(test), expect(dead_code, reason = "what is recorded and the reference are held against it"))]
    pub(crate) labels: &'static [&'static str],
    pub(crate) unit: Unit,
    pub(crate) what: &'static str,
}

/// A table in the order of the reference.
macro_rules! metrics {
    ($($kind:ident $name:literal [$($label:literal),*] $unit:ident $what:literal;)*) => {
        &[$(Described { name: $name, kind: Kind::$kind, labels: &[$($label),*], unit: Unit::$unit, what: $what },)*]
    };
}

/// All of them.
pub(crate) const METRICS: &[Described] = metrics! {
    Counter "duroxide_orchestration_starts_total" ["orchestration_name", "version", "initiated_by"] Count
        "Executions whose first turn was committed; `initiated_by` is `client` (and parents) or `continueAsNew`.";
    Counter "duroxide_orchestration_completions_total" ["orchestration_name", "version", "status", "final_turn_count"] Count
        "Executions that ended; `status` is `success`, `failed` or `continuedAsNew`, `final_turn_count` `1-5`, `6-10`, `11-50` or `50+`.";
    Counter "duroxide_orchestration_failures_total" ["orchestration_name", "version", "error_type", "error_category"] Count
        "Executions that failed; `error_type` is `app_error`, `infrastructure_error`, `config_error` or `unknown`.";
    Counter "duroxide_orchestration_infrastructure_errors_total" ["orchestration_name", "error_category"] Count
        "Of these, by the store or the runtime.";
    Counter "duroxide_orchestration_configuration_errors_total" ["orchestration_name", "error_category"] Count
        "Of these, by code that does not fit history, or is not registered.";
    Counter "duroxide_orchestration_continue_as_new_total" ["orchestration_name", "execution_id"] Count
        "Executions that continued as new; `execution_id` is exact to 10, then `11-100`, `101-1000` or `1000+`.";
    Counter "duroxide_orchestration_poison_total" [] Count
        "Turns that were tried too often; their executions failed.";
    Histogram "duroxide_orchestration_duration_seconds" ["orchestration_name", "version", "status"] Seconds
        "From the start of an execution to its end.";
    Histogram "duroxide_orchestration_turns" ["orchestration_name"] Count
        "Turns of an execution that ended.";
    Histogram "duroxide_orchestration_history_size" ["orchestration_name"] Count
        "Events in the history of an execution that ended.";
    Counter "duroxide_activity_executions_total" ["activity_name", "outcome", "retry_attempt", "tag"] Count
        "Activities whose result was stored; `outcome` is `success`, `app_error`, `infra_error`, `config_error` or `cancelled`, `tag` is `default` without one.";
    Histogram "duroxide_activity_duration_seconds" ["activity_name", "outcome", "tag"] Seconds
        "From the call of an activity until its result was stored.";
    Counter "duroxide_activity_infrastructure_errors_total" ["activity_name"] Count
        "Activities whose result could not be stored; they run again.";
    Counter "duroxide_activity_configuration_errors_total" ["activity_name"] Count
        "Activities that came to a worker on which they are not registered; they were given back.";
    Counter "duroxide_activity_poison_total" [] Count
        "Activities that were tried too often; they failed.";
    Counter "duroxide_suborchestration_calls_total" ["parent_orchestration", "child_orchestration", "outcome"] Count
        "Reserved: recorded by programs that drive the recorder themselves, never by the runtime.";
    Histogram "duroxide_suborchestration_duration_seconds" ["parent_orchestration", "child_orchestration", "outcome"] Seconds
        "Reserved, as above.";
    Histogram "duroxide_provider_operation_duration_seconds" ["operation", "status"] Seconds
        "One operation of the store; `status` is `success` or `error`.";
    Counter "duroxide_provider_errors_total" ["operation", "error_type"] Count
        "Operations of the store that failed; `error_type` is `deadlock`, `timeout`, `connection` or `other`.";
    Counter "duroxide_orchestration_dispatcher_items_fetched" [] Count
        "Turns that were fetched, each an instance with what waits for it.";
    Histogram "duroxide_orchestration_dispatcher_processing_duration_ms" [] Milliseconds
        "A turn from its fetch to the end of its commit.";
    Counter "duroxide_worker_dispatcher_items_fetched" [] Count
        "Activities that were fetched.";
    Histogram "duroxide_worker_dispatcher_execution_duration_ms" [] Milliseconds
        "An activity from its fetch until its result was stored.";
    Gauge "duroxide_active_orchestrations" [] Count
        "Instances that run, in the whole store: asked for at the start and then once in `gauge_poll_interval`, counted by this process in between.";
    Gauge "duroxide_orchestrator_queue_depth" [] Count
        "Messages that wait for orchestrations, in the whole store: asked for once in `gauge_poll_interval`.";
    Gauge "duroxide_worker_queue_depth" [] Count
        "Activities that wait or run, in the whole store: asked for once in `gauge_poll_interval`.";
};

/// Tells the recorder of this process what the metrics mean, so that it can pass it on.
pub(crate) fn describe() {
    for Described { name, kind, unit, what, .. } in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *unit, *what),
            Kind::Gauge => describe_gauge!(*name, *unit, *what),
            Kind::Histogram => describe_histogram!(*name, *unit, *what),
        }
    }
}
