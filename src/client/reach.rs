//! What an attempt may touch: it asks and acts in its own worktree, wherever it was started from. An
//! attempt without a worktree holds nothing, and no attempt acts as a person.

use super::{Client, Error, Objection, OwnAttempt, Ruling, Taken, Which, judge_paths};
use crate::api::attempt::{OWNER_VARIABLE, REPO_VARIABLE};
use crate::api::claim::Claim;
use crate::api::task::Class;
use crate::git::HookPlace;
use serde::Serialize;
use std::path::Path;

/// How many paths are judged at once.
const PATHS_MAX: usize = 100;

/// Whether an attempt may change a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its task holds it.
    Mine,
    /// Nobody holds it: it may be acquired.
    Free,
    /// Somebody else holds it, or the lock of its task is no longer in force.
    Refused,
}

/// What stands in the way of changing a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The path, as it was asked for.
    pub path: String,
    /// Whether it may be changed.
    pub standing: Standing,
    /// Who or what stands in the way.
    pub objections: Vec<Objection>,
}

impl Client {
    /// Says of each path whether an attempt may change it; paths are meant from its directory.
    ///
    /// # Errors
    /// When it cannot be told who holds what, or a path leads out of the work tree.
    pub async fn check_paths(
        &self,
        own: &OwnAttempt,
        paths: &[String],
    ) -> Result<Vec<Judgement>, Error> {
        if paths.len() > PATHS_MAX {
            return Err(Error::Refused {
                what: format!("{} paths are asked for, and {PATHS_MAX} are judged", paths.len()),
                help: "ask for a folder, or for fewer at a time".to_owned(),
            });
        }
        let directory = match own.attempt.class {
            Class::Execution => self.worktree_of(own).await?,
            Class::Decision => own.attempt.directory.as_path(),
        };
        let unhindered = match own.attempt.class {
            Class::Execution => Standing::Mine,
            Class::Decision => Standing::Free,
        };
        let mut judged = Vec::new();
        for path in paths {
            let one = std::slice::from_ref(path);
            let objections = match judge_paths(one, directory, &self.environment).await? {
                Ruling::Refused(refused) | Ruling::Bypassed(refused) => refused.objections,
                // Whether state files would be accepted is asked of commits alone.
                Ruling::Passed | Ruling::Invalid(_) => Vec::new(),
            };
            let is_outside = |one: &Objection| matches!(one, Objection::Outside { .. });
            let standing = match objections.as_slice() {
                [] => unhindered,
                all if all.iter().all(is_outside) => Standing::Free,
                _ => Standing::Refused,
            };
            judged.push(Judgement { path: path.clone(), standing, objections });
        }
        Ok(judged)
    }

    /// Adds paths to the lock of an attempt's task: all of them or none.
    ///
    /// # Errors
    /// As [`Self::acquire_paths`], or when the attempt has no worktree to change them in.
    pub async fn acquire_own(
        &self,
        own: &OwnAttempt,
        paths: &[String],
        reason: Option<&str>,
    ) -> Result<Taken, Error> {
        self.acquire_paths((self.worktree_of(own).await?, paths), None, reason).await
    }

    /// Gives back what was added to the lock of an attempt's task.
    ///
    /// # Errors
    /// As [`Self::release_paths`], or when the attempt has no worktree.
    pub async fn release_own(&self, own: &OwnAttempt, which: &Which) -> Result<Vec<Claim>, Error> {
        self.release_paths(self.worktree_of(own).await?, which, None).await
    }

    /// Returns the worktree of an attempt, which bears its mark.
    async fn worktree_of<'a>(&self, own: &'a OwnAttempt) -> Result<&'a Path, Error> {
        match own.attempt.class {
            Class::Decision => {
                return Err(Error::Refused {
                    what: "a decision changes no files, so it holds none".to_owned(),
                    help: "propose a task for what is to be changed".to_owned(),
                });
            }
            Class::Execution => {}
        }
        let directory = own.attempt.directory.as_path();
        let place = HookPlace::of(directory).await?;
        if place.owner()?.as_ref() == Some(&own.id.owner) {
            return Ok(directory);
        }
        Err(Error::Refused {
            what: format!("{} is not the worktree of this attempt any more", directory.display()),
            help: "stop, and say so: reconciler fail".to_owned(),
        })
    }

    /// Refuses a verb of people to whoever says that it is a worker of this repository.
    pub(super) fn refuse_worker(&self, what: &str, help: &str) -> Result<(), Error> {
        let variables = &self.environment.variables;
        let elsewhere = |repo: &String| Path::new(repo) != self.root();
        let is_elsewhere = variables.get(REPO_VARIABLE).is_some_and(elsewhere);
        if is_elsewhere || !variables.contains_key(OWNER_VARIABLE) {
            return Ok(());
        }
        Err(Error::Refused { what: what.to_owned(), help: help.to_owned() })
    }
}
