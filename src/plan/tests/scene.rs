//! A scene: what is wanted and what there is, said in few words.

use crate::api::attempt::{
    Attempt, AttemptId, Beginning, Exit, ExitReason, Failure, ProcessId, Program, StopReason,
    StopRequest, TaskRecord,
};
use crate::api::claim::{BootTime, Claim};
use crate::api::hold::Holds;
use crate::api::name::{BranchName, CommitId, Owner, TaskName, Uid};
use crate::plan::action::Action;
use crate::plan::check;
use crate::plan::desired::{Desired, Entry, run_hash};
use crate::plan::observed::{
    AttemptSighting, AttemptState, EmptyState, Leftovers, Machine, Observed, Places, Said, Session,
    Sighting, TaskSighting, Worktree, WorktreeState,
};
use crate::plan::{Plan, plan};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Scene {
    pub(super) desired: Desired,
    pub(super) observed: Observed,
}

/// The second at which every scene is looked at.
pub(super) const NOW: i64 = 1_000_000;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn name(text: &str) -> TaskName {
    text.parse().unwrap()
}

fn commit(digit: char) -> CommitId {
    digit.to_string().repeat(40).try_into().unwrap()
}

fn from<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(super) fn process(pid: u32) -> ProcessId {
    ProcessId { pid, start_time: 7, boot_id: "boot".to_owned() }
}

/// Returns a world with one worker of two seats, trusted agents, and nothing else.
pub(super) fn scene() -> Scene {
    let worker = json!({ "agent": "shell", "replicas": 2 });
    let desired = Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: commit('b'),
        policy: Entry::valid(from(json!({}))),
        tasks: BTreeMap::new(),
        workers: BTreeMap::from([("codegen".parse().unwrap(), Entry::valid(from(worker)))]),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    };
    let trusted = crate::agents::built_in().iter();
    let trusted = trusted.map(|(name, spec)| Desired::trust_digest(name, spec)).collect();
    let observed = Observed {
        now: at(NOW),
        nonce: 1,
        node: "here".to_owned(),
        boot: BootTime { boot_id: "boot".to_owned(), boot_millis: 1_000_000_000 },
        awake_since: 0,
        places: Places { root: "/r".into() },
        tasks: Sighting::Known(BTreeMap::new()),
        claims: Sighting::Known(BTreeMap::new()),
        generations: BTreeMap::new(),
        sessions: Sighting::Known(Vec::new()),
        worktrees: Sighting::Known(Vec::new()),
        branches: Sighting::Known(BTreeMap::new()),
        rescues: Sighting::Known(BTreeSet::new()),
        trusted: Sighting::Known(trusted),
        leftovers: Sighting::Known(Leftovers::default()),
        issues: Sighting::Known(BTreeMap::new()),
        holds: Sighting::Known(Holds::default()),
        machine: Machine::idle(),
        empty_state: EmptyState::Doubted,
    };
    Scene { desired, observed }
}

fn known<T>(section: &mut Sighting<T>) -> &mut T {
    match section {
        Sighting::Known(seen) => seen,
        Sighting::Unknown(_) => panic!("the scene hides it only at its end"),
    }
}

impl Scene {
    /// A task is committed.
    pub(super) fn task(mut self, task: &str, mut spec: Value) -> Self {
        if spec.get("prompt").is_none() && spec.get("command").is_none() {
            spec["command"] = json!("make");
        }
        self.desired.tasks.insert(name(task), Entry::valid(from(spec)));
        self
    }

    pub(super) fn policy(mut self, spec: Value) -> Self {
        self.desired.policy = Entry::valid(from(spec));
        self
    }

    pub(super) fn worker(mut self, worker: &str, spec: Value) -> Self {
        self.desired.workers.insert(worker.parse().unwrap(), Entry::valid(from(spec)));
        self
    }

    pub(super) fn owner(task: &str) -> Owner {
        Owner { task: name(task), uid: Uid::derive(9, task) }
    }

    /// The task was registered so many seconds ago.
    pub(super) fn registered(mut self, task: &str, ago: i64) -> Self {
        let owner = Self::owner(task);
        let record = TaskRecord {
            task: owner.task.clone(),
            uid: owner.uid,
            created_at: at(NOW - ago),
            branch: Some(BranchName::try_from(format!("fix/{task}")).unwrap()),
        };
        let sighting = TaskSighting {
            record: Ok(record),
            attempts: Vec::new(),
            failure: None,
            retrial: None,
            landing: None,
        };
        known(&mut self.observed.tasks).insert(owner.task, sighting);
        self
    }

    /// The task has an attempt, of what it runs as committed, on `codegen-1`.
    pub(super) fn attempt(mut self, task: &str, state: AttemptState) -> Self {
        let spec = self.desired.tasks.get(&name(task)).and_then(|entry| entry.spec.as_ref());
        let hash = spec.map_or_else(|| "gone".to_owned(), run_hash);
        let class = spec.map(|spec| spec.class).unwrap_or_default();
        let attempts = &mut known(&mut self.observed.tasks).get_mut(&name(task)).unwrap().attempts;
        let number = u32::try_from(attempts.len()).unwrap() + 1;
        let id = AttemptId { owner: Self::owner(task), number };
        let conversation = id.uuid();
        let beginning = Beginning { conversation, ..Beginning::default() };
        let attempt = Attempt {
            id,
            seat: "codegen-1".to_owned().try_into().unwrap(),
            session: crate::api::worker::SessionOf::Task,
            class,
            run_hash: hash,
            prepared_at: at(NOW - 3),
            directory: format!("/r/.worktrees/{task}").into(),
            program: self.program(task, number, &beginning),
            heartbeat_seconds: 10,
            lease_seconds: 3600,
            beginning,
            verifies: None,
        };
        let attempts = &mut known(&mut self.observed.tasks).get_mut(&name(task)).unwrap().attempts;
        attempts.push(AttemptSighting {
            number,
            attempt: Ok(attempt),
            state,
            said: Said::default(),
        });
        self
    }

    /// Returns what the planner itself would start.
    fn program(&self, task: &str, number: u32, beginning: &Beginning) -> Program {
        let policy = self.desired.policy();
        let (desired, observed) = (&self.desired, &self.observed);
        let index = super::super::index::Index::of(desired, observed, policy);
        let scene = super::super::Scene { desired, observed, policy, index: &index };
        let record = self.observed.tasks.known().unwrap()[&name(task)].record.clone().unwrap();
        let id = AttemptId { owner: record.owner(), number };
        let seat = "codegen-1".to_owned().try_into().unwrap();
        let spec = self.desired.tasks.get(&name(task)).and_then(|entry| entry.spec.clone());
        let spec = spec.unwrap_or_else(|| from(json!({ "command": "make" })));
        super::super::spawn::program(scene, &spec, (&record, &seat), (&id, beginning)).unwrap()
    }

    pub(super) fn running(self, task: &str) -> Self {
        let state =
            AttemptState::Running { shim: process(42), asked: None, started_at: at(NOW - 2) };
        self.attempt(task, state).session(task)
    }

    pub(super) fn asked_to_stop(self, task: &str, ago: i64, why: StopReason) -> Self {
        let asked = Some(StopRequest { asked_at: at(NOW - ago), why });
        let state = AttemptState::Running { shim: process(42), asked, started_at: at(NOW - 60) };
        self.attempt(task, state).session(task)
    }

    pub(super) fn ended(self, task: &str, ago: i64, reason: ExitReason) -> Self {
        let exit = Exit {
            started_at: Some(at(NOW - ago - 1)),
            ended_at: at(NOW - ago),
            reason,
            class: None,
        };
        self.attempt(task, AttemptState::Ended(exit))
    }

    pub(super) fn lost(self, task: &str, survivors: Sighting<Vec<ProcessId>>) -> Self {
        let lost = AttemptState::Lost { survivors, started_at: at(NOW - 100), asked: None };
        self.attempt(task, lost)
    }

    pub(super) fn session(mut self, task: &str) -> Self {
        let sessions = known(&mut self.observed.sessions);
        sessions.push(Session {
            id: format!("${}", sessions.len() + 1),
            name: task.to_owned(),
            owner: Some(Self::owner(task)),
            attempt: Some(1),
            seat: None,
            is_idle: false,
        });
        self
    }

    pub(super) fn worktree(self, task: &str) -> Self {
        self.worktree_in(task, WorktreeState::Ready, Some(Self::owner(task)))
    }

    pub(super) fn worktree_in(
        mut self,
        task: &str,
        state: WorktreeState,
        owner: Option<Owner>,
    ) -> Self {
        let path = self.observed.places.worktree(&name(task));
        let branch = owner.as_ref().map(|_| format!("fix/{task}").try_into().unwrap());
        known(&mut self.observed.worktrees).push(Worktree {
            path,
            owner,
            state,
            branch,
            generation: Some(4),
        });
        self.branch(&format!("fix/{task}"))
    }

    /// The worktree of the task has this branch checked out.
    pub(super) fn on(mut self, task: &str, branch: Option<&str>) -> Self {
        let path = self.observed.places.worktree(&name(task));
        let branch = branch.map(|name| BranchName::try_from(name.to_owned()).unwrap());
        let worktrees = known(&mut self.observed.worktrees).iter_mut();
        worktrees.filter(|one| one.path == path).for_each(|one| one.branch.clone_from(&branch));
        self
    }

    pub(super) fn branch(mut self, branch: &str) -> Self {
        let branch = BranchName::try_from(branch.to_owned()).unwrap();
        known(&mut self.observed.branches).insert(branch, commit('a'));
        self
    }

    /// So many seconds pass, by both clocks.
    pub(super) fn later(mut self, seconds: i64) -> Self {
        let observed = &mut self.observed;
        observed.now = observed.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        observed.boot.boot_millis += u64::try_from(seconds).unwrap() * 1000;
        self
    }

    /// The task is claimed for `codegen-1`.
    pub(super) fn claim(mut self, task: &str, files: &[&str]) -> Self {
        let owner = Self::owner(task);
        let claim: Claim = from(json!({
            "taskId": task, "uid": owner.uid, "workerId": "codegen-1", "workerType": "ai_agent",
            "claimedAt": at(NOW - 5), "lockedFiles": files, "branchName": format!("fix/{task}"),
            "expiresAt": at(NOW + 3600), "heartbeat": { "at": at(NOW - 5), "bootId": "boot", "bootMillis": 999_995_000 }, "generation": 4,
            "nonce": "0".repeat(32), "node": "here",
        }));
        known(&mut self.observed.claims).insert(owner.task, Ok(claim));
        self
    }

    pub(super) fn failure(mut self, task: &str, action: &str, ago: i64, count: u32) -> Self {
        let task = known(&mut self.observed.tasks).get_mut(&name(task)).unwrap();
        task.failure = Some(Failure {
            action: action.to_owned(),
            message: "the disk is full".to_owned(),
            count,
            at: at(NOW - ago),
        });
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Desired, &mut Observed)) -> Self {
        change(&mut self.desired, &mut self.observed);
        self
    }

    pub(super) fn untrusted(self) -> Self {
        self.with(|_, observed| observed.trusted = Sighting::Known(BTreeSet::new()))
    }

    /// Plans, holds the plan to every law, and returns it.
    pub(super) fn plan(&self) -> Plan {
        let plan = plan(&Sighting::Known(&self.desired), &self.observed);
        let broken = check::laws(&self.desired, &self.observed, &plan);
        assert!(broken.is_empty(), "{broken:?}");
        plan
    }

    /// Returns the record that is written first.
    #[track_caller]
    pub(super) fn registers(&self) -> TaskRecord {
        let plan = self.plan();
        let Some(Action::Register(record)) = plan.actions.first() else { panic!("{plan:?}") };
        record.clone()
    }

    /// Returns the planned actions, one a line.
    #[track_caller]
    pub(super) fn plans(&self, expected: &[&str]) {
        let plan = self.plan();
        let actions: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
        assert_eq!(actions, expected, "{:#?}", plan.report);
    }

    /// Returns where a task is and why, as one line.
    #[track_caller]
    pub(super) fn says(&self, task: &str, expected: &str) {
        let plan = self.plan();
        let report = &plan.report.tasks[&name(task)];
        let line = format!("{} {}: {}", report.state, report.reason, report.message);
        assert_eq!(line, expected);
    }
}
