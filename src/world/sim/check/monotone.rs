//! S12, monotone status: attempts and their ends are only ever added, until they are swept; and
//! what succeeded and could land does not run again, unless something else is to run or a person lets
//! it begin anew.

use super::super::{SimAttempt, State};
use super::Deed;
use crate::api::attempt::ExitReason;
use crate::api::name::TaskName;
use crate::plan::action::{Action, Subject};

/// Counts the attempts of a task, and those that ended.
pub(super) fn attempts(state: &State, task: &TaskName) -> [usize; 2] {
    let of_task = state.attempts.iter().filter(|(owner, _)| owner.task == *task);
    let (mut all, mut ended) = (0, 0);
    for one in of_task.flat_map(|(_, attempts)| attempts.all.values()) {
        all += 1;
        ended += usize::from(one.exit.is_some());
    }
    [all, ended]
}

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Subject::Task(task) = deed.action.subject() else { return Vec::new() };
    let mut found = Vec::new();
    let ([all, ended], [all_before, ended_before]) = (attempts(state, &task), deed.before.attempts);
    if all < all_before || ended < ended_before {
        found.push(format!("S12: {task} has fewer attempts, or fewer ends, than before"));
    }
    if let Action::PrepareAttempt(attempt) = deed.action
        && deed.done
        && attempt.verifies.is_none()
    {
        let retrial = state.retrials.get(&task).filter(|one| one.uid == attempt.id.owner.uid);
        let after = retrial.map_or(0, |one| one.after);
        let is_earlier = |one: &&SimAttempt| {
            one.attempt.run_hash == attempt.run_hash
                && one.attempt.id.number > after
                && one.attempt.id.number < attempt.id.number
                && one.attempt.verifies.is_none()
        };
        let last = state.attempts_of(&attempt.id.owner).filter(is_earlier).last();
        let succeeded = |one: &SimAttempt| {
            one.exit.as_ref().is_some_and(|exit| exit.reason == ExitReason::Succeeded)
                && !state.could_not_land(&one.attempt.id)
        };
        if last.is_some_and(succeeded) {
            found.push(format!("S12: {task} had succeeded with the same"));
        }
    }
    found
}
