//! The properties: what must hold at every moment, and where everything must come to when the
//! faults have stopped.

use crate::agents::{self, Kind};
use crate::faults;
use crate::world::{World, list};
use reconciler::process::identity;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// What was read of the files that grow, and the agents that were started.
#[derive(Default)]
pub(crate) struct Watch {
    agents: usize,
    doubles: usize,
    overlaps: usize,
    log: usize,
    started: BTreeMap<String, Vec<(u32, String)>>,
    pub(crate) starts: usize,
    pub(crate) revivals: usize,
    pub(crate) warnings: usize,
}

/// What was added to a text since it was so long.
fn new_lines(text: &str, seen: &mut usize) -> Vec<String> {
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    let new = text.get(*seen..end).unwrap_or_default();
    *seen = (*seen).max(end);
    new.lines().map(str::to_owned).collect()
}

impl Watch {
    /// Looks at what must hold at every moment.
    pub(crate) fn look(&mut self, world: &mut World) {
        for line in new_lines(&world.read("agents"), &mut self.agents) {
            self.note(&line);
        }
        for line in new_lines(&world.read("doubles"), &mut self.doubles) {
            world.break_property(line);
        }
        for line in new_lines(&world.read("overlaps"), &mut self.overlaps) {
            if !world.claims_were_removed {
                world.break_property(line);
            }
        }
        self.one_agent_per_task(world);
        claims_are_disjoint(world);
        for line in new_lines(&world.read("loop.log"), &mut self.log) {
            if line.contains("panicked") || line.contains(" ERROR ") || line.contains("law") {
                world.break_property(format!("the loop said: {line}"));
            }
            self.warnings += usize::from(line.contains(" ! "));
        }
    }

    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["start", task, pid, start, attempt] = words[..] {
            let agents = self.started.entry(task.to_owned()).or_default();
            agents.push((pid.parse().unwrap(), start.to_owned()));
            self.starts += 1;
            self.revivals += usize::from(attempt != "1");
        }
    }

    fn one_agent_per_task(&mut self, world: &mut World) {
        for (task, agents) in &mut self.started {
            agents.retain(|(pid, start)| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                let rest: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
                rest.get(19) == Some(&start.as_str()) && rest[0] != "Z"
            });
            if agents.len() > 1 {
                world.break_property(format!("{task} has two agents: {agents:?}"));
                agents.clear();
            }
        }
    }
}

fn claims_are_disjoint(world: &mut World) {
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    let mut twice = Vec::new();
    for path in list(&world.env.path(".task-locks")) {
        // What is being written is no lock yet.
        if path.extension().is_none_or(|end| end != "lock") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Ok(claim) = serde_json::from_str::<Value>(&text) else { continue };
        let task = claim["taskId"].as_str().unwrap_or_default().to_owned();
        for file in claim["lockedFiles"].as_array().into_iter().flatten() {
            let file = file.as_str().unwrap_or_default().to_owned();
            if let Some(other) = held.insert(file.clone(), task.clone()) {
                twice.push(format!("{task} and {other} hold {file}"));
            }
        }
    }
    for what in twice {
        world.break_property(what);
    }
}

/// Returns what is not as it is wanted yet, and how many tasks are completed.
pub(crate) fn not_so(world: &World) -> (Vec<String>, usize) {
    let said = crate::common::said(&mut world.env.reconciler(&["get", "tasks", "-o", "json"]));
    let Ok(seen) = serde_json::from_str::<Value>(&said.stdout) else {
        return (vec![format!("get tasks said {said:?}")], 0);
    };
    let mut known = BTreeMap::new();
    for item in seen["items"].as_array().into_iter().flatten() {
        known.insert(item["metadata"]["name"].as_str().unwrap_or_default(), &item["status"]);
    }
    let completed = known.values().filter(|one| one["state"] == "completed").count();
    let wanted = world.tasks();
    let lock = |path: std::path::PathBuf| format!("{} is there", path.display());
    let mut wrong: Vec<String> = faults::locks(world).map(lock).collect();
    for name in world.task_files().keys() {
        let right = known.get(name.as_str()).is_some_and(|status| {
            is_right(world, (name, wanted.get(name).filter(|spec| spec.is_object())), status)
        });
        if !right {
            let status = known.get(name.as_str());
            let told =
                status.map(|one| format!("{} {} {}", one["state"], one["reason"], one["message"]));
            let spec = wanted.get(name).map(|spec| spec["argv"].to_string());
            wrong.push(format!(
                "{name} {}: {}",
                spec.unwrap_or_default(),
                told.unwrap_or_default()
            ));
        }
    }
    for (name, status) in known {
        if !world.task_files().contains_key(name) && !world.damaged.contains_key(name) {
            wrong.push(format!("{name} is not wanted: {} {}", status["reason"], status["message"]));
        }
    }
    (wrong, completed)
}

fn is_right(world: &World, (name, spec): (&str, Option<&Value>), status: &Value) -> bool {
    let reason = status["reason"].as_str().unwrap_or_default();
    let problems = status["problems"].as_array().is_some_and(|all| !all.is_empty());
    let Some(spec) = spec else { return reason == "Invalid" || problems };
    // Records of it are damaged: a person is asked. Who shares its files waits.
    if world.damaged.contains_key(name) && reason == "Damaged" {
        return true;
    }
    if !world.damaged.is_empty() && reason == "FilesHeld" {
        return true;
    }
    if problems {
        return false;
    }
    let ended = ["Succeeded", "AttemptsUsedUp"].contains(&reason);
    if spec["suspend"] == Value::Bool(true) {
        return reason == "Suspended" || ended;
    }
    match agents::kind(spec) {
        // What a person edited beside it, or it did before it was changed, may be outside of its claim.
        Some(Kind::Ends(_)) => {
            let message = status["message"].as_str().unwrap_or_default();
            reason == "Succeeded"
                || (reason == "AttemptsUsedUp" && message.contains("could not land"))
        }
        Some(Kind::Fails) => reason == "AttemptsUsedUp",
        Some(Kind::Stays(_)) => reason == "Running",
        None => false,
    }
}

/// Finds every mark that was ever made: in a worktree, in the trash, or in what refs hold.
pub(crate) fn nothing_is_lost(world: &mut World) {
    let marks = world.read("marks");
    let mut found = BTreeSet::new();
    for folder in [".worktrees", ".reconciler/trash"] {
        gather(&world.env.path(folder), &mut found);
    }
    gather_objects(world, &mut found);
    let marks: BTreeSet<&str> = marks.lines().collect();
    let lost: Vec<&&str> = marks
        .iter()
        .filter(|mark| !found.contains(**mark) && !world.excused.contains(**mark))
        .collect();
    if !lost.is_empty() {
        let all: Vec<String> = lost.iter().take(20).map(ToString::to_string).collect();
        let what = format!("{} of {} marks are lost: {all:?}", lost.len(), marks.len());
        world.excused.extend(lost.into_iter().map(|mark| (*mark).to_owned()).collect::<Vec<_>>());
        world.break_property(what);
    }
}

fn take(bytes: &[u8], found: &mut BTreeSet<String>) {
    if bytes.starts_with(b"mark ") {
        found.extend(String::from_utf8_lossy(bytes).strip_suffix('\n').map(str::to_owned));
    }
}

fn gather(folder: &Path, found: &mut BTreeSet<String>) {
    for path in list(folder) {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() {
            gather(&path, found);
        } else if meta.len() < 200 {
            take(&fs::read(&path).unwrap_or_default(), found);
        }
    }
}

/// Reads every object that a ref or a worktree's HEAD holds.
fn gather_objects(world: &World, found: &mut BTreeSet<String>) {
    let listed = world.env.git(&["rev-list", "--objects", "--all"]);
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    let ask = world.env.out("objects");
    fs::write(&ask, ids.join("\n") + "\n").unwrap();
    let mut command = world.env.command("git");
    command
        .args(["cat-file", "--batch"])
        .stdin(fs::File::open(ask).unwrap())
        .stdout(Stdio::piped());
    let output = command.output().unwrap().stdout;
    let mut rest = &output[..];
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size: usize =
            head.rsplit(' ').next().unwrap().parse().expect("git says how long it is");
        take(&rest[end + 1..end + 1 + size], found);
        rest = &rest[end + 2 + size..];
    }
}

/// What stays the same when there is nothing to do.
pub(crate) fn digest(world: &World) -> (Option<String>, String) {
    (world.env.try_git(&["for-each-ref"]), {
        let path = world.env.path(".reconciler/events.jsonl");
        fs::read_to_string(path).unwrap_or_default()
    })
}

/// Returns what is left behind after all tasks were deleted.
pub(crate) fn left_behind(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    let mut name = |what: &str, paths: Vec<std::path::PathBuf>| {
        left.extend(paths.into_iter().map(|path| format!("{what} {}", path.display())));
    };
    let visible = |folder: &str| {
        let mut all = list(&world.env.path(folder));
        all.retain(|path| path.file_name().is_some_and(|name| name != ".gitignore"));
        all
    };
    name("worktree", visible(".worktrees"));
    name("claim", visible(".task-locks"));
    name("record", visible(".reconciler/tasks"));
    name("failure", visible(".reconciler/failures"));
    left.extend(branches_left(world));
    for process in world.env.processes() {
        let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // Its name, its state and its parent say more of a tmux than its command line.
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap_or_default();
        let stat: Vec<&str> = stat.splitn(6, ' ').take(5).collect();
        left.push(format!("process {stat:?} {line}"));
    }
    left
}

/// Returns the branches of ours that hold nothing of their own. With the record of a task goes all that
/// tells whose its branch is, unless its worktree is there to tell: so each removal of a record may
/// leave one branch of this task.
fn branches_left(world: &World) -> Vec<String> {
    let mut excused = world.forgotten.clone();
    let all = world.env.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    let ours = all.lines().filter(|name| *name != "main" && !name.starts_with("person-"));
    let empty = ours
        .filter(|name| world.env.try_git(&["merge-base", "--is-ancestor", name, "main"]).is_some());
    let left = empty.filter(|name| {
        let task = name.trim_start_matches("fix/").split('-').next().unwrap_or_default();
        let removals = excused.get_mut(task).filter(|removals| **removals > 0);
        removals.map(|removals| *removals -= 1).is_none()
    });
    left.map(|name| format!("branch {name} holds nothing of its own")).collect()
}

/// Returns how much memory a process has, in kilobytes, and how many open files.
pub(crate) fn size_of(pid: u32) -> Option<(u64, u64)> {
    identity::of(pid).ok()??;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((line.trim().split(' ').next()?.parse().ok()?, files as u64))
}

/// Writes what helps to understand what happened into a folder.
pub(crate) fn keep(world: &World, folder: &Path, period: usize) {
    fs::create_dir_all(folder).unwrap();
    let mut file = fs::File::create(folder.join(format!("period-{period}.txt"))).unwrap();
    for line in &world.told {
        writeln!(file, "{line}").unwrap();
    }
    for name in ["loop.log", "marks", "agents"] {
        fs::copy(world.env.out(name), folder.join(name)).ok();
    }
    let events = world.env.path(".reconciler/events.jsonl");
    fs::copy(events, folder.join("events.jsonl")).ok();
    let asked = [
        ("tasks.json", vec!["get", "tasks", "-o", "json"]),
        ("status.json", vec!["status", "-o", "json"]),
    ];
    for (name, arguments) in asked {
        let said = crate::common::said(&mut world.env.reconciler(&arguments));
        fs::write(folder.join(name), said.stdout + &said.stderr).unwrap();
    }
    for (name, arguments) in
        [("refs", vec!["for-each-ref"]), ("worktrees", vec!["worktree", "list"])]
    {
        fs::write(folder.join(name), world.env.try_git(&arguments).unwrap_or_default()).unwrap();
    }
}
