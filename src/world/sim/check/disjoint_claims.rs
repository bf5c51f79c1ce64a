//! S2, disjoint claims: no two claims intersect on a path.

use super::super::{File, State};
use crate::api::path::first_overlap;

pub(super) fn broken(state: &State) -> Vec<String> {
    let claims: Vec<_> = state.claims.values().filter_map(|one| File::read(one).ok()).collect();
    let mut found = Vec::new();
    for (at, one) in claims.iter().enumerate() {
        for other in claims.iter().take(at) {
            if let Some((_, _, path)) = first_overlap(&one.locked_files, &other.locked_files) {
                found.push(format!("S2: {} and {} both hold {path}", one.task, other.task));
            }
        }
    }
    found
}
