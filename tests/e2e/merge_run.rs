//! Many tasks land while the loop is killed again and again, and a person works on the same branch:
//! each is there once or told to a person, verified, in a line; and not a byte of anybody is lost.

use crate::common::{Loop, TestEnvironment, is_there, poll};
use reconciler::api::name::TaskName;
use reconciler::plan::report::{Reason, TaskReport};
use reconciler::world::sim::Rng;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

/// How a run is.
struct Setting {
    seed: u64,
    tasks: u64,
    kills: u64,
    /// How long a loop lives at most before it is killed.
    lives: Duration,
    within: Duration,
}

/// What a task does to its file.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// It has one of its own.
    Apart,
    /// It adds a line where others do, anew on the target when it is told to.
    Shared,
    /// It rewrites what others rewrite, and does not listen.
    Stubborn,
    /// It breaks the tests of the whole, and does not listen.
    Broken,
}

/// How often the person commits while nothing is killed.
const PERSON_EVERY: Duration = Duration::from_secs(3);

struct Run {
    env: TestEnvironment,
    rng: Rng,
    tasks: BTreeMap<String, (Kind, String)>,
    /// The commits of the person.
    mine: u64,
    until: Instant,
}

/// A task may end so many times in a conflict with those that were faster.
const RETRIES: u32 = 60;

impl Run {
    fn new(setting: &Setting) -> Self {
        let env = TestEnvironment::new();
        let seen = env.out("verified");
        let verify = format!(
            "test -z \"$(git status --porcelain)\" && ! grep -rqs broken src && \
             test -z \"$(sort shared/* | uniq -d)\" && git rev-parse HEAD^{{tree}} >> {}",
            seen.display()
        );
        env.write_object(
            "policy",
            "Policy",
            &json!({
                "merge": { "verify": verify, "parallel": 2 },
                "retry": { "baseSeconds": 0, "capSeconds": 0 },
            }),
        );
        env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 8}));
        fs::create_dir(env.path("shared")).unwrap();
        for number in 0..4 {
            fs::write(env.path(&format!("shared/{number}.txt")), format!("{number}\n")).unwrap();
        }
        fs::write(env.path("rewritten.txt"), "nobody\n").unwrap();
        let (mut rng, mut tasks) = (Rng::new(setting.seed), BTreeMap::new());
        for number in 0..setting.tasks {
            let (name, kind) = (format!("t{number}"), kind(&mut rng, number));
            let file = match kind {
                Kind::Apart | Kind::Broken => format!("src/{name}.txt"),
                Kind::Shared => format!("shared/{}.txt", rng.below(4)),
                Kind::Stubborn => "rewritten.txt".to_owned(),
            };
            env.write_task(&name, &spec(kind, (&name, &file)));
            tasks.insert(name, (kind, file));
        }
        env.commit("tasks");
        // What the person is at, and commits never.
        fs::write(env.path("tracked.txt"), "a draft\n").unwrap();
        fs::write(env.path("draft.txt"), "another\n").unwrap();
        let until = Instant::now() + setting.within;
        Self { env, rng, tasks, mine: 0, until }
    }

    /// The person commits in their own checkout, beside what they are at. Where git refuses because
    /// the branch just moved, they do it again.
    fn commit_mine(&mut self) {
        self.mine += 1;
        let file = format!("mine/{}.txt", self.mine);
        fs::create_dir_all(self.env.path("mine")).unwrap();
        fs::write(self.env.path(&file), self.mine.to_string()).unwrap();
        let message = format!("mine {}", self.mine);
        self.until_git(&["add", &file]);
        self.until_git(&["commit", "-q", "-m", &message, "--", &file]);
    }

    fn until_git(&self, arguments: &[&str]) {
        while self.env.try_git(arguments).is_none() {
            assert!(Instant::now() < self.until, "git {arguments:?}\n{}", self.env.tell());
            poll();
        }
    }

    /// Lets a loop live for a while, beside the person, and kills it.
    fn killed_once(&mut self, lives: Duration) {
        let running = self.env.start_loop_when_free();
        let lives = Duration::from_millis(self.rng.below(lives.as_millis().try_into().unwrap()));
        let end = Instant::now() + lives;
        if self.rng.one_in(2) {
            self.commit_mine();
        }
        while Instant::now() < end {
            poll();
        }
        running.kill();
    }

    /// Waits until every task is over, and returns what is said of each.
    fn over(&mut self) -> (Loop, BTreeMap<TaskName, TaskReport>) {
        let running = self.env.start_loop_when_free();
        let mut next = Instant::now();
        loop {
            let reports = self.env.snapshot().plan.report.tasks;
            let is_over =
                |one: &TaskReport| matches!(one.reason, Reason::Succeeded | Reason::AttemptsUsedUp);
            let all = reports.len() == self.tasks.len() && reports.values().all(is_over);
            if all && self.env.sessions().is_empty() {
                return (running, reports);
            }
            assert!(Instant::now() < self.until, "not over\n{}", self.env.tell());
            if Instant::now() > next {
                self.commit_mine();
                next = Instant::now() + PERSON_EVERY;
            }
            poll();
        }
    }

    /// Each is on the target once, or a person is told, and its branch is there.
    fn assert_each_landed_or_is_told(&self, reports: &BTreeMap<TaskName, TaskReport>) -> usize {
        let mut landed = 0;
        for (task, (kind, file)) in &self.tasks {
            let report = &reports[&crate::common::name(task)];
            let count = |at: &str| {
                let text = self.env.try_git(&["show", &format!("{at}:{file}")]).unwrap_or_default();
                text.lines().filter(|line| line.trim_end_matches(" broken") == task).count()
            };
            let subjects = self.env.git(&["log", "--format=%s", "main", "--", file]);
            let commits = subjects.lines().filter(|line| line == task).count();
            if report.reason == Reason::Succeeded {
                assert!(*kind != Kind::Broken, "{task} broke the tests");
                assert_eq!(commits, 1, "{task} in {file}\n{}", self.env.tell());
                // Who began when it had landed saw it, and rewrote it.
                let last = *kind != Kind::Stubborn || subjects.lines().next() == Some(task);
                assert_eq!(count("main"), usize::from(last), "{task} in {file}");
                landed += 1;
            } else {
                assert_eq!(commits, 0, "{task} in {file}");
                assert!(report.message.contains("could not land"), "{task}: {}", report.message);
                assert_eq!(count(&self.env.branch(task)), 1, "{task}: its branch lost it");
                let stubborn = [Kind::Stubborn, Kind::Broken].contains(kind);
                assert!(stubborn, "{task}: {}", report.message);
            }
        }
        landed
    }

    /// The branch is a line, and it never stood where nobody verified it.
    fn assert_verified_line(&self) {
        assert_eq!(self.env.git(&["rev-list", "--merges", "main"]), "");
        let verified = fs::read_to_string(self.env.out("verified")).unwrap();
        let verified: BTreeSet<&str> = verified.lines().collect();
        let format = "--format=%T %(trailers:key=Reconciler-Task,valueonly,separator=)";
        let moves = self.env.git(&["log", "-g", format, "main"]);
        let ours = moves.lines().filter_map(|line| line.split_once(' '));
        for (tree, task) in ours.filter(|(_, task)| !task.is_empty()) {
            assert!(verified.contains(tree), "{task} landed unverified");
        }
    }

    fn assert_mine_is_there(&self) {
        let subjects = self.env.git(&["log", "--format=%s", "main"]);
        for number in 1..=self.mine {
            let message = format!("mine {number}");
            assert_eq!(subjects.lines().filter(|line| *line == message).count(), 1, "{message}");
            let there = self.env.git(&["show", &format!("main:mine/{number}.txt")]);
            assert_eq!(there, number.to_string());
        }
        let read = |name| fs::read_to_string(self.env.path(name)).unwrap();
        assert_eq!(
            (read("tracked.txt"), read("draft.txt")),
            ("a draft\n".into(), "another\n".into())
        );
        let status = self.env.git(&["status", "--porcelain"]);
        assert_eq!(status, " M tracked.txt\n?? draft.txt", "the checkout followed");
    }

    fn assert_nothing_is_left(&self, reports: &BTreeMap<TaskName, TaskReport>) {
        let left = self.env.git(&["for-each-ref", "refs/reconciler/candidates"]);
        assert_eq!(left, "", "candidates are left");
        let branches = self.env.git(&["for-each-ref", "refs/heads", "--format=%(refname:short)"]);
        for task in self.tasks.keys() {
            let is_over = reports[&crate::common::name(task)].reason == Reason::Succeeded;
            let branch = self.env.branch(task);
            assert!(!is_over || !branches.lines().any(|one| one == branch), "{branch} is left");
            assert!(!is_over || !is_there(&self.env.worktree(task)), "{task}: a worktree is left");
        }
        let git = self.env.git(&["worktree", "list", "--porcelain"]);
        let verify = self.env.path(".reconciler/verify");
        let places = git.lines().filter(|line| line.contains(verify.to_str().unwrap()));
        assert!((1..=2).contains(&places.count()), "{git}");
    }
}

/// Draws a kind; some of each are always there.
fn kind(rng: &mut Rng, number: u64) -> Kind {
    match (number, rng.below(20)) {
        (0 | 1, _) | (_, 0) => Kind::Stubborn,
        (2, _) | (_, 1) => Kind::Broken,
        (3 | 4, _) | (_, 2..10) => Kind::Shared,
        _ => Kind::Apart,
    }
}

fn spec(kind: Kind, (name, file): (&str, &str)) -> serde_json::Value {
    let commit = format!("git add -A && git commit -qm {name}");
    // One that was cut off before it did anything begins anew; one that was refused insists.
    let once = format!("git log --format=%s main.. | grep -qx {name} ||");
    let (command, retries) = match kind {
        Kind::Apart | Kind::Shared => {
            let anew = "git reset -q --hard main && mkdir -p src";
            (format!("{anew} && echo {name} >> {file} && {commit}"), RETRIES)
        }
        Kind::Stubborn => (format!("{once} {{ echo {name} > {file}; {commit}; }}"), 1),
        Kind::Broken => {
            let write = format!("mkdir -p src && echo {name} broken > {file}");
            (format!("{once} {{ {write}; {commit}; }}"), 1)
        }
    };
    json!({ "command": command, "retries": retries })
}

#[expect(clippy::print_stderr, reason = "whoever waits for it wants to see how it goes")]
fn run(setting: &Setting) {
    let Setting { seed, tasks, kills, .. } = setting;
    eprintln!("merges: SEED={seed}, {tasks} tasks, {kills} kills");
    let (mut run, began) = (Run::new(setting), Instant::now());
    for _ in 0..*kills {
        run.killed_once(setting.lives);
    }
    let (running, reports) = run.over();
    let landed = run.assert_each_landed_or_is_told(&reports);
    run.assert_verified_line();
    run.assert_mine_is_there();
    assert!(running.end_by(&run.env, "TERM").success());
    run.assert_nothing_is_left(&reports);
    let (told, mine) = (reports.len() - landed, run.mine);
    let took = began.elapsed().as_secs();
    eprintln!("{landed} landed, {told} told, beside {mine} commits of a person, in {took} s");
}

#[test]
fn ten_tasks_land_once_and_verified_although_the_loop_is_killed_and_a_person_commits() {
    let lives = Duration::from_millis(1500);
    run(&Setting { seed: 1, tasks: 10, kills: 6, lives, within: Duration::from_mins(2) });
}

#[test]
#[ignore = "takes minutes: make merges"]
fn a_hundred_tasks_land_once_and_verified_although_the_loop_is_killed_and_a_person_commits() {
    let drawn = u64::try_from(uuid::Uuid::new_v4().as_u128() & 0xffff_ffff).unwrap();
    let seed = std::env::var("SEED").map_or(drawn, |text| text.parse().unwrap());
    let lives = Duration::from_secs(5);
    run(&Setting { seed, tasks: 100, kills: 30, lives, within: Duration::from_mins(15) });
}
