//! No plan makes a claim that meets another on a path: one that it makes as well, one in force, or
//! one that is gone although an attempt works on what it held.

use super::Case;
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::path::{PathPattern, PatternIndex, first_overlap};
use crate::plan::action::Action;
use crate::plan::observed::TaskSighting;

/// A task and the paths that it holds.
type Holds<'a> = (&'a TaskName, &'a [PathPattern]);

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let new = case.plan.actions.iter().filter_map(|action| {
        if let Action::Claim(claim) = action { Some(of_claim(claim)) } else { None }
    });
    let new: Vec<Holds<'_>> = new.collect();
    if new.is_empty() {
        return Vec::new();
    }
    let in_force = case.observed.claims.known().into_iter().flat_map(|claims| claims.values());
    let in_force = in_force.filter_map(|claim| claim.as_ref().ok()).map(of_claim);
    let mut holds: Vec<Holds<'_>> = in_force.chain(lost(case)).collect();
    let old = holds.len();
    holds.extend(new);
    let mut index = PatternIndex::default();
    let mut found = Vec::new();
    for (at, (task, paths)) in holds.iter().enumerate() {
        let near = index.near(*paths).take_while(|_| at >= old);
        for (other, held) in near.filter_map(|near| holds.get(near)) {
            let overlap = first_overlap(paths, held);
            if let Some((_, _, path)) = overlap.filter(|_| other != task) {
                found.push(format!("{task} and {other} would both hold {path}"));
            }
        }
        paths.iter().for_each(|pattern| index.insert(at, pattern));
    }
    found
}

fn of_claim(claim: &Claim) -> Holds<'_> {
    (&claim.task, &claim.locked_files)
}

/// Returns what tasks work on whose claim is gone.
fn lost(case: Case<'_>) -> impl Iterator<Item = Holds<'_>> {
    let tasks = case.observed.tasks.known().into_iter().flatten();
    let claims = case.observed.claims.known();
    let works = |task: &TaskSighting| task.attempts.last().is_some_and(|one| one.state.may_live());
    tasks.filter_map(move |(name, task)| {
        let claimed = claims.is_none_or(|claims| claims.contains_key(name));
        let spec = case.desired.tasks.get(name)?.spec.as_ref()?;
        (!claimed && works(task)).then_some((name, spec.files.as_slice()))
    })
}
