//! The faults, as a table: each is one small function that does one thing to the world and tells
//! what, or nothing when there was nothing to do it to.

mod damage;
mod kills;
mod people;

pub(crate) use damage::{locks, mend};
pub(crate) use people::add;

use crate::world::World;

/// What a fault did.
pub(crate) type Done = Option<String>;

/// A fault: its name, how often it comes, and what it does.
pub(crate) type Fault = (&'static str, u64, fn(&mut World) -> Done);

pub(crate) const FAULTS: [Fault; 35] = [
    ("kill the loop", 4, kills::kill_the_loop),
    ("end the loop", 1, kills::end_the_loop),
    ("stop the loop", 2, kills::stop_the_loop),
    ("a second loop", 1, kills::second_loop),
    ("kill shims", 4, kills::kill_shims),
    ("stop shims", 2, kills::stop_shims),
    ("kill agents", 4, kills::kill_agents),
    ("stop agents", 2, kills::stop_agents),
    ("kill tmux", 2, kills::kill_tmux),
    ("stop tmux", 2, kills::stop_tmux),
    ("kill a session", 2, kills::kill_a_session),
    ("rename a session", 1, kills::rename_a_session),
    ("kill git", 3, kills::kill_git),
    ("a busy machine", 1, kills::a_busy_machine),
    ("person edits", 6, people::edits),
    ("person commits", 3, people::commits),
    ("person checks out", 2, people::checks_out),
    ("person removes a worktree", 2, people::removes_a_worktree),
    ("person deletes a worktree's folder", 1, people::deletes_a_folder),
    ("tasks are added", 4, people::adds_tasks),
    ("a task is changed", 3, people::changes_a_task),
    ("a task gets another priority", 1, people::changes_a_priority),
    ("a task is deleted", 3, people::deletes_a_task),
    ("a task is suspended or resumed", 3, people::suspends_or_resumes),
    ("a task is made anew", 3, people::makes_anew),
    ("a file is broken", 2, people::breaks_a_file),
    ("the branch is reset", 1, people::resets_the_branch),
    ("git gc and pack-refs", 2, people::tidies_git),
    ("a lock nobody holds", 2, damage::a_lock_nobody_holds),
    ("a lock somebody holds", 2, damage::a_lock_somebody_holds),
    ("a damaged record", 2, damage::a_damaged_record),
    ("a damaged claim", 1, damage::a_damaged_claim),
    ("a removed claim", 1, damage::a_removed_claim),
    ("removed records", 1, damage::removed_records),
    ("a closed folder", 1, damage::a_closed_folder),
];

/// Draws one; the more often it is to come, the more likely.
pub(crate) fn draw(world: &mut World) -> Fault {
    let all: u64 = FAULTS.iter().map(|fault| fault.1).sum();
    let mut at = world.rng.below(all);
    for fault in FAULTS {
        if at < fault.1 {
            return fault;
        }
        at -= fault.1;
    }
    FAULTS[0]
}
