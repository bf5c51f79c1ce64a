//! Diff: what committing the work tree would do. The planner is asked twice, with the applied
//! objects and with the draft, on the same look at the world; what differs is told.

mod branch;
mod fields;

pub use branch::{BranchDifference, FileCount, TaskBranch};
pub use fields::Field;
pub(super) use fields::differences;

use super::{Client, Error};
use crate::api::attempt::StopReason;
use crate::api::key::Key;
use crate::api::name::{AgentName, CommitId, TaskName, WorkerName};
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{Observed, Sighting};
use crate::plan::report::{Reason, TaskReport};
use crate::plan::{Plan, plan};
use crate::store::{Draft, Source};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The differences between the work tree and what is applied.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The applied revision.
    pub revision: CommitId,
    /// The ref it is from.
    pub state_ref: String,
    /// The objects that differ, and those that others' changes touch.
    pub changes: Vec<Change>,
    /// What would concern the whole repository.
    pub notices: Vec<String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The object, as `task/fix-login`.
    pub object: String,
    /// Its file.
    pub path: String,
    /// What is done to it.
    pub what: What,
    /// The fields that differ.
    pub fields: Vec<Field>,
    /// What follows, in words.
    pub consequences: Vec<String>,
    /// Why the draft would not be in effect.
    pub problems: Vec<String>,
}

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Its file is new.
    Added,
    /// Its file says something else.
    Changed,
    /// Its file is gone.
    Removed,
    /// Its file is not valid.
    Invalid,
    /// Its file is the same, and another's change touches it.
    Affected,
}

impl Client {
    /// Says what committing the work tree would do, of one object or of all. Changes nothing.
    ///
    /// # Errors
    /// When what is applied, or the work tree, cannot be read.
    pub async fn diff(&self, only: Option<&str>) -> Result<Difference, Error> {
        if self.repository.is_bare() && self.editable().await? == self.root() {
            let what = "this repository is bare: there is no work tree to compare".to_owned();
            return Err(Error::Refused { what, help: "run it in a clone".to_owned() });
        }
        let draft = Draft::of_work_tree(&self.editable().await?)?;
        self.compare(draft, only).await
    }

    /// Says what deleting one object would do, whatever else is edited.
    ///
    /// # Errors
    /// When what is applied cannot be read.
    pub async fn consequences_of_delete(&self, key: &Key) -> Result<Vec<String>, Error> {
        let version = super::Version::Revision(self.state_ref.clone());
        let mut draft = self.draft(self.root(), &version).await?;
        draft.files.remove(key);
        let found = self.compare(draft, None).await?;
        let mut lines = Vec::new();
        for change in found.changes {
            let own = change.object == key.to_string();
            let words = change.consequences.into_iter();
            lines.extend(
                words.map(|one| if own { one } else { format!("{}: {one}", change.object) }),
            );
        }
        Ok(lines)
    }

    async fn compare(&self, draft: Draft, only: Option<&str>) -> Result<Difference, Error> {
        let snapshot = self.snapshot().await;
        let applied = match snapshot.desired {
            Sighting::Known(applied) => applied,
            Sighting::Unknown(why) => return Err(Error::Unknown(why)),
        };
        let source = Source::new(self.repository.reader(), self.state_ref.clone());
        let drafted = source.read_draft(&applied, &draft).await.map_err(Error::Unknown)?;
        let after = plan(&Sighting::Known(&drafted), &snapshot.observed);
        let scene = Scene {
            applied: &applied,
            drafted: &drafted,
            observed: &snapshot.observed,
            before: &snapshot.plan,
            after: &after,
        };
        let mut changes = scene.changes();
        changes.retain(|change| {
            only.is_none_or(|only| {
                change.object == only || change.object.split('/').nth(1) == Some(only)
            })
        });
        for change in changes.iter_mut().filter(|change| change.what == What::Removed) {
            change.consequences.extend(self.fate_of_branch(&scene, &change.object).await?);
        }
        let known: BTreeSet<&String> = snapshot.plan.report.notices.iter().collect();
        let of_files: BTreeSet<&String> = changes.iter().flat_map(|one| &one.problems).collect();
        let is_new = |one: &&String| {
            !known.contains(one) && !of_files.iter().any(|problem| one.ends_with(problem.as_str()))
        };
        let notices = after.report.notices.iter().filter(is_new).cloned().collect();
        let (revision, state_ref) = (applied.revision.clone(), self.state_ref.clone());
        Ok(Difference { revision, state_ref, changes, notices })
    }

    /// Says what becomes of the branch of a deleted task.
    async fn fate_of_branch(
        &self,
        scene: &Scene<'_>,
        object: &str,
    ) -> Result<Option<String>, Error> {
        let task = object.strip_prefix("task/").and_then(|name| name.parse::<TaskName>().ok());
        let tasks = scene.observed.tasks.known();
        let sighting = task.and_then(|name| tasks?.get(&name));
        let branch = sighting.and_then(|one| one.record.as_ref().ok()?.branch.as_ref());
        let Some(branch) = branch else { return Ok(None) };
        let Some(branches) = scene.observed.branches.known() else {
            return Ok(Some(format!("branch {branch} cannot be seen, so it is kept")));
        };
        let Some(tip) = branches.get(branch) else { return Ok(None) };
        let merged = self.repository.is_ancestor(tip, &scene.applied.revision).await?;
        Ok(Some(if merged {
            format!("branch {branch} is dropped: {} has all of it", self.state_ref)
        } else {
            format!("branch {branch} is KEPT: it has commits of its own")
        }))
    }
}

/// Both states and what the planner says of each.
struct Scene<'a> {
    applied: &'a Desired,
    drafted: &'a Desired,
    observed: &'a Observed,
    before: &'a Plan,
    after: &'a Plan,
}

impl Scene<'_> {
    fn changes(&self) -> Vec<Change> {
        let mut changes = fields::between(self.applied, self.drafted);
        for change in &mut changes {
            let Some(key) = key_of(&change.object) else { continue };
            change.consequences = self.consequences(&key, change.what);
        }
        let touched: BTreeSet<String> = changes.iter().map(|one| one.object.clone()).collect();
        for name in self.after.report.tasks.keys() {
            let key = Key::Task(name.clone());
            if touched.contains(&key.to_string()) || !self.is_affected(name) {
                continue;
            }
            let consequences = self.of_task(name, What::Affected);
            let (object, path, fields, problems) =
                (key.to_string(), key.path(), Vec::new(), Vec::new());
            let what = What::Affected;
            changes.push(Change { object, path, what, fields, consequences, problems });
        }
        changes
    }

    fn consequences(&self, key: &Key, what: What) -> Vec<String> {
        match (what, key) {
            (What::Invalid, _) => vec!["not applied: the last good version stays".to_owned()],
            (_, Key::Task(name)) => self.of_task(name, what),
            (_, Key::Worker(name)) => self.of_worker(name),
            (_, Key::Agent(name)) => self.of_agent(name),
            (_, Key::Policy) => Vec::new(),
        }
    }

    /// Returns whether a task whose file is the same is to be told of.
    fn is_affected(&self, name: &TaskName) -> bool {
        let of =
            |plan: &Plan| plan.report.tasks.get(name).map(|one| (one.reason, one.message.clone()));
        of(self.before) != of(self.after) || self.stops(name).is_some()
    }

    fn of_task(&self, name: &TaskName, what: What) -> Vec<String> {
        let report = self.after.report.tasks.get(name);
        let mut found: Vec<String> = Vec::new();
        if let Some(why) = self.stops(name) {
            found.push(match why {
                StopReason::SpecChanged => {
                    "it is stopped and started again, because what it runs is changed".to_owned()
                }
                StopReason::WorkerGone => {
                    "it is stopped, and goes on with another worker when one is free".to_owned()
                }
                StopReason::Suspended => "it is stopped and rests; its worktree stays".to_owned(),
                StopReason::Deleted => "it is stopped".to_owned(),
                StopReason::TakenOver => "it is stopped, because somebody else holds it".to_owned(),
                StopReason::Drained => "it is stopped, because its worker is drained".to_owned(),
                StopReason::HeldElsewhere => {
                    "it is stopped: the claim of its issue is not held here".to_owned()
                }
                StopReason::Outdated => "its verification is stopped".to_owned(),
                StopReason::Restarted => "it is stopped and started again".to_owned(),
                StopReason::Lapsed => {
                    "it is stopped and started again: its claim lapsed".to_owned()
                }
            });
        } else if let Some(report) = report.filter(|_| what != What::Removed) {
            found.push(words(report, what));
        }
        let owned = |one: &crate::plan::observed::Worktree| {
            one.owner.as_ref().is_some_and(|owner| owner.task == *name)
        };
        if what == What::Removed && self.observed.worktrees.known().into_iter().flatten().any(owned)
        {
            found.push("unsaved work in its worktree is saved to a rescue ref first".to_owned());
        }
        found
    }

    /// Returns why a running attempt would be asked to stop, if it is not asked already.
    fn stops(&self, name: &TaskName) -> Option<StopReason> {
        let why = |action: &Action| {
            let Action::AskToStop { attempt, why, .. } = action else { return None };
            (attempt.owner.task == *name).then_some(*why)
        };
        let reason = |plan: &Plan| plan.actions.iter().find_map(why);
        reason(self.after).filter(|_| reason(self.before).is_none())
    }

    fn of_worker(&self, name: &WorkerName) -> Vec<String> {
        let on = |plan: &Plan| -> BTreeMap<TaskName, String> {
            let seats = plan.report.seats.iter().filter(|(seat, _)| seat.worker == *name);
            seats
                .flat_map(|(seat, tasks)| tasks.iter().map(|one| (one.clone(), seat.to_string())))
                .collect()
        };
        let stopped = on(self.before).into_iter().filter(|(task, _)| self.stops(task).is_some());
        let mut found: Vec<String> =
            stopped.map(|(task, seat)| format!("{task} is stopped on {seat}")).collect();
        let before = on(self.before);
        let new = on(self.after).into_iter().filter(|(task, _)| !before.contains_key(task));
        found.extend(new.map(|(task, seat)| format!("{task} starts on {seat}")));
        if found.is_empty() {
            found.push("no task starts or stops because of it now".to_owned());
        }
        found
    }

    fn of_agent(&self, name: &AgentName) -> Vec<String> {
        let Some(spec) = self.drafted.agent(name) else {
            return vec!["workers that name it take no tasks".to_owned()];
        };
        let digest = Desired::trust_digest(name, spec);
        match self.observed.trusted.known() {
            Some(trusted) if trusted.contains(&digest) => Vec::new(),
            Some(_) | None => {
                vec!["it must be approved once it is committed: `reconciler trust`".to_owned()]
            }
        }
    }
}

/// Says where a task would be.
fn words(report: &TaskReport, what: What) -> String {
    match report.reason {
        Reason::Running if what == What::Changed => {
            "it keeps running; the change takes effect at its next attempt".to_owned()
        }
        Reason::Succeeded if what == What::Changed => {
            "it is completed and stays so: what it runs is the same".to_owned()
        }
        Reason::DependencyPending
        | Reason::DependencyUnmet
        | Reason::DependencyCycle
        | Reason::FilesHeld
        | Reason::NoWorker
        | Reason::WorkersBusy
        | Reason::LimitReached
        | Reason::Paused
        | Reason::WorkersHeld
        | Reason::MachineBusy
        | Reason::PlaceTaken
        | Reason::HeldElsewhere
        | Reason::NotTrusted => format!("it waits: {}", report.message),
        Reason::Starting
        | Reason::Running
        | Reason::NeedsInput
        | Reason::Stalled
        | Reason::Idle
        | Reason::AgentMissing
        | Reason::NotLoggedIn
        | Reason::RateLimited
        | Reason::Stopping
        | Reason::Ending
        | Reason::Landing
        | Reason::ClaimUnsure
        | Reason::Succeeded
        | Reason::AttemptsUsedUp
        | Reason::RetryBackOff
        | Reason::RestartBackOff
        | Reason::CrashLoop
        | Reason::Suspended
        | Reason::HeldByPerson
        | Reason::Invalid
        | Reason::EffectFailed
        | Reason::Damaged
        | Reason::Unknown
        | Reason::Deleting
        | Reason::OnHold => report.message.clone(),
    }
}

fn key_of(object: &str) -> Option<Key> {
    match object.split_once('/') {
        Some(("task", name)) => name.parse().ok().map(Key::Task),
        Some(("worker", name)) => name.parse().ok().map(Key::Worker),
        Some(("agent", name)) => name.parse().ok().map(Key::Agent),
        _ => None,
    }
}
