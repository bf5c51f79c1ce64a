//! Dependencies: which tasks wait for which, and which wait for themselves.

use crate::api::name::TaskName;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::report::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// The most names of a path of dependencies that are shown.
const PATH_MAX: usize = 16;

/// Returns the tasks on or behind a cycle of dependencies, each with a cycle as text. Costs one
/// walk over all dependencies (Kahn's algorithm; what it cannot order is cyclic).
pub fn cycles<'a>(
    tasks: impl Iterator<Item = (&'a TaskName, &'a TaskSpec)>,
) -> BTreeMap<&'a TaskName, String> {
    // What waits for nothing is on no cycle, and not behind one.
    let waiting = tasks.filter(|(_, spec)| !spec.dependencies.is_empty());
    let mut waits: BTreeMap<&TaskName, BTreeSet<&TaskName>> =
        waiting.map(|(name, spec)| (name, spec.dependencies.iter().collect())).collect();
    let known: BTreeSet<&TaskName> = waits.keys().copied().collect();
    let mut waiters: BTreeMap<&TaskName, Vec<&TaskName>> = BTreeMap::new();
    for (name, on) in &mut waits {
        on.retain(|dependency| known.contains(dependency));
        for dependency in on.iter() {
            waiters.entry(dependency).or_default().push(name);
        }
    }
    let mut free: Vec<&TaskName> =
        waits.iter().filter(|(_, on)| on.is_empty()).map(|(name, _)| *name).collect();
    while let Some(name) = free.pop() {
        waits.remove(name);
        for waiter in waiters.get(name).into_iter().flatten() {
            let Some(on) = waits.get_mut(waiter) else { continue };
            on.remove(name);
            if on.is_empty() {
                free.push(waiter);
            }
        }
    }
    waits.keys().map(|name| (*name, describe(name, &waits))).collect()
}

/// Follows the first dependency until one repeats, or the path is too long to be read.
fn describe<'a>(
    from: &'a TaskName,
    waits: &BTreeMap<&'a TaskName, BTreeSet<&'a TaskName>>,
) -> String {
    let mut path = vec![from];
    let mut at = from;
    let mut names = vec![from.as_str()];
    while let Some(next) = waits.get(at).and_then(|on| on.first()) {
        names.push(next.as_str());
        if path.contains(next) {
            break;
        }
        if path.len() == PATH_MAX {
            names.push("…");
            break;
        }
        path.push(next);
        at = next;
    }
    names.join(" -> ")
}

/// Returns what keeps a task waiting for its dependencies, if anything does.
pub(super) fn unmet(
    spec: &TaskSpec,
    state_of: impl Fn(&TaskName) -> Option<(TaskState, Reason)>,
) -> Option<(Reason, String)> {
    let mut pending = None;
    for dependency in &spec.dependencies {
        match state_of(dependency) {
            None => {
                let message = format!("needs {dependency}, which does not exist");
                return Some((Reason::DependencyUnmet, message));
            }
            Some((TaskState::Failed, _)) => {
                return Some((
                    Reason::DependencyUnmet,
                    format!("needs {dependency}, which failed"),
                ));
            }
            Some((TaskState::Completed, _)) => {}
            Some((_, Reason::Suspended)) => {
                let message = format!("needs {dependency}, which is suspended");
                pending = pending.or(Some((Reason::DependencyPending, message)));
            }
            Some((_, Reason::Paused)) => {
                let message = format!("needs {dependency}, which is paused");
                pending = pending.or(Some((Reason::DependencyPending, message)));
            }
            Some((state, _)) => {
                let message = format!("needs {dependency} ({state})");
                pending = pending.or(Some((Reason::DependencyPending, message)));
            }
        }
    }
    pending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_itself_is_named_with_its_cycle() {
        let edges = [
            ("a", vec!["b"]),
            ("b", vec!["c"]),
            ("c", vec!["b"]),
            ("d", vec![]),
            ("e", vec!["d", "gone"]),
        ];
        let tasks: BTreeMap<TaskName, TaskSpec> = edges
            .into_iter()
            .map(|(name, on)| {
                let spec = serde_json::json!({ "dependencies": on });
                (name.parse().unwrap(), serde_json::from_value(spec).unwrap())
            })
            .collect();
        let found: Vec<String> = cycles(tasks.iter())
            .into_iter()
            .map(|(name, cycle)| format!("{name}: {cycle}"))
            .collect();
        assert_eq!(found, ["a: a -> b -> c -> b", "b: b -> c -> b", "c: c -> b -> c"]);
    }
}
