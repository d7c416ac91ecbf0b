//! Every published function names laws that exist, and a store that keeps them passes.

use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::providers::memory::MemoryProvider;

struct Memory;

#[async_trait]
impl ProviderFactory for Memory {
    async fn create_provider(&self) -> Arc<dyn Provider> {
        Arc::new(MemoryProvider::new())
    }
}

#[test]
fn every_law_that_a_function_names_exists() {
    let known: Vec<&str> = conformance::laws().iter().map(|law| law.name).collect();
    let named = [
        bulk_deletion::LAWS,
        deletion::LAWS,
        management::LAWS,
        prune::LAWS,
        capability_filtering::LAWS,
        custom_status::LAWS,
        kv_store::LAWS,
        atomicity::LAWS,
        error_handling::LAWS,
        instance_creation::LAWS,
        instance_locking::LAWS,
        lock_expiration::LAWS,
        multi_execution::LAWS,
        poison_message::LAWS,
        cancellation::LAWS,
        queue_semantics::LAWS,
        sessions::LAWS,
        tag_filtering::LAWS,
    ]
    .concat();
    for law in named {
        assert!(known.contains(&law), "there is no law {law}");
    }
}

#[tokio::test]
async fn races_are_decided_the_same_on_replay() {
    use super::race_replay::*;
    test_queue_race_cancellation_replay(&Memory).await;
    test_legacy_queue_race_decision_preserved(&Memory).await;
    test_queue_replay_version_stamp_roundtrip(&Memory).await;
    test_positional_wait_race_replay(&Memory).await;
    test_continue_as_new_queue_race_replay(&Memory).await;
    for stamp in ["0.1.30", "0.1.32", "no version at all"] {
        test_continue_as_new_transition_delivery(&Memory, stamp).await;
    }
    test_continue_as_new_duplicate_start(&Memory).await;
    test_continue_as_new_unregistered_backoff(&Memory).await;
    test_continue_as_new_poisoned_successor_is_own_execution(&Memory).await;
    test_duplicate_start_preserves_pinned_handler(&Memory).await;
}

#[tokio::test]
async fn a_store_that_does_not_wait_answers_at_once() {
    use super::long_polling::*;
    let store = MemoryProvider::new();
    test_short_poll_returns_immediately(&store, Memory.short_poll_threshold()).await;
    test_short_poll_work_item_returns_immediately(&store, Memory.short_poll_threshold()).await;
    test_fetch_respects_timeout_upper_bound(&store).await;
}
