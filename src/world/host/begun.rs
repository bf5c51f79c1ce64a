//! What this run of the loop began of each task: then nothing of an attempt before can be alive that
//! nobody sees, and the costly search for it is left out. It never guesses: what another run may
//! have left is looked for once, and every doubt means a search.

use super::OWNER;
use crate::api::attempt::AttemptId;
use crate::api::name::{Owner, TaskName};
use crate::process::identity;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this run of the loop began.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The tasks something of which lived when this run first began one; `None` before.
    inherited: Option<BTreeSet<TaskName>>,
    /// The last attempt of each task that this run began, or tried to.
    last: BTreeMap<TaskName, Tried>,
}

#[derive(Debug)]
enum Tried {
    /// It runs, or ran, and nothing of one before it lived.
    Began(AttemptId),
    /// Nobody knows how far it came.
    Unclear,
}

/// What may live of the attempts before one that is to begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// What this attempt may have left, which this run began.
    Attempt(AttemptId),
    /// Anything.
    Anything,
}

impl Begun {
    /// Returns what may live of the attempts before this one. Until [`Self::begin`] tells that it
    /// began, nobody knows how far it came.
    ///
    /// # Errors
    /// When what another run left cannot be seen.
    pub(super) fn before(&self, id: &AttemptId) -> io::Result<Before> {
        let mut known = self.known();
        let inherited = match &known.inherited {
            Some(inherited) => inherited,
            None => known.inherited.insert(marked_tasks()?),
        };
        let inherits = inherited.contains(&id.owner.task);
        Ok(match known.last.insert(id.owner.task.clone(), Tried::Unclear) {
            Some(Tried::Began(earlier)) => Before::Attempt(earlier),
            None if !inherits => Before::Nothing,
            Some(Tried::Unclear) | None => Before::Anything,
        })
    }

    /// Notes that an attempt began, and that nothing of one before it lives.
    pub(super) fn begin(&self, id: &AttemptId) {
        self.known().last.insert(id.owner.task.clone(), Tried::Began(id.clone()));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is one step: what is there is true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the tasks whose mark a living process bears.
pub(super) fn marked_tasks() -> io::Result<BTreeSet<TaskName>> {
    let marks = identity::by_marks([OWNER])?.into_keys();
    Ok(marks.filter_map(|[mark]| Some(owner_of(&mark)?.task)).collect())
}

/// Returns whose mark it is; `None` is not one of ours.
pub(super) fn owner_of(mark: &[u8]) -> Option<Owner> {
    Owner::parse(std::str::from_utf8(mark).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::Uid;

    fn attempt(task: &str, number: u32) -> AttemptId {
        let owner = Owner { task: task.parse().unwrap(), uid: Uid::derive(1, task) };
        AttemptId { owner, number }
    }

    fn nothing_inherited() -> Begun {
        let known = Known { inherited: Some(BTreeSet::new()), ..Known::default() };
        Begun(Mutex::new(known))
    }

    #[test]
    fn an_attempt_that_did_not_begin_leaves_a_doubt() {
        let begun = nothing_inherited();
        assert_eq!(begun.before(&attempt("a", 1)).unwrap(), Before::Nothing);
        assert_eq!(begun.before(&attempt("a", 1)).unwrap(), Before::Anything);
        begun.begin(&attempt("a", 1));
        assert_eq!(begun.before(&attempt("a", 2)).unwrap(), Before::Attempt(attempt("a", 1)));
        assert_eq!(begun.before(&attempt("b", 1)).unwrap(), Before::Nothing);
    }

    #[test]
    fn a_task_that_another_run_left_alive_is_searched_for() {
        let inherited = Some(BTreeSet::from(["a".parse().unwrap()]));
        let begun = Begun(Mutex::new(Known { inherited, ..Known::default() }));
        assert_eq!(begun.before(&attempt("a", 1)).unwrap(), Before::Anything);
        assert_eq!(begun.before(&attempt("b", 1)).unwrap(), Before::Nothing);
    }
}
