//! One case: a scenario with one fault, then runs without until it is settled. What is wrong then is
//! returned, never judged by how it came about.

use crate::common::{TestEnvironment, is_there};
use crate::digest::digest;
use crate::scenario::Scenario;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Child;

/// One point that was passed.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    who: String,
    number: u32,
    pub(crate) place: String,
    pub(crate) name: String,
}

/// What happens where.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: String,
    number: u32,
    pub(crate) name: String,
}

impl Fault {
    pub(crate) fn of(kind: &str, point: &Point) -> Self {
        let name = format!("{} {} {}", point.who, point.place, point.name);
        Self { kind: kind.to_owned(), number: point.number, name }
    }

    pub(crate) fn is_a(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.number)
    }
}

impl std::str::FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = text.split_once(':').ok_or("KIND:NUMBER")?;
        let number = number.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { kind: kind.to_owned(), number, name: "replayed".to_owned() })
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Whether the fault came at all.
    pub(crate) fired: bool,
    digest: Vec<String>,
    starts: usize,
}

/// A run without a fault: what every other is compared with.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The points it passed, the longest of its processes for each number.
    pub(crate) points: Vec<Point>,
    ended: Ended,
}

/// Plays a scenario without a fault, so many times: the run with the fewest points stands, because a
/// point that only a longer one passed may never be met again. What makes a run longer is one turn
/// more, with the same kinds of effects.
pub(crate) fn baseline(scenario: Scenario, times: usize) -> Baseline {
    let runs = (0..times).map(|_| without_fault(scenario));
    runs.min_by_key(|run| run.points.len()).expect("there is one run at least")
}

fn without_fault(scenario: Scenario) -> Baseline {
    let env = TestEnvironment::new();
    let none = Fault { kind: "kill".to_owned(), number: u32::MAX, name: String::new() };
    let ended = play(scenario, &env, &none);
    assert!(!ended.fired, "no run passes so many points");
    let text = fs::read_to_string(registry(&env)).unwrap();
    let parse = |line: &str| {
        let mut words = line.splitn(4, ' ').map(str::to_owned);
        let mut next = || words.next().unwrap();
        Point { who: next(), number: next().parse().unwrap(), place: next(), name: next() }
    };
    let mut points: Vec<Point> = text.lines().map(parse).collect();
    points.sort_by_key(|point| point.number);
    points.dedup_by_key(|point| point.number);
    Baseline { points, ended }
}

/// Plays a scenario with a fault; returns whether the fault came.
///
/// # Errors
/// What did not heal, or ended otherwise than without the fault.
pub(crate) fn replay(
    scenario: Scenario,
    fault: &Fault,
    baseline: &Baseline,
) -> Result<bool, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let env = TestEnvironment::new();
        let ended = play(scenario, &env, fault);
        compare(scenario, &env, &ended, &baseline.ended);
        ended.fired
    }));
    played.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

fn compare(scenario: Scenario, env: &TestEnvironment, ended: &Ended, expected: &Ended) {
    let missing: Vec<_> = expected.digest.iter().filter(|l| !ended.digest.contains(l)).collect();
    let more: Vec<_> = ended.digest.iter().filter(|l| !expected.digest.contains(l)).collect();
    // What was cut short while it was retired is kept for the retention: that loses nothing.
    let same = missing.is_empty() && more.iter().all(|line| line.starts_with("trash "));
    assert!(same, "it ended otherwise: missing {missing:#?}, more {more:#?}\n{}", env.tell());
    // Who kills a shim, or its server, ends an attempt; a loop's end must not start one twice.
    let not_more = match scenario {
        Scenario::Shim | Scenario::ShimStop => true,
        Scenario::ReviveServer => ended.starts <= 2,
        Scenario::Create
        | Scenario::Adopt
        | Scenario::Revive
        | Scenario::Suspend
        | Scenario::Delete
        | Scenario::Keep
        | Scenario::CleanUp => ended.starts <= expected.starts,
    };
    let (starts, wanted) = (ended.starts, expected.starts);
    assert!(not_more, "{starts} starts of the agent, {wanted} without the fault\n{}", env.tell());
}

fn play(scenario: Scenario, env: &TestEnvironment, fault: &Fault) -> Ended {
    scenario.prepare(env);
    let mut first = spawn(scenario, env, Some(fault));
    scenario.meanwhile(env);
    env.wait_for("the faulty loop to end", || first.try_wait().unwrap());
    // Twice: what the first leaves to be swept, the second has swept.
    for _ in 0..2 {
        let mut next = spawn(scenario, env, None);
        env.wait_for("a loop after the fault to end", || next.try_wait().unwrap());
    }
    scenario.check(env);
    no_leftovers(env);
    env.assert_no_doubles();
    let starts = ["a", "b"].iter().map(|task| env.starts(task).len()).sum();
    let fired = is_there(&registry(env).with_added_extension("fired"));
    Ended { fired, digest: digest(env), starts }
}

fn spawn(scenario: Scenario, env: &TestEnvironment, fault: Option<&Fault>) -> Child {
    let mut command = env.reconciler(&["run", "--until", "settled"]);
    if let Some(Fault { kind, number, .. }) = fault {
        let file = registry(env);
        let text = format!("{}:{kind}:{number}:{}", scenario.who(), file.display());
        command.env("RECONCILER_FAULT", text);
    }
    let name = if fault.is_some() { "faulty" } else { "loop" };
    let file = |end: &str| {
        let path = env.out(&format!("{name}.{end}"));
        fs::OpenOptions::new().append(true).create(true).open(path).unwrap()
    };
    command.stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap()
}

fn registry(env: &TestEnvironment) -> PathBuf {
    env.out("points")
}

/// No lock of git and no temporary file of ours is left anywhere.
fn no_leftovers(env: &TestEnvironment) {
    let mut found = Vec::new();
    collect(&env.path(".git"), &mut found, |name| {
        Path::new(name).extension() == Some("lock".as_ref())
    });
    for folder in [".reconciler", ".task-locks"] {
        collect(&env.path(folder), &mut found, |name| name.starts_with(".tmp-"));
        let ignore = fs::read_to_string(env.path(folder).join(".gitignore")).unwrap_or_default();
        assert_eq!(ignore, "*\n", "{folder} shows in git status");
    }
    assert!(found.is_empty(), "left over: {found:?}\n{}", env.tell());
    assert_eq!(env.git(&["status", "--porcelain"]), "", "{}", env.tell());
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>, wanted: fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found, wanted);
        } else if wanted(&name) {
            found.push(entry.path());
        }
    }
}
