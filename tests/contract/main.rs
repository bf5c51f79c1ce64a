//! One contract, two worlds: each case runs on the simulated world and on the real one, so that the
//! fake cannot drift. A difference between the two is a bug of one of them, and becomes a case.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

mod attempts;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared with tests of other needs")]
mod common;
mod host;
mod records;
mod retirement;
mod scene;
mod sessions;
mod worktrees;

/// Makes a test of each world of each case.
macro_rules! contract {
    ($($room:ident: $($case:ident),+ $(,)?;)+) => {
        mod simulated {
            $($(#[test]
            fn $case() {
                crate::$room::$case(&crate::scene::Stage::simulated());
            })+)+
        }
        mod real {
            $($(#[test]
            fn $case() {
                crate::$room::$case(&crate::scene::Stage::real());
            })+)+
        }
    };
}

contract! {
    records:
        a_task_is_registered_once,
        a_record_is_forgotten_by_its_uid_only,
        a_claim_is_made_by_the_next_generation_only,
        who_holds_a_claim_has_it_until_it_lapses,
        a_lapsed_claim_of_a_person_ends_when_nothing_is_unsaved,
        a_generation_is_noted_for_who_holds_it,
        what_a_person_completed_is_an_attempt_that_is_over,
        claims_of_one_file_exclude_each_other,
        a_claim_is_renewed_and_released_by_its_holder_only,
        a_claim_after_a_release_is_of_the_next_generation,
        a_damaged_claim_is_neither_replaced_nor_released,
        a_failure_is_noted_and_cleared,
        a_hold_stands_until_it_is_lifted_also_as_half_a_file,
        a_word_that_a_task_may_try_anew_goes_with_its_record;
    worktrees:
        a_branch_is_made_once,
        a_branch_that_is_elsewhere_is_left_there,
        a_worktree_is_added_once,
        a_worktree_needs_its_branch,
        a_place_that_is_taken_is_left_alone,
        a_half_made_worktree_is_seen_as_such_and_repaired,
        a_lost_worktree_is_seen_as_such_and_repaired,
        the_commit_of_a_lost_detached_worktree_is_saved,
        a_whole_worktree_is_not_repaired,
        a_repair_of_nothing_is_done;
    retirement:
        unsaved_work_is_rescued_once,
        new_work_is_rescued_beside_the_old,
        commits_in_no_branch_are_rescued,
        the_worktree_of_another_is_neither_rescued_nor_retired,
        unsaved_work_keeps_a_worktree,
        rescued_work_goes_to_the_trash,
        work_after_the_rescue_keeps_a_worktree,
        a_branch_with_commits_is_kept,
        a_branch_that_is_checked_out_is_kept,
        trash_is_emptied;
    attempts:
        an_attempt_is_prepared_once,
        an_attempt_is_closed_once,
        an_attempt_that_is_not_there_is_neither_closed_nor_stopped,
        the_first_reason_to_stop_stands,
        an_attempt_is_drained_while_its_worker_is,
        records_are_swept;
    sessions:
        a_session_is_made_of_a_prepared_attempt_only,
        a_session_needs_the_claim_of_its_own_seat,
        a_closed_attempt_is_not_started,
        a_session_of_somebody_else_is_left_alone,
        a_program_that_ends_is_seen,
        a_live_shim_keeps_its_attempt_open,
        a_shim_is_asked_to_stop,
        what_outlives_its_shim_is_seen_and_killed,
        an_attempt_is_closed_beside_what_outlives_it,
        a_killed_session_hangs_up;
}
