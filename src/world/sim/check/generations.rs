//! S3, fencing: the generation of a claim grows by exactly one when another holds it or it holds
//! something else, and never otherwise. A new claim begins at one.

use super::super::State;
use super::Deed;
use crate::plan::action::Subject;

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Subject::Task(task) = deed.action.subject() else { return Vec::new() };
    let Some(after) = state.claims.get(&task).map(|one| &one.content) else { return Vec::new() };
    let expected = deed.before.claim.as_ref().map_or(1, |before| {
        let same = (&before.uid, &before.seat, &before.locked_files)
            == (&after.uid, &after.seat, &after.locked_files);
        before.generation + u64::from(!same)
    });
    if after.generation == expected {
        return Vec::new();
    }
    vec![format!("S3: the claim of {task} is of generation {}, not {expected}", after.generation)]
}
