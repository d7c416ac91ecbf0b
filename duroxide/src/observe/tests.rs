//! Which figure lands in which counter.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::catalog::{Described, Kind, METRICS};
use super::logging::default_directives;
use super::{LogFormat, MetricsProvider, ObservabilityConfig};

fn metrics() -> MetricsProvider {
    MetricsProvider::new(&ObservabilityConfig::default()).expect("counters at zero need nothing")
}

#[test]
fn a_failure_counts_once_and_under_its_type() {
    let metrics = metrics();
    metrics.record_orchestration_failure("Order", "1.0.0", "app_error", "application");
    metrics.record_orchestration_failure("Order", "1.0.0", "infrastructure_error", "infrastructure");
    metrics.record_orchestration_failure("Order", "1.0.0", "config_error", "configuration");
    metrics.record_orchestration_failure("Order", "1.0.0", "unknown", "poison");
    let seen = metrics.snapshot();
    assert_eq!(seen.orch_failures, 4);
    assert_eq!(
        (seen.orch_application_errors, seen.orch_infrastructure_errors, seen.orch_configuration_errors),
        (1, 1, 1)
    );
}

#[test]
fn a_shortcut_counts_the_failure_and_its_type() {
    let metrics = metrics();
    metrics.record_orchestration_application_error();
    metrics.record_orchestration_infrastructure_error();
    metrics.record_orchestration_configuration_error();
    let seen = metrics.snapshot();
    assert_eq!(seen.orch_failures, 3);
    assert_eq!(seen.orch_configuration_errors, 1);
}

#[test]
fn activity_outcomes_fall_into_their_counters() {
    let metrics = metrics();
    for outcome in ["success", "app_error", "infra_error", "config_error", "cancelled"] {
        metrics.record_activity_execution("Charge", outcome, 0.1, 0, None);
    }
    let seen = metrics.snapshot();
    assert_eq!(
        (seen.activity_success, seen.activity_app_errors, seen.activity_infra_errors, seen.activity_config_errors),
        (1, 1, 1, 1)
    );
}

#[test]
fn gauges_keep_the_last_value() {
    let metrics = metrics();
    metrics.update_queue_depths(3, 4);
    metrics.set_active_orchestrations(2);
    metrics.increment_active_orchestrations();
    metrics.decrement_active_orchestrations();
    metrics.decrement_active_orchestrations();
    assert_eq!(metrics.get_queue_depths(), (3, 4));
    assert_eq!(metrics.get_active_orchestrations(), 1);
}

#[test]
fn the_default_format_of_a_config_is_not_that_of_the_type() {
    assert_eq!(LogFormat::default(), LogFormat::Compact);
    assert_eq!(ObservabilityConfig::default().log_format, LogFormat::Pretty);
}

#[test]
fn without_rust_log_only_user_code_speaks_below_warn() {
    assert_eq!(default_directives("debug"), "warn,duroxide::orchestration=debug,duroxide::activity=debug");
}

/// What a recorder was given: (kind, name, names of the labels).
#[derive(Default)]
struct Seen(Mutex<BTreeSet<(&'static str, String, Vec<String>)>>);

impl Seen {
    fn note(&self, kind: &'static str, key: &Key) {
        let labels = key.labels().map(|label| label.key().to_owned()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, key.name().to_owned(), labels));
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.note("counter", key);
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.note("gauge", key);
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.note("histogram", key);
        Histogram::noop()
    }
}

/// Every figure there is, by every recorder method there is.
fn all_figures() {
    let metrics = metrics();
    metrics.record_orchestration_start("o", "1", "client");
    metrics.record_orchestration_completion("o", "1", "success", 1.0, 1, 1);
    for error_type in ["app_error", "infrastructure_error", "config_error"] {
        metrics.record_orchestration_failure("o", "1", error_type, "c");
    }
    metrics.record_orchestration_application_error();
    metrics.record_orchestration_infrastructure_error();
    metrics.record_orchestration_configuration_error();
    metrics.record_continue_as_new("o", 1);
    for outcome in ["success", "infra_error", "config_error"] {
        metrics.record_activity_execution("a", outcome, 0.1, 0, None);
    }
    metrics.record_activity_success();
    metrics.record_activity_app_error();
    metrics.record_activity_infra_error();
    metrics.record_activity_config_error();
    metrics.record_orchestration_poison();
    metrics.record_activity_poison();
    metrics.record_suborchestration_call("o", "p", "success");
    metrics.record_suborchestration_duration("o", "p", 0.1, "success");
    metrics.record_provider_operation("read", 0.1, "success");
    metrics.record_provider_error("read", "other");
    metrics.record_orch_dispatcher_items_fetched(1);
    metrics.record_orch_dispatcher_processing_duration(1);
    metrics.record_worker_dispatcher_items_fetched(1);
    metrics.record_worker_dispatcher_execution_duration(1);
    metrics.update_queue_depths(1, 1);
    metrics.increment_active_orchestrations();
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn the_table_of_metrics_says_what_is_recorded_and_nothing_else() {
    let seen = Seen::default();
    ::metrics::with_local_recorder(&seen, all_figures);
    let seen = seen.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    for Described { name, kind: of_kind, labels, .. } in METRICS {
        let whole = (kind(*of_kind), (*name).to_owned(), labels.iter().map(|label| (*label).to_owned()).collect());
        assert!(seen.contains(&whole), "in the table, but never recorded like this: {whole:?}");
    }
    for (of_kind, name, labels) in seen {
        let row = METRICS.iter().find(|row| row.name == name && kind(row.kind) == of_kind);
        let row = row.unwrap_or_else(|| panic!("recorded, but not in the table: {of_kind} {name}"));
        assert!(labels.iter().all(|label| row.labels.contains(&&**label)), "{name} has labels of its own: {labels:?}");
    }
}

#[test]
fn the_reference_has_every_metric_as_it_is_in_the_table() {
    let page = include_str!("../../../docs/metrics.md");
    let row = |metric: &Described| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        let unit = match metric.unit {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            _ => "count",
        };
        format!("| `{}` | {} | {labels} | {unit} | {} |", metric.name, kind(metric.kind), metric.what)
    };
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    let found: Vec<&str> = page.lines().filter(|line| line.starts_with("| `duroxide_")).collect();
    assert_eq!(found, expected, "docs/metrics.md should have these rows:\n{}", expected.join("\n"));
}

#[test]
fn questions_ask_for_metrics_that_there_are() {
    let page = include_str!("../../../docs/metrics.md");
    let words = page.split(|next: char| !next.is_ascii_alphanumeric() && next != '_');
    let names: BTreeSet<&str> = words.filter(|word| word.starts_with("duroxide_") && *word != "duroxide_").collect();
    assert!(names.len() > METRICS.len());
    for name in names {
        let series = METRICS.iter().any(|metric| {
            let rest = name.strip_prefix(metric.name);
            rest == Some("") || metric.kind == Kind::Histogram && matches!(rest, Some("_bucket" | "_sum" | "_count"))
        });
        assert!(series, "docs/metrics.md asks for {name}, which nothing records");
    }
}

#[test]
fn executions_that_continue_for_ever_are_not_a_series_each() {
    let values: BTreeSet<String> = (1..=5_000).map(|id| super::metrics::execution_label(id).into_owned()).collect();
    assert_eq!(values.len(), 13, "{values:?}");
}
