//! What the loop sees: each section as it is, as it was, or not at all. It changes nothing.

use super::landing::TARGET;
use super::{Fault, Part, SimAttempt, State, places};
use crate::api::attempt::{AttemptId, Failure};
use crate::api::name::{BranchName, TaskName};
use crate::api::report::Outcome;
use crate::plan::desired::Desired;
use crate::plan::observed::{
    AttemptSighting, AttemptState, EmptyState, Leftovers, Observed, Said, Sighting, TaskSighting,
    Worktree,
};
use crate::world::Look;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// A part of the world that is seen or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    /// What is wanted, the records and the claims: without one of them nothing is done.
    Records,
    Sessions,
    Worktrees,
    Branches,
    Leftovers,
}

/// What a loop knew when it decided.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// What could be seen.
    pub(super) sections: BTreeSet<Section>,
    /// Tasks whose record was damaged.
    pub(super) damaged: BTreeSet<TaskName>,
    /// Tasks whose claim was.
    pub(super) unclear: BTreeSet<TaskName>,
    /// Effects that had failed.
    pub(super) failures: BTreeMap<TaskName, Failure>,
    /// When it looked.
    pub(super) now: Option<Timestamp>,
}

impl Seen {
    pub(super) fn of(look: &Look) -> Self {
        let observed = &look.observed;
        let (tasks, claims) = (observed.tasks.known(), observed.claims.known());
        let damaged = tasks.into_iter().flatten().filter(|(_, task)| task.record.is_err());
        let unclear = claims.into_iter().flatten().filter(|(_, claim)| claim.is_err());
        let failures = tasks.into_iter().flatten();
        let failures =
            failures.filter_map(|(name, task)| Some((name.clone(), task.failure.clone()?)));
        let records = look.desired.known().is_some() && tasks.is_some() && claims.is_some();
        let sections = [
            (Section::Records, records),
            (Section::Sessions, observed.sessions.known().is_some()),
            (Section::Worktrees, observed.worktrees.known().is_some()),
            (Section::Branches, observed.branches.known().is_some()),
            (Section::Leftovers, observed.leftovers.known().is_some()),
        ];
        let sections = sections.into_iter().filter(|(_, seen)| *seen);
        Self {
            sections: sections.map(|(section, _)| section).collect(),
            damaged: damaged.map(|(name, _)| name.clone()).collect(),
            unclear: unclear.map(|(name, _)| name.clone()).collect(),
            failures: failures.collect(),
            now: Some(observed.now),
        }
    }
}

impl State {
    pub(super) fn observe(&mut self) -> Look {
        let stale = if self.strikes(Fault::StaleRead) { self.earlier.clone() } else { None };
        let look = stale.unwrap_or_else(|| {
            let look = self.look();
            let may_be_stale = [Fault::StaleRead, Fault::StaleSection]
                .iter()
                .any(|fault| self.faults.rate(*fault).is_some_and(|rate| rate > 0));
            // Only what may be shown again is worth a copy.
            self.earlier = may_be_stale.then(|| look.clone());
            look
        });
        self.seen = Arc::new(Seen::of(&look));
        look
    }

    pub(super) fn look(&mut self) -> Look {
        let desired = Arc::clone(&self.desired);
        let desired = self.seen(desired);
        let nonce = u128::from(self.rng.noise()) << 64 | u128::from(self.rng.noise());
        let tasks = self.tasks();
        let claims = self.claims.iter().map(|(name, one)| (name.clone(), one.read().cloned()));
        let claims = claims.collect();
        let sessions = self.sessions.values().cloned().collect();
        let worktrees = self.worktrees.iter().map(|(path, one)| Worktree {
            path: path.clone(),
            owner: one.owner.clone(),
            state: one.state,
            branch: one.head.clone().filter(|_| one.owner.is_some()),
            generation: one.generation,
        });
        let worktrees = worktrees.collect();
        let target = BranchName::try_from(TARGET.to_owned()).expect("a branch name");
        let tips = self.branches.keys().filter_map(|name| Some((name.clone(), self.tip(name)?)));
        let branches = tips.chain([(target, self.desired.revision.clone())]).collect();
        let rescues = self.rescues.keys().cloned().collect();
        let trusted = if self.untrusted { BTreeSet::new() } else { trusted() };
        let folders =
            self.attempts.iter().map(|(owner, one)| (AttemptId::folder(owner), one.changed));
        let leftovers = Leftovers {
            attempts: folders.collect(),
            trash: self.trash.iter().map(|(name, (at, _))| (name.clone(), *at)).collect(),
        };
        let holds = self.holds.clone();
        let mut observed = Observed {
            now: self.now,
            nonce,
            node: "here".to_owned(),
            boot: self.boot_time(),
            awake_since: self.awake_since,
            places: places(),
            tasks: self.seen(tasks),
            claims: self.seen(claims),
            generations: self.generations.clone(),
            sessions: self.seen(sessions),
            worktrees: self.seen(worktrees),
            branches: self.seen(branches),
            rescues: self.seen(rescues),
            trusted: self.seen(trusted),
            leftovers: self.seen(leftovers),
            issues: Sighting::Known(BTreeMap::new()),
            holds: self.seen(holds),
            machine: crate::plan::observed::Machine::idle(),
            empty_state: EmptyState::Doubted,
        };
        self.age(&mut observed);
        Look { desired, observed }
    }

    /// Puts earlier sections in place of new ones. What is wanted is never older than our own
    /// effects: one process reads the one ref it is in, anew for each look.
    fn age(&mut self, observed: &mut Observed) {
        let earlier = self.earlier.take();
        let old = earlier.as_ref().map(|earlier| &earlier.observed);
        self.put_back(&mut observed.tasks, old.map(|old| &old.tasks));
        self.put_back(&mut observed.claims, old.map(|old| &old.claims));
        self.put_back(&mut observed.sessions, old.map(|old| &old.sessions));
        self.put_back(&mut observed.worktrees, old.map(|old| &old.worktrees));
        self.put_back(&mut observed.branches, old.map(|old| &old.branches));
        self.put_back(&mut observed.rescues, old.map(|old| &old.rescues));
        self.put_back(&mut observed.trusted, old.map(|old| &old.trusted));
        self.put_back(&mut observed.leftovers, old.map(|old| &old.leftovers));
        self.put_back(&mut observed.holds, old.map(|old| &old.holds));
        self.earlier = earlier;
    }

    fn put_back<T: Clone>(&mut self, section: &mut T, old: Option<&T>) {
        if self.strikes(Fault::StaleSection)
            && let Some(old) = old
        {
            *section = old.clone();
        }
    }

    fn seen<T>(&mut self, section: T) -> Sighting<T> {
        if self.strikes(Fault::Blind) {
            return Sighting::Unknown("it did not answer, or not to its end".to_owned());
        }
        Sighting::Known(section)
    }

    fn tasks(&mut self) -> BTreeMap<TaskName, TaskSighting> {
        let (shims, survivors) = (self.seen(()), self.seen(()));
        let mut found = BTreeMap::new();
        for (name, file) in &self.records {
            let record = file.read().cloned();
            let attempts = record.as_ref().ok().and_then(|one| self.attempts.get(&one.owner()));
            let attempts = attempts.into_iter().flat_map(|one| &one.all);
            let sighting = |(number, one): (&u32, &SimAttempt)| AttemptSighting {
                number: *number,
                attempt: match one.damage {
                    Some(Part::Record) => Err("half a file".to_owned()),
                    Some(Part::Flag) | None => Ok(one.attempt.clone()),
                },
                state: one.state(&shims, &survivors),
                said: Said {
                    outcome: one.completed.then_some(Outcome::Completed),
                    ..Said::default()
                },
            };
            let attempts = attempts.map(sighting).collect();
            let failure = self.failures.get(name).cloned();
            let retrial = self.retrials.get(name).cloned().map(Ok);
            let landing = self.landings.get(name).cloned().map(Ok);
            let task = TaskSighting { record, attempts, failure, retrial, landing };
            found.insert(name.clone(), task);
        }
        found
    }
}

impl SimAttempt {
    fn state(&self, shims: &Sighting<()>, survivors: &Sighting<()>) -> AttemptState {
        if matches!(self.damage, Some(Part::Flag)) {
            return AttemptState::Damaged("half a file".to_owned());
        }
        let shim = match (&self.shim, self.exit.clone()) {
            (None, None) => return AttemptState::Prepared,
            (Some(shim), exit) if shims.known().is_none() && (shim.alive || exit.is_none()) => {
                return AttemptState::Unknown("cannot see its shim".to_owned());
            }
            (Some(shim), Some(exit)) if shim.alive => {
                return AttemptState::Ending { shim: shim.process.clone(), exit };
            }
            (Some(_) | None, Some(exit)) => return AttemptState::Ended(exit),
            (Some(shim), None) => shim,
        };
        if shim.alive {
            return AttemptState::Running {
                shim: shim.process.clone(),
                asked: self.stop.clone(),
                started_at: shim.started_at,
            };
        }
        AttemptState::Lost {
            survivors: match survivors {
                Sighting::Known(()) => Sighting::Known(self.agents.clone()),
                Sighting::Unknown(why) => Sighting::Unknown(why.clone()),
            },
            started_at: shim.started_at,
            asked: self.stop.clone(),
        }
    }
}

fn trusted() -> BTreeSet<String> {
    static TRUSTED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let built_in = crate::agents::built_in().iter();
        built_in.map(|(name, spec)| Desired::trust_digest(name, spec)).collect()
    });
    TRUSTED.clone()
}
