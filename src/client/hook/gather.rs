//! What a hook of git is to judge: who asks, where the locks are, and which paths change. It judges
//! nothing, and what it cannot see is an error, never nothing.

use super::HookCall;
use crate::api::key::STATE_FOLDER;
use crate::api::problem::Severity;
use crate::client::check::{Checked, Version};
use crate::client::hooks::HookName;
use crate::client::{Client, Environment, Error, REF_DEFAULT, REF_KEY};
use crate::git::HookPlace;
use crate::plan::verdict::Author;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is to be judged.
pub(super) enum Change {
    /// What the index has that HEAD has not.
    Staged,
    /// What a ref gains: from an old commit, if there was one.
    Moved { old: Option<String>, new: String },
}

/// Returns the folder that has the locks: the main work tree, or the git directory of a bare
/// repository or a submodule.
pub(super) fn lock_root(place: &HookPlace) -> Result<PathBuf, Error> {
    let common = place.common_dir();
    let is_dot_git = common.file_name().is_some_and(|name| name == ".git");
    // A bare repository may be called `.git` too.
    let is_bare = crate::disk::is_there(&common.join(".task-locks"))?;
    let parent = common.parent().filter(|_| is_dot_git && !is_bare);
    Ok(parent.unwrap_or(common).to_owned())
}

pub(super) fn author_of(place: &HookPlace) -> Result<Author, Error> {
    Ok(match place.owner()? {
        Some(owner) => Author::Worker { owner, generation: place.generation()? },
        None => Author::Person,
    })
}

pub(super) async fn changes_of(call: &HookCall, place: &HookPlace) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    match call.hook {
        HookName::PreCommit
        | HookName::PrepareCommitMsg
        | HookName::PreMergeCommit
        | HookName::PreApplypatch => changes.push(Change::Staged),
        HookName::PrePush => {
            for line in call.input.lines() {
                changes.extend(pushed(place, line).await?);
            }
        }
        HookName::ReferenceTransaction => {
            for line in call.input.lines() {
                changes.extend(moved(place, line).await?);
            }
        }
    }
    Ok(changes)
}

/// Returns what a branch gains by a push, from `LOCAL-REF NEW REMOTE-REF OLD`.
async fn pushed(place: &HookPlace, line: &str) -> Result<Option<Change>, Error> {
    let [_, new, name, old] = words(line);
    if !is_branch(name) || !is_commit(new) {
        return Ok(None);
    }
    // What the remote has may not be here.
    let old = if is_commit(old) { place.commit(old).await? } else { None };
    Ok(Some(Change::Moved { old, new: new.to_owned() }))
}

/// Returns what a branch gains that is moved here, from `OLD NEW REF`. Who names no old commit may
/// still move a branch; a new one at a commit that some branch has gains nothing.
async fn moved(place: &HookPlace, line: &str) -> Result<Option<Change>, Error> {
    let [old, new, name, _] = words(line);
    if !is_branch(name) || !is_commit(new) {
        return Ok(None);
    }
    let old = if is_commit(old) { Some(old.to_owned()) } else { place.commit(name).await? };
    if old.as_deref() == Some(new) || (old.is_none() && !place.is_on_no_branch(new).await?) {
        return Ok(None);
    }
    Ok(Some(Change::Moved { old, new: new.to_owned() }))
}

/// Returns to which commit a line of a hook moves a branch, if it does.
pub(super) fn moves_to(line: &str) -> Option<&str> {
    let [_, new, name, _] = words(line);
    is_branch(name).then_some(new)
}

/// Returns the first four words of a line; those that are missing are empty.
fn words(line: &str) -> [&str; 4] {
    let mut words = line.split(' ');
    [(); 4].map(|()| words.next().unwrap_or_default())
}

fn is_branch(name: &str) -> bool {
    name.starts_with("refs/heads/")
}

/// Returns whether this is an id, and not the zeros that stand for none.
fn is_commit(id: &str) -> bool {
    !id.is_empty()
        && id.bytes().all(|digit| digit.is_ascii_hexdigit())
        && id.bytes().any(|digit| digit != b'0')
}

pub(super) async fn paths_of(changes: &[Change], place: &HookPlace) -> Result<Vec<String>, Error> {
    let mut paths = BTreeSet::new();
    for change in changes {
        paths.extend(match change {
            Change::Staged => place.staged_names(None).await?,
            Change::Moved { old: Some(old), new } => place.names_between(old, new).await?,
            Change::Moved { old: None, new } => {
                let pinned = pinned(place).await?;
                match place.names_since(&pinned, new).await {
                    Ok(names) => names,
                    // They have nothing in common.
                    Err(_) => place.names_of(new).await?,
                }
            }
        });
    }
    Ok(paths.into_iter().collect())
}

/// Keeps the paths whose content is not what the pinned ref has already, here or where it is
/// published: to take that over changes nothing for anybody.
pub(super) async fn keep_unsettled(
    paths: &mut Vec<String>,
    changes: &[Change],
    place: &HookPlace,
) -> Result<(), Error> {
    let pinned = pinned(place).await?;
    // git knows the upstream of a branch by its short name alone.
    let branch = pinned.strip_prefix("refs/heads/").unwrap_or(&pinned);
    for settled in [format!("{branch}@{{upstream}}"), pinned.clone()] {
        let Some(settled) = place.commit(&settled).await? else { continue };
        let mut differ = BTreeSet::new();
        for change in changes {
            differ.extend(match change {
                Change::Staged => place.staged_names(Some(&settled)).await?,
                Change::Moved { new, .. } => place.names_between(&settled, new).await?,
            });
        }
        paths.retain(|path| differ.contains(path));
    }
    Ok(())
}

async fn pinned(place: &HookPlace) -> Result<String, Error> {
    Ok(place.setting(REF_KEY).await?.unwrap_or_else(|| REF_DEFAULT.to_owned()))
}

/// Returns whether a path is that of desired state.
pub(super) fn is_state(path: &str) -> bool {
    path.strip_prefix(STATE_FOLDER).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns what is wrong with the state files that the commit to be changes.
pub(super) async fn admission(
    paths: &[String],
    (place, directory): (&HookPlace, &Path),
    environment: Environment,
) -> Result<Option<Checked>, Error> {
    if !paths.iter().any(|path| is_state(path)) {
        return Ok(None);
    }
    let index = environment.path("GIT_INDEX_FILE").map(std::path::absolute).transpose();
    let index = index.map_err(|error| crate::disk::Error::new("find", directory, error))?;
    let client = Client::open(directory, environment).await?;
    let mut checked = client.check(directory, &Version::Staged(index)).await?;
    // What this commit does not touch is not its fault, as a task that waits for a deleted one. A
    // circle is told in one file, and names the others.
    let there = place.staged_names_there().await?;
    checked.problems.retain(|problem| {
        let help = problem.help.as_deref().unwrap_or_default();
        paths.contains(&problem.path) || there.iter().any(|path| help.contains(path.as_str()))
    });
    Ok((checked.count(Severity::Error) > 0).then_some(checked))
}
