//! Orchestrations whose activities and children return large results, so that histories grow.

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::core::{ORCHESTRATION, Plan, StressTestConfig, StressTestResult, run};
use super::parallel_orchestrations::ProviderStressFactory;
use crate::activity::ActivityContext;
use crate::context::orchestration::OrchestrationContext;
use crate::runtime::registry::{ActivityRegistry, OrchestrationRegistry};

const ACTIVITY: &str = "ProcessPayload";
const CHILD: &str = "PayloadChild";
const BYTES_PER_KB: usize = 1_024;

/// How much at once, and how large.
#[derive(Debug, Clone)]
pub struct LargePayloadConfig {
    /// How much happens at once, and for how long; its `tasks_per_instance` is not used.
    pub base: StressTestConfig,
    /// Size of the first, fourth, … result, in KiB.
    pub small_payload_kb: usize,
    /// Size of the second, fifth, … result and of what a child returns, in KiB.
    pub medium_payload_kb: usize,
    /// Size of the third, sixth, … result, in KiB.
    pub large_payload_kb: usize,
    /// Activities that each orchestration calls at once.
    pub activity_count: usize,
    /// Children that each orchestration has, each with one activity.
    pub sub_orch_count: usize,
}

impl Default for LargePayloadConfig {
    fn default() -> Self {
        LargePayloadConfig {
            base: StressTestConfig {
                max_concurrent: 5,
                duration_secs: 10,
                tasks_per_instance: 1,
                activity_delay_ms: 5,
                orch_concurrency: 1,
                worker_concurrency: 1,
                wait_timeout_secs: 120,
            },
            small_payload_kb: 10,
            medium_payload_kb: 50,
            large_payload_kb: 100,
            activity_count: 20,
            sub_orch_count: 5,
        }
    }
}

/// Runs the default sizes on a fresh store.
///
/// # Errors
/// Like [`run_stress_test`](super::core::run_stress_test).
pub async fn run_large_payload_test(factory: &dyn ProviderStressFactory) -> Result<StressTestResult, Box<dyn Error>> {
    run_large_payload_test_with_config(factory, LargePayloadConfig::default()).await
}

/// Runs these sizes on a fresh store. A result that came back with another size fails its orchestration.
///
/// # Errors
/// Like [`run_stress_test`](super::core::run_stress_test).
pub async fn run_large_payload_test_with_config(
    factory: &dyn ProviderStressFactory,
    config: LargePayloadConfig,
) -> Result<StressTestResult, Box<dyn Error>> {
    let kinds = [config.small_payload_kb, config.medium_payload_kb, config.large_payload_kb];
    let sizes = Sizes {
        activities: kinds.into_iter().cycle().take(config.activity_count).collect(),
        children: vec![config.medium_payload_kb; config.sub_orch_count],
    };
    let plan = Plan {
        input: serde_json::to_string(&sizes)?,
        activities: config.activity_count + config.sub_orch_count,
        config: config.base.clone(),
    };
    let activities = activities(config.base.activity_delay_ms);
    run(plan, factory.create_provider().await, activities, orchestrations()).await
}

/// What one orchestration calls, in KiB.
#[derive(Serialize, Deserialize)]
struct Sizes {
    activities: Vec<usize>,
    children: Vec<usize>,
}

fn activities(delay_ms: u64) -> ActivityRegistry {
    let process = move |_: ActivityContext, size_kb: usize| async move {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        Ok("x".repeat(size_kb * BYTES_PER_KB))
    };
    ActivityRegistry::builder().register_typed(ACTIVITY, process).build()
}

fn orchestrations() -> OrchestrationRegistry {
    let child =
        |ctx: OrchestrationContext, size_kb: String| async move { ctx.schedule_activity(ACTIVITY, size_kb).await };
    OrchestrationRegistry::builder().register(ORCHESTRATION, payloads).register(CHILD, child).build()
}

async fn payloads(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let sizes: Sizes = serde_json::from_str(&input).map_err(|error| error.to_string())?;
    let activities = sizes.activities.iter().map(|size| ctx.schedule_activity(ACTIVITY, size.to_string()));
    let children = sizes.children.iter().map(|size| ctx.schedule_sub_orchestration(CHILD, size.to_string()));
    let results = ctx.join(activities.chain(children).collect()).await;
    let mut total_kb = 0;
    for (result, size_kb) in results.into_iter().zip(sizes.activities.iter().chain(&sizes.children)) {
        let length = result?.len();
        if length != size_kb * BYTES_PER_KB {
            return Err(format!("expected {size_kb} KiB, found {length} bytes"));
        }
        total_kb += size_kb;
    }
    Ok(total_kb.to_string())
}
