//! Holds: what a person keeps from starting on this machine, now and without a commit. It writes the
//! word down, which the loop and the shims obey; it never stops what runs.

use super::report::tell;
use super::{Client, Error};
use crate::api::event::{Event, EventKind};
use crate::api::hold::{Hold, HoldKind, Target};
use crate::api::name::{TaskName, WorkerName};
use crate::api::problem::did_you_mean;
use crate::api::report::Message;
use crate::process::clock;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// What the agents on a drained worker are told.
const DRAINING: &str = "This worker is being drained. Commit what you have now, and end; another \
                        worker goes on with this task on the same branch.";

/// What is to be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lift {
    /// A pause.
    Pause,
    /// A cordon or a drain.
    Cordon,
}

/// Why and for how long something is held.
#[derive(Debug, Clone, Copy, Default)]
pub struct Because<'a> {
    /// Why, in a person's words.
    pub reason: Option<&'a str>,
    /// After which time it lapses by itself.
    pub lasts: Option<SignedDuration>,
}

/// What a drain began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained {
    /// The hold.
    pub hold: Hold,
    /// The tasks whose agents were told to commit and end.
    pub told: Vec<TaskName>,
}

impl Client {
    /// Returns what a person means by `all`, `NAME` or `KIND/NAME`.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing that is wanted or recorded is called so, or both a task and a
    /// worker are.
    pub async fn hold_target(&self, words: &str) -> Result<Target, Error> {
        if words == "all" {
            return Ok(Target::All);
        }
        let known = self.holdable().await?;
        let (kind, name) = words.split_once('/').map_or((None, words), |(k, n)| (Some(k), n));
        let kind = kind.map(|kind| kind.strip_suffix('s').unwrap_or(kind));
        let is_meant = |one: &&Target| match one {
            Target::All => false,
            Target::Task(task) => task.as_str() == name && kind.is_none_or(|kind| kind == "task"),
            Target::Worker(worker) => {
                worker.as_str() == name && kind.is_none_or(|kind| kind == "worker")
            }
        };
        let mut found = known.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.clone()),
            (Some(_), Some(_)) => Err(Error::Refused {
                what: format!("a task and a worker are called `{name}`"),
                help: format!("say task/{name} or worker/{name}"),
            }),
            (None, _) => {
                let names = known.iter().map(|one| match one {
                    Target::All => "all",
                    Target::Task(name) => name.as_str(),
                    Target::Worker(name) => name.as_str(),
                });
                let near = did_you_mean(name, names);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                Err(Error::Refused {
                    what: format!("no task or worker is called `{words}`"),
                    help: help.unwrap_or_else(|| "see them: reconciler status".to_owned()),
                })
            }
        }
    }

    /// Returns the tasks and workers that are wanted, recorded or held.
    async fn holdable(&self) -> Result<BTreeSet<Target>, Error> {
        let mut known: BTreeSet<Target> =
            self.records().tasks()?.into_keys().map(Target::Task).collect();
        known.extend(self.records().holds()?.iter().map(|(target, _)| target));
        if let Some(desired) = self.visitor.desired().await.known() {
            known.extend(desired.tasks.keys().cloned().map(Target::Task));
            known.extend(desired.workers.keys().cloned().map(Target::Worker));
        }
        Ok(known)
    }

    /// Holds something back, from now on. A pause that stands is replaced.
    ///
    /// # Errors
    /// [`Error::Refused`] when another kind of hold is on it, or everything is to be paused without a
    /// reason.
    pub async fn hold(
        &self,
        target: &Target,
        kind: HoldKind,
        because: Because<'_>,
    ) -> Result<Hold, Error> {
        let now = clock::now();
        let reason = because.reason.unwrap_or_default().trim();
        if *target == Target::All && reason.is_empty() {
            return Err(Error::Refused {
                what: "everything is paused with a reason only".to_owned(),
                help: "say it for those who find it so: --reason 'the quota is used up'".to_owned(),
            });
        }
        if let Some(Ok(before)) = self.records().hold(target)
            && before.holds_at(now)
            && !replaces(kind, before.kind)
        {
            return Err(Error::Refused {
                what: format!("{target} is {before}"),
                help: format!("lift that first: reconciler {}", lifting(before.kind, target)),
            });
        }
        let until = because.lasts.map(|lasts| now.saturating_add(lasts).unwrap_or(now));
        let (by, reason) = (self.speaker().await, reason.to_owned());
        let hold = Hold { kind, by, since: now, until, reason };
        self.records().set_hold(target, &hold)?;
        self.note_hold(target, &hold.to_string());
        Ok(hold)
    }

    /// Lifts a hold, also one whose record is damaged.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of this kind.
    pub async fn lift(&self, target: &Target, what: Lift) -> Result<(), Error> {
        let is_of = |kind: HoldKind| matches!(kind, HoldKind::Pause) == (what == Lift::Pause);
        let wanted = match what {
            Lift::Pause => "paused",
            Lift::Cordon => "cordoned",
        };
        match self.records().hold(target) {
            Some(Ok(hold)) if hold.holds_at(clock::now()) && !is_of(hold.kind) => {
                return Err(Error::Refused {
                    what: format!("{target} is {hold}"),
                    help: format!("lift that: reconciler {}", lifting(hold.kind, target)),
                });
            }
            Some(Ok(hold)) if hold.holds_at(clock::now()) => {}
            Some(Err(_)) => {}
            Some(Ok(_)) | None => {
                return Err(Error::Refused {
                    what: format!("{target} is not {wanted}"),
                    help: "see what is: reconciler status".to_owned(),
                });
            }
        }
        self.records().lift_hold(target)?;
        self.note_hold(target, &format!("no longer {wanted}, by {}", self.speaker().await));
        Ok(())
    }

    /// Cordons a worker, tells the agents on it to commit and end, and has what runs there after the
    /// grace be stopped by the loop.
    ///
    /// # Errors
    /// As [`Self::hold`]; also when the agents cannot be told, and the hold stands then.
    pub async fn drain(
        &self,
        worker: &WorkerName,
        grace: SignedDuration,
        because: Because<'_>,
    ) -> Result<Drained, Error> {
        let now = clock::now();
        let stop_at = now.saturating_add(grace).unwrap_or(now);
        let target = Target::Worker(worker.clone());
        let hold = self.hold(&target, HoldKind::Drain { stop_at }, because).await?;
        let mut told = Vec::new();
        for (id, files) in self.live_attempts()? {
            if files.attempt.as_ref().is_ok_and(|one| one.seat.worker == *worker) {
                let text = DRAINING.to_owned();
                self.records().send(&id, &Message { at: now, by: hold.by.clone(), text })?;
                tell(files.shim.as_ref().and_then(|shim| shim.as_ref().ok()));
                told.push(id.owner.task);
            }
        }
        Ok(Drained { hold, told })
    }

    /// Returns who speaks here, as far as anybody can tell: to hold something back needs no name.
    pub(super) async fn speaker(&self) -> String {
        let seat = self.person(None).await;
        seat.map_or_else(|_| "somebody".to_owned(), |seat| seat.worker.to_string())
    }

    fn note_hold(&self, target: &Target, message: &str) {
        let object = match target {
            Target::All => "repository".to_owned(),
            Target::Task(name) => format!("task/{name}"),
            Target::Worker(name) => format!("worker/{name}"),
        };
        let (time, reason) = (clock::now(), "Held".to_owned());
        let message = message.chars().take(300).collect();
        let event = Event { time, object, kind: EventKind::Normal, reason, message };
        // It is history: an event is worth no failure.
        self.records().append(&event).ok();
    }
}

/// Returns whether a hold takes the place of one of another kind: the same again, or more of it.
fn replaces(new: HoldKind, old: HoldKind) -> bool {
    match (new, old) {
        (HoldKind::Pause, HoldKind::Pause)
        | (HoldKind::Cordon, HoldKind::Cordon)
        | (HoldKind::Drain { .. }, HoldKind::Cordon | HoldKind::Drain { .. }) => true,
        (HoldKind::Pause, HoldKind::Cordon | HoldKind::Drain { .. })
        | (HoldKind::Cordon, HoldKind::Pause | HoldKind::Drain { .. })
        | (HoldKind::Drain { .. }, HoldKind::Pause) => false,
    }
}

/// Returns the words that lift a hold.
fn lifting(kind: HoldKind, target: &Target) -> String {
    let verb = match kind {
        HoldKind::Pause => "unpause",
        HoldKind::Cordon | HoldKind::Drain { .. } => "uncordon",
    };
    match target {
        Target::All => format!("{verb} all"),
        Target::Task(name) => format!("{verb} {name}"),
        Target::Worker(name) => format!("{verb} {name}"),
    }
}
