//! The simulated world: the same port, in memory, driven by one seed. It models what can go wrong,
//! not how git or tmux work; the contract suite holds it to what they do.

mod check;
mod fault;
mod people;
mod perform;
mod processes;
mod rng;

pub use check::violations;
pub use fault::{Fault, Faults};
pub use rng::Rng;

use super::{ActionError, Look, Outcome, World};
use crate::api::attempt::{Attempt, Exit, Failure, ProcessId, StopRequest, TaskRecord};
use crate::api::claim::Claim;
use crate::api::name::{BranchName, CommitId, Owner, TaskName};
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{
    AttemptSighting, AttemptState, EmptyState, Leftovers, Observed, Places, Session, Sighting,
    TaskSighting, Worktree, WorktreeState,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// A simulated world.
pub struct SimWorld {
    state: Mutex<State>,
}

/// A piece of work, as it is told from every other; the oracle follows each to its safe place.
type Work = u64;

struct State {
    rng: Rng,
    faults: Faults,
    now: Timestamp,
    desired: Arc<Desired>,
    records: BTreeMap<TaskName, TaskRecord>,
    failures: BTreeMap<TaskName, Failure>,
    attempts: BTreeMap<Owner, BTreeMap<u32, SimAttempt>>,
    claims: BTreeMap<TaskName, Claim>,
    sessions: BTreeMap<u64, Session>,
    worktrees: BTreeMap<PathBuf, SimWorktree>,
    branches: BTreeMap<BranchName, BTreeSet<Work>>,
    rescued: BTreeSet<Work>,
    trash: BTreeMap<String, (Timestamp, BTreeSet<Work>)>,
    produced: BTreeSet<Work>,
    counter: u64,
    /// The loop's process is dead: nothing it still asks for happens.
    crashed: bool,
    earlier: Option<Look>,
    worst: Vec<String>,
    started: BTreeMap<TaskName, u32>,
}

struct SimAttempt {
    attempt: Attempt,
    shim: Option<Shim>,
    stop: Option<StopRequest>,
    exit: Option<Exit>,
    /// Processes of the agent that still run, the agent itself first.
    agents: Vec<ProcessId>,
}

struct Shim {
    process: ProcessId,
    alive: bool,
    started_at: Timestamp,
}

struct SimWorktree {
    owner: Owner,
    branch: BranchName,
    unsaved: BTreeSet<Work>,
    state: WorktreeState,
}

impl SimWorld {
    /// Makes a world without anything in it but what is wanted.
    pub fn new(seed: u64, faults: Faults, desired: Desired) -> Self {
        let state = State {
            rng: Rng::new(seed),
            faults,
            now: Timestamp::from_second(1_800_000_000).expect("a time of this age"),
            desired: Arc::new(desired),
            records: BTreeMap::new(),
            failures: BTreeMap::new(),
            attempts: BTreeMap::new(),
            claims: BTreeMap::new(),
            sessions: BTreeMap::new(),
            worktrees: BTreeMap::new(),
            branches: BTreeMap::new(),
            rescued: BTreeSet::new(),
            trash: BTreeMap::new(),
            produced: BTreeSet::new(),
            counter: 0,
            crashed: false,
            earlier: None,
            worst: Vec::new(),
            started: BTreeMap::new(),
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets some time pass: processes start, work and end, people meddle, faults strike.
    pub fn pass_time(&self) {
        let mut state = self.state();
        let seconds = state.rng.below(8);
        state.now = state
            .now
            .saturating_add(SignedDuration::from_secs(seconds.cast_signed()))
            .expect("a near time");
        state.live();
        state.meddle();
        state.oversee();
    }

    /// Starts the loop's process again after a crash.
    pub fn restart_loop(&self) {
        self.state().crashed = false;
    }

    /// Returns whether the loop's process has crashed.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Ends all faults: from here on the world must become as wanted, and stay so.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults = Faults::none();
        state.crashed = false;
    }

    /// Commits another desired state.
    pub fn commit(&self, change: impl FnOnce(&mut Desired, &mut Rng)) {
        let mut state = self.state();
        let mut desired = (*state.desired).clone();
        change(&mut desired, &mut state.rng);
        desired.revision = state.commit_id();
        state.desired = Arc::new(desired);
    }

    /// Returns how often an attempt of each task was started.
    pub fn starts(&self) -> BTreeMap<TaskName, u32> {
        self.state().started.clone()
    }
}

impl World for SimWorld {
    async fn observe(&self) -> Look {
        let mut state = self.state();
        if let Some(stale) = state.earlier.clone()
            && state.strikes(Fault::StaleRead)
        {
            return stale;
        }
        let look = state.look();
        state.earlier = Some(look.clone());
        look
    }

    async fn perform(&self, action: &Action) -> Result<Outcome, ActionError> {
        let mut state = self.state();
        let failed = |what: &str| Err(ActionError(what.to_owned()));
        if state.crashed {
            return failed("the loop is dead");
        }
        if state.strikes(Fault::CrashBefore) {
            state.crashed = true;
            return failed("the loop died before it");
        }
        if state.strikes(Fault::ErrorBefore) {
            return failed("the disk is full");
        }
        let result = state.perform(action);
        state.oversee();
        if state.strikes(Fault::CrashAfter) {
            state.crashed = true;
            return failed("the loop died after it");
        }
        if state.strikes(Fault::ErrorAfter) {
            return failed("no answer");
        }
        result
    }
}

impl State {
    fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.faults.rate(fault);
        self.rng.one_in(rate)
    }

    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn commit_id(&mut self) -> CommitId {
        CommitId::try_from(format!("{:040x}", self.fresh())).expect("40 digits")
    }

    fn look(&mut self) -> Look {
        let desired = if self.strikes(Fault::Blind) {
            Sighting::Unknown("the object database cannot be read".to_owned())
        } else {
            Sighting::Known(Arc::clone(&self.desired))
        };
        let nonce = u128::from(self.rng.draw()) << 64 | u128::from(self.rng.draw());
        let tasks = self.tasks();
        let claims = self.claims.iter().map(|(name, claim)| (name.clone(), Ok(claim.clone())));
        let claims = claims.collect();
        let sessions = self.sessions.values().cloned().collect();
        let worktrees = self.worktrees.iter().map(|(path, one)| Worktree {
            path: path.clone(),
            owner: (one.state != WorktreeState::HalfMade).then(|| one.owner.clone()),
            state: one.state,
        });
        let worktrees = worktrees.collect();
        let tip = CommitId::try_from("0".repeat(40)).expect("40 digits");
        let branches = self.branches.keys().map(|name| (name.clone(), tip.clone())).collect();
        let trusted = Self::trusted();
        let leftovers = Leftovers {
            trash: self.trash.iter().map(|(name, (at, _))| (name.clone(), *at)).collect(),
            attempts: Vec::new(),
        };
        let observed = Observed {
            now: self.now,
            nonce,
            places: places(),
            tasks: self.seen(tasks),
            claims: self.seen(claims),
            sessions: self.seen(sessions),
            worktrees: self.seen(worktrees),
            branches: self.seen(branches),
            rescues: Sighting::Known(BTreeSet::new()),
            trusted: self.seen(trusted),
            leftovers: self.seen(leftovers),
            empty_state: EmptyState::Doubted,
        };
        Look { desired, observed }
    }

    fn seen<T>(&mut self, section: T) -> Sighting<T> {
        if self.strikes(Fault::Blind) {
            return Sighting::Unknown("it did not answer".to_owned());
        }
        Sighting::Known(section)
    }

    fn trusted() -> BTreeSet<String> {
        let built_in = crate::agents::built_in().iter();
        built_in.map(|(name, spec)| Desired::trust_digest(name, spec)).collect()
    }

    fn tasks(&mut self) -> BTreeMap<TaskName, TaskSighting> {
        let survivors = self.seen(());
        let sighting = |record: &TaskRecord| TaskSighting {
            record: Ok(record.clone()),
            attempts: self
                .attempts
                .get(&record.owner())
                .into_iter()
                .flatten()
                .map(|(number, one)| AttemptSighting {
                    number: *number,
                    attempt: Ok(one.attempt.clone()),
                    state: one.state(&survivors),
                })
                .collect(),
            failure: self.failures.get(&record.task).cloned(),
        };
        self.records.iter().map(|(name, record)| (name.clone(), sighting(record))).collect()
    }
}

impl SimAttempt {
    fn state(&self, seen: &Sighting<()>) -> AttemptState {
        let exit = self.exit.clone();
        match (&self.shim, exit) {
            (Some(shim), Some(exit)) if shim.alive => {
                AttemptState::Ending { shim: shim.process.clone(), exit }
            }
            (_, Some(exit)) => AttemptState::Ended(exit),
            (None, None) => AttemptState::Prepared,
            (Some(shim), None) if shim.alive => AttemptState::Running {
                shim: shim.process.clone(),
                asked: self.stop.clone(),
                started_at: shim.started_at,
            },
            (Some(shim), None) => AttemptState::Lost {
                survivors: match seen {
                    Sighting::Known(()) => Sighting::Known(self.agents.clone()),
                    Sighting::Unknown(why) => Sighting::Unknown(why.clone()),
                },
                started_at: shim.started_at,
                asked: self.stop.clone(),
            },
        }
    }
}

fn places() -> Places {
    Places { root: PathBuf::from("/repository") }
}
