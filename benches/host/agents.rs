//! What many live agents cost beside the agents themselves: the shims' memory and time, how fast output
//! passes through to the log, and how soon an end is recorded and the next task begins.

use crate::scene::{Scene, millis};
use crate::{MANY, ROUNDS, row, took};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long the shims are watched.
const WATCH: Duration = Duration::from_secs(30);
/// How much an agent writes, in megabytes: more than a log holds.
const FLOOD: f64 = 1_000.0;

pub(crate) fn report() {
    let mut scene = Scene::new(300);
    scene.start_loop();
    scene.ours("warm");
    ends(&scene);
    flood(&scene);
    let names: Vec<_> = (0..MANY - 1).map(|number| format!("n{number}")).collect();
    scene.ours_at_once(&names);
    scene.until_spare();
    let shims: Vec<String> = shims(&scene.repo());
    let before: f64 = shims.iter().map(|pid| ticks(pid)).sum();
    std::thread::sleep(WATCH);
    let used = shims.iter().map(|pid| ticks(pid)).sum::<f64>() - before;
    let count = shims.len();
    let percent = used / WATCH.as_secs_f64();
    row(&format!("{count} shims, silent agents: % of a core"), None, vec![percent], "-");
    let memory: f64 = shims.iter().map(|pid| proportional(pid)).sum();
    row(&format!("{count} shims: MB, shared parts shared"), None, vec![memory], "-");
    row("one shim: MB", None, vec![memory / f64::from(u32::try_from(count).unwrap())], "-");
}

/// How soon an end is recorded, and how soon a task that waited for it runs.
fn ends(scene: &Scene) {
    let (mut recorded, mut next) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let [first, second] = ["first", "second"].map(|name| format!("{name}{round}"));
        let stamp = |name: &str| format!("date +%s%N >{}", scene.out(name).display());
        let files = serde_json::json!([format!("ends/{round}")]);
        let spec = |name: &str, priority: u8| {
            let command = stamp(name);
            serde_json::json!({ "command": command, "files": files, "priority": priority })
        };
        scene.commit_tasks(&[(&first, spec(&first, 1)), (&second, spec(&second, 2))]);
        let started = scene.number_in(&second);
        let written = scene.number_in(&first);
        let ended = scene.ended_at(&first);
        recorded.push(between(written, ended));
        next.push(between(ended, started));
    }
    row("exit -> result recorded", None, recorded, "-");
    row("result recorded -> next task's command runs", None, next, "-");
}

/// How fast an agent can write, beside a plain terminal that logs.
fn flood(scene: &Scene) {
    let command = format!("yes 0123456789abcdef0123456789abcdef | head -c {FLOOD}M >FILE");
    let raw = scene.repo().join("raw.log");
    let raw_command = command.replace("FILE", &raw.display().to_string());
    let raw = took(|| Command::new("sh").args(["-c", &raw_command]).status().unwrap());
    fs::remove_file(scene.repo().join("raw.log")).unwrap();
    let done = scene.out("flooded");
    let command = command.replace(" >FILE", "");
    let command = format!("{command}; echo 1 >{}", done.display());
    let spec = serde_json::json!({ "command": command, "timeoutSeconds": 0 });
    let ours = took(|| {
        scene.commit_tasks(&[("flood", spec)]);
        scene.number_in("flooded");
    });
    row("an agent writes 1 GB; raw: into a file", Some(vec![raw]), vec![ours], "-");
    println!("per second: {:.0} MB", FLOOD * 1000.0 / ours);
}

fn between(from: u128, to: u128) -> f64 {
    millis(Duration::from_nanos(u64::try_from(to.saturating_sub(from)).unwrap()))
}

/// The pids of the shims of a repository.
fn shims(repo: &Path) -> Vec<String> {
    let folder = repo.join(".reconciler/attempts").display().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|one| one.file_name().into_string().ok());
    let is_shim = |pid: &String| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("\0shim\0") && line.contains(&folder)
    };
    pids.filter(is_shim).collect()
}

/// The time a process used, in hundredths of a second.
fn ticks(pid: &str) -> f64 {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = line.rsplit(") ").next().unwrap().split(' ');
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// The memory of a process, what it shares divided among those who share it, in megabytes.
fn proportional(pid: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0");
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
