//! Paths beyond those of a task: an agent or a person adds them to the claim of the task in whose
//! worktree they work; anywhere else a person holds them without a task. All of them or none.

use super::{Obstacle, Taken, fresh, granted, is_of, prolong, put, refused};
use crate::api::claim::Claim;
use crate::api::name::{Owner, Seat, TaskName};
use crate::api::path::PathPattern;
use crate::api::worker::WorkerType;
use crate::client::beyond::refuse_beyond_link;
use crate::client::hook::{from_top, is_folder};
use crate::client::{Client, Error};
use crate::disk;
use crate::git::HookPlace;
use crate::plan::desired::Desired;
use crate::plan::grant::{self, Asked, Grant};
use crate::world::ownership::Turn;
use std::path::{Path, PathBuf};

/// Which paths are given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These, as they were named when they were taken, or as `lock/NAME`.
    Paths(Vec<String>),
    /// All that are beyond those of the task, or that the person holds without one.
    All,
}

/// The worktree of a task.
struct Place {
    path: PathBuf,
    owner: Owner,
    generation: Option<u64>,
}

impl Client {
    /// Takes paths, which are meant from a directory: in the worktree of a task, for its claim;
    /// elsewhere for a person, whom `named` names.
    ///
    /// # Errors
    /// When it cannot be told who asks or who holds what, or the worktree's lock is no longer in force:
    /// nothing was claimed then, or the worktree refuses to commit until this is run again.
    pub async fn acquire_paths(
        &self,
        (directory, paths): (&Path, &[String]),
        named: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Taken, Error> {
        let paths = self.patterns(directory, paths).await?;
        if let Some(top) = self.repository.work_tree_of(directory).await? {
            paths.iter().try_for_each(|one| refuse_beyond_link(&top, one.as_str()))?;
        }
        let desired = self.desired_if_known().await;
        let reason = reason.map(ToOwned::to_owned);
        if let Some(place) = self.worktree_around(directory).await? {
            let turn = self.turn().await?;
            let own = in_force(&turn, &place)?;
            let mut all = own.locked_files.clone();
            all.extend(paths.into_iter().filter(|one| !own.locked_files.contains(one)));
            return self.change(turn, (&place, &own), (all, desired.as_deref()), reason).await;
        }
        let what = "a worker holds paths only in the worktree of its task";
        self.refuse_worker(what, "go there: cd \"$RECONCILER_WORKTREE\"")?;
        let person = self.person(named).await?;
        let turn = self.turn().await?;
        let wanted = grant::with_shared(&paths, grant::policy(desired.as_deref()));
        let same = held_without_task(&turn, &person)?;
        let same = same.into_iter().find(|one| one.locked_files == wanted);
        let asked = lock_of(&person, paths, same);
        self.take(turn, (&asked, desired.as_deref()), reason).await
    }

    /// Gives paths back: those that were added to the claim of the task in whose worktree the
    /// directory is, or those that a person holds without a task. Returns the claims that they were
    /// part of.
    ///
    /// # Errors
    /// When nobody here holds such a path, or it is not certain that it was given back.
    pub async fn release_paths(
        &self,
        directory: &Path,
        which: &Which,
        named: Option<&str>,
    ) -> Result<Vec<Claim>, Error> {
        let desired = self.desired_if_known().await;
        if let Some(place) = self.worktree_around(directory).await? {
            return self.shrink(&place, (directory, which), desired.as_deref()).await;
        }
        let person = self.person(named).await?;
        let gone = match which {
            Which::All => None,
            Which::Paths(paths) => Some(self.named(directory, paths).await?),
        };
        let turn = self.turn().await?;
        let mut changed = Vec::new();
        for held in held_without_task(&turn, &person)? {
            let (whole, rest) = match &gone {
                None => (true, Vec::new()),
                Some((locks, paths)) => without(&held, (locks, paths), desired.as_deref()),
            };
            if whole {
                turn.release(&held, None).await?;
            } else if rest == held.locked_files {
                continue;
            } else {
                let asked = lock_of(&person, rest, Some(held.clone()));
                less(&turn, granted(&turn, &asked, desired.as_deref()).await?)?;
            }
            changed.push(held);
        }
        self.finish(turn).await?;
        match which {
            Which::Paths(paths) if changed.is_empty() => Err(not_held(&paths.join(" "), &person)),
            Which::Paths(_) | Which::All => Ok(changed),
        }
    }

    /// Renews the claim of the task in whose worktree the directory is, or everything that a person
    /// holds.
    ///
    /// # Errors
    /// When the worktree's lock is no longer in force, or it is not certain what was renewed.
    pub async fn renew_here(
        &self,
        directory: &Path,
        named: Option<&str>,
    ) -> Result<Vec<Claim>, Error> {
        let Some(place) = self.worktree_around(directory).await? else {
            return self.renew(None, &self.person(named).await?).await;
        };
        let desired = self.desired_if_known().await;
        let turn = self.turn().await?;
        let own = in_force(&turn, &place)?;
        Ok(vec![prolong(&turn, &own, desired.as_deref())?])
    }

    /// Takes away from the claim of a task what was added to it.
    async fn shrink(
        &self,
        place: &Place,
        (directory, which): (&Path, &Which),
        desired: Option<&Desired>,
    ) -> Result<Vec<Claim>, Error> {
        let task = &place.owner.task;
        let spec = desired.and_then(|desired| desired.tasks.get(task)?.spec.as_ref());
        let spec = spec.ok_or_else(|| Error::Refused {
            what: format!("nobody knows which paths task/{task} holds by itself"),
            help: "see what is wrong with its file: reconciler check".to_owned(),
        })?;
        let base = grant::with_shared(&spec.files, grant::policy(desired));
        let gone = match which {
            Which::All => None,
            Which::Paths(paths) => Some(self.patterns(directory, paths).await?),
        };
        let turn = self.turn().await?;
        let own = in_force(&turn, place)?;
        if let Some(asked) = gone.iter().flatten().find(|one| base.contains(one)) {
            return Err(Error::Refused {
                what: format!("{asked} is one of the paths of task/{task} itself"),
                help: format!("change spec.files of state/tasks/{task}.json"),
            });
        }
        let is_gone = |one: &PathPattern| gone.as_ref().is_none_or(|gone| gone.contains(one));
        let shared = &grant::policy(desired).shared_files;
        let mut rest = own.locked_files.clone();
        rest.retain(|one| base.contains(one) || !(is_gone(one) || shared.contains(one)));
        let rest = grant::with_shared(&rest, grant::policy(desired));
        if rest == own.locked_files {
            return match which {
                Which::All => Ok(Vec::new()),
                Which::Paths(paths) => Err(not_held(&paths.join(" "), &own.seat)),
            };
        }
        match self.change(turn, (place, &own), (rest, desired), None).await? {
            Taken::Claimed { .. } | Taken::Renewed { .. } => Ok(vec![own]),
            Taken::Refused { obstacles } => Err(in_the_way(&obstacles)),
        }
    }

    /// Changes the paths of the claim that a worktree works under. The worktree is told first: whatever
    /// cuts this off leaves a worktree that refuses to commit until it is run again.
    async fn change(
        &self,
        turn: Turn<'_>,
        (place, own): (&Place, &Claim),
        (paths, desired): (Vec<PathPattern>, Option<&Desired>),
        reason: Option<String>,
    ) -> Result<Taken, Error> {
        let asked = Asked {
            task: own.task.clone(),
            uid: own.uid.clone(),
            seat: own.seat.clone(),
            worker_type: own.worker_type,
            paths,
            branch: own.branch_name.clone(),
        };
        let note =
            |generation| self.repository.note_generation(&place.path, &place.owner, generation);
        let taken = match granted(&turn, &asked, desired).await? {
            Grant::Refused(conflicts) => {
                note(own.generation)?;
                return Ok(refused(conflicts));
            }
            Grant::Renewed(claim) => {
                turn.publish(&claim)?;
                note(claim.generation)?;
                Taken::Renewed { claim }
            }
            Grant::New(mut claim) => {
                note(claim.generation)?;
                put(&turn, &mut claim, reason)?;
                Taken::Claimed { claim }
            }
        };
        self.finish(turn).await?;
        Ok(taken)
    }

    /// Returns the worktree of a task that a directory is in; `None` in one of nobody's.
    async fn worktree_around(&self, directory: &Path) -> Result<Option<Place>, Error> {
        let place = HookPlace::of(directory).await?;
        let Some(owner) = place.owner()? else { return Ok(None) };
        let linked = self.repository.linked()?;
        let this = linked.into_iter().find(|one| one.owner.as_ref() == Some(&owner));
        let path = this.map(|one| one.path).ok_or_else(|| fenced(&owner))?;
        Ok(Some(Place { path, generation: place.generation()?, owner }))
    }

    /// Returns the patterns that paths mean from a directory.
    async fn patterns(
        &self,
        directory: &Path,
        paths: &[String],
    ) -> Result<Vec<PathPattern>, Error> {
        let place = HookPlace::of(directory).await?;
        let prefix = match place.prefix().await {
            Err(_) if self.repository.is_bare() => String::new(),
            prefix => prefix?,
        };
        let case = self.repository.case();
        let pattern = |path: &String| Ok(pattern(directory, &prefix, path)?.on(case));
        paths.iter().map(pattern).collect()
    }

    /// Tells the names of locks among words from the patterns that the others mean.
    async fn named(
        &self,
        directory: &Path,
        words: &[String],
    ) -> Result<(Vec<TaskName>, Vec<PathPattern>), Error> {
        let name = |word: &String| word.strip_prefix("lock/").and_then(|name| name.parse().ok());
        let names = words.iter().filter_map(name).collect();
        let paths: Vec<String> = words.iter().filter(|one| name(one).is_none()).cloned().collect();
        Ok((names, self.patterns(directory, &paths).await?))
    }
}

/// Returns the claim that a worktree works under. One whose generation is behind that of the worktree
/// is that of a change that was cut off.
fn in_force(turn: &Turn<'_>, place: &Place) -> Result<Claim, Error> {
    let own = turn.held(&place.owner.task)?.filter(|own| own.uid == place.owner.uid);
    let is_in_force = |own: &Claim| place.generation.is_none_or(|one| one >= own.generation);
    own.filter(is_in_force).ok_or_else(|| fenced(&place.owner))
}

fn fenced(owner: &Owner) -> Error {
    let task = &owner.task;
    Error::Refused {
        what: format!("this worktree of task/{task} works under a lock that is no longer in force"),
        help: format!("see who has it now: reconciler describe task {task}"),
    }
}

/// Returns what a person holds without a task.
fn held_without_task(turn: &Turn<'_>, person: &Seat) -> Result<Vec<Claim>, Error> {
    let all = turn.claims()?.into_values().filter_map(Result::ok);
    Ok(all.filter(|held| is_of(held, person) && held.is_without_task()).collect())
}

/// Returns what is asked for by a lock without a task: a new one, or one that is held.
pub(super) fn lock_of(person: &Seat, paths: Vec<PathPattern>, held: Option<Claim>) -> Asked {
    let (task, uid) = if let Some(held) = held {
        (held.task, held.uid)
    } else {
        let uid = fresh("lock");
        (Claim::name_without_task(&uid), uid)
    };
    let (seat, worker_type) = (person.clone(), WorkerType::Human);
    Asked { task, uid, seat, worker_type, paths, branch: None }
}

/// Returns whether nothing is left of a lock without these, and what is.
pub(super) fn without(
    held: &Claim,
    (names, paths): (&[TaskName], &[PathPattern]),
    desired: Option<&Desired>,
) -> (bool, Vec<PathPattern>) {
    let policy = grant::policy(desired);
    if !paths.iter().any(|one| held.locked_files.contains(one)) {
        return (names.contains(&held.task), held.locked_files.clone());
    }
    // What it holds only because another of its paths touches it goes with that.
    let mut rest = held.locked_files.clone();
    rest.retain(|one| !paths.contains(one) && !policy.shared_files.contains(one));
    (rest.is_empty() || names.contains(&held.task), grant::with_shared(&rest, policy))
}

/// Publishes a claim that was made smaller: nothing but a lock that cannot be understood prevents it.
pub(super) fn less(turn: &Turn<'_>, grant: Grant) -> Result<(), Error> {
    match grant {
        Grant::New(mut claim) => put(turn, &mut claim, None),
        Grant::Renewed(claim) => Ok(turn.publish(&claim)?),
        Grant::Refused(conflicts) => {
            let obstacles: Vec<Obstacle> = conflicts.into_iter().map(Obstacle::from).collect();
            Err(in_the_way(&obstacles))
        }
    }
}

fn in_the_way(obstacles: &[Obstacle]) -> Error {
    let tasks: Vec<String> = obstacles.iter().map(|one| format!("task/{}", one.task)).collect();
    Error::Refused {
        what: format!("the lock of {} is in the way", tasks.join(" and ")),
        help: "see who holds what: reconciler locks".to_owned(),
    }
}

fn not_held(what: &str, person: &Seat) -> Error {
    Error::Refused {
        what: format!("{person} holds no {what}"),
        help: "see who holds what: reconciler locks".to_owned(),
    }
}

/// Returns the pattern that a path from a directory means: of a file that is there, exactly that; of a
/// folder, all that is in it.
fn pattern(directory: &Path, prefix: &str, path: &str) -> Result<PathPattern, Error> {
    let here = directory.join(path);
    let mut text = from_top(prefix, path)?;
    if disk::is_there(&here).unwrap_or(false) {
        let special = |c: char| if "*?[]{}\\".contains(c) { '?' } else { c };
        text = text.chars().map(special).collect();
    }
    if text.is_empty() {
        text.push_str("**");
    } else if path.ends_with('/') || is_folder(&here) {
        text.push('/');
    }
    PathPattern::parse(&text).map_err(|error| Error::Refused {
        what: error.to_string(),
        help: "name files and folders from here, or quote a pattern: 'src/**/*.rs'".to_owned(),
    })
}
