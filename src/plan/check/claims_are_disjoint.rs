//! No plan makes two claims meet on a path: neither two new ones, nor a new one and one in force.

use super::Case;
use crate::api::claim::Claim;
use crate::api::path::{PatternIndex, first_overlap};
use crate::plan::action::Action;
use std::collections::BTreeSet;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let in_force = case.observed.claims.known().into_iter().flat_map(|claims| claims.values());
    let mut claims: Vec<&Claim> = in_force.filter_map(|claim| claim.as_ref().ok()).collect();
    let old = claims.len();
    for action in &case.plan.actions {
        if let Action::Claim(claim) = action {
            claims.push(claim);
        }
    }
    if claims.len() == old {
        return Vec::new();
    }
    let mut index = PatternIndex::default();
    let mut found = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        let near = if at < old { BTreeSet::new() } else { index.near(&claim.locked_files) };
        for other in near.into_iter().filter_map(|near| claims.get(near)) {
            let overlap = first_overlap(&claim.locked_files, &other.locked_files);
            if let Some((_, _, path)) = overlap.filter(|_| other.task != claim.task) {
                found.push(format!("{} and {} would both hold {path}", claim.task, other.task));
            }
        }
        claim.locked_files.iter().for_each(|pattern| index.insert(at, pattern));
    }
    found
}
