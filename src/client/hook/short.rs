//! The short judgement of a hook: whether what is staged passes without any doubt. It forks nothing
//! and waits for nobody; where it does not pass, or it cannot be told, the whole judgement follows.

use super::gather::{author_of, is_state, lock_root};
use crate::client::Environment;
use crate::client::hooks::HookName;
use crate::git::HookPlace;
use crate::locks::Claims;
use crate::plan::verdict::{Author, verdict};
use std::path::Path;

/// Returns whether it is certain, at one look, that what a hook was called for may be done; it is
/// called in a directory and an environment that git made. What is not certain is for
/// [`super::judge_hook`].
pub fn passes_at_once(hook: HookName, directory: &Path, environment: &Environment) -> bool {
    look(hook, directory, environment).unwrap_or(false)
}

fn look(hook: HookName, directory: &Path, environment: &Environment) -> Option<bool> {
    let may_hold_state = match hook {
        HookName::PreCommit | HookName::PreMergeCommit => true,
        HookName::PrepareCommitMsg | HookName::PreApplypatch => false,
        HookName::PrePush | HookName::ReferenceTransaction => return None,
    };
    let place = HookPlace::at_once(directory, &environment.variables)?;
    let (locks, author) = (Claims::at(&lock_root(&place).ok()?), author_of(&place).ok()?);
    if !may_hold_state && author == Author::Person && locks.is_empty().ok()? {
        return Some(true);
    }
    let paths = place.staged_at_once(&environment.variables)?;
    // Nobody asks about no change, not even whether it is at the right generation.
    if paths.is_empty() {
        return Some(true);
    }
    if may_hold_state && paths.iter().any(|path| is_state(path)) {
        return None;
    }
    let claims = locks.near(&paths, author.task()).ok()?;
    Some(verdict(&author, &paths, &claims).is_empty())
}
