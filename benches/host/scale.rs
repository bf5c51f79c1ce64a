//! The plan alone, on values: what a turn costs when there are many tasks. No world is needed, and
//! none is touched.

use crate::{ROUNDS, row, took};
use jiff::{SignedDuration, Timestamp};
use reconciler::agents;
use reconciler::api::attempt::{Attempt, AttemptId, ProcessId, Program, TaskRecord};
use reconciler::api::claim::Claim;
use reconciler::api::name::{Seat, TaskName, Uid};
use reconciler::api::worker::WorkerType;
use reconciler::plan::desired::{Desired, Entry, run_hash};
use reconciler::plan::observed::{
    AttemptSighting, AttemptState, EmptyState, Leftovers, Observed, Places, Session, Sighting,
    TaskSighting, Worktree, WorktreeState,
};
use reconciler::plan::{self, check};
use std::collections::BTreeMap;

/// How many tasks, and how many workers with one seat each.
const TASKS: usize = 10_000;
const WORKERS: usize = 1_000;

/// Prints what the plan costs in three scenes.
pub(crate) fn report() {
    let scenes = [
        ("all seats taken, the rest queued", WORKERS, TASKS),
        ("all seats free, every task can start", 0, TASKS),
        ("one of ten seats free, the rest queued", WORKERS * 9 / 10, TASKS),
        ("as many seats as tasks, all run", WORKERS, WORKERS),
    ];
    for (what, running, tasks) in scenes {
        let (desired, observed) = scene(tasks, running);
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

fn from<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn task_name(number: usize) -> TaskName {
    format!("task-{number:05}").parse().unwrap()
}

/// Returns a world of so many tasks, the first of which run.
fn scene(tasks: usize, running: usize) -> (Desired, Observed) {
    let now = Timestamp::from_second(1_000_000).unwrap();
    let mut desired = Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: "b".repeat(40).try_into().unwrap(),
        policy: Entry::valid(from(serde_json::json!({ "limits": { "maxConcurrentTasks": 1000 } }))),
        tasks: BTreeMap::new(),
        workers: BTreeMap::new(),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    };
    for number in 0..WORKERS {
        let worker = from(serde_json::json!({ "agent": "shell" }));
        desired.workers.insert(format!("w{number:04}").parse().unwrap(), Entry::valid(worker));
    }
    let places = Places { root: "/r".into() };
    let mut world = Parts::default();
    for number in 0..tasks {
        let name = task_name(number);
        let spec = from(serde_json::json!({
            "command": "make", "files": [format!("src/m{number}/"), format!("docs/{number}.md")],
        }));
        desired.tasks.insert(name.clone(), Entry::valid(spec));
        let uid = Uid::derive(number as u128, name.as_str());
        let branch = Some(format!("fix/{name}").try_into().unwrap());
        let record = TaskRecord { task: name, uid, created_at: now, branch };
        world.add(&desired, &places, (record, (number < running).then_some(number)), now);
    }
    let trusted = agents::built_in().iter();
    let trusted = trusted.map(|(name, spec)| Desired::trust_digest(name, spec)).collect();
    let observed = Observed {
        now,
        nonce: 1,
        places,
        tasks: Sighting::Known(world.tasks),
        claims: Sighting::Known(world.claims),
        sessions: Sighting::Known(world.sessions),
        worktrees: Sighting::Known(world.worktrees),
        branches: Sighting::Known(BTreeMap::new()),
        rescues: Sighting::Known(std::collections::BTreeSet::new()),
        trusted: Sighting::Known(trusted),
        leftovers: Sighting::Known(Leftovers::default()),
        empty_state: EmptyState::Doubted,
    };
    (desired, observed)
}

#[derive(Default)]
struct Parts {
    tasks: BTreeMap<TaskName, TaskSighting>,
    claims: BTreeMap<TaskName, Result<Claim, String>>,
    sessions: Vec<Session>,
    worktrees: Vec<Worktree>,
}

impl Parts {
    /// Adds a known task and, if it has a worker, everything of its running attempt.
    fn add(
        &mut self,
        desired: &Desired,
        places: &Places,
        (record, worker): (TaskRecord, Option<usize>),
        now: Timestamp,
    ) {
        let mut attempts = Vec::new();
        if let Some(worker) = worker {
            let seat: Seat = format!("w{worker:04}-1").try_into().unwrap();
            let path = places.worktree(&record.task);
            let spec = desired.tasks[&record.task].spec.as_ref().unwrap();
            let owner = Some(record.owner());
            self.claims.insert(record.task.clone(), Ok(claim(&record, &seat, &spec.files, now)));
            self.worktrees.push(Worktree {
                path: path.clone(),
                owner: owner.clone(),
                state: WorktreeState::Ready,
            });
            let name = record.task.to_string();
            self.sessions.push(Session { id: format!("${worker}"), name, owner, attempt: Some(1) });
            attempts.push(AttemptSighting {
                number: 1,
                attempt: Ok(attempt(&record, seat, path, run_hash(spec), now)),
                state: AttemptState::Running { shim: process(), asked: None, started_at: now },
            });
        }
        let name = record.task.clone();
        self.tasks.insert(name, TaskSighting { record: Ok(record), attempts, failure: None });
    }
}

fn process() -> ProcessId {
    ProcessId { pid: 7, start_time: 7, boot_id: "boot".to_owned() }
}

fn claim(
    record: &TaskRecord,
    seat: &Seat,
    files: &[reconciler::api::path::PathPattern],
    now: Timestamp,
) -> Claim {
    Claim {
        task: record.task.clone(),
        uid: record.uid.clone(),
        seat: seat.clone(),
        worker_type: WorkerType::AiAgent,
        claimed_at: now,
        locked_files: files.to_vec(),
        branch_name: record.branch.clone(),
        expires_at: now + SignedDuration::from_hours(1),
        renewed_at: now,
        generation: 1,
    }
}

fn attempt(
    record: &TaskRecord,
    seat: Seat,
    directory: std::path::PathBuf,
    run_hash: String,
    now: Timestamp,
) -> Attempt {
    let program = Program {
        argv: vec!["make".to_owned()],
        verify: None,
        env: BTreeMap::new(),
        env_allow: Vec::new(),
        secret_env: Vec::new(),
        timeout_seconds: 0,
        stop_grace_seconds: 10,
    };
    Attempt {
        id: AttemptId { owner: record.owner(), number: 1 },
        seat,
        class: reconciler::api::task::Class::Execution,
        run_hash,
        prepared_at: now,
        directory,
        program,
        heartbeat_seconds: 10,
    }
}
