//! Durable orchestrations that survive crashes.
//!
//! An orchestration is an async function that awaits activities, timers, events and other orchestrations. What it
//! asked for and what it was given is kept in a store; after a crash the function is run again from its start and led
//! through that history, so that it goes on where it was. See [`OrchestrationContext`] for what an orchestration may
//! do, [`Client`] for what can be done with one from outside, and [`runtime::Runtime`] for what runs them.

// What the macros write names the library from outside; its own tests use them as well.
#[cfg(test)]
extern crate self as duroxide;

#[doc(hidden)]
#[cfg(feature = "macros")]
#[path = "private.rs"]
pub mod __private;
mod activity;
pub mod client;
mod clock;
mod codec;
mod compat;
#[cfg(feature = "provider-test")]
pub mod conformance;
mod context;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod dispatch;
pub mod insight;
mod lease;
mod ledger;
#[cfg(feature = "macros")]
mod macros;
mod model;
mod mutants;
mod observe;
#[cfg(feature = "provider-test")]
pub mod provider_stress_test;
#[cfg(feature = "provider-test")]
pub mod provider_validation;
pub mod providers;
mod registry;
mod replay;
pub mod runtime;
mod seams;
pub mod testing;
pub mod trace;
pub mod transfer;
#[cfg(feature = "macros")]
pub mod typed;

use std::sync::Arc;

pub use activity::{ActivityContext, HeartbeatError};
pub use client::{Client, ClientError};
#[doc(hidden)]
pub use compat::idle_types::CompletionResult;
pub use compat::idle_types::{LogLevel, ScheduleKind};
pub use context::combinators::{Either2, Either3};
pub use context::durable::{BoxDurable, Durable, assume_durable};
pub use context::future::DurableFuture;
pub use context::orchestration::OrchestrationContext;
#[cfg(feature = "macros")]
pub use duroxide_macros::{activity, durable, event, orchestration};
pub use model::action::Action;
pub use model::error::{AppErrorKind, ConfigErrorKind, ErrorDetails, PoisonMessageType};
pub use model::event::{Event, EventKind};
pub use model::ids::{
    INITIAL_EVENT_ID, INITIAL_EXECUTION_ID, SUB_ORCH_AUTO_PREFIX, build_child_instance_id,
    is_auto_generated_sub_orch_id,
};
pub use model::retry::{BackoffStrategy, RetryPolicy};
pub use model::stats::SystemStats;
pub use providers::{
    ActivityProgress, DeleteInstanceResult, DispatcherCapabilityFilter, ExecutionInfo, InstanceFilter, InstanceInfo,
    InstanceTree, ProviderAdmin, PruneOptions, PruneResult, QueueDepths, ScheduledActivityIdentifier, SemverRange,
    SessionFetchConfig, SystemMetrics, TagFilter, current_build_version,
};
pub use runtime::{
    OrchestrationDescriptor, OrchestrationHandler, OrchestrationRegistry, OrchestrationRegistryBuilder,
    OrchestrationStatus, RuntimeOptions,
};
pub use transfer::{cancel_transfer, transfer};
#[cfg(feature = "macros")]
pub use typed::{CallError, Signal};

/// A store, shared.
pub type ProviderRef = Arc<dyn providers::Provider>;
/// An orchestration handler, shared.
pub type OrchestrationHandlerRef = Arc<dyn OrchestrationHandler>;

/// The stress tests of the published crate under their other path.
#[cfg(feature = "provider-test")]
pub mod provider_stress_tests {
    pub use crate::provider_stress_test::core::{
        StressTestConfig, StressTestResult, create_default_activities, create_default_orchestrations,
        print_comparison_table, run_stress_test,
    };
    pub use crate::provider_stress_test::{large_payload, parallel_orchestrations};
}

/// The validation functions of the published crate under their other path: some in modules, some not.
#[cfg(feature = "provider-test")]
pub mod provider_validations {
    pub use crate::provider_validation::atomicity::*;
    pub use crate::provider_validation::cancellation::*;
    pub use crate::provider_validation::error_handling::*;
    pub use crate::provider_validation::instance_creation::*;
    pub use crate::provider_validation::instance_locking::*;
    pub use crate::provider_validation::lock_expiration::*;
    pub use crate::provider_validation::management::*;
    pub use crate::provider_validation::multi_execution::*;
    pub use crate::provider_validation::queue_semantics::*;
    pub use crate::provider_validation::{
        ProviderFactory, bulk_deletion, capability_filtering, custom_status, deletion, kv_store, long_polling,
        poison_message, prune, race_replay, sessions, tag_filtering,
    };
}

/// The pages whose code the documentation tests compile.
#[cfg(all(doctest, feature = "macros", feature = "sqlite"))]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../../docs/instances.md")]
    struct Instances;
    #[doc = include_str!("../../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../../docs/limits.md")]
    struct Limits;
    #[doc = include_str!("../../docs/determinism.md")]
    struct Determinism;
    #[cfg(feature = "dashboard")]
    #[doc = include_str!("../../docs/dashboard.md")]
    struct Dashboard;
    #[doc = include_str!("../../docs/metrics.md")]
    struct Metrics;
    #[doc = include_str!("../../docs/operating.md")]
    struct Operating;
    #[doc = include_str!("../../docs/debugging.md")]
    struct Debugging;
    #[cfg(feature = "postgres")]
    #[doc = include_str!("../../docs/postgres.md")]
    struct Postgres;
}
