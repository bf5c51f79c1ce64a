//! S2, disjoint claims: no two claims intersect on a path.

use super::super::State;
use crate::api::path::first_overlap;

pub(super) fn broken(state: &State) -> Vec<String> {
    let mut found = Vec::new();
    for (at, one) in state.claims.values().enumerate() {
        for other in state.claims.values().take(at) {
            if let Some((_, _, path)) = first_overlap(&one.locked_files, &other.locked_files) {
                found.push(format!("S2: {} and {} both hold {path}", one.task, other.task));
            }
        }
    }
    found
}
