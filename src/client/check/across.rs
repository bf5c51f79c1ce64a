//! What is wrong between files: names of nothing, circles, tasks that nobody could take. Whether a
//! task could be taken is asked of the planner itself, on a world where nothing runs. Pure.

use crate::agents;
use crate::api::admission::Admitted;
use crate::api::key::Key;
use crate::api::name::{AgentName, CommitId, TaskName, WorkerName};
use crate::api::path::{Case, PathPattern, first_overlap};
use crate::api::position::Document;
use crate::api::problem::{Problem, Report, Severity, did_you_mean};
use crate::api::task::TaskSpec;
use crate::api::worker::{WorkerSpec, WorkerType};
use crate::plan::desired::{Desired, Entry};
use crate::plan::observed::{EmptyState, Leftovers, Observed, Places, Sighting};
use crate::plan::report::Reason;
use crate::plan::{cycles, plan};
use crate::store::Draft;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

type Tasks<'a> = BTreeMap<&'a TaskName, &'a TaskSpec>;
/// Says of a path that it lies beyond a symbolic link, and what to do.
type Beyond<'a> = &'a dyn Fn(&str) -> Option<(String, String)>;

/// Something wrong, before its place in the file is looked up.
struct Finding {
    pointer: String,
    message: String,
    help: Option<String>,
}

/// What is wrong, by file and by how bad it is.
#[derive(Default)]
struct Findings(BTreeMap<(Key, Severity), Vec<Finding>>);

impl Findings {
    fn add(
        &mut self,
        (key, severity): (Key, Severity),
        pointer: String,
        said: (String, Option<String>),
    ) {
        let finding = Finding { pointer, message: said.0, help: said.1 };
        self.0.entry((key, severity)).or_default().push(finding);
    }

    /// Points into the files.
    fn place(self, draft: &Draft) -> Vec<Problem> {
        let mut found = Vec::new();
        for ((key, severity), findings) in self.0 {
            let text = draft.files.get(&key).map(|file| file.text.as_str());
            let path = key.path();
            let Some(document) = text.and_then(Document::of) else { continue };
            let mut report = Report::new(&path, &document);
            for Finding { pointer, message, help } in findings {
                report.at_value(&pointer, message, help);
            }
            let mut problems = report.into_problems();
            for problem in &mut problems {
                problem.severity = severity;
            }
            found.extend(problems);
        }
        found
    }
}

/// Says what is wrong between the files of a draft.
pub(super) fn judge(draft: &Draft, case: Case, beyond: Beyond<'_>) -> Vec<Problem> {
    let mut findings = Findings::default();
    let tasks: Tasks<'_> = draft
        .files
        .iter()
        .filter_map(|(key, file)| match (key, file.admitted.as_ref().ok()?) {
            (Key::Task(name), Admitted::Task(task)) => Some((name, &task.spec)),
            (Key::Task(_) | Key::Worker(_) | Key::Agent(_) | Key::Policy, _) => None,
        })
        .collect();
    names(draft, &tasks, &mut findings);
    circles(draft, &tasks, &mut findings);
    overlaps((&tasks, case), &mut findings);
    links(&tasks, beyond, &mut findings);
    untakable(&world_of(draft), &tasks, &mut findings);
    findings.place(draft)
}

/// Finds names of tasks, workers and agents that are not there.
fn names(draft: &Draft, tasks: &Tasks<'_>, findings: &mut Findings) {
    let near = |wanted: &str, kind: &str, known: Vec<&str>| {
        let near = did_you_mean(wanted, known.into_iter());
        let other = format!("add `state/{kind}s/{wanted}.json`, or take the name out");
        Some(near.map_or(other, |near| format!("did you mean `{near}`?")))
    };
    let known = |kind: fn(&Key) -> bool| draft.files.keys().filter(move |key| kind(key));
    let known_tasks = || known(|key| matches!(key, Key::Task(_))).map(Key::name).collect();
    let known_workers = || known(|key| matches!(key, Key::Worker(_))).map(Key::name).collect();
    for (name, spec) in tasks {
        let this = || (Key::Task((*name).clone()), Severity::Error);
        for (index, dependency) in spec.dependencies.iter().enumerate() {
            if !draft.files.contains_key(&Key::Task(dependency.clone())) {
                let message = format!("there is no task `{dependency}`");
                let help = near(dependency.as_str(), "task", known_tasks());
                findings.add(this(), format!("/spec/dependencies/{index}"), (message, help));
            }
        }
        if let Some(worker) = &spec.assigned_to
            && !draft.files.contains_key(&Key::Worker(worker.clone()))
        {
            let message = format!("there is no worker `{worker}`");
            let help = near(worker.as_str(), "worker", known_workers());
            findings.add(this(), "/spec/assignedTo".to_owned(), (message, help));
        }
    }
    for (key, file) in &draft.files {
        let Ok(Admitted::Worker(worker)) = &file.admitted else { continue };
        let Some(agent) = &worker.spec.agent else { continue };
        let built_in = || agents::built_in().iter().map(|(name, _)| name);
        if draft.files.contains_key(&Key::Agent(agent.clone()))
            || built_in().any(|one| one == agent)
        {
            continue;
        }
        let written = known(|key| matches!(key, Key::Agent(_))).map(Key::name);
        let all = written.chain(built_in().map(AgentName::as_str)).collect();
        let message = format!("there is no agent `{agent}`");
        let help = near(agent.as_str(), "agent", all);
        findings.add((key.clone(), Severity::Error), "/spec/agent".to_owned(), (message, help));
    }
}

/// Finds circles of dependencies, each told once, in the file of its first task.
fn circles(draft: &Draft, tasks: &Tasks<'_>, findings: &mut Findings) {
    let mut told: BTreeSet<BTreeSet<String>> = BTreeSet::new();
    for text in cycles(tasks.iter().map(|(name, spec)| (*name, *spec))).into_values() {
        let walk: Vec<&str> = text.split(" -> ").collect();
        let last = walk.last().copied().unwrap_or_default();
        let begin = walk.iter().position(|name| *name == last).unwrap_or(0);
        let circle = walk.get(begin..).unwrap_or_default();
        if !told.insert(circle.iter().map(|name| (*name).to_owned()).collect()) {
            continue;
        }
        let links: Vec<(Key, String, String)> =
            circle.windows(2).filter_map(|pair| link(tasks, pair)).collect();
        let place = |(key, pointer, on): &(Key, String, String)| {
            let text = draft.files.get(key).map(|file| file.text.as_str())?;
            let at = Document::of(text)?.value(pointer).start;
            let (line, _) = crate::api::position::position(text, at);
            Some(format!("`{on}` in {}:{line}", key.path()))
        };
        let places: Vec<String> = links.iter().filter_map(place).collect();
        let help = Some(format!("take one of these out: {}", places.join(", ")));
        if let Some((key, pointer, _)) = links.into_iter().next() {
            let message = format!("these tasks wait for each other: {}", circle.join(" -> "));
            findings.add((key, Severity::Error), pointer, (message, help));
        }
    }
}

/// Returns where a task names the one it waits for.
fn link(tasks: &Tasks<'_>, pair: &[&str]) -> Option<(Key, String, String)> {
    let [from, on] = pair else { return None };
    let (name, spec) = tasks.get_key_value(&from.parse::<TaskName>().ok()?)?;
    let index = spec.dependencies.iter().position(|one| one.as_str() == *on)?;
    let pointer = format!("/spec/dependencies/{index}");
    Some((Key::Task((*name).clone()), pointer, (*on).to_owned()))
}

/// Finds tasks that are free to run at once and may change one file.
fn overlaps((tasks, case): (&Tasks<'_>, Case), findings: &mut Findings) {
    let behind: BTreeMap<&TaskName, BTreeSet<&TaskName>> =
        tasks.keys().map(|name| (*name, all_behind(tasks, name))).collect();
    let in_row = |a: &TaskName, b: &TaskName| behind.get(a).is_some_and(|set| set.contains(b));
    let listed: Vec<_> = tasks.iter().filter(|(_, spec)| !spec.suspend).collect();
    for (at, (name, spec)) in listed.iter().enumerate() {
        let files: Vec<PathPattern> = spec.files.iter().map(|one| one.clone().on(case)).collect();
        for (other, other_spec) in listed.iter().take(at) {
            let Some((mine, theirs, path)) = first_overlap(&files, &other_spec.files) else {
                continue;
            };
            if in_row(name, other) || in_row(other, name) {
                continue;
            }
            let index = spec.files.iter().position(|one| one == mine).unwrap_or(0);
            let message = format!(
                "`{}` and `{}` of task `{other}` can both change {path}: the two run one by one",
                mine.as_str(),
                theirs.as_str()
            );
            let help = "nothing to do if that is meant; else make the patterns narrower".to_owned();
            let this = (Key::Task((**name).clone()), Severity::Warning);
            findings.add(this, format!("/spec/files/{index}"), (message, Some(help)));
        }
    }
}

/// Finds paths that git has no files at.
fn links(tasks: &Tasks<'_>, beyond: Beyond<'_>, findings: &mut Findings) {
    for (name, spec) in tasks {
        for (index, file) in spec.files.iter().enumerate() {
            if let Some((message, help)) = beyond(file.as_str()) {
                let this = (Key::Task((*name).clone()), Severity::Warning);
                findings.add(this, format!("/spec/files/{index}"), (message, Some(help)));
            }
        }
    }
}

/// Returns every task that one waits for, directly or through others.
fn all_behind<'a>(tasks: &Tasks<'a>, name: &TaskName) -> BTreeSet<&'a TaskName> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(spec) = open.pop().and_then(|name| tasks.get(name)) {
        let new = spec.dependencies.iter().filter(|one| found.insert(*one));
        open.extend(new.collect::<Vec<_>>());
    }
    found
}

/// Finds tasks that no worker could take, however long they wait.
fn untakable(world: &(Desired, Observed), tasks: &Tasks<'_>, findings: &mut Findings) {
    let (desired, observed) = world;
    for (name, spec) in tasks {
        let assigned = spec.assigned_to.as_ref();
        // An unknown worker is an error of its own, and people claim their tasks themselves.
        if assigned.is_some_and(|worker| !is_program(desired, worker)) {
            continue;
        }
        let free = TaskSpec { dependencies: Vec::new(), suspend: false, ..(*spec).clone() };
        let alone = BTreeMap::from([((*name).clone(), Entry::valid(free))]);
        let desired = Desired { tasks: alone, ..desired.clone() };
        let plan = plan(&Sighting::Known(&desired), observed);
        let Some(report) = plan.report.tasks.get(*name) else { continue };
        if report.reason == Reason::NoWorker {
            let help = "add or change a worker in `state/workers/`, or change the task".to_owned();
            let this = (Key::Task((*name).clone()), Severity::Warning);
            findings.add(this, "/spec".to_owned(), (report.message.clone(), Some(help)));
        }
    }
}

fn is_program(desired: &Desired, worker: &WorkerName) -> bool {
    let spec = desired.workers.get(worker).and_then(|entry| entry.spec.as_ref());
    spec.is_some_and(|spec: &WorkerSpec| spec.kind == WorkerType::AiAgent)
}

/// Returns the workers and agents of a draft, in a world where nothing runs and all is approved.
fn world_of(draft: &Draft) -> (Desired, Observed) {
    let mut desired = Desired {
        state_ref: String::new(),
        revision: CommitId::try_from("0".repeat(40)).expect("forty digits are an id"),
        policy: Entry::valid(crate::api::policy::PolicySpec::default()),
        tasks: BTreeMap::new(),
        workers: BTreeMap::new(),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    };
    for (key, file) in &draft.files {
        match (key, &file.admitted) {
            (Key::Worker(name), Ok(Admitted::Worker(one))) => {
                desired.workers.insert(name.clone(), Entry::valid(one.spec.clone()));
            }
            (Key::Agent(name), Ok(Admitted::Agent(one))) => {
                desired.agents.insert(name.clone(), Entry::valid(one.spec.clone()));
            }
            (Key::Task(_) | Key::Worker(_) | Key::Agent(_) | Key::Policy, _) => {}
        }
    }
    let names = desired.agents.keys().chain(agents::built_in().iter().map(|(name, _)| name));
    let digest = |name| desired.agent(name).map(|spec| Desired::trust_digest(name, spec));
    let trusted = names.filter_map(digest).collect();
    let observed = Observed {
        now: Timestamp::UNIX_EPOCH,
        nonce: 0,
        node: "here".to_owned(),
        boot: crate::api::claim::BootTime { boot_id: "boot".to_owned(), boot_millis: 0 },
        awake_since: 0,
        places: Places { root: "/".into() },
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
        holds: Sighting::Known(crate::api::hold::Holds::default()),
        machine: crate::plan::observed::Machine::idle(),
        empty_state: EmptyState::Doubted,
    };
    (desired, observed)
}
