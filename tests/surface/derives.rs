//! What public types can do: copies, comparisons, defaults, wire forms, threads.

use std::fmt::Debug;

use duroxide::providers::management::InstanceTree;
use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::providers::{
    DeleteInstanceResult, DispatcherCapabilityFilter, ExecutionInfo, ExecutionMetadata, InstanceFilter, InstanceInfo,
    KvEntry, OrchestrationItem, Provider, ProviderAdmin, ProviderError, PruneOptions, PruneResult, QueueDepths,
    ScheduledActivityIdentifier, SemverRange, SessionFetchConfig, SystemMetrics, TagFilter, WorkItem,
};
use duroxide::runtime::observability::{MetricsProvider, MetricsSnapshot, ObservabilityHandle};
use duroxide::runtime::registry::{ActivityRegistry, ActivityRegistryBuilder};
use duroxide::runtime::replay_engine::{ReplayEngine, TurnResult};
use duroxide::runtime::{
    HistoryManager, LogFormat, ObservabilityConfig, OrchestrationStatus, Runtime, RuntimeOptions,
    UnregisteredBackoffConfig, VersionPolicy, WorkItemReader,
};
use duroxide::{
    Action, ActivityContext, AppErrorKind, BackoffStrategy, Client, ClientError, CompletionResult, ConfigErrorKind,
    Either2, Either3, ErrorDetails, Event, EventKind, LogLevel, OrchestrationDescriptor, OrchestrationRegistry,
    PoisonMessageType, RetryPolicy, ScheduleKind, SystemStats,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Holds when every type listed satisfies the bounds; the compiler is the test.
macro_rules! all {
    ($($bound:path),+ => $($kind:ty),+ $(,)?) => {{
        fn has<T: $($bound +)+ ?Sized>() {}
        $(has::<$kind>();)+
    }};
}

#[test]
fn plain_data_prints_copies_and_compares() {
    all!(Debug, Clone => Action, ActivityContext, BackoffStrategy, ClientError, CompletionResult,
        DeleteInstanceResult, DispatcherCapabilityFilter, ExecutionInfo, ExecutionMetadata, HistoryManager,
        InstanceFilter, InstanceInfo, InstanceTree, LogLevel, ObservabilityConfig, OrchestrationItem, PruneOptions,
        PruneResult, QueueDepths, RetryPolicy, RuntimeOptions, ScheduleKind, SessionFetchConfig, SqliteOptions,
        SystemMetrics, UnregisteredBackoffConfig, VersionPolicy);
    all!(Debug => TurnResult, WorkItemReader);
    all!(Debug, Clone, Eq => AppErrorKind, ConfigErrorKind, Either2<u8, u8>, Either3<u8, u8, u8>, ErrorDetails,
        Event, EventKind, LogFormat, MetricsSnapshot, OrchestrationDescriptor, OrchestrationStatus, PoisonMessageType,
        ProviderError, ScheduledActivityIdentifier, SemverRange, TagFilter, WorkItem);
    all!(Debug, Clone, PartialEq => KvEntry, SystemStats);
    all!(Clone => ActivityRegistry, Client, OrchestrationRegistry);
}

#[test]
fn defaults_and_wire_forms_are_there() {
    all!(Default => ActivityRegistry, BackoffStrategy, DeleteInstanceResult, ExecutionMetadata, InstanceFilter,
        LogFormat, MetricsSnapshot, ObservabilityConfig, OrchestrationRegistry, PruneOptions, PruneResult,
        QueueDepths, RetryPolicy, RuntimeOptions, SqliteOptions, SystemMetrics, TagFilter, UnregisteredBackoffConfig);
    all!(Serialize, DeserializeOwned => AppErrorKind, ConfigErrorKind, ErrorDetails, Event, EventKind,
        PoisonMessageType, SystemStats, WorkItem);
}

#[test]
fn what_is_shared_may_cross_threads() {
    all!(Send, Sync => ActivityRegistry, Client, MetricsProvider, ObservabilityHandle, OrchestrationRegistry, Runtime,
        SqliteProvider, dyn Provider, dyn ProviderAdmin);
    all!(Send => ActivityRegistryBuilder, ReplayEngine);
}
