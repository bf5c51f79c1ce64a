//! S3, fencing: the generation of a claim grows when another holds it or it holds something else,
//! and never falls. Where there is none, because a person removed it after the
//! loop looked, it may begin at any.

use super::super::State;
use super::Deed;
use crate::plan::action::Subject;

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Subject::Task(task) = deed.action.subject() else { return Vec::new() };
    let Some(after) = state.claims.get(&task).map(|one| &one.content) else { return Vec::new() };
    let Some(before) = &deed.before.claim else { return Vec::new() };
    let same = (&before.uid, &before.seat, &before.locked_files)
        == (&after.uid, &after.seat, &after.locked_files);
    let expected = before.generation + u64::from(!same);
    if after.generation >= expected {
        return Vec::new();
    }
    vec![format!(
        "S3: the claim of {task} is of generation {}, not {expected} at least",
        after.generation
    )]
}
