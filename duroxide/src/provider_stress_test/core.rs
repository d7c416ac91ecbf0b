//! One run: how much at once, for how long, and what came of it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::activity::ActivityContext;
use crate::client::Client;
use crate::context::orchestration::OrchestrationContext;
use crate::model::error::ErrorDetails;
use crate::model::status::OrchestrationStatus;
use crate::providers::Provider;
use crate::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use crate::runtime::{Runtime, RuntimeOptions};
use crate::seams;

/// The orchestration that a run starts again and again.
pub(super) const ORCHESTRATION: &str = "FanoutOrchestration";

const ACTIVITY: &str = "ProcessTask";

/// Time that a runtime gets to finish what it is at when a run is over, in milliseconds.
const GRACE_MS: u64 = 5_000;

/// How much happens at once, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StressTestConfig {
    /// Orchestrations under way at any time.
    pub max_concurrent: usize,
    /// Seconds in which new ones are started.
    pub duration_secs: u64,
    /// Activities that each of them calls at once.
    pub tasks_per_instance: usize,
    /// Milliseconds that an activity takes.
    pub activity_delay_ms: u64,
    /// Turns that run at once.
    pub orch_concurrency: usize,
    /// Activities that run at once.
    pub worker_concurrency: usize,
    /// Seconds after which an orchestration counts as failed.
    #[serde(default = "default_wait_timeout_secs")]
    pub wait_timeout_secs: u64,
}

fn default_wait_timeout_secs() -> u64 {
    60
}

impl Default for StressTestConfig {
    fn default() -> Self {
        StressTestConfig {
            max_concurrent: 20,
            duration_secs: 10,
            tasks_per_instance: 5,
            activity_delay_ms: 10,
            orch_concurrency: 2,
            worker_concurrency: 2,
            wait_timeout_secs: default_wait_timeout_secs(),
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct StressTestResult {
    /// Orchestrations started.
    pub launched: usize,
    /// Those that completed.
    pub completed: usize,
    /// Those that did not.
    pub failed: usize,
    /// Failed because of the store, because of poison, or because they did not end in time.
    pub failed_infrastructure: usize,
    /// Failed as nondeterministic.
    pub failed_configuration: usize,
    /// Failed by what their code returned.
    pub failed_application: usize,
    /// From the first start to the last end.
    pub total_time: Duration,
    /// Orchestrations completed a second.
    pub orch_throughput: f64,
    /// Activities of completed orchestrations a second.
    pub activity_throughput: f64,
    /// Mean time from start to end of those that completed, in milliseconds.
    pub avg_latency_ms: f64,
}

impl StressTestResult {
    /// Percent of the orchestrations that completed; 0 when none was started.
    pub fn success_rate(&self) -> f64 {
        percent(self.completed, self.launched)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Keeps `max_concurrent` orchestrations under way on `provider` for the time of `config`, and waits for the last of
/// them. Starts `FanoutOrchestration` with `{"task_count": tasks_per_instance}`.
///
/// # Errors
/// When a task of the run is aborted; failures of the store and of orchestrations are counted.
pub async fn run_stress_test(
    config: StressTestConfig,
    provider: Arc<dyn Provider>,
    activities: ActivityRegistry,
    orchestrations: OrchestrationRegistry,
) -> Result<StressTestResult, Box<dyn Error>> {
    let input = serde_json::json!({ "task_count": config.tasks_per_instance }).to_string();
    let plan = Plan { input, activities: config.tasks_per_instance, config };
    run(plan, provider, activities, orchestrations).await
}

/// A run of one orchestration with one input.
pub(super) struct Plan {
    pub(super) config: StressTestConfig,
    pub(super) input: String,
    /// Activities of one orchestration, its children's included.
    pub(super) activities: usize,
}

pub(super) async fn run(
    plan: Plan,
    provider: Arc<dyn Provider>,
    activities: ActivityRegistry,
    orchestrations: OrchestrationRegistry,
) -> Result<StressTestResult, Box<dyn Error>> {
    let options = RuntimeOptions {
        orchestration_concurrency: plan.config.orch_concurrency,
        worker_concurrency: plan.config.worker_concurrency,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::start_with_options(Arc::clone(&provider), activities, orchestrations, options).await;
    let began = Instant::now();
    let ends = all_ends(&plan, &provider).await;
    let result = ends.map(|ends| sum_up(&ends, began.elapsed(), plan.activities));
    runtime.shutdown(Some(GRACE_MS)).await;
    Ok(result?)
}

/// How one orchestration ended, and how long it took.
struct End {
    took: Duration,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Completed,
    Infrastructure,
    Configuration,
    Application,
}

/// As many starters as orchestrations may be under way, each with one after the other.
async fn all_ends(plan: &Plan, provider: &Arc<dyn Provider>) -> Result<Vec<End>, tokio::task::JoinError> {
    // So that a run may follow another one on the same store.
    let run = seams::new_guid();
    let (next, until) =
        (Arc::new(AtomicUsize::new(0)), Instant::now() + Duration::from_secs(plan.config.duration_secs));
    let patience = Duration::from_secs(plan.config.wait_timeout_secs);
    let mut starters = JoinSet::new();
    for _ in 0..plan.config.max_concurrent {
        let (client, input, run) = (Client::new(Arc::clone(provider)), plan.input.clone(), run.clone());
        let next = Arc::clone(&next);
        starters.spawn(async move {
            let mut ends = Vec::new();
            while Instant::now() < until {
                let instance = format!("stress-{run}-{}", next.fetch_add(1, Ordering::Relaxed));
                let began = Instant::now();
                let outcome = one(&client, &instance, &input, patience).await;
                ends.push(End { took: began.elapsed(), outcome });
            }
            ends
        });
    }
    let mut all = Vec::new();
    while let Some(ends) = starters.join_next().await {
        all.extend(ends?);
    }
    Ok(all)
}

async fn one(client: &Client, instance: &str, input: &str, patience: Duration) -> Outcome {
    if client.start_orchestration(instance, ORCHESTRATION, input).await.is_err() {
        return Outcome::Infrastructure;
    }
    match client.wait_for_orchestration(instance, patience).await {
        Ok(OrchestrationStatus::Completed { .. }) => Outcome::Completed,
        Ok(OrchestrationStatus::Failed { details, .. }) => match details {
            ErrorDetails::Application { .. } => Outcome::Application,
            ErrorDetails::Configuration { .. } => Outcome::Configuration,
            ErrorDetails::Infrastructure { .. } | ErrorDetails::Poison { .. } => Outcome::Infrastructure,
        },
        Ok(OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound) | Err(_) => Outcome::Infrastructure,
    }
}

fn sum_up(ends: &[End], total_time: Duration, activities: usize) -> StressTestResult {
    let count = |outcome: Outcome| ends.iter().filter(|end| end.outcome == outcome).count();
    let completed = count(Outcome::Completed);
    let latency: Duration = ends.iter().filter(|end| end.outcome == Outcome::Completed).map(|end| end.took).sum();
    let each = |total: f64, parts: f64| if parts == 0.0 { 0.0 } else { total / parts };
    StressTestResult {
        launched: ends.len(),
        completed,
        failed: ends.len() - completed,
        failed_infrastructure: count(Outcome::Infrastructure),
        failed_configuration: count(Outcome::Configuration),
        failed_application: count(Outcome::Application),
        total_time,
        orch_throughput: each(completed as f64, total_time.as_secs_f64()),
        activity_throughput: each((completed * activities) as f64, total_time.as_secs_f64()),
        avg_latency_ms: each(1_000.0 * latency.as_secs_f64(), completed as f64),
    }
}

/// Writes results to standard output, one a line: store, configuration, result.
pub fn print_comparison_table(results: &[(String, String, StressTestResult)]) {
    println!(
        "{:<20} {:<20} {:>9} {:>9} {:>7} {:>8} {:>10} {:>10} {:>12}",
        "store", "configuration", "launched", "completed", "failed", "success", "orch/s", "act/s", "latency"
    );
    for (store, configuration, result) in results {
        println!(
            "{store:<20} {configuration:<20} {:>9} {:>9} {:>7} {:>7.1}% {:>10.1} {:>10.1} {:>9.1} ms",
            result.launched,
            result.completed,
            result.failed,
            result.success_rate(),
            result.orch_throughput,
            result.activity_throughput,
            result.avg_latency_ms,
        );
    }
}

/// `ProcessTask`, which takes so long and returns its input.
pub fn create_default_activities(delay_ms: u64) -> ActivityRegistry {
    let process = move |_: ActivityContext, input: String| async move {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        Ok(input)
    };
    ActivityRegistry::builder().register(ACTIVITY, process).build()
}

/// `FanoutOrchestration`, which calls `ProcessTask` as often as `{"task_count": n}` says, all at once.
pub fn create_default_orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder().register(ORCHESTRATION, fan_out).build()
}

#[derive(Deserialize)]
struct FanOut {
    task_count: usize,
}

async fn fan_out(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let FanOut { task_count } = serde_json::from_str(&input).map_err(|error| error.to_string())?;
    let tasks = (0..task_count).map(|task| ctx.schedule_activity(ACTIVITY, format!("task-{task}"))).collect();
    let results: Result<Vec<String>, String> = ctx.join(tasks).await.into_iter().collect();
    Ok(results?.len().to_string())
}
