//! A run on the memory store completes whatever it starts.

use std::sync::Arc;

use async_trait::async_trait;

use super::core::{StressTestConfig, StressTestResult};
use super::large_payload::{LargePayloadConfig, run_large_payload_test_with_config};
use super::parallel_orchestrations::{ProviderStressFactory, run_parallel_orchestrations_test};
use crate::providers::Provider;
use crate::providers::memory::MemoryProvider;

struct Memory;

#[async_trait]
impl ProviderStressFactory for Memory {
    async fn create_provider(&self) -> Arc<dyn Provider> {
        Arc::new(MemoryProvider::new())
    }

    fn stress_test_config(&self) -> StressTestConfig {
        StressTestConfig { max_concurrent: 3, duration_secs: 1, activity_delay_ms: 1, ..StressTestConfig::default() }
    }
}

fn assert_all_completed(result: &StressTestResult) {
    assert!(result.launched > 0, "{result:?}");
    assert_eq!((result.completed, result.failed), (result.launched, 0), "{result:?}");
    assert!((result.success_rate() - 100.0).abs() < f64::EPSILON);
    assert!(result.orch_throughput > 0.0 && result.activity_throughput > result.orch_throughput, "{result:?}");
    assert!(result.avg_latency_ms > 0.0, "{result:?}");
}

#[tokio::test]
async fn small_orchestrations_complete() {
    assert_all_completed(&run_parallel_orchestrations_test(&Memory).await.expect("the run ends"));
}

#[tokio::test]
async fn large_payloads_come_back_whole() {
    let config = LargePayloadConfig { base: Memory.stress_test_config(), ..LargePayloadConfig::default() };
    assert_all_completed(&run_large_payload_test_with_config(&Memory, config).await.expect("the run ends"));
}

#[test]
fn a_configuration_may_leave_out_how_long_to_wait() {
    let json = r#"{"max_concurrent":1,"duration_secs":2,"tasks_per_instance":3,"activity_delay_ms":4,
        "orch_concurrency":5,"worker_concurrency":6}"#;
    let config: StressTestConfig = serde_json::from_str(json).expect("it is a configuration");
    assert_eq!((config.wait_timeout_secs, config.worker_concurrency), (60, 6));
}
