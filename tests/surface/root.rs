//! The crate root: re-exports, constants, ids, and the small types.

use std::sync::Arc;
use std::time::Duration;

#[allow(unused_imports, reason = "programs write this; nothing at the root may hide what the prelude offers")]
use duroxide::*;
use duroxide::{BackoffStrategy, CompletionResult, Either2, Either3, LogLevel, RetryPolicy, ScheduleKind, SystemStats};

/// The prelude and `std` stay usable under a glob import.
fn parsed(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    text.parse().map(Some)
}

#[test]
fn every_name_of_the_root_is_there() {
    fn named<T: ?Sized>() {}
    named::<Action>();
    named::<ActivityContext>();
    named::<AppErrorKind>();
    named::<Client>();
    named::<ClientError>();
    named::<ConfigErrorKind>();
    named::<DeleteInstanceResult>();
    named::<DispatcherCapabilityFilter>();
    named::<DurableFuture<String>>();
    named::<ErrorDetails>();
    named::<Event>();
    named::<EventKind>();
    named::<ExecutionInfo>();
    named::<InstanceFilter>();
    named::<InstanceInfo>();
    named::<InstanceTree>();
    named::<OrchestrationContext>();
    named::<OrchestrationDescriptor>();
    named::<dyn OrchestrationHandler>();
    named::<OrchestrationRegistry>();
    named::<OrchestrationRegistryBuilder>();
    named::<OrchestrationStatus>();
    named::<PoisonMessageType>();
    named::<dyn ProviderAdmin>();
    named::<PruneOptions>();
    named::<PruneResult>();
    named::<QueueDepths>();
    named::<RuntimeOptions>();
    named::<ScheduledActivityIdentifier>();
    named::<SemverRange>();
    named::<SessionFetchConfig>();
    named::<SystemMetrics>();
    named::<TagFilter>();
    let _: fn() -> semver::Version = current_build_version;
    let _: fn(ProviderRef) -> Arc<dyn providers::Provider> = |store| store;
    let _: fn(OrchestrationHandlerRef) -> Arc<dyn OrchestrationHandler> = |handler| handler;
    assert_eq!(parsed("7"), Ok(Some(7)));
}

#[test]
fn constants_and_child_ids() {
    assert_eq!((INITIAL_EXECUTION_ID, INITIAL_EVENT_ID, SUB_ORCH_AUTO_PREFIX), (1_u64, 1_u64, "sub::"));
    let table = [
        ("sub::4", true, "order::sub::4"),
        ("sub::3_4", true, "order::sub::3_4"),
        ("refund-7", false, "refund-7"),
        ("x::sub::4", false, "x::sub::4"),
    ];
    for (child, is_auto, full) in table {
        assert_eq!(is_auto_generated_sub_orch_id(child), is_auto, "{child}");
        assert_eq!(build_child_instance_id("order", child), full);
    }
}

#[test]
fn schedule_kinds_levels_and_results_print_as_declared() {
    let kinds = [
        (ScheduleKind::Activity { name: "a".into() }, "Activity { name: \"a\" }"),
        (ScheduleKind::Timer, "Timer"),
        (ScheduleKind::ExternalWait { event_name: "e".into() }, "ExternalWait { event_name: \"e\" }"),
        (ScheduleKind::QueueDequeue { event_name: "q".into() }, "QueueDequeue { event_name: \"q\" }"),
        (ScheduleKind::SubOrchestration { token: 7 }, "SubOrchestration { token: 7 }"),
    ];
    for (kind, shown) in kinds {
        assert_eq!(format!("{:?}", kind.clone()), shown);
        match kind {
            ScheduleKind::Activity { name: _ }
            | ScheduleKind::Timer
            | ScheduleKind::ExternalWait { event_name: _ }
            | ScheduleKind::QueueDequeue { event_name: _ }
            | ScheduleKind::SubOrchestration { token: _ } => {}
        }
    }
    let levels = [LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    assert_eq!(format!("{:?}", levels.clone()), "[Info, Warn, Error]");
    let results = [
        CompletionResult::ActivityOk("a".into()),
        CompletionResult::ActivityErr("b".into()),
        CompletionResult::TimerFired,
        CompletionResult::SubOrchOk("c".into()),
        CompletionResult::SubOrchErr("d".into()),
        CompletionResult::ExternalData("e".into()),
    ];
    assert_eq!(
        format!("{:?}", results.clone()),
        "[ActivityOk(\"a\"), ActivityErr(\"b\"), TimerFired, SubOrchOk(\"c\"), SubOrchErr(\"d\"), ExternalData(\"e\")]"
    );
}

#[test]
fn eithers_know_their_place() {
    let first: Either2<u8, &str> = Either2::First(1);
    assert!(first.is_first() && !first.is_second() && first.index() == 0 && first.clone() == first);
    assert!(Either2::<u8, u8>::Second(1).is_second());
    assert_eq!(Either2::<u8, u8>::Second(5).into_tuple(), (1_usize, 5));
    assert_eq!(Either3::<u8, u8, u8>::Third(5).into_tuple(), (2_usize, 5));
    assert_eq!(Either3::<(), u8, ()>::Second(5).index(), 1);
    assert_eq!(format!("{:?}", Either3::<u8, (), ()>::First(1)), "First(1)");
}

#[test]
fn system_stats_are_plain_data() -> Result<(), serde_json::Error> {
    let stats = SystemStats {
        history_event_count: 1,
        history_size_bytes: 2,
        queue_pending_count: 3,
        kv_user_key_count: 4,
        kv_total_value_bytes: 5,
    };
    assert_eq!(serde_json::from_str::<SystemStats>(&serde_json::to_string(&stats)?)?, stats.clone());
    Ok(())
}

#[test]
fn backoff_grows_as_each_strategy_says() {
    let (ms, secs) = (Duration::from_millis, Duration::from_secs);
    let linear = BackoffStrategy::Linear { base: secs(2), max: secs(5) };
    let exponential = BackoffStrategy::Exponential { base: secs(1), multiplier: 3.0, max: secs(10) };
    let table = [
        (BackoffStrategy::None, [Duration::ZERO; 3]),
        (BackoffStrategy::Fixed { delay: secs(1) }, [secs(1); 3]),
        (linear, [secs(2), secs(4), secs(5)]),
        (exponential, [secs(1), secs(3), secs(9)]),
        (BackoffStrategy::default(), [ms(100), ms(200), ms(400)]),
    ];
    for (strategy, expected) in table {
        let delays = [1, 2, 3].map(|attempt| strategy.delay_for_attempt(attempt));
        assert_eq!(delays, expected, "{strategy:?}");
    }
    assert_eq!(BackoffStrategy::default().delay_for_attempt(60), secs(30));
}

#[test]
fn a_retry_policy_has_its_defaults_and_builders() {
    let RetryPolicy { max_attempts, backoff, timeout } = RetryPolicy::default();
    assert_eq!((max_attempts, timeout), (3, None));
    assert!(matches!(backoff, BackoffStrategy::Exponential { multiplier, .. } if multiplier == 2.0));
    let policy = RetryPolicy::new(5)
        .with_timeout(Duration::from_secs(1))
        .with_total_timeout(Duration::from_secs(2))
        .with_backoff(BackoffStrategy::None);
    assert_eq!((policy.clone().max_attempts, policy.timeout), (5, Some(Duration::from_secs(2))));
    assert_eq!(policy.delay_for_attempt(3), Duration::ZERO);
}

#[test]
#[should_panic(expected = "max_attempts must be at least 1")]
fn no_attempt_at_all_is_a_mistake() {
    let _ = RetryPolicy::new(0);
}
