//! The simulated world: the same port, in memory, driven by one seed. It models what can go wrong,
//! not how git or tmux work; the contract suite holds it to what they do.

mod census;
mod check;
mod claimants;
mod deed;
mod fault;
mod held;
mod landing;
mod look;
mod people;
mod perform;
mod processes;
mod rival;
mod rng;
mod sessions;
mod strike;
mod tape;
mod worktrees;

pub use check::violations;
pub use deed::Deed;
pub use fault::{Fault, Faults};
pub use rng::Rng;
pub use tape::Tape;

use super::{ActionError, Look, Outcome, World};
use crate::api::attempt::{Attempt, Exit, ExitReason, Failure, ProcessId, StopRequest, TaskRecord};
use crate::api::claim::{BootTime, Claim};
use crate::api::hold::{Holds, Retrial};
use crate::api::landing::Landing;
use crate::api::name::{BranchName, CommitId, Owner, TaskName};
use crate::api::task::TaskSpec;
use crate::plan::action::{Action, Subject};
use crate::plan::desired::{Desired, Entry};
use crate::plan::observed::{Places, Session, WorktreeState};
use jiff::{SignedDuration, Timestamp};
use look::Seen;
use rival::Rival;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// A simulated world.
pub struct SimWorld {
    state: Mutex<State>,
}

/// A piece of work, as it is told from every other; each is followed to its safe place.
type Work = u64;

struct State {
    rng: Rng,
    faults: Faults,
    now: Timestamp,
    passed: SignedDuration,
    boot: u64,
    /// The boot clock, in milliseconds, and since when on it the loop has looked.
    boot_millis: u64,
    awake_since: u64,
    desired: Arc<Desired>,
    /// Tasks that a person deleted and may make again.
    withdrawn: BTreeMap<TaskName, Entry<TaskSpec>>,
    records: BTreeMap<TaskName, File<TaskRecord>>,
    failures: BTreeMap<TaskName, Failure>,
    attempts: BTreeMap<Owner, Attempts>,
    claims: BTreeMap<TaskName, File<Claim>>,
    /// The last generation of each task's claims.
    generations: BTreeMap<TaskName, u64>,
    /// Shims whose processes are stopped, by SIGSTOP or a debugger.
    paused: BTreeSet<ProcessId>,
    sessions: BTreeMap<u64, Session>,
    worktrees: BTreeMap<PathBuf, SimWorktree>,
    branches: BTreeMap<BranchName, BTreeSet<Work>>,
    /// What landed on the target branch, whose tip is the revision that is wanted.
    main: BTreeSet<Work>,
    /// Where the target is at the remote, and what is in it, as far as it is not here.
    ahead: Option<(CommitId, BTreeSet<Work>)>,
    /// What is in each candidate.
    candidates: BTreeMap<CommitId, BTreeSet<Work>>,
    landings: BTreeMap<TaskName, Landing>,
    /// Where our branches began.
    bases: BTreeMap<BranchName, CommitId>,
    rescues: BTreeMap<String, BTreeSet<Work>>,
    trash: BTreeMap<String, (Timestamp, BTreeSet<Work>)>,
    /// Processes of other people.
    strangers: BTreeSet<ProcessId>,
    produced: BTreeSet<Work>,
    counter: u64,
    /// The loop's process is dead: nothing it still asks for happens.
    crashed: bool,
    full_until: Option<Timestamp>,
    untrusted: bool,
    /// What people hold back, and what they let try anew.
    holds: Holds,
    retrials: BTreeMap<TaskName, Retrial>,
    poisoned: Option<TaskName>,
    earlier: Option<Look>,
    seen: Arc<Seen>,
    rival: Option<Rival>,
    worst: Vec<String>,
    started: BTreeMap<TaskName, u32>,
    struck: Vec<Fault>,
    /// How many programs failed by themselves, and how many shims came too late to their attempt.
    mishaps: usize,
    /// An effect that the system refuses for a while.
    refusing: Option<(String, Timestamp)>,
    /// Tasks whose failing effect worked, and whose failure is to be forgotten.
    owed: BTreeSet<TaskName>,
    /// What was wanted before a person emptied `state/`, to be put back.
    emptied: Option<Arc<Desired>>,
    /// What happens, for people; nobody may want to know.
    told: Option<Vec<String>>,
}

/// A file of ours, which may be damaged.
struct File<T> {
    content: T,
    damaged: bool,
}

impl<T> File<T> {
    fn new(content: T) -> Self {
        Self { content, damaged: false }
    }

    fn read(&self) -> Result<&T, String> {
        if self.damaged { Err("half a file".to_owned()) } else { Ok(&self.content) }
    }
}

/// The folder of a task's attempts.
#[derive(Default)]
struct Attempts {
    changed: Timestamp,
    all: BTreeMap<u32, SimAttempt>,
}

struct SimAttempt {
    attempt: Attempt,
    damage: Option<Part>,
    shim: Option<Shim>,
    stop: Option<StopRequest>,
    exit: Option<Exit>,
    /// Its agent said that it is done.
    completed: bool,
    /// Its shim did not take it at once.
    late: bool,
    /// Processes of the agent that still run, the agent itself first.
    agents: Vec<ProcessId>,
}

/// Which of an attempt's files cannot be understood.
#[derive(Clone, Copy)]
enum Part {
    Record,
    Flag,
}

struct Shim {
    process: ProcessId,
    alive: bool,
    started_at: Timestamp,
    /// The signal that it is to stop has come.
    told: bool,
    stubborn: bool,
    /// Its agent has ended, and the disk does not take the record of it.
    unwritten: Option<ExitReason>,
}

struct SimWorktree {
    owner: Option<Owner>,
    /// What is checked out; `None` is a detached HEAD.
    head: Option<BranchName>,
    unsaved: BTreeSet<Work>,
    /// Commits that only the detached HEAD holds.
    loose: BTreeSet<Work>,
    state: WorktreeState,
    /// The generation that is noted in it.
    generation: Option<u64>,
}

impl SimWorld {
    /// Makes a world without anything in it but what is wanted.
    pub fn new(mut rng: Rng, faults: Faults, desired: Desired) -> Self {
        let names: Vec<TaskName> = desired.tasks.keys().cloned().collect();
        // Whether there is a poison is decided once.
        let poisons = faults.rate(Fault::Poison).is_some_and(|rate| rng.one_in(rate.min(2)));
        let poisoned = if poisons { rng.pick(&names).cloned() } else { None };
        let state = State {
            rng,
            faults,
            now: Timestamp::from_second(1_800_000_000).expect("a time of this age"),
            passed: SignedDuration::ZERO,
            boot: 1,
            boot_millis: 1000,
            awake_since: 1000,
            desired: Arc::new(desired),
            withdrawn: BTreeMap::new(),
            records: BTreeMap::new(),
            failures: BTreeMap::new(),
            attempts: BTreeMap::new(),
            claims: BTreeMap::new(),
            generations: BTreeMap::new(),
            paused: BTreeSet::new(),
            sessions: BTreeMap::new(),
            worktrees: BTreeMap::new(),
            branches: BTreeMap::new(),
            main: BTreeSet::new(),
            ahead: None,
            candidates: BTreeMap::new(),
            landings: BTreeMap::new(),
            bases: BTreeMap::new(),
            rescues: BTreeMap::new(),
            trash: BTreeMap::new(),
            strangers: BTreeSet::new(),
            produced: BTreeSet::new(),
            counter: 0,
            crashed: false,
            full_until: None,
            untrusted: false,
            holds: Holds::default(),
            retrials: BTreeMap::new(),
            poisoned,
            earlier: None,
            seen: Arc::default(),
            rival: None,
            worst: Vec::new(),
            started: BTreeMap::new(),
            struck: if poisons { vec![Fault::Poison] } else { Vec::new() },
            mishaps: 0,
            refusing: None,
            owed: BTreeSet::new(),
            emptied: None,
            told: None,
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Lets less than so many seconds pass: processes start, work and end, people meddle, faults
    /// strike.
    pub fn pass_time(&self, below: u64) {
        self.state().pass(below);
    }

    /// Returns how much time has passed since the beginning, whatever clocks say.
    pub fn passed(&self) -> SignedDuration {
        self.state().passed
    }

    /// Does what people, processes and crashes do, now and not by chance.
    pub fn perpetrate(&self, deed: &Deed) {
        self.state().perpetrate(deed);
    }

    /// Lets time pass in which nothing happens.
    pub fn sleep(&self, time: SignedDuration) {
        self.state().sleep(time);
    }

    /// Takes a decision that is not the world's own, on the same tape.
    pub fn decide<T>(&self, decision: impl FnOnce(&mut Rng) -> T) -> T {
        decision(&mut self.state().rng)
    }

    /// Returns how many programs failed by themselves so far, and how many shims came too late.
    pub fn mishaps(&self) -> usize {
        self.state().mishaps
    }

    /// Returns the faults that struck so far.
    pub fn struck(&self) -> Vec<Fault> {
        self.state().struck.clone()
    }

    /// Begins to tell what happens.
    pub fn tell(&self) {
        self.state().told = Some(Vec::new());
    }

    /// Returns what happened since it was asked last, a line each; nothing, unless it tells.
    pub fn told(&self) -> Vec<String> {
        self.state().told.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Starts the loop's process again after a crash.
    pub fn restart_loop(&self) {
        let mut state = self.state();
        state.crashed = false;
        state.awake_since = state.boot_millis;
    }

    /// Returns whether the loop's process has crashed.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Ends all faults but the permanent one, and lets people repair what they must: from here on
    /// the world must become as wanted, and stay so.
    pub fn heal(&self) {
        self.state().heal();
    }

    /// Commits another desired state.
    pub fn commit(&self, change: impl FnOnce(&mut Desired, &mut Rng)) {
        let mut state = self.state();
        let mut desired = (*state.desired).clone();
        change(&mut desired, &mut state.rng);
        desired.revision = state.commit_id();
        state.desired = Arc::new(desired);
    }

    /// Returns what is wanted now: a fault may have committed too.
    pub fn desired(&self) -> Arc<Desired> {
        Arc::clone(&self.state().desired)
    }

    /// Returns the task whose start always fails, if there is one.
    pub fn poisoned(&self) -> Option<TaskName> {
        self.state().poisoned.clone()
    }

    /// Returns how often an attempt of each task was started.
    pub fn starts(&self) -> BTreeMap<TaskName, u32> {
        self.state().started.clone()
    }
}

impl World for SimWorld {
    async fn observe(&self) -> Look {
        self.state().observe()
    }

    async fn perform(&self, action: &Action) -> Result<Outcome, ActionError> {
        let mut state = self.state();
        if state.strikes(Fault::Paused) {
            state.pause();
        }
        if state.strikes(Fault::CrashBefore) {
            state.crash();
        }
        if state.crashed {
            return failed("the loop is dead");
        }
        if state.refuses(action) {
            return failed("the system refused");
        }
        let seen = Arc::clone(&state.seen);
        let result = state.act(action, &seen);
        if state.strikes(Fault::CrashAfter) {
            state.crash();
            return failed("the loop died after it");
        }
        if state.strikes(Fault::ErrorAfter) {
            return failed("no answer");
        }
        result
    }
}

fn failed(what: &str) -> Result<Outcome, ActionError> {
    Err(ActionError(what.to_owned()))
}

fn refused(why: &str) -> Outcome {
    Outcome::Refused(why.to_owned())
}

impl State {
    fn strikes(&mut self, fault: Fault) -> bool {
        let Some(rate) = self.faults.rate(fault) else { return false };
        let strikes = self.rng.one_in(rate);
        if strikes {
            self.struck.push(fault);
            self.say(|| format!("  fault: {fault:?}"));
        }
        strikes
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            told.push(line());
        }
    }

    fn sleep(&mut self, time: SignedDuration) {
        self.now = self.now.saturating_add(time).expect("a near time");
        self.passed += time;
        self.boot_millis += u64::try_from(time.as_millis()).expect("time goes on");
        self.say(|| format!("  {time:#} pass"));
    }

    fn boot_time(&self) -> BootTime {
        BootTime { boot_id: format!("boot-{}", self.boot), boot_millis: self.boot_millis }
    }

    fn fresh(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn commit_id(&mut self) -> CommitId {
        CommitId::try_from(format!("{:040x}", self.fresh())).expect("40 digits")
    }

    /// Every loop dies: what is still asked for does not happen.
    fn crash(&mut self) {
        self.crashed = true;
        self.rival = None;
    }

    fn pass(&mut self, below: u64) {
        // Where a tape says nothing, time goes on.
        let seconds = (self.rng.below(below) + 3) % below;
        self.sleep(SignedDuration::from_secs(seconds.cast_signed()));
        self.live();
        self.meddle();
        self.compete();
        self.oversee();
    }

    /// The loop stands still for up to a quarter of an hour.
    fn pause(&mut self) {
        for _ in 0..=self.rng.below(3) {
            self.pass(300);
        }
    }

    /// Returns whether an effect is refused, once or for a while.
    fn refuses(&mut self, action: &Action) -> bool {
        let now = self.now;
        let lasts =
            |(refused, until): &(String, Timestamp)| now < *until && *refused == action.to_string();
        if self.refusing.as_ref().is_some_and(lasts) {
            self.struck.push(Fault::ErrorBefore);
            return true;
        }
        if !self.strikes(Fault::ErrorBefore) {
            return false;
        }
        if self.rng.one_in(3) {
            let until = now.saturating_add(SignedDuration::from_secs(30));
            self.refusing = Some((action.to_string(), until.expect("a near time")));
        }
        true
    }

    fn is_full(&self) -> bool {
        self.full_until.is_some_and(|until| self.now < until)
    }

    /// Performs an action for a loop that saw this, and holds it to every property.
    fn act(&mut self, action: &Action, seen: &Seen) -> Result<Outcome, ActionError> {
        let no_write = matches!(
            action,
            Action::KillProcesses { .. } | Action::KillSession { .. } | Action::EndSession { .. }
        );
        if self.is_full() && !no_write {
            return failed("the disk is full");
        }
        if self.poisons(action) {
            return failed("the disk has a bad sector");
        }
        let before = check::Before::of(self, action);
        let result = self.perform(action);
        self.judge(&check::Deed { action, before, done: result == Ok(Outcome::Done), seen });
        self.oversee();
        result
    }

    fn poisons(&self, action: &Action) -> bool {
        let starts = matches!(
            action,
            Action::CreateBranch { .. }
                | Action::AddWorktree { .. }
                | Action::PrepareAttempt(_)
                | Action::NewSession { .. }
        );
        let of = |name: &TaskName| action.subject() == Subject::Task(name.clone());
        starts && self.poisoned.as_ref().is_some_and(of)
    }

    fn attempts_of(&self, owner: &Owner) -> impl Iterator<Item = &SimAttempt> {
        self.attempts.get(owner).into_iter().flat_map(|one| one.all.values())
    }

    /// Returns whether an agent or a shim lives that bears the mark of a task of this name.
    fn task_lives(&self, task: &TaskName) -> bool {
        let mut of_task = self.attempts.iter().filter(|(owner, _)| owner.task == *task);
        let lives = |one: &SimAttempt| !one.agents.is_empty() || one.shim_lives();
        of_task.any(|(_, one)| one.all.values().any(lives))
    }

    /// Kills every agent and shim that bears the mark of a task of this name, of whatever uid.
    fn end_all(&mut self, task: &TaskName) {
        let of_task = self.attempts.iter_mut().filter(|(owner, _)| owner.task == *task);
        for one in of_task.flat_map(|(_, one)| one.all.values_mut()) {
            one.agents.clear();
            one.shim.iter_mut().for_each(|shim| shim.alive = false);
        }
    }

    fn heal(&mut self) {
        self.faults = Faults::none();
        self.crashed = false;
        self.full_until = None;
        self.untrusted = false;
        self.holds = Holds::default();
        self.rival = None;
        self.earlier = None;
        self.refusing = None;
        self.fill_again();
        // What a report tells people to do: put a record right, delete a damaged lock, let go of
        // a branch.
        for record in self.records.values_mut() {
            record.damaged = false;
        }
        self.claims.retain(|_, claim| !claim.damaged);
        self.end_claims();
        for attempts in self.attempts.values_mut() {
            for one in attempts.all.values_mut() {
                one.damage = None;
            }
        }
        let records = self.records.values().map(|one| &one.content);
        let rightful: BTreeMap<_, _> =
            records.filter_map(|one| Some((one.branch.as_ref()?, one.owner()))).collect();
        for worktree in self.worktrees.values_mut() {
            let owner = worktree.head.as_ref().and_then(|branch| rightful.get(branch));
            if owner.is_some() && owner != worktree.owner.as_ref() {
                worktree.head = None;
            }
        }
    }
}

impl SimAttempt {
    /// A process of it, if it is one, is no more.
    fn lose(&mut self, process: &ProcessId) {
        self.agents.retain(|agent| agent != process);
        if let Some(shim) = self.shim.as_mut().filter(|shim| shim.process == *process) {
            shim.alive = false;
        }
    }

    fn shim_lives(&self) -> bool {
        self.shim.as_ref().is_some_and(|shim| shim.alive)
    }
}

fn places() -> Places {
    Places { root: PathBuf::from("/repository") }
}
