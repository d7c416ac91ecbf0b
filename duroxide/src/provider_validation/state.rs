//! The published validations of what instances say and keep, and of who may replay them.

validations! {
    /// What an orchestration says of itself, and how often it changed.
    custom_status takes any:
    test_custom_status_clear => clearing_it_is_an_update;
    test_custom_status_default_on_new_instance => nothing_was_said_before_the_first_update;
    test_custom_status_none_preserves => turns_without_update_leave_it;
    test_custom_status_nonexistent_instance => nothing_was_said_before_the_first_update;
    test_custom_status_polling_no_change => a_reader_who_has_seen_the_version_gets_nothing;
    test_custom_status_set => an_update_is_readable_and_versioned;
    test_custom_status_version_increments => the_last_update_of_a_turn_counts_once;
}

validations! {
    /// Key-values: readers see changes at once, the next execution when this one ended.
    kv_store takes any:
    test_kv_clear_all => clearing_all_hides_what_earlier_executions_left;
    test_kv_clear_isolation => instances_do_not_share_values;
    test_kv_clear_nonexistent_key => clearing_an_unknown_key_is_harmless;
    test_kv_clear_single => a_cleared_key_is_gone;
    test_kv_cross_execution_overwrite => every_end_moves_changes_to_the_snapshot;
    test_kv_cross_execution_remove_readd =>
        a_cleared_key_leaves_the_snapshot_at_the_end, a_key_set_after_being_cleared_is_back;
    test_kv_delete_instance_cascades => deleting_removes_values;
    test_kv_delete_instance_with_children => deleting_removes_values, a_root_is_deleted_with_its_descendants;
    test_kv_delta_clear_all_tombstones_store => clearing_all_hides_what_earlier_executions_left;
    test_kv_delta_client_reads_merged =>
        a_value_is_readable_once_committed, the_snapshot_leaves_out_the_running_execution;
    test_kv_delta_delete_instance_cascades => deleting_removes_values;
    test_kv_delta_merged_on_can => every_end_moves_changes_to_the_snapshot;
    test_kv_delta_merged_on_completion => every_end_moves_changes_to_the_snapshot;
    test_kv_delta_prune_untouched_key_survives => pruning_keeps_values;
    test_kv_delta_snapshot_excludes_current_execution => the_snapshot_leaves_out_the_running_execution;
    test_kv_delta_snapshot_includes_completed_execution => the_snapshot_has_what_ended_executions_left;
    test_kv_delta_tombstone_overrides_store => a_cleared_key_is_gone, a_cleared_key_leaves_the_snapshot_at_the_end;
    test_kv_empty_value => an_empty_string_is_a_value;
    test_kv_execution_id_tracking => the_snapshot_has_the_time_of_the_event;
    test_kv_get_nonexistent => what_is_not_there_is_none;
    test_kv_get_unknown_instance => what_is_not_there_is_none;
    test_kv_instance_isolation => instances_do_not_share_values;
    test_kv_large_value => a_value_is_readable_once_committed;
    test_kv_overwrite => the_last_of_several_sets_counts;
    test_kv_prune_current_execution_protected => pruning_keeps_values;
    test_kv_prune_preserves_all_keys => pruning_keeps_values;
    test_kv_prune_preserves_overwritten => pruning_keeps_values;
    test_kv_set_after_clear => a_key_set_after_being_cleared_is_back, clearing_all_spares_what_is_set_later;
    test_kv_set_and_get => a_value_is_readable_once_committed;
    test_kv_snapshot_after_clear_all => clearing_all_hides_what_earlier_executions_left;
    test_kv_snapshot_after_clear_single => a_cleared_key_leaves_the_snapshot_at_the_end;
    test_kv_snapshot_cross_execution => the_snapshot_has_what_ended_executions_left;
    test_kv_snapshot_empty => the_snapshot_leaves_out_the_running_execution;
    test_kv_snapshot_in_fetch => the_snapshot_has_what_ended_executions_left, the_snapshot_has_the_time_of_the_event;
    test_kv_special_chars_in_key => sql_metachars_and_all_else_in_keys_are_text;
}

validations! {
    /// A dispatcher gets only executions that it can replay.
    capability_filtering takes any:
    test_ack_appends_event_to_corrupted_history => an_ack_beside_unreadable_rows_works;
    test_ack_stores_pinned_version_via_metadata_update => the_pin_changes_only_when_given;
    test_concurrent_filtered_fetch_no_double_lock =>
        two_claimers_of_one_instance_have_one_winner, what_is_filtered_out_is_not_locked_and_counts_no_attempt;
    test_continue_as_new_execution_gets_own_pinned_version => each_execution_has_its_own_pin;
    test_fetch_corrupted_history_filtered_vs_unfiltered => what_is_filtered_out_is_not_read;
    test_fetch_deserialization_error_eventually_reaches_poison => unreadable_history_can_be_ended_by_an_ack;
    test_fetch_deserialization_error_increments_attempt_count => unreadable_history_holds_the_lock_and_counts_attempts;
    test_fetch_filter_applied_before_history_deserialization => what_is_filtered_out_is_not_read;
    test_fetch_filter_boundary_versions => both_ends_are_inside, versions_compare_as_numbers;
    test_fetch_filter_does_not_lock_skipped_instances => what_is_filtered_out_is_not_locked_and_counts_no_attempt;
    test_fetch_filter_null_pinned_version_always_compatible => an_unpinned_execution_fits_every_range;
    test_fetch_filter_skips_incompatible_selects_compatible => what_is_filtered_out_hides_no_other;
    test_fetch_single_range_only_uses_first_range => only_the_first_range_counts;
    test_fetch_with_compatible_filter_returns_item => an_execution_inside_the_range_is_fetched;
    test_fetch_with_filter_none_returns_any_item => without_filter_everything_is_fetched;
    test_fetch_with_incompatible_filter_skips_item => an_execution_outside_the_range_is_not;
    test_filter_with_empty_supported_versions_returns_nothing => no_range_fits_nothing;
    test_pinned_version_immutable_across_ack_cycles => the_pin_changes_only_when_given;
    test_pinned_version_stored_via_ack_metadata =>
        an_execution_inside_the_range_is_fetched, an_execution_outside_the_range_is_not;
    test_provider_updates_pinned_version_when_told => the_pin_changes_only_when_given;
}
