//! Scene: a snapshot built by hand for tests of what people see. What the planner would do is taken
//! as done, so that every record is the real planner's.

use crate::api::attempt::{Exit, ExitReason, ProcessId};
use crate::api::event::{Event, EventKind};
use crate::api::name::TaskName;
use crate::client::{LoopState, Snapshot};
use crate::plan::action::Action;
use crate::plan::desired::{Desired, Entry};
use crate::plan::observed::{
    AttemptSighting, AttemptState, EmptyState, Leftovers, Observed, Places, Said, Session,
    Sighting, TaskSighting, Worktree, WorktreeState,
};
use crate::plan::plan;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The time of every scene: 2026-01-14T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_768_392_000, 0);

/// A snapshot that is being built.
pub(crate) struct Scene {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    pub(crate) loop_state: LoopState,
    events: Vec<Event>,
}

impl Scene {
    /// Makes a repository with nothing in it, and a loop that runs.
    pub(crate) fn new() -> Self {
        Self {
            desired: Desired {
                state_ref: "refs/heads/main".to_owned(),
                revision: "3f2a9c1".repeat(6)[..40].to_owned().try_into().unwrap(),
                policy: Entry::valid(serde_json::from_str("{}").unwrap()),
                tasks: BTreeMap::new(),
                workers: BTreeMap::new(),
                agents: BTreeMap::new(),
                strays: Vec::new(),
            },
            observed: Observed {
                now: NOW,
                nonce: 7,
                node: "here".to_owned(),
                boot: crate::api::claim::BootTime { boot_id: "boot".to_owned(), boot_millis: 0 },
                awake_since: 0,
                places: Places { root: "/home/alice/shop".into() },
                tasks: Sighting::Known(BTreeMap::new()),
                claims: Sighting::Known(BTreeMap::new()),
                generations: BTreeMap::new(),
                sessions: Sighting::Known(Vec::new()),
                worktrees: Sighting::Known(Vec::new()),
                branches: Sighting::Known(BTreeMap::new()),
                rescues: Sighting::Known(BTreeSet::new()),
                trusted: Sighting::Known(BTreeSet::new()),
                leftovers: Sighting::Known(Leftovers::default()),
                issues: Sighting::Known(BTreeMap::new()),
                holds: Sighting::Known(crate::api::hold::Holds::default()),
                machine: crate::plan::observed::Machine::idle(),
                empty_state: EmptyState::Doubted,
            },
            loop_state: LoopState::Running { pid: Some(4711), since: Some(ago(134)) },
            events: Vec::new(),
        }
        .trusting("shell")
    }

    /// Adds a task.
    pub(crate) fn task(mut self, name: &str, spec: Value) -> Self {
        let entry = Entry::valid(serde_json::from_value(spec).unwrap());
        self.desired.tasks.insert(name.parse().unwrap(), entry);
        self
    }

    /// Adds a worker.
    pub(crate) fn worker(mut self, name: &str, spec: Value) -> Self {
        let entry = Entry::valid(serde_json::from_value(spec).unwrap());
        self.desired.workers.insert(name.parse().unwrap(), entry);
        self
    }

    /// Adds the session that a seat keeps, in which nothing runs since this task was done.
    pub(crate) fn kept(mut self, seat: &str, task: &str) -> Self {
        let seat: crate::api::name::Seat = seat.to_owned().try_into().unwrap();
        let uid = crate::api::name::Uid::derive(1, task);
        let owner = crate::api::name::Owner { task: task.parse().unwrap(), uid };
        let Sighting::Known(sessions) = &mut self.observed.sessions else { return self };
        sessions.push(Session {
            id: format!("${}", sessions.len()),
            name: seat.session(),
            owner: Some(owner),
            attempt: Some(1),
            seat: Some(seat),
            is_idle: true,
        });
        self
    }

    /// Adds an agent that nobody approved.
    pub(crate) fn agent(mut self, name: &str, argv: &[&str]) -> Self {
        let spec = serde_json::json!({ "argv": argv });
        let entry = Entry::valid(serde_json::from_value(spec).unwrap());
        self.desired.agents.insert(name.parse().unwrap(), entry);
        self
    }

    /// Approves an agent.
    pub(crate) fn trusting(mut self, name: &str) -> Self {
        let name = name.parse().unwrap();
        let digest = Desired::trust_digest(&name, self.desired.agent(&name).unwrap());
        let Sighting::Known(trusted) = &mut self.observed.trusted else { return self };
        trusted.insert(digest);
        self
    }

    /// Adds an event of this moment.
    pub(crate) fn event(mut self, object: &str, reason: &str, message: &str) -> Self {
        self.events.push(Event {
            time: NOW,
            object: object.to_owned(),
            kind: if reason == "EffectFailed" { EventKind::Warning } else { EventKind::Normal },
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
        self
    }

    /// Registers a task, as the loop did when it saw it first, so many minutes ago.
    pub(crate) fn seen(mut self, name: &str, minutes: i64) -> Self {
        self.observed.now = ago(minutes);
        let snapshot = self.snapshot();
        for action in snapshot.plan.actions {
            if let Action::Register(record) = action
                && record.task.as_str() == name
            {
                let sighting = TaskSighting {
                    record: Ok(record),
                    attempts: Vec::new(),
                    failure: None,
                    retrial: None,
                    landing: None,
                };
                self.tasks().entry(name.parse().unwrap()).or_insert(sighting);
            }
        }
        self.observed.now = NOW;
        self
    }

    /// Starts a task, as the planner would have so many minutes ago.
    pub(crate) fn started(self, name: &str, minutes: i64) -> Self {
        let mut scene = self.seen(name, minutes);
        scene.observed.now = ago(minutes);
        let task: TaskName = name.parse().unwrap();
        let actions = scene.snapshot().plan.actions;
        let of_task = |action: &Action| action.subject().to_string() == format!("task/{task}");
        for action in actions.into_iter().filter(of_task) {
            scene.do_it(action, minutes);
        }
        scene.observed.now = NOW;
        scene
    }

    /// Ends the last attempt of a task.
    pub(crate) fn ended(mut self, name: &str, reason: ExitReason, minutes: i64) -> Self {
        let task: TaskName = name.parse().unwrap();
        let last = self.tasks().get_mut(&task).unwrap().attempts.last_mut().unwrap();
        let AttemptState::Running { started_at, .. } = last.state else { return self };
        let exit =
            Exit { started_at: Some(started_at), ended_at: ago(minutes), reason, class: None };
        last.state = AttemptState::Ended(exit);
        if let Sighting::Known(sessions) = &mut self.observed.sessions {
            sessions.retain(|session| session.name != name);
        }
        self
    }

    fn do_it(&mut self, action: Action, minutes: i64) {
        match action {
            Action::Claim(claim) => {
                let Sighting::Known(claims) = &mut self.observed.claims else { return };
                claims.insert(claim.task.clone(), Ok(claim));
            }
            Action::AddWorktree { owner, path, branch } => {
                let Sighting::Known(worktrees) = &mut self.observed.worktrees else { return };
                let state = WorktreeState::Ready;
                worktrees.push(Worktree {
                    path,
                    owner: Some(owner),
                    state,
                    branch: Some(branch),
                    generation: Some(1),
                });
            }
            Action::PrepareAttempt(attempt) => {
                let shim = ProcessId { pid: 42, start_time: 1, boot_id: "boot".to_owned() };
                let started_at = ago(minutes);
                let state = AttemptState::Running { shim, asked: None, started_at };
                let (number, name) = (attempt.id.number, attempt.id.owner.task.clone());
                let sighting =
                    AttemptSighting { number, attempt: Ok(attempt), state, said: Said::default() };
                self.tasks().get_mut(&name).unwrap().attempts.push(sighting);
            }
            Action::NewSession { attempt, .. } => {
                let Sighting::Known(sessions) = &mut self.observed.sessions else { return };
                sessions.push(Session {
                    id: format!("${}", sessions.len()),
                    name: attempt.owner.task.to_string(),
                    owner: Some(attempt.owner),
                    attempt: Some(attempt.number),
                    seat: None,
                    is_idle: false,
                });
            }
            Action::Register(_)
            | Action::Renew { .. }
            | Action::Release { .. }
            | Action::Expire { .. }
            | Action::Complete { .. }
            | Action::NoteGeneration { .. }
            | Action::CreateBranch { .. }
            | Action::RepairWorktree { .. }
            | Action::AskToStop { .. }
            | Action::KillProcesses { .. }
            | Action::CloseAttempt { .. }
            | Action::KillSession { .. }
            | Action::EndSession { .. }
            | Action::Rescue { .. }
            | Action::Retire { .. }
            | Action::DropBranch { .. }
            | Action::BuildCandidates { .. }
            | Action::CheckOut { .. }
            | Action::Refuse { .. }
            | Action::Land { .. }
            | Action::Forget(_)
            | Action::NoteFailure { .. }
            | Action::ClearFailure(_)
            | Action::EmptyTrash { .. }
            | Action::SweepAttempts { .. } => {}
        }
    }

    fn tasks(&mut self) -> &mut BTreeMap<TaskName, TaskSighting> {
        match &mut self.observed.tasks {
            Sighting::Known(tasks) => tasks,
            Sighting::Unknown(why) => panic!("{why}"),
        }
    }

    /// Looks at it, and plans for it.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            desired: Sighting::Known(Arc::new(self.desired.clone())),
            observed: self.observed.clone(),
            plan: plan(&Sighting::Known(&self.desired), &self.observed),
            loop_state: self.loop_state.clone(),
            events: Sighting::Known(self.events.clone()),
            conflicts: Vec::new(),
            proposals: Vec::new(),
        }
    }
}

fn ago(minutes: i64) -> Timestamp {
    NOW.checked_sub(SignedDuration::from_mins(minutes)).unwrap()
}

/// Returns a shop with a bit of everything.
pub(crate) fn shop() -> Scene {
    let task = |files: &[&str]| serde_json::json!({ "command": "make", "files": files });
    let mut scene = Scene::new()
        .agent("claude", &["claude", "--print", "{prompt}"])
        .worker("codegen", serde_json::json!({ "agent": "shell", "replicas": 4 }))
        .worker("thinker", serde_json::json!({ "agent": "claude", "skills": ["ai"] }))
        .worker("alice", serde_json::json!({ "type": "human", "githubUsername": "alice" }))
        .task("bump-deps", task(&["Cargo.toml"]))
        .started("bump-deps", 130)
        .ended("bump-deps", ExitReason::Succeeded, 120);
    scene = scene.task("flaky-ci", task(&["ci/"]));
    for minutes in [200, 190, 180] {
        scene = scene.started("flaky-ci", minutes).ended(
            "flaky-ci",
            ExitReason::Failed { status: 1 },
            minutes - 1,
        );
    }
    let login = serde_json::json!({
        "title": "Fix login redirect loop", "command": "make login\nmake test",
        "files": ["src/auth/**"], "verify": "make test", "issueNumber": 12,
    });
    let mut scene = scene
        .task("fix-login", login)
        .started("fix-login", 41)
        .task("docs-api", task(&["docs/"]))
        .started("docs-api", 58)
        .task("add-2fa", task(&["src/auth/token.rs"]))
        .seen("add-2fa", 22)
        .task("old-spike", serde_json::json!({ "command": "make", "suspend": true }))
        .seen("old-spike", 7200);
    for name in ["ask-ai", "draw-logo"] {
        let spec = serde_json::json!({ "prompt": "think", "requiredSkills": ["ai"] });
        scene = scene.task(name, spec).seen(name, 5);
    }
    scene
        .event("task/fix-login", "Claimed", "claim fix-login for codegen-1")
        .event("task/fix-login", "SessionStarted", "start session fix-login for attempt 1")
        .event("task/add-2fa", "EffectFailed", "cannot \u{1b}[2J add a worktree")
}
