//! The published validations of what administrators see and remove.

validations! {
    /// What an administrator sees.
    management takes any:
    test_get_execution_info => an_execution_counts_its_own_events, an_unknown_instance_or_execution_is_not_found;
    test_get_instance_info =>
        an_instance_tells_the_status_of_its_current_execution, an_unknown_instance_or_execution_is_not_found;
    test_get_instance_stats_carry_forward => stats_describe_the_current_execution;
    test_get_instance_stats_history => stats_describe_the_current_execution;
    test_get_instance_stats_kv => stats_count_what_readers_see;
    test_get_instance_stats_kv_delta_only => stats_count_what_readers_see;
    test_get_instance_stats_kv_merged => stats_count_what_readers_see;
    test_get_instance_stats_nonexistent => stats_of_an_unknown_instance_are_none;
    test_get_queue_depths => depths_count_what_nobody_holds;
    test_get_system_metrics => metrics_count_instances_executions_and_events;
    test_list_executions => an_ack_for_the_next_execution_makes_it_current, executions_need_no_instance_row;
    test_list_instances => instances_are_listed_newest_first;
    test_list_instances_by_status => instances_are_listed_by_the_status_of_their_current_execution;
}

validations! {
    /// A deleted instance is gone with everything it had.
    deletion takes any:
    test_cascade_delete_hierarchy => a_root_is_deleted_with_its_descendants;
    test_delete_cleans_queues_and_locks =>
        an_ended_instance_is_deleted_with_everything, a_deletion_counts_what_it_removed;
    test_delete_get_instance_tree => a_tree_has_all_descendants;
    test_delete_get_parent_id => parents_are_known;
    test_delete_instances_atomic => a_deletion_is_all_or_nothing;
    test_delete_instances_atomic_force => a_running_instance_is_deleted_only_by_force;
    test_delete_instances_atomic_orphan_detection => a_tree_is_not_torn_apart;
    test_delete_nonexistent_instance =>
        an_unknown_instance_is_not_found_for_deletion, deleting_what_is_unknown_is_no_error;
    test_delete_running_rejected_force_succeeds => a_running_instance_is_deleted_only_by_force;
    test_delete_terminal_instances => an_ended_instance_is_deleted_with_everything;
    test_force_delete_prevents_ack_recreation => a_late_ack_cannot_bring_a_deleted_instance_back;
    test_list_children => children_are_direct;
    test_stale_activity_after_delete_recreate => a_stale_lease_does_not_touch_the_next_life;
}

validations! {
    /// Many instances are deleted by what they have in common.
    bulk_deletion takes any:
    test_delete_instance_bulk_cascades_to_children => bulk_deletion_takes_descendants_along;
    test_delete_instance_bulk_completed_before_filter => bulk_deletion_keeps_to_the_time_given;
    test_delete_instance_bulk_filter_combinations =>
        bulk_deletion_keeps_to_the_ids_given, bulk_deletion_keeps_to_the_time_given, bulk_deletion_keeps_to_the_limit;
    test_delete_instance_bulk_safety_and_limits => bulk_deletion_takes_ended_roots, bulk_deletion_keeps_to_the_limit;
}

validations! {
    /// Old executions go, the current one and running ones stay.
    prune takes any:
    test_prune_bulk => bulk_pruning_keeps_to_ids_and_limit;
    test_prune_bulk_includes_running_instances => bulk_pruning_takes_running_instances_too;
    test_prune_options_combinations =>
        the_newest_executions_stay, executions_that_ended_later_stay, pruning_counts_what_it_removed;
    test_prune_safety =>
        the_current_execution_always_stays, running_executions_stay, pruning_an_unknown_instance_is_an_error;
}
