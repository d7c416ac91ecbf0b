//! The published validations of turns: instances, locks, commits, executions.

validations! {
    /// A turn is committed whole, or not at all.
    atomicity takes any:
    test_atomicity_failure_rollback =>
        a_duplicate_event_refuses_the_whole_turn, a_refused_turn_keeps_the_lock_and_the_batch;
    test_concurrent_ack_prevention => concurrent_acks_of_one_turn_have_one_winner;
    test_lock_released_only_on_successful_ack =>
        an_ack_releases_the_instance, a_refused_turn_keeps_the_lock_and_the_batch;
    test_multi_operation_atomic_ack => turn_commit_is_whole;
}

validations! {
    /// Only an ack brings an instance into being.
    instance_creation takes any:
    test_instance_creation_via_metadata => the_first_ack_with_both_names_creates_the_instance;
    test_no_instance_creation_on_enqueue => enqueueing_a_start_creates_no_instance;
    test_null_version_handling => a_start_without_version_is_fetched_as_unknown;
    test_sub_orchestration_instance_creation => the_parent_is_set_once;
}

validations! {
    /// One holder at a time, and only the holder writes.
    instance_locking takes any:
    test_ack_only_affects_locked_messages => an_ack_deletes_exactly_its_batch;
    test_completions_arriving_during_lock_blocked => a_later_arrival_waits_for_the_next_batch;
    test_concurrent_instance_fetching => concurrent_fetchers_get_different_instances;
    test_cross_instance_lock_isolation => a_locked_instance_hides_no_other;
    test_exclusive_instance_lock => a_locked_instance_is_not_fetched_again;
    test_invalid_lock_token_rejection => renew_zero_rows_is_a_refusal_as_is_all_by_an_unknown_token;
    test_lock_token_uniqueness => every_lease_has_its_own_token;
    test_message_tagging_during_lock => an_ack_deletes_exactly_its_batch, a_later_arrival_waits_for_the_next_batch;
    test_multi_threaded_lock_contention => two_claimers_of_one_instance_have_one_winner;
    test_multi_threaded_lock_expiration_recovery => an_expired_lock_is_taken_over;
    test_multi_threaded_no_duplicate_processing =>
        concurrent_fetchers_get_different_instances, concurrent_acks_of_one_turn_have_one_winner;
}

validations! {
    /// Locks end by themselves, and can be renewed or given back before.
    lock_expiration takes any:
    test_abandon_releases_lock_immediately => an_abandoned_batch_is_ready_at_once;
    test_abandon_work_item_releases_lock => an_abandoned_activity_is_ready_at_once;
    test_abandon_work_item_with_delay => an_abandoned_activity_stays_hidden_for_the_delay;
    test_concurrent_lock_attempts_respect_expiration =>
        two_claimers_of_one_instance_have_one_winner, an_expired_lock_is_taken_over;
    test_lock_expires_after_timeout => an_expired_lock_is_taken_over;
    test_lock_renewal_on_ack => an_ack_releases_the_instance;
    test_orchestration_lock_renewal_after_expiration => an_expired_lock_cannot_be_renewed;
    test_worker_ack_fails_after_lock_expiry => an_expired_lease_cannot_ack;
    test_worker_lock_renewal_after_ack => an_acked_lease_cannot_be_renewed;
    test_worker_lock_renewal_after_expiration => an_expired_lease_cannot_be_renewed;
    test_worker_lock_renewal_extends_timeout => a_renewed_lease_outlives_its_first_term;
    test_worker_lock_renewal_invalid_token => an_unknown_token_of_an_activity_can_do_nothing;
    test_worker_lock_renewal_success => a_lease_is_renewed_any_number_of_times, a_renewal_of_a_lease_counts_from_now;
}

validations! {
    /// An instance may have many executions; the newest counts.
    multi_execution takes any:
    test_continue_as_new_creates_new_execution => an_ack_for_the_next_execution_makes_it_current;
    test_execution_history_persistence => each_execution_has_its_own_history;
    test_execution_id_sequencing =>
        an_ack_for_the_next_execution_makes_it_current, an_ack_for_an_older_execution_leaves_the_newest_current;
    test_execution_isolation => each_execution_has_its_own_history, each_execution_has_its_own_status;
    test_latest_execution_detection => reading_means_the_newest_execution, the_newest_of_an_unknown_instance_is_one;
}

validations! {
    /// What is wrong is refused, and changes nothing.
    error_handling takes any:
    test_corrupted_serialization_data => payloads_come_back_byte_for_byte;
    test_duplicate_event_id_rejection =>
        a_duplicate_event_refuses_the_whole_turn, appending_refuses_zero_and_duplicates;
    test_invalid_lock_token_on_ack => renew_zero_rows_is_a_refusal_as_is_all_by_an_unknown_token;
    test_lock_expiration_during_ack => an_expired_lock_refuses_the_whole_turn;
    test_missing_instance_metadata => an_ack_without_names_creates_no_instance;
    test_read_corrupted_history_returns_error => unreadable_rows_fail_every_read;
    test_read_with_execution_corrupted_history_returns_error => unreadable_rows_fail_every_read;
}

validations! {
    /// How often a message was handed out, so that poison can be told.
    poison_message takes dyn_factory:
    abandon_orchestration_item_ignore_attempt_decrements => an_ignored_attempt_does_not_count;
    abandon_work_item_ignore_attempt_decrements => an_ignored_attempt_of_an_activity_does_not_count;
    attempt_count_is_per_message => attempts_are_counted_by_message;
    ignore_attempt_never_goes_negative => ignoring_attempts_never_goes_below_zero;
    max_attempt_count_across_message_batch => attempts_are_counted_by_message;
    orchestration_attempt_count_increments_on_refetch => every_fetch_counts;
    orchestration_attempt_count_starts_at_one => the_first_fetch_is_attempt_one;
    orchestration_delayed_abandon_preserves_unlocked_rows => an_abandon_leaves_later_arrivals_alone;
    orchestration_ignore_attempt_preserves_hidden_start => an_abandon_leaves_delayed_messages_alone;
    worker_attempt_count_increments_on_lock_expiry => activities_count_expired_locks;
    worker_attempt_count_starts_at_one => activities_count_every_fetch;
}
