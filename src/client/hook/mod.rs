//! Hook: may what a hook of git was called for be done? It has gathered who asks and which paths
//! change, and asks the verdict. It must be fast, and takes what cannot be seen for a refusal.

mod gather;
mod own;
mod presumed;
mod renew;
mod short;

pub use short::passes_at_once;

use super::beyond::{refuse_beyond_link, top_of};
use super::check::Checked;
use super::hooks::HookName;
use super::{Environment, Error};
use crate::api::attempt::OWNER_VARIABLE;
use crate::api::event::{Event, EventKind};
use crate::api::name::{Owner, Seat, TaskName};
use crate::api::path::{Case, PathPattern};
use crate::git::{HookPlace, MOVE_VARIABLE, Operation};
use crate::locks::Claims;
use crate::plan::observed::ClaimSighting;
use crate::plan::verdict::{Author, Presumed, Refusal, verdict};
use crate::process::clock;
use crate::records::Records;
use gather::{admission, author_of, changes_of, keep_unsettled, lock_root, moves_to, paths_of};
use jiff::Timestamp;
use own::without_own;
use presumed::presumed;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The variable by which a person says why a lock is to be passed over, this once.
pub const BYPASS: &str = "RECONCILER_BYPASS";

/// One call of a hook.
#[derive(Debug, Clone)]
pub struct HookCall {
    /// Which.
    pub hook: HookName,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: String,
}

/// What comes of a call.
#[derive(Debug, Clone)]
pub enum Ruling {
    /// It may be done.
    Passed,
    /// It may not, and a person said why it is to be done all the same. The journal has it.
    Bypassed(Refused),
    /// It may not be done.
    Refused(Refused),
    /// State files would not be accepted.
    Invalid(Checked),
}

/// Why something may not be done, and what can be done instead.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// What was to be done, in one word of git: `commit`, `merge`, `push`.
    pub action: &'static str,
    /// The command that leaves an operation that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_out: Option<&'static str>,
    /// The task whose worktree this is; a person's has none.
    pub task: Option<TaskName>,
    /// The worker that has it.
    pub worker: Option<Seat>,
    /// What stands in the way.
    pub objections: Vec<Objection>,
    /// How many paths change.
    pub changed: usize,
    /// The paths that nothing stands in the way of.
    pub free: Vec<String>,
    /// When it was judged.
    pub now: Timestamp,
}

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "reason")]
pub enum Objection {
    /// Another task holds the path.
    Held {
        /// The path.
        path: String,
        /// The pattern that holds it.
        pattern: String,
        /// The task.
        task: TaskName,
        /// Its worker.
        worker: Seat,
        /// Since when.
        since: Timestamp,
        /// When the lock lapses unless it is renewed.
        until: Timestamp,
    },
    /// The task's own lock does not cover the path.
    Outside {
        /// The path.
        path: String,
        /// What the lock covers.
        own: Vec<String>,
    },
    /// The worktree works under another lock than the one that stands now.
    Fenced {
        /// The generation it works under.
        generation: Option<u64>,
        /// The generation of the lock of now; none when the task has no lock.
        now: Option<u64>,
    },
    /// A worker commits in a work tree that is not its own.
    Elsewhere {
        /// Its task.
        task: TaskName,
        /// Where it is to work; nothing when it is to change nothing.
        worktree: Option<PathBuf>,
    },
    /// A lock cannot be understood, and may hold the path.
    Damaged {
        /// The path; none when nothing says what it holds, so that it may be anything.
        path: Option<String>,
        /// The task whose lock it is.
        task: TaskName,
        /// What is wrong with it.
        why: String,
    },
}

/// Judges a call of a hook, in the directory and the environment that git called it with.
///
/// # Errors
/// When it cannot be told who asks, what changes or who holds what: refuse then.
pub async fn judge_hook(
    call: &HookCall,
    directory: &Path,
    environment: Environment,
) -> Result<Ruling, Error> {
    let is_pending = call.arguments.first().is_some_and(|state| state == "prepared");
    if call.hook == HookName::ReferenceTransaction && !is_pending {
        return Ok(Ruling::Passed);
    }
    if is_our_move(call, &environment) {
        return Ok(Ruling::Passed);
    }
    let place = HookPlace::of(directory).await?;
    let root = lock_root(&place)?;
    let (locks, author) = (Claims::at(&root), author_of(&place)?);
    if let Some(refused) = elsewhere((call, &place), &author, (&root, &environment)) {
        return Ok(Ruling::Refused(refused));
    }
    let may_hold_state = matches!(call.hook, HookName::PreCommit | HookName::PreMergeCommit);
    if !may_hold_state && author == Author::Person && locks.is_empty()? {
        return Ok(Ruling::Passed);
    }
    let changes = changes_of(call, &place).await?;
    if changes.is_empty() {
        return Ok(Ruling::Passed);
    }
    let mut paths = paths_of(&changes, &place).await?;
    if may_hold_state
        && let Some(checked) = admission(&paths, (&place, directory), environment.clone()).await?
    {
        return Ok(Ruling::Invalid(checked));
    }
    let claims = locks.near(&paths, author.task())?;
    let presumed = presumed(&claims, directory, &environment).await;
    let case = place.case();
    if verdict(&author, (&paths, case), &claims, &presumed).is_empty() {
        if call.hook == HookName::PreCommit {
            renew::by_commit(author.task(), &locks, place.common_dir());
        }
        return Ok(Ruling::Passed);
    }
    keep_unsettled(&mut paths, &changes, &place).await?;
    let refusals = verdict(&author, (&paths, case), &claims, &presumed);
    let refusals = without_own(refusals, &author, (directory, &environment)).await;
    if refusals.is_empty() {
        return Ok(Ruling::Passed);
    }
    let judged = Judged { call, place: &place, author: &author, paths: &paths, claims: &claims };
    let refused = judged.refused(&refusals)?;
    let reason = environment.variables.get(BYPASS).map(|reason| reason.trim());
    let Some(reason) = reason.filter(|reason| !reason.is_empty() && author == Author::Person)
    else {
        return Ok(Ruling::Refused(refused));
    };
    note_bypass(&root, &refused, reason)?;
    Ok(Ruling::Bypassed(refused))
}

/// Returns whether it is we who move or push a branch, and to nothing but what we said. No worker does.
fn is_our_move(call: &HookCall, environment: &Environment) -> bool {
    let variable = |name: &str| environment.variables.get(name);
    let (Some(ours), None) = (variable(MOVE_VARIABLE), variable(OWNER_VARIABLE)) else {
        return false;
    };
    call.hook.has_input()
        && call.input.lines().all(|line| moves_to(line).is_none_or(|to| to == ours))
}

/// Returns the refusal for a worker that commits where no task is worked on, as in the main checkout.
/// Its environment says who it is; that takes rights away and never gives any.
fn elsewhere(
    (call, place): (&HookCall, &HookPlace),
    author: &Author,
    (root, environment): (&Path, &Environment),
) -> Option<Refused> {
    let variable = |name: &str| environment.variables.get(name);
    let owner = Owner::parse(variable(OWNER_VARIABLE)?)?;
    let is_here = variable("RECONCILER_REPO").is_some_and(|repo| Path::new(repo) == root);
    if *author != Author::Person || !is_here || call.hook == HookName::PrePush {
        return None;
    }
    let is_decision = variable("RECONCILER_CLASS").is_some_and(|class| class == "decision");
    let worktree = variable("RECONCILER_WORKTREE").filter(|_| !is_decision).map(PathBuf::from);
    let task = owner.task;
    Some(Refused {
        action: action(call.hook, place.operation().ok()?).0,
        way_out: None,
        task: Some(task.clone()),
        worker: variable("RECONCILER_WORKER").and_then(|seat| seat.clone().try_into().ok()),
        objections: vec![Objection::Elsewhere { task, worktree }],
        changed: 0,
        free: Vec::new(),
        now: clock::now(),
    })
}

/// Judges whether whoever works in a directory may change these paths; they are meant from there.
///
/// # Errors
/// When it cannot be told who asks or who holds what, or a path leads out of the work tree.
pub async fn judge_paths(
    paths: &[String],
    directory: &Path,
    environment: &Environment,
) -> Result<Ruling, Error> {
    let place = HookPlace::of(directory).await?;
    let (case, prefix) = (place.case(), place.prefix().await?);
    let top = top_of(directory, &prefix)?;
    let claims = Claims::at(&lock_root(&place)?).list()?;
    let presumed = presumed(&claims, directory, environment).await;
    let is_unknown =
        claims.iter().any(|(task, claim)| claim.is_err() && !presumed.contains_key(task));
    let mut all = Vec::new();
    for path in paths {
        let from_top = from_top(&prefix, path)?;
        let end = if path.ends_with('/') { "/" } else { "" };
        refuse_beyond_link(&top, &format!("{from_top}{end}"))?;
        if path.ends_with('/') || is_folder(&directory.join(path)) {
            all.extend(witnesses((&from_top, case), &claims, &presumed));
            all.extend(is_unknown.then_some(from_top));
        } else {
            all.push(from_top);
        }
    }
    let (paths, author) = (all, author_of(&place)?);
    let refusals = verdict(&author, (&paths, case), &claims, &presumed);
    let refusals = without_own(refusals, &author, (directory, environment)).await;
    if refusals.is_empty() {
        return Ok(Ruling::Passed);
    }
    let call = HookCall { hook: HookName::PreCommit, arguments: Vec::new(), input: String::new() };
    let judged =
        Judged { call: &call, place: &place, author: &author, paths: &paths, claims: &claims };
    Ok(Ruling::Refused(Refused { action: "change", ..judged.refused(&refusals)? }))
}

pub(super) fn is_folder(path: &Path) -> bool {
    // What cannot be seen is judged as the name of a file.
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Returns a path in a folder for each pattern that holds something there.
fn witnesses(
    (folder, case): (&str, Case),
    claims: &BTreeMap<TaskName, ClaimSighting>,
    presumed: &Presumed,
) -> Vec<String> {
    let whole = if folder.is_empty() { "**".to_owned() } else { format!("{folder}/") };
    let Ok(whole) = PathPattern::parse(&whole) else { return vec![folder.to_owned()] };
    let whole = whole.on(case);
    let held = claims.values().filter_map(|claim| claim.as_ref().ok());
    let held = held.flat_map(|claim| &claim.locked_files).chain(presumed.values().flatten());
    held.filter_map(|held| whole.overlap(held)).collect()
}

/// Returns a path as git has it, from the top of the work tree.
pub(super) fn from_top(prefix: &str, path: &str) -> Result<String, Error> {
    let mut parts: Vec<&str> = prefix.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return Err(outside(path));
        }
    }
    if path.starts_with('/') { Err(outside(path)) } else { Ok(parts.join("/")) }
}

fn outside(path: &str) -> Error {
    Error::Refused {
        what: format!("`{path}` does not lie in this work tree"),
        help: "name it from here, as src/auth/login.rs".to_owned(),
    }
}

/// All that a refusal is told from.
struct Judged<'a> {
    call: &'a HookCall,
    place: &'a HookPlace,
    author: &'a Author,
    paths: &'a [String],
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
}

impl Judged<'_> {
    fn refused(&self, refusals: &[Refusal<'_>]) -> Result<Refused, Error> {
        let task = self.author.task().cloned();
        let own = task.as_ref().and_then(|task| self.claims.get(task)?.as_ref().ok());
        let refused: BTreeSet<&str> = refusals.iter().filter_map(Refusal::path).collect();
        let whole = refusals.iter().any(|one| one.path().is_none());
        let free = self.paths.iter().filter(|path| !whole && !refused.contains(path.as_str()));
        let (action, way_out) = action(self.call.hook, self.operation()?);
        Ok(Refused {
            action,
            way_out,
            worker: own.map(|claim| claim.seat.clone()),
            task,
            objections: refusals.iter().map(objection).collect(),
            changed: self.paths.len(),
            free: free.cloned().collect(),
            now: clock::now(),
        })
    }
}

impl Judged<'_> {
    /// Returns what is under way. A merge leaves its traces only when it was refused.
    fn operation(&self) -> Result<Operation, Error> {
        let is_merge = match self.call.hook {
            HookName::PreMergeCommit => true,
            HookName::PrepareCommitMsg => {
                self.call.arguments.first().is_some_and(|file| file.ends_with("MERGE_MSG"))
            }
            HookName::PreCommit
            | HookName::PreApplypatch
            | HookName::PrePush
            | HookName::ReferenceTransaction => false,
        };
        Ok(if is_merge { Operation::Merge } else { self.place.operation()? })
    }
}

fn objection(refusal: &Refusal<'_>) -> Objection {
    match refusal {
        Refusal::Held { path, pattern, by } => Objection::Held {
            path: (*path).to_owned(),
            pattern: pattern.as_str().to_owned(),
            task: by.task.clone(),
            worker: by.seat.clone(),
            since: by.claimed_at,
            until: by.expires_at,
        },
        Refusal::Outside { path, own } => {
            let own = own.locked_files.iter().map(|one| one.as_str().to_owned()).collect();
            Objection::Outside { path: (*path).to_owned(), own }
        }
        Refusal::Fenced { generation, now, .. } => {
            Objection::Fenced { generation: *generation, now: now.map(|claim| claim.generation) }
        }
        Refusal::Damaged { path, task, why } => Objection::Damaged {
            path: path.map(str::to_owned),
            task: (*task).clone(),
            why: (*why).to_owned(),
        },
    }
}

/// Returns what was to be done, and the command that leaves what is under way.
fn action(hook: HookName, operation: Operation) -> (&'static str, Option<&'static str>) {
    match (hook, operation) {
        (HookName::PrePush, _) => ("push", None),
        (HookName::ReferenceTransaction, Operation::Commit) => ("update of a branch", None),
        (_, Operation::Commit) => ("commit", None),
        (_, Operation::Merge) => ("merge", Some("git merge --abort")),
        (_, Operation::CherryPick) => ("cherry-pick", Some("git cherry-pick --abort")),
        // git knows no `--abort` for a revert that was clean.
        (_, Operation::Revert) => ("revert", Some("git reset --merge")),
        (_, Operation::Rebase) => ("rebase", Some("git rebase --abort")),
        (_, Operation::Am) => ("patch", Some("git am --abort")),
    }
}

/// Writes into the journal that a person passed over locks, and why.
fn note_bypass(root: &Path, refused: &Refused, reason: &str) -> Result<(), Error> {
    let mut told = BTreeSet::new();
    for objection in &refused.objections {
        let task = match objection {
            Objection::Held { task, .. } | Objection::Damaged { task, .. } => task,
            Objection::Outside { .. } | Objection::Fenced { .. } | Objection::Elsewhere { .. } => {
                continue;
            }
        };
        if told.insert(task) {
            Records::at(root).append(&Event {
                time: refused.now,
                object: format!("task/{task}"),
                kind: EventKind::Warning,
                reason: "LockBypassed".to_owned(),
                message: format!(
                    "a person passed over its lock with a {}: {reason}",
                    refused.action
                ),
            })?;
        }
    }
    Ok(())
}
