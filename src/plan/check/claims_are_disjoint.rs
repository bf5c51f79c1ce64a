//! No plan makes two claims meet on a path: neither two new ones, nor a new one and one in force.

use super::Case;
use crate::api::path::first_overlap;
use crate::plan::action::Action;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut new = Vec::new();
    for action in &case.plan.actions {
        if let Action::Claim(claim) = action {
            new.push(claim);
        }
    }
    let mut found = Vec::new();
    for (at, claim) in new.iter().enumerate() {
        let in_force = case.observed.claims.known().into_iter().flat_map(|claims| claims.values());
        let others = in_force.filter_map(|claim| claim.as_ref().ok());
        for other in others.chain(new.iter().take(at).copied()) {
            if other.task == claim.task {
                continue;
            }
            if let Some((_, _, path)) = first_overlap(&claim.locked_files, &other.locked_files) {
                found.push(format!("{} and {} would both hold {path}", claim.task, other.task));
            }
        }
    }
    found
}
