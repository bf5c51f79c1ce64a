//! The plan alone, on values: what a turn costs when there are many tasks. No world is needed, and
//! none is touched.

use crate::{ROUNDS, row, took};
use jiff::Timestamp;
use reconciler::agents;
use reconciler::api::attempt::{ProcessId, TaskRecord};
use reconciler::api::claim::BootTime;
use reconciler::api::name::{BranchName, CommitId, TaskName, Uid};
use reconciler::api::policy::PolicySpec;
use reconciler::plan::action::Action;
use reconciler::plan::desired::{Desired, Entry};
use reconciler::plan::observed::{
    AttemptSighting, AttemptState, ClaimSighting, EmptyState, Leftovers, Observed, Places, Said,
    Session, Sighting, TaskSighting, Worktree, WorktreeState,
};
use reconciler::plan::{self, check};
use std::collections::BTreeMap;

/// How many tasks, and how many workers with one seat each.
const TASKS: usize = 10_000;
const WORKERS: usize = 1_000;

/// Prints what the plan costs in a few scenes.
pub(crate) fn report() {
    let scenes: [(&str, usize, usize, Change); 7] = [
        ("1,000 of 1,000 run", WORKERS, WORKERS, |_| {}),
        ("1,000 of 10,000 run, all that the policy allows", WORKERS, TASKS, |desired| {
            desired.policy = limit(WORKERS);
        }),
        ("1,000 of 10,000 run, the rest wait for seats", WORKERS, TASKS, |_| {}),
        ("none of 10,000 runs, 1,000 can start", 0, TASKS, |_| {}),
        ("none of 10,000 runs, all want the same files", 0, TASKS, |desired| {
            each(desired, |_| serde_json::json!({ "command": "make", "files": ["src/**/*.rs"] }));
        }),
        ("none of 10,000 runs, each wants its name in any folder", 0, TASKS, |desired| {
            each(
                desired,
                |at| serde_json::json!({ "command": "make", "files": [format!("**/m{at}.rs")] }),
            );
        }),
        ("none of 10,000 runs, each waits for the one before", 0, TASKS, |desired| {
            each(desired, |at| {
                let on = (at > 0).then(|| format!("task-{:05}", at - 1));
                serde_json::json!({ "command": "make", "dependencies": Vec::from_iter(on) })
            });
        }),
    ];
    for (what, running, tasks, change) in scenes {
        let (mut desired, observed) = scene(tasks, running);
        desired.policy = limit(TASKS);
        change(&mut desired);
        let known = Sighting::Known(&desired);
        // A slow scene is measured less often.
        let first = took(|| plan::plan(&known, &observed));
        let rounds = if first > 1_000.0 { 1 } else { ROUNDS };
        let times = (0..rounds).map(|_| took(|| plan::plan(&known, &observed))).collect();
        row(&format!("plan: {what}"), None, times, "< 10");
        let made = plan::plan(&known, &observed);
        let laws = || check::laws(&desired, &observed, &made);
        let times = (0..rounds).map(|_| took(laws)).collect();
        row(&format!("  its laws, on {} actions", made.actions.len()), None, times, "< 10");
    }
}

/// What a scene has that is its own.
type Change = fn(&mut Desired);

/// Gives every task another spec.
fn each(desired: &mut Desired, spec: impl Fn(usize) -> serde_json::Value) {
    for (at, entry) in desired.tasks.values_mut().enumerate() {
        *entry = Entry::valid(from(spec(at)));
    }
}

fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// Returns a world of so many tasks, of which so many run: those that the plan itself starts.
fn scene(tasks: usize, running: usize) -> (Desired, Observed) {
    let desired = desired(tasks, running);
    let mut observed = records(&desired);
    let mut world = Parts::default();
    if running > 0 {
        let started = plan::plan(&Sighting::Known(&desired), &observed);
        started.actions.into_iter().for_each(|action| world.see(action));
    }
    if let Sighting::Known(known) = &mut observed.tasks {
        for (name, attempt) in world.attempts {
            known.get_mut(&name).unwrap().attempts.push(attempt);
        }
    }
    observed.claims = Sighting::Known(world.claims);
    observed.sessions = Sighting::Known(world.sessions);
    observed.worktrees = Sighting::Known(world.worktrees);
    observed.branches = Sighting::Known(world.branches);
    (desired, observed)
}

fn limit(tasks: usize) -> Entry<PolicySpec> {
    Entry::valid(from(serde_json::json!({ "limits": { "maxConcurrentTasks": tasks } })))
}

fn desired(tasks: usize, running: usize) -> Desired {
    let worker = |number| {
        let spec = from(serde_json::json!({ "agent": "shell" }));
        (format!("w{number:04}").parse().unwrap(), Entry::valid(spec))
    };
    let task = |number| {
        let files = [format!("src/m{number}/"), format!("docs/{number}.md")];
        let spec = serde_json::json!({ "command": "make", "files": files });
        (format!("task-{number:05}").parse().unwrap(), Entry::valid(from(spec)))
    };
    Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: "b".repeat(40).try_into().unwrap(),
        policy: limit(running.max(1)),
        tasks: (0..tasks).map(task).collect(),
        workers: (0..WORKERS).map(worker).collect(),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    }
}

/// Returns a world in which every task is known and none has begun.
fn records(desired: &Desired) -> Observed {
    let now = now();
    let record = |name: &TaskName| {
        let uid = Uid::derive(1, name.as_str());
        let branch = Some(format!("fix/{name}").try_into().unwrap());
        let record = TaskRecord { task: name.clone(), uid, created_at: now, branch };
        let seen = TaskSighting {
            record: Ok(record),
            attempts: Vec::new(),
            failure: None,
            retrial: None,
            landing: None,
        };
        (name.clone(), seen)
    };
    let trusted = agents::built_in().iter();
    let trusted = trusted.map(|(name, spec)| Desired::trust_digest(name, spec)).collect();
    Observed {
        now,
        nonce: 1,
        node: "here".to_owned(),
        boot: BootTime { boot_id: "boot".to_owned(), boot_millis: 0 },
        awake_since: 0,
        places: Places { root: "/r".into() },
        tasks: Sighting::Known(desired.tasks.keys().map(record).collect()),
        claims: Sighting::Known(BTreeMap::new()),
        generations: BTreeMap::new(),
        sessions: Sighting::Known(Vec::new()),
        worktrees: Sighting::Known(Vec::new()),
        branches: Sighting::Known(BTreeMap::new()),
        rescues: Sighting::Known(std::collections::BTreeSet::new()),
        trusted: Sighting::Known(trusted),
        leftovers: Sighting::Known(Leftovers::default()),
        issues: Sighting::Known(BTreeMap::new()),
        holds: Sighting::Known(reconciler::api::hold::Holds::default()),
        machine: reconciler::plan::observed::Machine::idle(),
        empty_state: EmptyState::Doubted,
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap()
}

/// What is there after the actions of a plan.
#[derive(Default)]
struct Parts {
    attempts: BTreeMap<TaskName, AttemptSighting>,
    claims: BTreeMap<TaskName, ClaimSighting>,
    sessions: Vec<Session>,
    worktrees: Vec<Worktree>,
    branches: BTreeMap<BranchName, CommitId>,
}

impl Parts {
    /// Adds what one action leaves. Worktree and session follow from the attempt.
    fn see(&mut self, action: Action) {
        if let Action::Claim(claim) = action {
            let tip = "b".repeat(40).try_into().unwrap();
            self.branches.extend(claim.branch_name.clone().map(|branch| (branch, tip)));
            self.claims.insert(claim.task.clone(), Ok(claim));
        } else if let Action::PrepareAttempt(attempt) = action {
            let name = attempt.id.owner.task.clone();
            let owner = Some(attempt.id.owner.clone());
            let (path, state) = (attempt.directory.clone(), WorktreeState::Ready);
            self.worktrees.push(Worktree {
                path,
                owner: owner.clone(),
                state,
                branch: None,
                generation: None,
            });
            let id = format!("${}", self.sessions.len());
            let (called, number) = (name.to_string(), Some(attempt.id.number));
            self.sessions.push(Session {
                id,
                name: called,
                owner,
                attempt: number,
                seat: None,
                is_idle: false,
            });
            let shim = ProcessId { pid: 7, start_time: 7, boot_id: "boot".to_owned() };
            let state = AttemptState::Running { shim, asked: None, started_at: now() };
            let seen = AttemptSighting {
                number: attempt.id.number,
                attempt: Ok(attempt),
                state,
                said: Said::default(),
            };
            self.attempts.insert(name, seen);
        }
    }
}
