//! Logs and metrics: configuration, counters and their effects.

use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::observability::{
    LogFormat, MetricsProvider, MetricsSnapshot, ObservabilityConfig, ObservabilityHandle, init_logging,
};

#[test]
fn the_configuration_has_its_defaults() {
    let ObservabilityConfig { log_format, log_level, service_name, service_version, gauge_poll_interval } =
        ObservabilityConfig::default();
    assert_eq!(log_format, LogFormat::Pretty);
    assert_eq!((log_level.as_str(), service_name.as_str(), service_version), ("info", "duroxide", None));
    assert_eq!(gauge_poll_interval, Duration::from_secs(60));
    assert_eq!(LogFormat::default(), LogFormat::Compact);
    match LogFormat::default() {
        LogFormat::Json | LogFormat::Pretty | LogFormat::Compact => {}
    }
    let _: fn(&ObservabilityConfig) -> Result<(), String> = init_logging;
}

/// What a call counts.
type Row = (&'static str, fn(&MetricsProvider), MetricsSnapshot);

fn counts() -> Vec<Row> {
    let none = MetricsSnapshot::default;
    vec![
        (
            "start",
            |m| m.record_orchestration_start("o", "1.0.0", "client"),
            MetricsSnapshot { orch_starts: 1, ..none() },
        ),
        (
            "completion",
            |m| m.record_orchestration_completion("o", "1.0.0", "completed", 0.1, 2, 3),
            MetricsSnapshot { orch_completions: 1, ..none() },
        ),
        (
            "failure",
            |m| m.record_orchestration_failure("o", "1.0.0", "app_error", "application"),
            MetricsSnapshot { orch_failures: 1, orch_application_errors: 1, ..none() },
        ),
        (
            "failure 2",
            |m| m.record_orchestration_failure("o", "1.0.0", "infrastructure_error", "infrastructure"),
            MetricsSnapshot { orch_failures: 1, orch_infrastructure_errors: 1, ..none() },
        ),
        (
            "failure 3",
            |m| m.record_orchestration_failure("o", "1.0.0", "config_error", "configuration"),
            MetricsSnapshot { orch_failures: 1, orch_configuration_errors: 1, ..none() },
        ),
        (
            "app",
            MetricsProvider::record_orchestration_application_error,
            MetricsSnapshot { orch_failures: 1, orch_application_errors: 1, ..none() },
        ),
        (
            "infra",
            MetricsProvider::record_orchestration_infrastructure_error,
            MetricsSnapshot { orch_failures: 1, orch_infrastructure_errors: 1, ..none() },
        ),
        (
            "config",
            MetricsProvider::record_orchestration_configuration_error,
            MetricsSnapshot { orch_failures: 1, orch_configuration_errors: 1, ..none() },
        ),
        ("can", |m| m.record_continue_as_new("o", 2), MetricsSnapshot { orch_continue_as_new: 1, ..none() }),
        (
            "activity",
            |m| m.record_activity_execution("a", "success", 0.1, 0, None),
            MetricsSnapshot { activity_success: 1, ..none() },
        ),
        (
            "activity 2",
            |m| m.record_activity_execution("a", "app_error", 0.1, 0, Some("gpu")),
            MetricsSnapshot { activity_app_errors: 1, ..none() },
        ),
        (
            "activity 3",
            |m| m.record_activity_execution("a", "infra_error", 0.1, 0, None),
            MetricsSnapshot { activity_infra_errors: 1, ..none() },
        ),
        (
            "activity 4",
            |m| m.record_activity_execution("a", "config_error", 0.1, 0, None),
            MetricsSnapshot { activity_config_errors: 1, ..none() },
        ),
        ("success", MetricsProvider::record_activity_success, MetricsSnapshot { activity_success: 1, ..none() }),
        ("app error", MetricsProvider::record_activity_app_error, MetricsSnapshot { activity_app_errors: 1, ..none() }),
        (
            "infra error",
            MetricsProvider::record_activity_infra_error,
            MetricsSnapshot { activity_infra_errors: 1, ..none() },
        ),
        (
            "config error",
            MetricsProvider::record_activity_config_error,
            MetricsSnapshot { activity_config_errors: 1, ..none() },
        ),
        ("poison", MetricsProvider::record_orchestration_poison, MetricsSnapshot { orch_poison: 1, ..none() }),
        ("poison 2", MetricsProvider::record_activity_poison, MetricsSnapshot { activity_poison: 1, ..none() }),
        (
            "child",
            |m| m.record_suborchestration_call("p", "c", "success"),
            MetricsSnapshot { suborchestration_calls: 1, ..none() },
        ),
        ("child 2", |m| m.record_suborchestration_duration("p", "c", 0.1, "success"), none()),
        ("provider", |m| m.record_provider_operation("ack", 0.1, "success"), none()),
        ("provider 2", |m| m.record_provider_error("ack", "timeout"), MetricsSnapshot { provider_errors: 1, ..none() }),
        (
            "fetched",
            |m| m.record_orch_dispatcher_items_fetched(3),
            MetricsSnapshot { orch_dispatcher_items_fetched: 3, ..none() },
        ),
        (
            "fetched 2",
            |m| m.record_worker_dispatcher_items_fetched(4),
            MetricsSnapshot { worker_dispatcher_items_fetched: 4, ..none() },
        ),
        ("duration", |m| m.record_orch_dispatcher_processing_duration(5), none()),
        ("duration 2", |m| m.record_worker_dispatcher_execution_duration(5), none()),
    ]
}

#[test]
fn each_call_counts_what_it_says() {
    for (what, record, expected) in counts() {
        let metrics = MetricsProvider::new(&ObservabilityConfig::default()).unwrap();
        record(&metrics);
        assert_eq!(metrics.snapshot(), expected, "{what}");
    }
}

#[test]
fn a_snapshot_has_exactly_these_fields() {
    let MetricsSnapshot {
        orch_starts: _,
        orch_completions: _,
        orch_failures: _,
        orch_application_errors: _,
        orch_infrastructure_errors: _,
        orch_configuration_errors: _,
        orch_poison: _,
        activity_success: _,
        activity_app_errors: _,
        activity_infra_errors: _,
        activity_config_errors: _,
        activity_poison: _,
        orch_dispatcher_items_fetched: _,
        worker_dispatcher_items_fetched: _,
        orch_continue_as_new: _,
        suborchestration_calls: _,
        provider_errors: _,
    } = MetricsSnapshot::default().clone();
}

#[tokio::test]
async fn gauges_are_read_back() {
    let handle = ObservabilityHandle::init(&ObservabilityConfig::default()).unwrap();
    let metrics: &Arc<MetricsProvider> = handle.metrics_provider();
    metrics.update_queue_depths(3, 4);
    metrics.set_active_orchestrations(5);
    metrics.increment_active_orchestrations();
    metrics.decrement_active_orchestrations();
    metrics.decrement_active_orchestrations();
    let depths: (u64, u64) = metrics.get_queue_depths();
    let active: i64 = metrics.get_active_orchestrations();
    assert_eq!((depths, active), ((3, 4), 4));
    assert_eq!(handle.metrics_snapshot(), MetricsSnapshot::default());
    assert_eq!(handle.shutdown().await, Ok(()));
    let alone = MetricsProvider::new(&ObservabilityConfig::default()).unwrap();
    assert_eq!(alone.shutdown().await, Ok(()));
}
