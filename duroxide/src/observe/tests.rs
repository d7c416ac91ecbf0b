//! Which figure lands in which counter.

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
