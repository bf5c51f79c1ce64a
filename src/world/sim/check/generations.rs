//! S3, fencing: the generation of a task's claims grows by one when another holds it or it holds
//! something else, also when a person removed the claim in between, and never otherwise.

use super::super::State;
use super::Deed;
use crate::plan::action::{Action, Subject};

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Subject::Task(task) = deed.action.subject() else { return Vec::new() };
    let Some(after) = state.claims.get(&task).map(|one| &one.content) else { return Vec::new() };
    let same = deed.before.claim.as_ref().is_some_and(|before| before.is_of_same_holder(after));
    let expected = deed.before.generation + u64::from(!same);
    // One that lapsed is taken anew, also by the same holder.
    let anew = matches!(deed.action, Action::Claim(_)) && after.generation == expected + 1;
    if after.generation == expected || anew && same {
        return Vec::new();
    }
    vec![format!("S3: the claim of {task} is of generation {}, not {expected}", after.generation)]
}
