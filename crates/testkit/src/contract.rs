//! The contract of the store ports: a named promise each, which every adapter keeps.
//!
//! An adapter's `tests/it/contract.rs` is one function and one line:
//!
//! ```ignore
//! async fn fresh() -> Ports { /* an empty store, with the tables made */ }
//! latchkey_testkit::store_contract!(fresh());
//! ```
//!
//! A store that keeps accounts too gives [`AllPorts`], and has a second line:
//!
//! ```ignore
//! latchkey_testkit::account_contract!(fresh());
//! ```
#![expect(missing_docs, reason = "each promise and each port is named for what it is")]
#![expect(clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

mod steps;

mod accounts;
mod audit;
mod budgets;
mod changes;
mod disabling;
mod housekeeping;
mod instances;
mod keys;
mod last_uses;
mod limit;
mod lists;
mod management_tokens;
mod many;
mod networks;
mod overlap;
mod owners;
mod peppers;
mod redigesting;
mod reference;
mod removal;
mod revocation;
mod rotation;
mod search;
mod sessions;
mod shares;
mod usage;

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use latchkey_accounts::ports::{
    AccountRepository, ManagementTokenRepository, NetworkRepository, SessionRepository,
};
use latchkey_domain::ports::{
    ApiKeyRepository, AuditTrail, BudgetShares, ChangeFeed, Housekeeping, KeyLookup, KeyRegister,
    OwnerRepository, PepperRepository, UsageRegister, UsageRepository,
};

/// The ports of one adapter for keys, over one empty store.
#[derive(Debug)]
pub struct Ports {
    pub keys: Arc<dyn ApiKeyRepository>,
    pub owners: Arc<dyn OwnerRepository>,
    pub lookup: Arc<dyn KeyLookup>,
    pub register: Arc<dyn KeyRegister>,
    pub usage: Arc<dyn UsageRepository>,
    pub usage_register: Arc<dyn UsageRegister>,
    pub peppers: Arc<dyn PepperRepository>,
    pub trail: Arc<dyn AuditTrail>,
    pub feed: Arc<dyn ChangeFeed>,
    pub shares: Arc<dyn BudgetShares>,
    pub housekeeping: Arc<dyn Housekeeping>,
    /// What must live as long as the ports: a database, a folder.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// The same for an adapter that keeps accounts too.
#[derive(Debug)]
pub struct AllPorts {
    pub of_keys: Ports,
    pub accounts: Arc<dyn AccountRepository>,
    pub sessions: Arc<dyn SessionRepository>,
    pub networks: Arc<dyn NetworkRepository>,
    pub tokens: Arc<dyn ManagementTokenRepository>,
}

impl Deref for AllPorts {
    type Target = Ports;

    fn deref(&self) -> &Ports {
        &self.of_keys
    }
}

/// Takes a list of promises and makes a contract from it, a macro of that name.
///
/// A promise that is not on the list is reachable from nowhere, and the compiler says so.
macro_rules! promises {
    ($dollar:tt $(#[$meta:meta])* $contract:ident $($file:ident { $($promise:ident)* })*) => {
        $(pub use $file::{$($promise),*};)*

        $(#[$meta])*
        #[macro_export]
        macro_rules! $contract {
            ($dollar fresh:expr) => {$($(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    let ports = $dollar fresh.await;
                    $dollar crate::contract::$promise(&ports).await;
                }
            )*)*};
        }
    };
}

promises! { $
    /// Makes one test of each promise of the ports for keys.
    ///
    /// The argument is an expression whose future gives [`Ports`](crate::contract::Ports), or
    /// [`AllPorts`](crate::contract::AllPorts), over an empty store.
    store_contract
    housekeeping {
        a_key_is_forgotten_when_it_was_revoked_long_enough_ago
        a_forgotten_key_is_unknown_and_nothing_is_told_of_it
        keys_are_forgotten_page_by_page
        removing_gives_no_place_back_twice
        last_uses_of_keys_that_are_gone_are_forgotten
        the_eldest_events_are_forgotten
        the_time_of_the_store_passes
    }
    keys {
        a_key_with_every_option_unset_reads_back_equal
        a_key_with_every_option_set_reads_back_equal
        options_that_were_set_can_be_unset
        every_instant_that_can_be_written_reads_back_equal
        a_name_reads_back_as_sent
        a_name_of_an_earlier_rule_can_still_be_read
        an_unknown_key_is_none
        a_duplicate_id_is_refused_and_nothing_written
        a_duplicate_digest_is_refused_and_nothing_written
        the_digest_of_a_revoked_key_stays_taken
        an_update_that_is_not_the_next_version_is_refused_and_nothing_written
        an_update_of_a_missing_key_is_stale
        an_update_touches_no_other_key
        an_update_of_a_revoked_key_is_refused
        of_concurrent_updates_exactly_one_wins
        a_key_is_found_by_any_of_its_candidates
        the_owner_of_a_key_is_known_also_after_it_is_revoked
    }
    revocation {
        a_key_is_revoked_once
        of_concurrent_revocations_exactly_one_is_done
        a_revocation_stands_among_concurrent_updates
        nobody_else_revokes_a_key
        an_unknown_key_is_not_revoked
        a_disabled_key_can_be_revoked
        a_replaced_key_can_be_revoked
        a_revoked_key_shows_only_by_its_digest
    }
    many {
        many_keys_are_revoked_by_one_change_with_an_event_for_each_owner
        where_nothing_is_left_to_revoke_the_latest_change_is_waited_for
        of_many_keys_only_those_that_were_left_are_in_an_event
        where_one_of_many_keys_was_replaced_meanwhile_none_is_revoked
        what_is_revoked_together_and_one_by_one_concurrently_dies_once
    }
    search {
        random_searches_find_what_a_plain_function_finds
        a_part_of_a_name_has_no_wildcards_and_only_ascii_letters_have_another_case
        random_selections_mean_what_a_plain_function_says
        random_searches_of_the_trail_find_what_a_plain_function_finds
    }
    rotation {
        a_replaced_key_and_its_successor_read_back_equal
        a_key_that_is_replaced_without_overlap_is_revoked
        a_replacement_of_what_is_not_there_is_refused_and_nothing_written
        a_successor_that_is_taken_changes_nothing
        a_replacement_is_not_limited_and_keeps_the_count
        of_concurrent_replacements_exactly_one_is_done
        a_replacement_among_concurrent_changes_is_whole_or_nothing
        of_a_replacement_the_old_key_is_told
    }
    overlap {
        replacing_a_successor_ends_its_predecessor
        a_replacement_with_a_stale_predecessor_is_refused_and_nothing_written
        a_predecessor_is_found_by_its_successor_and_owner_until_it_is_revoked
        replaced_keys_that_work_are_limited_and_no_others_count
        parallel_replacements_and_revivals_do_not_exceed_the_limit
    }
    limit {
        a_key_beyond_the_limit_is_refused_and_nothing_written
        the_limit_may_be_anything_from_zero_up
        the_limit_counts_each_owner_alone
        parallel_inserts_do_not_exceed_the_limit
        parallel_inserts_and_revocations_keep_the_count
        a_refused_duplicate_takes_no_place
        a_revoked_key_gives_its_place_back_once
        a_replaced_key_gives_its_place_back_once
        a_disabled_and_an_expired_key_keep_their_place
    }
    owners {
        an_unknown_owner_holds_nothing_and_has_no_settings
        the_settings_of_an_owner_read_back_equal
        an_owner_holds_what_is_neither_revoked_nor_replaced
        settings_that_are_not_as_found_are_refused_and_nothing_written
        of_concurrent_changes_of_an_owner_exactly_one_wins
        a_change_of_an_owner_leaves_one_event
        an_event_that_cannot_be_kept_undoes_the_change_of_an_owner
        a_limit_of_the_owner_holds_instead_of_the_policys
        a_limit_below_what_is_held_touches_no_key
        parallel_inserts_do_not_exceed_the_limit_of_the_owner
        a_limit_of_the_owner_holds_for_replaced_keys_too
        a_suspended_owner_gets_no_keys
        a_look_up_shows_whether_the_owner_is_suspended
        a_suspension_and_its_end_are_told_of_each_unrevoked_key
        what_is_no_beginning_or_end_of_a_suspension_is_not_told
        a_key_made_while_its_owner_is_suspended_is_told_or_refused
    }
    budgets {
        a_key_without_limits_and_credits_has_no_budgets
        the_limits_and_credits_of_a_new_key_are_its_budgets
        changed_limits_are_the_budgets_of_all_keys_of_the_family
        limits_of_a_stale_version_change_nothing
        credits_are_added_and_taken_and_never_fall_below_none
        credits_begin_and_cease_to_count
        credits_of_a_missing_or_revoked_key_are_not_found
        concurrent_additions_all_count
        of_concurrent_subtractions_no_more_than_there_is_is_taken
        the_budgets_of_an_owner_hold_for_all_its_keys
        keys_are_told_where_a_budget_begins_or_ceases_to_count
        the_budgets_of_a_family_go_with_its_last_key
    }
    lists {
        an_owner_without_keys_has_an_empty_list
        a_list_has_the_newest_first_and_equal_times_by_id_descending
        a_list_holds_disabled_expired_and_replaced_keys
        an_owner_sees_no_key_of_another
        revoked_keys_are_listed_the_last_revoked_first
        revoked_keys_of_an_owner_are_bounded_in_time_and_number
        pages_hold_all_keys_in_id_order_over_owners
        a_page_of_all_holds_revoked_keys_too
        a_page_begins_after_an_id_that_need_not_exist
        a_page_of_an_empty_store_is_empty
    }
    reference {
        random_operations_agree_with_a_plain_model
    }
    changes {
        whatever_makes_a_verification_differ_is_told_to_every_instance
        nothing_else_is_told
        a_change_is_told_until_it_is_applied
        a_change_that_one_instance_applied_is_still_told_to_the_others
        an_answered_change_is_told_to_every_instance_that_asks_then
        of_concurrent_changes_each_is_told_once
        a_caller_that_finds_its_change_made_can_wait_for_it
        the_latest_change_is_that_of_the_owners_key
        the_last_change_is_not_before_any_that_was_made
        a_look_up_shows_what_the_store_has_come_to_or_fails
        of_several_points_the_latest_in_the_history_is_known
    }
    instances {
        a_new_instance_begins_at_the_latest_change
        the_list_shows_how_far_each_instance_is
        a_heartbeat_never_moves_an_instance_back
        an_expelled_instance_is_told_that_it_is
        an_instance_that_showed_itself_since_is_not_expelled
        an_instance_that_left_is_gone
        an_id_of_an_instance_is_never_used_twice
        who_joins_while_keys_change_is_told_or_began_later
        a_position_of_another_history_is_refused
        a_change_wakes_the_instances_that_wait
    }
    shares {
        what_is_handed_out_is_left_for_nobody_else
        nothing_is_handed_out_that_nobody_could_use
        half_of_an_equal_part_is_handed_out_ahead
        what_is_given_back_can_be_handed_out_again
        a_give_back_counts_once_however_often_it_is_sent
        a_late_give_back_counts_nothing
        of_concurrent_takes_no_more_is_handed_out_than_there_is
        a_later_holding_begins_at_nothing_and_ends_the_one_before
        an_instance_that_is_not_on_the_list_gets_nothing
        each_window_begins_with_its_whole_limit
        a_limit_that_changes_leaves_what_was_used
        the_budgets_of_an_instance_are_settled_in_one_call
    }
    usage {
        what_was_counted_is_added_and_read_by_hour_and_by_day
        when_the_hour_turns_the_one_before_is_kept
        what_comes_late_is_counted_for_its_own_hour
        the_recent_days_of_keys_are_those_of_their_calls
        a_batch_that_was_added_is_not_added_again
        counts_that_meet_are_all_added
        the_usage_of_an_owner_is_that_of_all_its_keys
        calls_are_read_of_the_asked_hours_and_days_alone
        of_a_key_and_reason_one_refusal_a_minute_is_kept
        of_a_key_the_last_20_refusals_are_kept
        a_revoked_key_keeps_its_usage_and_a_forgotten_one_takes_it_along
        old_usage_is_removed_in_batches
        a_writer_that_was_removed_may_begin_again
    }
    last_uses {
        a_recorded_use_shows_wherever_the_key_does
        a_last_use_never_moves_back_across_calls
        of_several_uses_in_one_call_the_latest_counts
        a_call_without_uses_is_fine
        thousands_of_uses_go_in_one_call
        parallel_calls_with_the_same_keys_all_succeed
        recording_a_use_leaves_the_key_as_it_is
    }
    peppers {
        the_first_check_of_a_pepper_is_cached
        each_pepper_has_its_own_check
        of_concurrent_first_checks_that_differ_one_is_stored
        equal_first_checks_are_all_confirmed_concurrently
        a_store_without_keys_depends_on_no_pepper
        peppers_in_use_are_those_of_unrevoked_keys_ascending
        of_each_pepper_the_last_use_of_an_unrevoked_key_is_told
        the_unrevoked_keys_of_a_pepper_are_found_of_any_owner
    }
    redigesting {
        a_digest_made_anew_takes_the_place_of_the_old_one
        a_digest_that_is_not_the_keys_is_not_replaced
        the_digest_of_a_revoked_key_stays
        a_digest_made_anew_hinders_no_change
    }
    audit {
        an_event_reads_back_equal
        an_event_about_credits_reads_back_equal
        an_event_of_a_changed_owner_reads_back_equal
        an_event_that_is_recorded_again_is_there_once
        an_event_is_in_the_trail_of_its_owner_alone
        the_trail_of_a_key_is_what_was_done_to_it_and_what_issued_it
        a_trail_has_the_greatest_id_first_and_goes_on_before_an_event
        all_events_come_in_id_order_and_go_on_after_one
        whatever_changes_a_key_leaves_one_event
        a_revoke_is_told_by_what_the_key_is_called_then
        among_concurrent_renames_a_revoke_is_told_by_the_name_that_it_found
        what_is_refused_leaves_no_event
        of_concurrent_changes_only_those_that_were_made_leave_an_event
        an_event_that_cannot_be_kept_undoes_its_change
    }
}

promises! { $
    /// Makes one test of each promise of the ports for accounts.
    ///
    /// The argument is an expression whose future gives [`AllPorts`](crate::contract::AllPorts) over an
    /// empty store.
    account_contract
    accounts {
        an_account_reads_back_equal
        an_unknown_address_is_none
        an_unknown_id_is_none
        a_taken_address_is_refused_and_nothing_written
        of_concurrent_accounts_with_one_address_exactly_one_is_made
        a_new_password_is_stored_and_ends_all_sessions_but_one
        a_reset_password_ends_every_session
        a_stale_password_change_is_refused_and_nothing_written
        of_concurrent_password_changes_exactly_one_wins
        another_address_is_stored_and_the_sessions_go_on
        an_address_that_is_taken_or_stale_is_refused_and_nothing_written
        an_operators_account_reads_back_equal_and_its_sessions_go_on
    }
    disabling {
        a_disabled_account_reads_back_equal
        disabling_ends_the_sessions_of_the_account_alone
        disabling_revokes_the_keys_of_the_account_alone
        a_disabled_account_gets_no_more_keys
        a_key_made_while_its_account_is_disabled_does_not_live
        a_key_changed_while_its_account_is_disabled_does_not_live
        a_stale_disabling_is_refused_and_nothing_changed
        disabling_an_unknown_account_is_stale
        disabling_twice_is_fine_and_keeps_the_first_instant
    }
    removal {
        an_enabled_account_gets_new_keys_and_none_of_the_old_ones
        enabling_what_is_not_the_disabled_version_is_refused_and_nothing_changed
        a_deleted_account_is_gone_with_its_sessions_keys_and_last_uses
        deleting_touches_no_other_account
        the_trail_of_a_deleted_account_stays_without_what_is_personal
        deleting_what_is_not_the_disabled_version_is_refused_and_nothing_changed
        the_address_of_a_deleted_account_is_free_and_its_id_is_closed
        pages_hold_all_accounts_in_id_order
    }
    sessions {
        a_session_reads_back_equal_with_its_account
        an_unknown_session_is_none
        a_session_is_found_by_any_of_its_candidates
        an_account_has_any_number_of_sessions
        the_last_use_of_a_session_never_moves_back
        of_concurrent_uses_of_a_session_the_latest_counts
        a_removed_session_is_gone_and_no_other
        a_use_of_a_removed_session_does_not_bring_it_back
        sessions_are_purged_by_their_beginning_and_by_their_last_use
        purging_with_the_earliest_instants_removes_nothing
        live_sessions_of_an_account_are_listed_the_newest_first
        all_live_sessions_but_one_are_removed_by_one_event
        a_confirmation_of_a_session_never_moves_back
    }
    management_tokens {
        a_management_token_reads_back_equal
        a_management_token_is_found_by_any_of_its_candidates
        a_management_token_that_is_taken_is_refused_and_nothing_written
        pages_hold_the_management_tokens_that_are_not_revoked_in_id_order
        a_management_token_is_revoked_once_and_found_as_revoked
        of_concurrent_revocations_of_a_management_token_exactly_one_is_done
        the_last_use_of_a_management_token_never_moves_back
        a_management_token_moves_to_another_digest_unless_it_is_revoked
        a_use_brings_no_revoked_management_token_back
        whatever_changes_a_management_token_leaves_one_event
        an_event_that_cannot_be_kept_undoes_the_change_of_a_management_token
    }
    networks {
        a_network_is_known_to_the_account_that_signed_in_from_there
        a_network_is_known_since_the_latest_sign_in
        of_concurrent_sign_ins_from_a_network_the_latest_counts
        networks_are_forgotten_by_their_latest_sign_in
        the_networks_of_an_account_are_told_the_last_one_first
    }
    changes {
        disabling_an_account_tells_of_all_its_keys
        disabling_an_account_is_numbered_after_the_changes_of_its_keys
        the_beginning_of_a_session_is_not_told
    }
    audit {
        whatever_changes_an_account_leaves_one_event
        the_beginning_and_the_end_of_a_session_leave_one_event
        what_is_refused_about_accounts_leaves_no_event
        an_event_that_cannot_be_kept_undoes_the_change_of_an_account
        the_trail_of_a_disabled_account_goes_on
    }
    rotation {
        a_successor_made_while_its_account_is_disabled_does_not_live
    }
}
