//! Claims of people: a task taken, renewed, given back or said to be done, with or without a loop.
//! It never takes what somebody holds, unless it is told to and why.

mod file;
mod paths;
mod person;

pub use file::{FileFreed, FileLock, FileTaken, draw_secret};
pub use paths::Which;
pub use person::person_called;

use super::{Client, Error};
use crate::api::claim::{Claim, Heartbeat, Holding};
use crate::api::event::{Event, EventKind};
use crate::api::name::{BranchName, Seat, TaskName, Uid};
use crate::api::path::PathPattern;
use crate::api::problem::did_you_mean;
use crate::api::worker::WorkerType;
use crate::plan::desired::Desired;
use crate::plan::grant::{self, Asked, Conflict, Grant, Scene};
use crate::plan::observed::{ClaimSighting, Sighting};
use crate::process::{clock, identity};
use crate::world::ledger::Change;
use crate::world::ownership::{OwnershipError, Turn, draw};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of a wish to hold something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Taken {
    /// It is held, by a claim of a new generation.
    Claimed {
        /// The claim.
        claim: Claim,
    },
    /// The same holder held it already, and does so for longer now.
    Renewed {
        /// The claim.
        claim: Claim,
    },
    /// Nothing of it is held.
    Refused {
        /// All that stands in the way.
        obstacles: Vec<Obstacle>,
    },
}

/// A lock that stands in somebody's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Obstacle {
    /// The task whose lock it is.
    pub task: TaskName,
    /// Who holds it; nothing when that cannot be understood.
    pub worker: Option<Seat>,
    /// A program or a person.
    pub worker_type: Option<WorkerType>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it lapses unless renewed.
    pub until: Option<Timestamp>,
    /// The pattern that was asked for; nothing when it was the task itself.
    pub asked: Option<PathPattern>,
    /// The pattern that is held.
    pub held: Option<PathPattern>,
    /// A path in both.
    pub path: Option<String>,
    /// What is wrong with the lock.
    pub damage: Option<String>,
    /// When it was looked at.
    pub now: Timestamp,
}

impl From<Conflict> for Obstacle {
    fn from(conflict: Conflict) -> Self {
        let Conflict { task, holder, damage, overlap } = conflict;
        let (asked, held, path) = match overlap {
            Some(one) => (Some(one.asked), Some(one.held), Some(one.path)),
            None => (None, None, None),
        };
        Self {
            task,
            worker: holder.as_ref().map(|one| one.worker.clone()),
            worker_type: holder.as_ref().map(|one| one.worker_type),
            since: holder.as_ref().map(|one| one.since),
            until: holder.as_ref().map(|one| one.until),
            asked,
            held,
            path,
            damage,
            now: clock::now(),
        }
    }
}

/// How something is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// By its holder.
    Own,
    /// By its holder, because the task is done: the loop sees to the rest.
    Completed,
    /// By anybody, who says why. What its holder still does under it is fenced off.
    Forced {
        /// Why, for the history.
        reason: String,
    },
}

/// What became of giving something back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Freed {
    /// It is free.
    Released {
        /// What was given back; nothing, when it could not be understood.
        #[serde(skip_serializing_if = "Option::is_none")]
        claim: Option<Claim>,
    },
    /// It was free already.
    AlreadyFree,
    /// It is marked as completed, and held until the loop has seen to the rest.
    Completed {
        /// The claim.
        claim: Claim,
    },
    /// Somebody else holds it.
    Refused {
        /// Who.
        obstacles: Vec<Obstacle>,
    },
}

impl Client {
    /// Takes a declared task for a person; from whoever holds it, when a reason for that is given.
    ///
    /// # Errors
    /// When there is no such task, or it cannot be told who holds what: nothing was claimed then.
    pub async fn claim(
        &self,
        task: &TaskName,
        person: &Seat,
        force: Option<&str>,
    ) -> Result<Taken, Error> {
        self.refuse_worker("a worker takes no task but its own", "do other work, and say so")?;
        let desired = self.wanted().await?;
        let spec = desired.tasks.get(task).ok_or_else(|| no_task(task, &desired))?;
        let spec = spec.spec.as_ref().ok_or_else(|| Error::Refused {
            what: format!("the file of task/{task} was never valid, so nobody knows its paths"),
            help: "see what is wrong with it: reconciler check".to_owned(),
        })?;
        let (uid, branch) = self.registered(task)?.unzip();
        let turn = self.turn().await?;
        // Who holds it already does so under the uid that was drawn then.
        let held = turn.held(task).ok().flatten().filter(|held| is_of(held, person));
        let drawn = || held.as_ref().map_or_else(|| fresh(task.as_str()), |held| held.uid.clone());
        let asked = Asked {
            task: task.clone(),
            uid: uid.unwrap_or_else(drawn),
            seat: person.clone(),
            worker_type: WorkerType::Human,
            paths: spec.files.clone(),
            branch: branch.flatten(),
        };
        let other = turn.held(task).ok().flatten().filter(|held| !is_of(held, person));
        match (other, force) {
            (Some(other), Some(reason)) => {
                self.take_over(turn, (&asked, &desired), (&other, reason)).await
            }
            (None, _) | (_, None) => self.take(turn, (&asked, Some(&desired)), None).await,
        }
    }

    /// Takes a task from whoever holds it, in one step: nobody gets it in between. What its holder
    /// still does under it is fenced off.
    async fn take_over(
        &self,
        turn: Turn<'_>,
        (asked, desired): (&Asked, &Desired),
        (other, reason): (&Claim, &str),
    ) -> Result<Taken, Error> {
        let mut claims = turn.claims()?;
        claims.remove(&asked.task);
        let last = turn.generation(&asked.task).await?.max(other.generation);
        let (now, nonce, node) = (now()?, draw(), identity::node());
        let desired = Some(desired);
        let scene = Scene { claims: &claims, desired, last, now: &now, nonce, node };
        let mut claim = match grant::grant(asked, scene) {
            Grant::Refused(conflicts) => return Ok(refused(conflicts)),
            Grant::Renewed(claim) | Grant::New(claim) => claim,
        };
        put(&turn, &mut claim, Some(forced(&asked.seat, reason)))?;
        self.tell_worktree(&claim)?;
        self.note_force(&asked.task, &other.seat.to_string(), (&asked.seat, reason))?;
        self.finish(turn).await?;
        Ok(Taken::Claimed { claim })
    }

    /// Gives back what somebody holds. What was worked under it stays where it is.
    ///
    /// # Errors
    /// When it is not certain that it was given back; try again.
    pub async fn release(
        &self,
        task: &TaskName,
        person: &Seat,
        how: &Release,
    ) -> Result<Freed, Error> {
        let instead = "say how yours ended: reconciler complete, or fail";
        self.refuse_worker("a worker gives no task back", instead)?;
        let mut turn = self.turn().await?;
        let held = match (turn.held(task), how) {
            (Err(OwnershipError::Damaged(_)), Release::Forced { reason }) => {
                let why = forced(person, reason);
                turn.release_damaged(task, Some(why)).await?;
                self.note_force(task, "nobody knows whom", (person, reason))?;
                turn.announce();
                return Ok(Freed::Released { claim: None });
            }
            (Err(OwnershipError::Damaged(why)), Release::Own | Release::Completed) => {
                let conflict =
                    Conflict { task: task.clone(), holder: None, damage: Some(why), overlap: None };
                return Ok(Freed::Refused { obstacles: vec![conflict.into()] });
            }
            (held, _) => held?,
        };
        let Some(held) = held else { return Ok(Freed::AlreadyFree) };
        let is_own = is_of(&held, person);
        let freed = match how {
            Release::Own | Release::Completed if !is_own => {
                return Ok(Freed::Refused { obstacles: vec![Conflict::with(&held).into()] });
            }
            Release::Own => {
                turn.release(&held, None).await?;
                Freed::Released { claim: Some(held) }
            }
            Release::Completed => {
                let completed_at = Some(held.completed_at.unwrap_or_else(clock::now));
                let claim = Claim { completed_at, ..held };
                turn.publish(&claim)?;
                Freed::Completed { claim }
            }
            Release::Forced { reason } => {
                turn.release(&held, Some(forced(person, reason))).await?;
                self.note_force(task, held.seat.to_string().as_str(), (person, reason))?;
                Freed::Released { claim: Some(held) }
            }
        };
        turn.announce();
        Ok(freed)
    }

    /// Renews what a person holds: a task, or everything. Returns the claims; those that are not the
    /// person's are left alone.
    ///
    /// # Errors
    /// When it is not certain what was renewed; try again.
    pub async fn renew(&self, task: Option<&TaskName>, person: &Seat) -> Result<Vec<Claim>, Error> {
        let desired = self.desired_if_known().await;
        let turn = self.turn().await?;
        let all = turn.claims()?.into_values().filter_map(Result::ok);
        let own =
            all.filter(|held| is_of(held, person) && task.is_none_or(|task| held.task == *task));
        let mut renewed = Vec::new();
        for held in own {
            renewed.push(prolong(&turn, &held, desired.as_deref())?);
        }
        self.finish(turn).await?;
        Ok(renewed)
    }

    /// Returns whether somebody holds a task; one whose lock cannot be understood is held.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn holder_of(&self, task: &TaskName) -> Option<Result<Claim, String>> {
        self.ownership().claims().get(task)
    }

    /// Grants what is asked, if nobody stands in the way, and has it recorded.
    async fn take(
        &self,
        turn: Turn<'_>,
        (asked, desired): (&Asked, Option<&Desired>),
        reason: Option<String>,
    ) -> Result<Taken, Error> {
        let taken = match granted(&turn, asked, desired).await? {
            Grant::Refused(conflicts) => return Ok(refused(conflicts)),
            Grant::Renewed(claim) => {
                turn.publish(&claim)?;
                self.tell_worktree(&claim)?;
                Taken::Renewed { claim }
            }
            Grant::New(mut claim) => {
                put(&turn, &mut claim, reason)?;
                self.tell_worktree(&claim)?;
                Taken::Claimed { claim }
            }
        };
        self.finish(turn).await?;
        Ok(taken)
    }

    /// Tells the worktree of a task the generation of its claim, so that its person can commit there at
    /// once. Where an attempt may live, that would go by it as well: then the loop tells it in time.
    fn tell_worktree(&self, claim: &Claim) -> Result<(), Error> {
        let owner = claim.owner();
        let attempts = self.records().attempts_of(&owner)?;
        if attempts.iter().any(|one| !matches!(one.exit, Some(Ok(_)))) {
            return Ok(());
        }
        let linked = self.repository.linked()?;
        match linked.into_iter().find(|one| one.owner.as_ref() == Some(&owner)) {
            Some(one) => {
                Ok(self.repository.note_generation(&one.path, &owner, claim.generation)?)
            }
            None => Ok(()),
        }
    }

    /// Ends a turn in which something was changed: it is recorded, with whatever a command before us
    /// left unrecorded, when others can go on already.
    async fn finish(&self, mut turn: Turn<'_>) -> Result<(), Error> {
        turn.heal().await?;
        turn.announce();
        drop(turn);
        Ok(self.ownership().publish().await?)
    }

    async fn turn(&self) -> Result<Turn<'_>, Error> {
        Ok(self.ownership().turn().await?)
    }

    pub(super) async fn wanted(&self) -> Result<Arc<Desired>, Error> {
        match self.visitor.desired().await {
            Sighting::Known(desired) => Ok(desired),
            Sighting::Unknown(why) => Err(Error::Unknown(why)),
        }
    }

    async fn desired_if_known(&self) -> Option<Arc<Desired>> {
        self.wanted().await.ok()
    }

    /// Returns the uid and the branch that a task was registered with.
    fn registered(&self, task: &TaskName) -> Result<Option<(Uid, Option<BranchName>)>, Error> {
        match self.records().tasks()?.remove(task) {
            None => Ok(None),
            Some(Ok(record)) => Ok(Some((record.uid, record.branch))),
            Some(Err(damage)) => Err(Error::Refused {
                what: format!("the record of task/{task} cannot be understood: {damage}"),
                help: "see what is wrong: reconciler doctor".to_owned(),
            }),
        }
    }

    fn note_force(
        &self,
        task: &TaskName,
        holder: &str,
        (person, reason): (&Seat, &str),
    ) -> Result<(), Error> {
        self.records().append(&Event {
            time: clock::now(),
            object: format!("task/{task}"),
            kind: EventKind::Warning,
            reason: "LockForced".to_owned(),
            message: format!("{person} took its lock away from {holder}: {reason}"),
        })?;
        Ok(())
    }
}

/// Decides what becomes of what is asked, as everything is in this turn.
async fn granted(
    turn: &Turn<'_>,
    asked: &Asked,
    desired: Option<&Desired>,
) -> Result<Grant, Error> {
    let claims: BTreeMap<TaskName, ClaimSighting> = turn.claims()?;
    let (now, nonce) = (now()?, draw());
    let with = |last| {
        let (claims, now, node) = (&claims, &now, identity::node());
        grant::grant(asked, Scene { claims, desired, last, now, nonce, node })
    };
    // Only who gets something new must know what was recorded: the others are told at once.
    match with(0) {
        Grant::New(_) => Ok(with(turn.generation(&asked.task).await?)),
        other @ (Grant::Renewed(_) | Grant::Refused(_)) => Ok(other),
    }
}

/// Publishes a new claim; it is to be recorded when the turn is over.
fn put(turn: &Turn<'_>, claim: &mut Claim, reason: Option<String>) -> Result<(), Error> {
    claim.reason = reason;
    turn.publish(claim)?;
    turn.note(Change::from(Holding { claim: claim.clone(), released_at: None }));
    Ok(())
}

fn refused(conflicts: Vec<Conflict>) -> Taken {
    Taken::Refused { obstacles: conflicts.into_iter().map(Obstacle::from).collect() }
}

/// Publishes a claim for another lease.
fn prolong(turn: &Turn<'_>, held: &Claim, desired: Option<&Desired>) -> Result<Claim, Error> {
    let seconds = grant::policy(desired).locks.expiry_seconds;
    let renewed = held.renewed(now()?, SignedDuration::from_secs(seconds.into()));
    turn.publish(&renewed)?;
    Ok(renewed)
}

/// Returns whether a person holds a claim.
pub(in crate::client) fn is_of(claim: &Claim, person: &Seat) -> bool {
    claim.is_by_person() && claim.seat == *person
}

fn forced(person: &Seat, reason: &str) -> String {
    format!("forced by {person}: {reason}")
}

fn now() -> Result<Heartbeat, Error> {
    clock::heartbeat().map_err(|error| Error::Unknown(format!("the boot of the machine: {error}")))
}

fn fresh(name: &str) -> Uid {
    Uid::derive(draw(), name)
}

fn no_task(task: &TaskName, desired: &Desired) -> Error {
    let near = did_you_mean(task.as_str(), desired.tasks.keys().map(TaskName::as_str));
    let help = near.map_or_else(
        || {
            "declare it: reconciler new task; or hold paths alone: reconciler locks acquire"
                .to_owned()
        },
        |near| format!("did you mean `{near}`?"),
    );
    let at = desired.state_ref.strip_prefix("refs/heads/").unwrap_or(&desired.state_ref);
    Error::Refused { what: format!("there is no task `{task}` on {at}"), help }
}
