//! A stage for one case: one of the two worlds, with names that mean the same in both. A look is
//! told as lines in which ids, times and places do not differ.

use crate::common::poll;
use crate::host::Host;
use jiff::Timestamp;
use reconciler::api::attempt::{
    Attempt, AttemptId, Exit, ExitReason, Failure, ProcessId, Program, TaskRecord,
};
use reconciler::api::claim::{BootTime, Claim, Heartbeat};
use reconciler::api::hold::Holds;
use reconciler::api::name::{BranchName, CommitId, Owner, TaskName, Uid};
use reconciler::api::path::PathPattern;
use reconciler::api::task::Class;
use reconciler::api::worker::{SessionOf, WorkerType};
use reconciler::plan::action::Action;
use reconciler::plan::desired::{Desired, Entry};
use reconciler::plan::observed::{AttemptState, Observed, Places, Sighting, WorktreeState};
use reconciler::world::sim::{Deed, Faults, Rng, SimWorld, Tape};
use reconciler::world::{Outcome, World as _};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longer than anything takes here, also on a machine with too much to do.
const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const TASKS: [&str; 2] = ["alpha", "beta"];

/// Of which kind an outcome is; why, is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Done,
    AlreadySo,
    Refused,
    Failed,
}

pub(crate) use Kind::{AlreadySo, Done, Failed, Refused};

enum Side {
    Simulated(Box<SimWorld>),
    Real(Box<Host>),
}

pub(crate) struct Stage {
    side: Side,
    runtime: tokio::runtime::Runtime,
    /// Makes the uids of this stage the only ones on this machine.
    salt: String,
}

impl Stage {
    pub(crate) fn simulated() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // A tape that says nothing: nothing happens by chance.
        let rng = Rng::replay(Tape::default());
        let world = SimWorld::new(rng, Faults::none(), desired());
        Self { side: Side::Simulated(Box::new(world)), runtime, salt: String::new() }
    }

    pub(crate) fn real() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let host = runtime.block_on(Host::new());
        let salt = host.salt();
        Self { side: Side::Real(Box::new(host)), runtime, salt }
    }

    /// Performs an action.
    pub(crate) fn perform(&self, action: &Action) -> Kind {
        let result = self.runtime.block_on(async {
            match &self.side {
                Side::Simulated(world) => world.perform(action).await,
                Side::Real(host) => host.world.perform(action).await,
            }
        });
        match result {
            Ok(Outcome::Done) => Done,
            Ok(Outcome::AlreadySo) => AlreadySo,
            Ok(Outcome::Refused(_)) => Refused,
            Err(_) => Failed,
        }
    }

    /// Performs an action that is to have this outcome; one that is not done leaves no trace.
    #[track_caller]
    pub(crate) fn act(&self, action: &Action, expected: Kind) {
        let before = self.look();
        let outcome = self.perform(action);
        assert_eq!(outcome, expected, "{action:?} on\n{}", before.join("\n"));
        if outcome != Done {
            // A shim that lives renews its claim whenever it likes to.
            let told = |looked: &[String]| -> Vec<String> {
                let until = |line: &String| match line.split_once(", until ") {
                    Some((claim, _)) if line.starts_with("claim ") => claim.to_owned(),
                    Some(_) | None => line.clone(),
                };
                looked.iter().map(until).collect()
            };
            let after = told(&self.look());
            assert_eq!(after, told(&before), "{action:?} was {outcome:?} and left a trace");
        }
    }

    pub(crate) fn deed(&self, deed: &Deed) {
        match &self.side {
            Side::Simulated(world) => world.perpetrate(deed),
            Side::Real(host) => host.perpetrate(deed),
        }
    }

    /// Lets processes do what they were told.
    pub(crate) fn time_passes(&self) {
        if let Side::Simulated(world) = &self.side {
            world.pass_time(8);
        }
    }

    pub(crate) fn observed(&self) -> Observed {
        let look = self.runtime.block_on(async {
            match &self.side {
                Side::Simulated(world) => world.observe().await,
                Side::Real(host) => host.world.observe().await,
            }
        });
        look.observed
    }

    /// Looks, and tells what is seen as sorted lines.
    pub(crate) fn look(&self) -> Vec<String> {
        let seen = self.observed();
        let mut lines = lines(&seen);
        for line in &mut lines {
            for (task, number) in TASKS.iter().flat_map(|task| [(task, 1), (task, 2)]) {
                let uid = self.owner(task, number).uid;
                *line = line.replace(uid.as_str(), &format!("uid{number}"));
                *line = line.replace(uid.short(), &format!("uid{number}"));
            }
        }
        for task in TASKS {
            let mark = format!("reconciler:{task}:");
            for line in &mut lines {
                *line = line.replace(&mark, &format!("{task}/"));
            }
        }
        lines.sort();
        lines
    }

    /// Waits until a line is seen; in the simulated world nothing comes by waiting.
    #[track_caller]
    pub(crate) fn sees(&self, line: &str) {
        self.until(line, |lines| lines.iter().any(|one| one == line));
    }

    #[track_caller]
    pub(crate) fn sees_not(&self, line: &str) {
        self.until(line, |lines| lines.iter().all(|one| one != line));
    }

    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&[String]) -> bool) {
        let start = Instant::now();
        loop {
            let lines = self.look();
            if is(&lines) {
                return;
            }
            let over = matches!(self.side, Side::Simulated(_)) || start.elapsed() > DEADLINE;
            assert!(!over, "`{what}` did not come; there is\n{}", lines.join("\n"));
            poll();
        }
    }

    pub(crate) fn owner(&self, task: &str, number: u128) -> Owner {
        Owner { task: name(task), uid: Uid::derive(number, &format!("{}{task}", self.salt)) }
    }

    /// One of two commits; the second was made on the first.
    pub(crate) fn commit(&self, number: usize) -> CommitId {
        match &self.side {
            Side::Simulated(_) => CommitId::try_from(format!("{:040x}", number + 1)).unwrap(),
            Side::Real(host) => host.commits[number].clone(),
        }
    }

    fn places(&self) -> Places {
        self.observed().places
    }

    pub(crate) fn place(&self, task: &str) -> PathBuf {
        self.places().worktree(&name(task))
    }

    pub(crate) fn record(&self, task: &str, number: u128) -> Action {
        let Owner { task, uid } = self.owner(task, number);
        let branch = Some(branch(task.as_str()));
        Action::Register(TaskRecord { task, uid, created_at: time(0), branch })
    }

    pub(crate) fn claim(&self, task: &str, uid: u128, generation: u64) -> Claim {
        let Owner { task, uid } = self.owner(task, uid);
        Claim {
            branch_name: Some(branch(task.as_str())),
            task,
            uid,
            seat: "codegen-1".to_owned().try_into().unwrap(),
            worker_type: WorkerType::AiAgent,
            claimed_at: time(0),
            locked_files: vec![PathPattern::parse("src/a/").unwrap()],
            expires_at: time(600),
            heartbeat: Heartbeat {
                at: time(0),
                boot: BootTime { boot_id: "boot".to_owned(), boot_millis: 0 },
            },
            generation,
            nonce: Uid::derive(generation.into(), "claim"),
            node: "here".to_owned(),
            attempt: None,
            process: None,
            reason: None,
            completed_at: None,
        }
    }

    pub(crate) fn create_branch(&self, task: &str, at: usize) -> Action {
        let at = self.commit(at);
        Action::CreateBranch { owner: self.owner(task, 1), branch: branch(task), at }
    }

    pub(crate) fn add_worktree(&self, task: &str, number: u128) -> Action {
        let (owner, path) = (self.owner(task, number), self.place(task));
        Action::AddWorktree { owner, path, branch: branch(task) }
    }

    pub(crate) fn tear(&self, task: &str, number: u128) -> Deed {
        let (owner, path) = (self.owner(task, number), self.place(task));
        Deed::Tear { owner, path, branch: branch(task) }
    }

    pub(crate) fn repair(&self, task: &str, number: u128, seconds: u32) -> Action {
        let (owner, path) = (self.owner(task, number), self.place(task));
        let trash = Self::trash(&owner, seconds);
        Action::RepairWorktree { owner, path, trash }
    }

    pub(crate) fn trash(owner: &Owner, seconds: u32) -> String {
        format!("{}.{}.{seconds}", owner.task, owner.uid.short())
    }

    pub(crate) fn rescue(&self, task: &str, number: u128) -> Action {
        let (owner, path) = (self.owner(task, number), self.place(task));
        Action::Rescue { owner, path, attempt: 1 }
    }

    pub(crate) fn retire(&self, task: &str, number: u128, seconds: u32) -> Action {
        let (owner, path) = (self.owner(task, number), self.place(task));
        let trash = Self::trash(&owner, seconds);
        Action::Retire { owner, path, attempt: 1, trash }
    }

    pub(crate) fn drop_branch(&self, task: &str) -> Action {
        let (owner, contained_in) = (self.owner(task, 1), self.commit(1));
        Action::DropBranch { owner, branch: branch(task), contained_in }
    }

    /// A worktree on a branch of its own.
    pub(crate) fn with_worktree(&self, task: &str) -> Owner {
        self.act(&self.create_branch(task, 0), Done);
        self.act(&self.add_worktree(task, 1), Done);
        self.owner(task, 1)
    }

    pub(crate) fn attempt_id(&self, task: &str, number: u32) -> AttemptId {
        AttemptId { owner: self.owner(task, 1), number }
    }

    /// An attempt whose program ends when it is let go, and cares for no hang-up.
    pub(crate) fn attempt(&self, task: &str, number: u32) -> Action {
        Action::PrepareAttempt(self.attempt_of(task, number))
    }

    pub(crate) fn attempt_of(&self, task: &str, number: u32) -> Attempt {
        let id = self.attempt_id(task, number);
        let out = match &self.side {
            Side::Simulated(_) => PathBuf::from("/nowhere"),
            Side::Real(host) => host.go_file(&id),
        };
        let script = format!(
            "trap '' HUP; echo > '{0}.begun'; until [ -e '{0}' ]; do sleep 0.02; done",
            out.display()
        );
        let env = BTreeMap::from([("RECONCILER_OWNER".to_owned(), id.owner.to_string())]);
        let program = Program {
            argv: ["sh", "-c", &script].map(str::to_owned).to_vec(),
            verify: None,
            env,
            env_allow: Vec::new(),
            secret_env: Vec::new(),
            timeout_seconds: 0,
            stop_grace_seconds: 5,
            limits: reconciler::api::worker::ResourceLimits::default(),
            dialogue: reconciler::api::attempt::Dialogue::default(),
        };
        Attempt {
            id,
            seat: "codegen-1".to_owned().try_into().unwrap(),
            session: SessionOf::Task,
            class: Class::Execution,
            run_hash: "abc".to_owned(),
            prepared_at: time(0),
            directory: self.places().root,
            program,
            heartbeat_seconds: 1,
            lease_seconds: 3600,
            beginning: reconciler::api::attempt::Beginning::default(),
            verifies: None,
        }
    }

    pub(crate) fn new_session(&self, task: &str, number: u32) -> Action {
        let attempt = self.attempt_id(task, number);
        Action::NewSession { attempt, directory: self.places().root }
    }

    pub(crate) fn close(&self, task: &str, number: u32) -> Action {
        let (started_at, reason) = (Some(time(8)), ExitReason::Lost);
        let exit = Exit { started_at, ended_at: time(9), reason, class: None };
        Action::CloseAttempt { attempt: self.attempt_id(task, number), exit }
    }

    /// Prepares the attempt of a task in the session that its seat keeps; it holds a folder of its own.
    pub(crate) fn prepared_in_kept(&self, task: &str) {
        self.act(&self.record(task, 1), Done);
        self.claimed(task);
        let attempt = Attempt { session: SessionOf::Worker, ..self.attempt_of(task, 1) };
        self.act(&Action::PrepareAttempt(attempt), Done);
    }

    /// Registers a task, prepares its attempt and starts it.
    pub(crate) fn running(&self, task: &str) -> AttemptId {
        self.act(&self.record(task, 1), Done);
        self.running_again(task)
    }

    /// Claims a folder of its own for a task that is registered.
    pub(crate) fn claimed(&self, task: &str) {
        let mut claim = self.claim(task, 1, 1);
        claim.locked_files = vec![PathPattern::parse(&format!("{task}/")).unwrap()];
        claim.heartbeat.boot = self.observed().boot;
        self.act(&Action::Claim(claim), Done);
    }

    /// Prepares the attempt of a task that is registered, and starts it.
    pub(crate) fn running_again(&self, task: &str) -> AttemptId {
        self.claimed(task);
        self.act(&self.attempt(task, 1), Done);
        self.act(&self.new_session(task, 1), Done);
        let id = self.attempt_id(task, 1);
        self.deed(&Deed::Start(id.clone()));
        self.sees(&format!("attempt {task}#1: running"));
        if let Side::Real(_) = &self.side {
            // It says in its claim that it lives: what is compared later is not changed by that.
            let start = Instant::now();
            while self.claim_seen(task).is_some_and(|claim| claim.process.is_none()) {
                assert!(start.elapsed() < DEADLINE, "the shim never said that it lives");
                poll();
            }
        }
        id
    }

    fn claim_seen(&self, task: &str) -> Option<Claim> {
        let seen = self.observed();
        seen.claims.known()?.get(&name(task))?.as_ref().ok().cloned()
    }

    /// The state of the first attempt of a task.
    pub(crate) fn state(&self, task: &str) -> AttemptState {
        let seen = self.observed();
        seen.tasks.known().unwrap()[&name(task)].attempts[0].state.clone()
    }

    pub(crate) fn shim(&self, task: &str) -> Option<ProcessId> {
        match self.state(task) {
            AttemptState::Running { shim, .. } | AttemptState::Ending { shim, .. } => Some(shim),
            AttemptState::Prepared
            | AttemptState::Lost { .. }
            | AttemptState::Ended(_)
            | AttemptState::Unknown(_)
            | AttemptState::Damaged(_) => None,
        }
    }

    /// The id of a task's session.
    pub(crate) fn session(&self, task: &str) -> String {
        let seen = self.observed();
        let sessions = seen.sessions.known().unwrap();
        sessions.iter().find(|one| one.name == task).unwrap().id.clone()
    }
}

pub(crate) fn name(task: &str) -> TaskName {
    task.parse().unwrap()
}

pub(crate) fn branch(task: &str) -> BranchName {
    BranchName::try_from(format!("task/{task}")).unwrap()
}

pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

pub(crate) fn failure(count: u32) -> Failure {
    Failure { action: "Claimed".to_owned(), message: "no".to_owned(), count, at: time(0) }
}

fn desired() -> Desired {
    Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: "1".repeat(40).try_into().unwrap(),
        policy: Entry::valid(reconciler::api::policy::PolicySpec::default()),
        tasks: BTreeMap::new(),
        workers: BTreeMap::new(),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    }
}

fn known<'a, T>(what: &str, section: &'a Sighting<T>, lines: &mut Vec<String>) -> Option<&'a T> {
    if let Some(why) = section.why_unknown() {
        lines.push(format!("{what}: unknown: {why}"));
    }
    section.known()
}

fn lines(seen: &Observed) -> Vec<String> {
    let mut lines = Vec::new();
    let mut more = Vec::new();
    for (name, task) in known("tasks", &seen.tasks, &mut more).into_iter().flatten() {
        match &task.record {
            Ok(record) => lines.push(format!("task {name}: {}", record.uid)),
            Err(_) => lines.push(format!("task {name}: damaged")),
        }
        for one in &task.attempts {
            lines.push(format!("attempt {name}#{}: {}", one.number, state(&one.state)));
        }
        let failure = task.failure.as_ref();
        lines.extend(failure.map(|one| format!("failure {name}: {}", one.count)));
        let retrial = task.retrial.as_ref().map(|one| one.as_ref().unwrap());
        lines.extend(retrial.map(|one| format!("retrial {name}: after {}", one.after)));
    }
    for (name, claim) in known("claims", &seen.claims, &mut more).into_iter().flatten() {
        lines.push(match claim {
            Ok(claim) => format!(
                "claim {name}: {}, generation {}, until {}",
                claim.uid, claim.generation, claim.expires_at
            ),
            Err(_) => format!("claim {name}: damaged"),
        });
    }
    for one in known("sessions", &seen.sessions, &mut more).into_iter().flatten() {
        let owner = one.owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let attempt = one.attempt.map_or_else(String::new, |number| format!("#{number}"));
        let waits = if one.waits_for().is_some() { ", waits" } else { "" };
        lines.push(format!("session {}: {owner}{attempt}{waits}", one.name));
    }
    for one in known("worktrees", &seen.worktrees, &mut more).into_iter().flatten() {
        let owner = one.owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let name = one.path.file_name().unwrap().to_string_lossy();
        let state = match one.state {
            WorktreeState::Ready => "ready",
            WorktreeState::HalfMade => "half-made",
            WorktreeState::Missing => "missing",
        };
        lines.push(format!("worktree {name}: {owner}, {state}"));
        lines.extend(one.branch.as_ref().map(|branch| format!("worktree {name} is on {branch}")));
    }
    let branches = known("branches", &seen.branches, &mut more).into_iter().flatten();
    let tasks = branches.filter(|(name, _)| name.as_str() != "main");
    lines.extend(tasks.map(|(name, _)| format!("branch {name}")));
    let rescues = known("rescues", &seen.rescues, &mut more).into_iter().flatten();
    lines.extend(rescues.map(|name| format!("rescue {name}")));
    let holds = known("holds", &seen.holds, &mut more).into_iter();
    lines.extend(holds.flat_map(Holds::iter).map(|(target, hold)| match hold {
        Ok(hold) => format!("{target} is {hold}"),
        Err(_) => format!("{target} is held, damaged"),
    }));
    if let Some(left) = known("leftovers", &seen.leftovers, &mut more) {
        lines.extend(left.trash.iter().map(|(name, _)| format!("trash {name}")));
        lines.extend(left.attempts.iter().map(|(name, _)| format!("attempts {name}")));
    }
    lines.extend(more);
    lines
}

fn state(state: &AttemptState) -> String {
    match state {
        AttemptState::Prepared => "prepared".to_owned(),
        AttemptState::Running { asked: None, .. } => "running".to_owned(),
        AttemptState::Running { asked: Some(asked), .. } => format!("to stop: {}", asked.why),
        AttemptState::Ending { exit, .. } => format!("ending: {}", exit.reason),
        AttemptState::Lost { survivors, .. } => match survivors.known() {
            Some(some) if some.is_empty() => "lost".to_owned(),
            Some(_) => "lost, outlived".to_owned(),
            None => "lost, unknown".to_owned(),
        },
        AttemptState::Ended(exit) => format!("ended: {}", exit.reason),
        AttemptState::Unknown(why) => format!("unknown: {why}"),
        AttemptState::Damaged(_) => "damaged".to_owned(),
    }
}
