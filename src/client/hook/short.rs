//! The short judgement of a hook: whether what is staged passes without any doubt. It forks nothing
//! and waits for nobody; where it does not pass, or it cannot be told, the whole judgement follows.

use super::gather::{author_of, is_state, lock_root};
use super::renew;
use crate::api::attempt::OWNER_VARIABLE;
use crate::api::path::Case;
use crate::client::Environment;
use crate::client::hooks::HookName;
use crate::git::HookPlace;
use crate::locks::Claims;
use crate::plan::verdict::{Author, Presumed, verdict};
use std::path::Path;

/// Returns whether it is certain, at one look, that what a hook was called for may be done; it is
/// called in a directory and an environment that git made. What is not certain is for
/// [`super::judge_hook`].
pub fn passes_at_once(hook: HookName, directory: &Path, environment: &Environment) -> bool {
    look(hook, directory, environment).unwrap_or(false)
}

fn look(hook: HookName, directory: &Path, environment: &Environment) -> Option<bool> {
    let is_first = match hook {
        HookName::PreCommit | HookName::PreMergeCommit => true,
        HookName::PrepareCommitMsg | HookName::PreApplypatch => false,
        HookName::PrePush | HookName::ReferenceTransaction => return None,
    };
    let variables = &environment.variables;
    let place = HookPlace::at_once(directory, variables)?;
    let (locks, author) = (Claims::at(&lock_root(&place).ok()?), author_of(&place).ok()?);
    if author == Author::Person && variables.contains_key(OWNER_VARIABLE) {
        return None;
    }
    if !is_first && author == Author::Person && locks.is_empty().ok()? {
        return Some(true);
    }
    // The first hook of a git says what it has seen, and the next need not look.
    let stamp = if is_first {
        place.begin_stamp(variables, &[locks.folder(), &place.settings()])
    } else {
        None
    };
    let paths = place.staged_at_once(variables)?;
    if is_first && paths.iter().any(|path| is_state(path)) {
        return None;
    }
    // Nobody asks about no change, not even whether it is at the right generation.
    let passes = paths.is_empty() || {
        // What a damaged lock holds is looked for by the whole judgement.
        let (claims, presumed) = (locks.near(&paths, author.task()).ok()?, Presumed::new());
        // Of no lock it does not matter, and git's settings need not be read.
        let case = if claims.is_empty() { Case::Insensitive } else { place.case() };
        verdict(&author, (&paths, case), &claims, &presumed).is_empty()
    };
    if is_first && passes && !paths.is_empty() {
        renew::by_commit(author.task(), &locks, place.common_dir());
    }
    if let Some(stamp) = stamp.filter(|_| passes) {
        stamp.keep();
    }
    Some(passes)
}
