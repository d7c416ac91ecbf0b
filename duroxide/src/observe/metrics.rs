//! Counters, gauges, histograms and their labels.
//!
//! Every figure goes two ways: to whatever recorder the process installed behind the `metrics` facade, and into
//! counters of this runtime alone, which a snapshot reads.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ::metrics::{counter, gauge, histogram};

use super::logging::ObservabilityConfig;
use crate::model::measure::{Figure, Measure};

/// The counters of one runtime at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Executions begun.
    pub orch_starts: u64,
    /// Executions ended, in any way.
    pub orch_completions: u64,
    /// Executions that failed.
    pub orch_failures: u64,
    /// Of these, by user code.
    pub orch_application_errors: u64,
    /// Of these, by the store or the runtime.
    pub orch_infrastructure_errors: u64,
    /// Of these, by code that does not fit history.
    pub orch_configuration_errors: u64,
    /// Turns tried too often.
    pub orch_poison: u64,
    /// Activities that returned `Ok`.
    pub activity_success: u64,
    /// Activities that returned an error or panicked.
    pub activity_app_errors: u64,
    /// Activities whose result could not be stored.
    pub activity_infra_errors: u64,
    /// Activities that nobody here can run.
    pub activity_config_errors: u64,
    /// Activities tried too often.
    pub activity_poison: u64,
    /// Batches fetched for orchestrations.
    pub orch_dispatcher_items_fetched: u64,
    /// Activities fetched.
    pub worker_dispatcher_items_fetched: u64,
    /// Executions continued as new.
    pub orch_continue_as_new: u64,
    /// Sub-orchestrations that ended.
    pub suborchestration_calls: u64,
    /// Store operations that failed.
    pub provider_errors: u64,
}

/// The metrics of one runtime.
#[derive(Debug, Default)]
pub struct MetricsProvider {
    orch_starts: AtomicU64,
    orch_completions: AtomicU64,
    orch_failures: AtomicU64,
    orch_application_errors: AtomicU64,
    orch_infrastructure_errors: AtomicU64,
    orch_configuration_errors: AtomicU64,
    orch_poison: AtomicU64,
    activity_success: AtomicU64,
    activity_app_errors: AtomicU64,
    activity_infra_errors: AtomicU64,
    activity_config_errors: AtomicU64,
    activity_poison: AtomicU64,
    orch_dispatcher_items_fetched: AtomicU64,
    worker_dispatcher_items_fetched: AtomicU64,
    orch_continue_as_new: AtomicU64,
    suborchestration_calls: AtomicU64,
    provider_errors: AtomicU64,
    orchestrator_queue_depth: AtomicU64,
    worker_queue_depth: AtomicU64,
    active_orchestrations: AtomicI64,
}

/// Counters are independent of each other and of memory: no order is needed.
const ORDER: Ordering = Ordering::Relaxed;

fn bump(count: &AtomicU64) {
    count.fetch_add(1, ORDER);
}

/// The label that says in how many turns an orchestration ended.
fn turns_label(turn_count: u64) -> &'static str {
    match turn_count {
        0..=5 => "1-5",
        6..=10 => "6-10",
        11..=50 => "11-50",
        51.. => "50+",
    }
}

/// The label that says which execution it was: one that continues for ever would make a new series each time.
pub(super) fn execution_label(execution_id: u64) -> Cow<'static, str> {
    match execution_id {
        0..=10 => execution_id.to_string().into(),
        11..=100 => "11-100".into(),
        101..=1_000 => "101-1000".into(),
        1_001.. => "1000+".into(),
    }
}

/// A figure of orchestration code, whose turn was committed.
pub(crate) fn record_measure(Measure { name, labels, figure }: &Measure) {
    match figure {
        Figure::Count(by) => counter!(*name, labels).increment(*by),
        Figure::Sample(sample) => histogram!(*name, labels).record(*sample),
    }
}

/// The label that says how often an activity was tried before.
fn retries_label(retry_attempt: u32) -> &'static str {
    match retry_attempt {
        0 => "0",
        1 => "1",
        2 => "2",
        3.. => "3+",
    }
}

impl MetricsProvider {
    /// Counters at zero.
    ///
    /// # Errors
    /// Never at present.
    pub fn new(_config: &ObservabilityConfig) -> Result<Self, String> {
        Ok(MetricsProvider::default())
    }

    /// Ends measuring.
    ///
    /// # Errors
    /// Never at present: nothing is buffered here.
    pub async fn shutdown(self) -> Result<(), String> {
        Ok(())
    }

    /// An execution began; `initiated_by` is `client` or `continueAsNew`.
    pub fn record_orchestration_start(&self, orchestration_name: &str, version: &str, initiated_by: &str) {
        bump(&self.orch_starts);
        counter!("duroxide_orchestration_starts_total", "orchestration_name" => orchestration_name.to_owned(),
            "version" => version.to_owned(), "initiated_by" => initiated_by.to_owned())
        .increment(1);
    }

    /// An execution ended; `status` is `success`, `failed` or `continuedAsNew`.
    pub fn record_orchestration_completion(
        &self,
        orchestration_name: &str,
        version: &str,
        status: &str,
        duration_seconds: f64,
        turn_count: u64,
        history_events: u64,
    ) {
        bump(&self.orch_completions);
        let (name, version, status) = (orchestration_name.to_owned(), version.to_owned(), status.to_owned());
        counter!("duroxide_orchestration_completions_total", "orchestration_name" => name.clone(),
            "version" => version.clone(), "status" => status.clone(), "final_turn_count" => turns_label(turn_count))
        .increment(1);
        histogram!("duroxide_orchestration_duration_seconds", "orchestration_name" => name.clone(),
            "version" => version, "status" => status)
        .record(duration_seconds);
        histogram!("duroxide_orchestration_turns", "orchestration_name" => name.clone()).record(turn_count as f64);
        histogram!("duroxide_orchestration_history_size", "orchestration_name" => name).record(history_events as f64);
    }

    /// An execution failed; `error_type` is `app_error`, `infrastructure_error`, `config_error` or `unknown`.
    pub fn record_orchestration_failure(
        &self,
        orchestration_name: &str,
        version: &str,
        error_type: &str,
        error_category: &str,
    ) {
        bump(&self.orch_failures);
        let (name, category) = (orchestration_name.to_owned(), error_category.to_owned());
        counter!("duroxide_orchestration_failures_total", "orchestration_name" => name.clone(),
            "version" => version.to_owned(), "error_type" => error_type.to_owned(), "error_category" => category.clone())
        .increment(1);
        match error_type {
            "app_error" => bump(&self.orch_application_errors),
            "infrastructure_error" => {
                bump(&self.orch_infrastructure_errors);
                counter!("duroxide_orchestration_infrastructure_errors_total", "orchestration_name" => name,
                    "error_category" => category)
                .increment(1);
            }
            "config_error" => {
                bump(&self.orch_configuration_errors);
                counter!("duroxide_orchestration_configuration_errors_total", "orchestration_name" => name,
                    "error_category" => category)
                .increment(1);
            }
            _ => {}
        }
    }

    /// A failure by user code, of an orchestration that is not known here.
    pub fn record_orchestration_application_error(&self) {
        bump(&self.orch_failures);
        bump(&self.orch_application_errors);
        counter!("duroxide_orchestration_failures_total", "error_type" => "app_error").increment(1);
    }

    /// A failure by the store or the runtime, of an orchestration that is not known here.
    pub fn record_orchestration_infrastructure_error(&self) {
        bump(&self.orch_failures);
        bump(&self.orch_infrastructure_errors);
        counter!("duroxide_orchestration_failures_total", "error_type" => "infrastructure_error").increment(1);
        counter!("duroxide_orchestration_infrastructure_errors_total").increment(1);
    }

    /// A failure by code that does not fit history, of an orchestration that is not known here.
    pub fn record_orchestration_configuration_error(&self) {
        bump(&self.orch_failures);
        bump(&self.orch_configuration_errors);
        counter!("duroxide_orchestration_failures_total", "error_type" => "config_error").increment(1);
        counter!("duroxide_orchestration_configuration_errors_total").increment(1);
    }

    /// An execution continued as new.
    pub fn record_continue_as_new(&self, orchestration_name: &str, execution_id: u64) {
        bump(&self.orch_continue_as_new);
        counter!("duroxide_orchestration_continue_as_new_total",
            "orchestration_name" => orchestration_name.to_owned(), "execution_id" => execution_label(execution_id))
        .increment(1);
    }

    /// An activity ended; `outcome` is `success`, `app_error`, `infra_error`, `config_error` or `cancelled`.
    pub fn record_activity_execution(
        &self,
        activity_name: &str,
        outcome: &str,
        duration_seconds: f64,
        retry_attempt: u32,
        tag: Option<&str>,
    ) {
        let (name, tag) = (activity_name.to_owned(), tag.unwrap_or("default").to_owned());
        counter!("duroxide_activity_executions_total", "activity_name" => name.clone(),
            "outcome" => outcome.to_owned(), "retry_attempt" => retries_label(retry_attempt), "tag" => tag.clone())
        .increment(1);
        histogram!("duroxide_activity_duration_seconds", "activity_name" => name.clone(),
            "outcome" => outcome.to_owned(), "tag" => tag)
        .record(duration_seconds);
        match outcome {
            "success" => bump(&self.activity_success),
            "app_error" => bump(&self.activity_app_errors),
            "infra_error" => {
                bump(&self.activity_infra_errors);
                counter!("duroxide_activity_infrastructure_errors_total", "activity_name" => name).increment(1);
            }
            "config_error" => {
                bump(&self.activity_config_errors);
                counter!("duroxide_activity_configuration_errors_total", "activity_name" => name).increment(1);
            }
            _ => {}
        }
    }

    /// An activity returned `Ok`, and its name is not known here.
    pub fn record_activity_success(&self) {
        bump(&self.activity_success);
        counter!("duroxide_activity_executions_total", "outcome" => "success").increment(1);
    }

    /// An activity returned an error or panicked, and its name is not known here.
    pub fn record_activity_app_error(&self) {
        bump(&self.activity_app_errors);
        counter!("duroxide_activity_executions_total", "outcome" => "app_error").increment(1);
    }

    /// The result of an activity could not be stored, and its name is not known here.
    pub fn record_activity_infra_error(&self) {
        bump(&self.activity_infra_errors);
        counter!("duroxide_activity_executions_total", "outcome" => "infra_error").increment(1);
        counter!("duroxide_activity_infrastructure_errors_total").increment(1);
    }

    /// An activity that nobody here can run, and its name is not known here.
    pub fn record_activity_config_error(&self) {
        bump(&self.activity_config_errors);
        counter!("duroxide_activity_executions_total", "outcome" => "config_error").increment(1);
        counter!("duroxide_activity_configuration_errors_total").increment(1);
    }

    /// A turn was tried too often.
    pub fn record_orchestration_poison(&self) {
        bump(&self.orch_poison);
        counter!("duroxide_orchestration_poison_total").increment(1);
    }

    /// An activity was tried too often.
    pub fn record_activity_poison(&self) {
        bump(&self.activity_poison);
        counter!("duroxide_activity_poison_total").increment(1);
    }

    /// A sub-orchestration ended.
    pub fn record_suborchestration_call(&self, parent: &str, child: &str, outcome: &str) {
        bump(&self.suborchestration_calls);
        counter!("duroxide_suborchestration_calls_total", "parent_orchestration" => parent.to_owned(),
            "child_orchestration" => child.to_owned(), "outcome" => outcome.to_owned())
        .increment(1);
    }

    /// How long a sub-orchestration took.
    pub fn record_suborchestration_duration(&self, parent: &str, child: &str, duration_seconds: f64, outcome: &str) {
        histogram!("duroxide_suborchestration_duration_seconds", "parent_orchestration" => parent.to_owned(),
            "child_orchestration" => child.to_owned(), "outcome" => outcome.to_owned())
        .record(duration_seconds);
    }

    /// A store operation took this long; `status` is `success` or `error`.
    pub fn record_provider_operation(&self, operation: &str, duration_seconds: f64, status: &str) {
        histogram!("duroxide_provider_operation_duration_seconds", "operation" => operation.to_owned(),
            "status" => status.to_owned())
        .record(duration_seconds);
    }

    /// A store operation failed; `error_type` is `deadlock`, `timeout`, `connection` or `other`.
    pub fn record_provider_error(&self, operation: &str, error_type: &str) {
        bump(&self.provider_errors);
        counter!("duroxide_provider_errors_total", "operation" => operation.to_owned(),
            "error_type" => error_type.to_owned())
        .increment(1);
    }

    /// Batches were fetched for orchestrations.
    pub fn record_orch_dispatcher_items_fetched(&self, count: u64) {
        self.orch_dispatcher_items_fetched.fetch_add(count, ORDER);
        counter!("duroxide_orchestration_dispatcher_items_fetched").increment(count);
    }

    /// A turn took this long, from the fetch to the end of its ack.
    pub fn record_orch_dispatcher_processing_duration(&self, duration_ms: u64) {
        histogram!("duroxide_orchestration_dispatcher_processing_duration_ms").record(duration_ms as f64);
    }

    /// Activities were fetched.
    pub fn record_worker_dispatcher_items_fetched(&self, count: u64) {
        self.worker_dispatcher_items_fetched.fetch_add(count, ORDER);
        counter!("duroxide_worker_dispatcher_items_fetched").increment(count);
    }

    /// An activity took this long, from the fetch to the end of its ack.
    pub fn record_worker_dispatcher_execution_duration(&self, duration_ms: u64) {
        histogram!("duroxide_worker_dispatcher_execution_duration_ms").record(duration_ms as f64);
    }

    /// How many rows wait in the two queues.
    pub fn update_queue_depths(&self, orch_depth: u64, worker_depth: u64) {
        self.orchestrator_queue_depth.store(orch_depth, ORDER);
        self.worker_queue_depth.store(worker_depth, ORDER);
        gauge!("duroxide_orchestrator_queue_depth").set(orch_depth as f64);
        gauge!("duroxide_worker_queue_depth").set(worker_depth as f64);
    }

    /// The last known depths of the orchestrator and the worker queue.
    pub fn get_queue_depths(&self) -> (u64, u64) {
        (self.orchestrator_queue_depth.load(ORDER), self.worker_queue_depth.load(ORDER))
    }

    /// An instance began to run.
    pub fn increment_active_orchestrations(&self) {
        self.publish_active(self.active_orchestrations.fetch_add(1, ORDER) + 1);
    }

    /// An instance ended.
    pub fn decrement_active_orchestrations(&self) {
        self.publish_active(self.active_orchestrations.fetch_sub(1, ORDER) - 1);
    }

    /// This many instances run.
    pub fn set_active_orchestrations(&self, count: i64) {
        self.active_orchestrations.store(count, ORDER);
        self.publish_active(count);
    }

    /// How many instances run, as last known.
    pub fn get_active_orchestrations(&self) -> i64 {
        self.active_orchestrations.load(ORDER)
    }

    /// The counters as they stand.
    pub fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot {
            orch_starts: self.orch_starts.load(ORDER),
            orch_completions: self.orch_completions.load(ORDER),
            orch_failures: self.orch_failures.load(ORDER),
            orch_application_errors: self.orch_application_errors.load(ORDER),
            orch_infrastructure_errors: self.orch_infrastructure_errors.load(ORDER),
            orch_configuration_errors: self.orch_configuration_errors.load(ORDER),
            orch_poison: self.orch_poison.load(ORDER),
            activity_success: self.activity_success.load(ORDER),
            activity_app_errors: self.activity_app_errors.load(ORDER),
            activity_infra_errors: self.activity_infra_errors.load(ORDER),
            activity_config_errors: self.activity_config_errors.load(ORDER),
            activity_poison: self.activity_poison.load(ORDER),
            orch_dispatcher_items_fetched: self.orch_dispatcher_items_fetched.load(ORDER),
            worker_dispatcher_items_fetched: self.worker_dispatcher_items_fetched.load(ORDER),
            orch_continue_as_new: self.orch_continue_as_new.load(ORDER),
            suborchestration_calls: self.suborchestration_calls.load(ORDER),
            provider_errors: self.provider_errors.load(ORDER),
        }
    }

    fn publish_active(&self, count: i64) {
        gauge!("duroxide_active_orchestrations").set(count as f64);
    }
}
