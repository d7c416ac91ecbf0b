//! The published validations of work: queues, cancellation, sessions, tags.

validations! {
    /// What enters the queues comes out once, in order, when it is due.
    queue_semantics takes any:
    test_lost_lock_token_handling => a_superseded_lease_can_do_nothing, an_expired_lock_is_taken_over;
    test_orphan_queue_messages_dropped => queue_messages_for_nobody_are_dropped;
    test_timer_delayed_visibility => timers_become_visible_when_they_are_due;
    test_worker_ack_atomicity => acking_delivers_the_completion, concurrent_acks_of_one_activity_have_one_winner;
    test_worker_delayed_visibility_skips_future_items => a_hidden_activity_hides_no_other;
    test_worker_item_immediate_visibility => activities_come_back_equal;
    test_worker_peek_lock_semantics => a_held_activity_is_not_fetched_again, acking_without_completion_just_removes;
    test_worker_queue_fifo_ordering => activities_come_in_the_order_of_arrival;
}

validations! {
    /// A cancelled activity is taken from the queue, and from its worker.
    cancellation takes any:
    test_ack_work_item_fails_when_entry_deleted => stale_result_of_a_cancelled_activity_is_refused;
    test_ack_work_item_none_deletes_without_enqueue => acking_without_completion_just_removes;
    test_batch_cancellation_deletes_multiple_activities =>
        a_cancelled_activity_that_waits_is_gone, cancelling_matches_the_whole_identity;
    test_cancelled_activities_deleted_from_worker_queue => a_cancelled_activity_that_waits_is_gone;
    test_cancelling_nonexistent_activities_is_idempotent => cancelling_what_is_unknown_is_harmless;
    test_fetch_returns_missing_state_when_instance_deleted => activities_of_unknown_instances_are_served;
    test_fetch_returns_running_state_for_active_orchestration => activities_come_back_equal;
    test_fetch_returns_terminal_state_when_orchestration_completed => activities_of_ended_instances_are_served;
    test_fetch_returns_terminal_state_when_orchestration_continued_as_new => activities_of_ended_instances_are_served;
    test_fetch_returns_terminal_state_when_orchestration_failed => activities_of_ended_instances_are_served;
    test_orphan_activity_after_instance_force_deletion => renew_after_delete_is_refused_as_is_the_ack;
    test_renew_fails_when_entry_deleted => stale_result_of_a_cancelled_activity_is_refused;
    test_renew_returns_missing_when_instance_deleted => renew_after_delete_is_refused_as_is_the_ack;
    test_renew_returns_running_when_orchestration_active => a_lease_is_renewed_any_number_of_times;
    test_renew_returns_terminal_when_orchestration_completed => activities_of_ended_instances_are_served;
    test_same_activity_in_worker_items_and_cancelled_is_noop =>
        an_activity_scheduled_and_cancelled_in_one_turn_is_not_there;
}

validations! {
    /// A session belongs to one owner at a time.
    sessions takes dyn_factory:
    test_abandoned_session_item_ignore_attempt =>
        an_abandoned_activity_stays_in_its_session, an_ignored_attempt_of_an_activity_does_not_count;
    test_abandoned_session_item_retryable => an_abandoned_activity_stays_in_its_session;
    test_ack_updates_session_last_activity => acking_an_activity_keeps_its_session_busy;
    test_activity_lock_expires_session_lock_valid_same_worker_refetches =>
        a_session_outlives_its_activities, activities_count_expired_locks;
    test_both_locks_expire_different_worker_claims => an_expired_session_goes_to_whoever_comes;
    test_cleanup_keeps_active_sessions => cleaning_keeps_live_sessions;
    test_cleanup_keeps_sessions_with_pending_items => cleaning_keeps_sessions_with_activities;
    test_cleanup_removes_expired_no_items => cleaning_removes_expired_sessions_without_activities;
    test_cleanup_then_new_item_recreates_session =>
        cleaning_removes_expired_sessions_without_activities, the_first_to_fetch_owns_the_session;
    test_concurrent_session_claim_only_one_wins => concurrent_claims_of_one_session_have_one_owner;
    test_different_sessions_different_workers => sessions_are_independent;
    test_mixed_session_and_non_session_items => a_session_of_another_owner_hides_no_other_activity;
    test_non_session_items_fetchable_by_any_worker =>
        a_worker_with_sessions_gets_plain_activities_too, a_worker_without_sessions_gets_plain_activities_only;
    test_non_session_items_returned_with_session_config => a_worker_with_sessions_gets_plain_activities_too;
    test_none_session_skips_session_items => a_worker_without_sessions_gets_plain_activities_only;
    test_original_worker_reclaims_expired_session => an_expired_session_goes_to_whoever_comes;
    test_renew_session_lock_active => renewing_extends_the_sessions_of_the_owners_named;
    test_renew_session_lock_after_expiry_returns_zero => renewing_revives_no_expired_session;
    test_renew_session_lock_no_sessions => renewing_for_nobody_renews_nothing;
    test_renew_session_lock_skips_idle => renewing_leaves_out_idle_sessions;
    test_renew_work_item_updates_session_last_activity => renewing_an_activity_keeps_its_session_busy;
    test_session_affinity_blocks_other_worker => the_first_to_fetch_owns_the_session;
    test_session_affinity_same_worker => the_first_to_fetch_owns_the_session;
    test_session_claimable_after_lock_expiry => an_expired_session_goes_to_whoever_comes;
    test_session_item_claimable_when_no_session => the_first_to_fetch_owns_the_session;
    test_session_items_processed_in_order =>
        activities_come_in_the_order_of_arrival, the_first_to_fetch_owns_the_session;
    test_session_lock_expires_activity_lock_valid_ack_succeeds =>
        a_lost_session_does_not_void_the_lease_on_its_activity;
    test_session_lock_expires_new_owner_gets_redelivery => an_expired_session_goes_to_whoever_comes;
    test_session_lock_expires_same_worker_reacquires => an_expired_session_goes_to_whoever_comes;
    test_session_lock_renewal_extends_past_original_timeout =>
        renewing_extends_the_sessions_of_the_owners_named, renewing_sets_the_end_from_now;
    test_session_takeover_after_lock_expiry => an_expired_session_goes_to_whoever_comes;
    test_shared_worker_id_any_caller_can_fetch_owned_session => fetching_again_extends_the_session;
    test_some_session_returns_all_items =>
        a_worker_with_sessions_gets_plain_activities_too, the_first_to_fetch_owns_the_session;
}

validations! {
    /// A worker gets activities of the tags it serves.
    tag_filtering takes dyn_factory:
    test_any_filter_fetches_everything => any_takes_all;
    test_default_and_fetches_untagged_and_matching => default_and_takes_both;
    test_default_only_fetches_untagged => default_only_takes_untagged_activities;
    test_multi_runtime_tag_isolation => tags_take_theirs_only, an_unserved_activity_hides_no_other;
    test_multi_tag_filter => tags_take_theirs_only, tags_are_exact;
    test_none_filter_returns_nothing => none_takes_nothing;
    test_tag_preserved_through_ack_orchestration_item =>
        turn_commit_is_whole, default_only_takes_untagged_activities;
    test_tag_round_trip_preservation => activities_come_back_equal;
    test_tag_survives_abandon_and_refetch => a_tag_survives_being_abandoned;
    test_tags_fetches_only_matching => tags_take_theirs_only;
}
