//! Many small orchestrations at once.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;

use super::core::{
    StressTestConfig, StressTestResult, create_default_activities, create_default_orchestrations, run_stress_test,
};
use crate::providers::Provider;

/// Makes the stores to be put under stress.
#[async_trait]
pub trait ProviderStressFactory: Send + Sync {
    /// An empty store.
    async fn create_provider(&self) -> Arc<dyn Provider>;

    /// What to do to it unless the caller says so.
    fn stress_test_config(&self) -> StressTestConfig {
        StressTestConfig::default()
    }
}

/// Runs the factory's own configuration on a fresh store.
///
/// # Errors
/// Like [`run_stress_test`].
pub async fn run_parallel_orchestrations_test(
    factory: &dyn ProviderStressFactory,
) -> Result<StressTestResult, Box<dyn Error>> {
    run_parallel_orchestrations_test_with_config(factory, factory.stress_test_config()).await
}

/// Runs a configuration on a fresh store.
///
/// # Errors
/// Like [`run_stress_test`].
pub async fn run_parallel_orchestrations_test_with_config(
    factory: &dyn ProviderStressFactory,
    config: StressTestConfig,
) -> Result<StressTestResult, Box<dyn Error>> {
    let activities = create_default_activities(config.activity_delay_ms);
    run_stress_test(config, factory.create_provider().await, activities, create_default_orchestrations()).await
}
