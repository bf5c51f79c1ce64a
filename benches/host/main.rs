//! What the loop costs over plain git and tmux, and how the plan grows with the number of tasks.
//! Both sides of a ratio run in turn, in one run, on one disk; nothing is asserted.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts programs")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod agents;
mod claims;
mod merges;
mod scale;
mod scene;

use scene::{PROGRAM, Scene, millis};
use std::time::{Duration, Instant};

/// How often each thing is measured.
const ROUNDS: usize = 11;
/// How many files a repository has, how often a create is measured in it, and the target.
const SIZES: [(usize, usize, &str); 3] =
    [(300, ROUNDS, "ratio 1.0"), (2_000, ROUNDS, "ratio 0.3"), (50_000, 3, "ratio 0.5")];
/// How many tasks are started at once, and live while the rest is measured.
const MANY: usize = 100;
/// How many worktrees are live while their branches are compared.
const BRANCHES: usize = 50;
/// How many of them are killed.
const KILLS: usize = 60;
/// How long the loop is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(30);

fn main() {
    // `ONLY=create` measures one group of rows.
    let only = std::env::var("ONLY").unwrap_or_default();
    let groups: [(&str, fn()); 9] = [
        ("plan", scale::report),
        ("create", create),
        ("retire", retire),
        ("many", many),
        ("agents", agents::report),
        ("commit", commit),
        ("claims", claims::report),
        ("forecast", forecast),
        ("merges", merges::report),
    ];
    println!("{:56} {:>9} {:>9} {:>6}  {:9}  met", "what", "raw ms", "ours ms", "ratio", "target");
    for (_, measure) in groups.iter().filter(|(name, _)| name.contains(&only)) {
        measure();
    }
}

/// Prints one line of the table, of medians.
fn row(what: &str, raw: Option<Vec<f64>>, ours: Vec<f64>, target: &str) {
    let (raw, ours) = (raw.map(median), median(ours));
    let ratio = raw.map(|raw| ours / raw);
    let met = target.strip_prefix("ratio ").map_or_else(
        || ours <= target.trim_start_matches("< ").parse().unwrap_or(f64::INFINITY),
        |most| ratio.unwrap() <= most.parse().unwrap(),
    );
    let met = match met {
        _ if target == "-" => "-",
        true => "yes",
        false => "NO",
    };
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
    let (raw, ratio) = (text(raw), text(ratio));
    println!("{what:56} {raw:>9} {ours:>9.2} {ratio:>6}  {target:9}  {met}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Measures two things in turn, so often.
fn in_turn(rounds: usize, mut both: impl FnMut(String) -> (f64, f64)) -> (Vec<f64>, Vec<f64>) {
    (0..rounds).map(|round| both(round.to_string())).unzip()
}

fn create() {
    for (files, rounds, target) in SIZES {
        let mut scene = Scene::new(files);
        scene.start_loop();
        // The first of each pays for what the others find: servers, connections, warm caches.
        scene.ours("warm");
        scene.raw("warm");
        let (raw, ours) = in_turn(rounds, |name| {
            scene.until_spare();
            (scene.raw(&name), scene.ours(&name))
        });
        row(&format!("create, {files} files: commit -> command runs"), Some(raw), ours, target);
    }
}

fn retire() {
    for (files, rounds, _) in SIZES {
        let scene = Scene::new(files);
        let (raw, ours) = in_turn(rounds, |name| {
            scene.raw(&name);
            (scene.raw_retire(&name), scene.retire(&format!("r{name}")))
        });
        row(&format!("retire, {files} files, nothing unsaved"), Some(raw), ours, "ratio 0.1");
    }
}

/// What the hooks add to a commit of one file.
fn commit() {
    let scene = Scene::new(300);
    for locks in [0, 100, 1_000, 5_000] {
        scene.hold(locks);
        scene.commit_with_hooks("warm");
        let (raw, ours) = in_turn(ROUNDS, |name| {
            (scene.commit_without_hooks(&name), scene.commit_with_hooks(&name))
        });
        let added: Vec<f64> = raw.iter().zip(&ours).map(|(raw, ours)| ours - raw).collect();
        row(&format!("commit, {locks} locks: with the hooks"), Some(raw), ours, "-");
        row(&format!("commit, {locks} locks: what they add"), None, added, "< 5");
    }
}

/// What it costs to tell which branches conflict, beside trying every merge by hand.
fn forecast() {
    for (what, common) in [("25 pairs share a path", None), ("all share a path", Some("CHANGES"))] {
        let scene = Scene::new(2_000);
        scene.branch_off(BRANCHES, common);
        scene.forecast();
        let raw = || (0..3).map(|_| scene.merge_all(BRANCHES)).collect::<Vec<f64>>();
        let raw = raw();
        let first = (0..3).map(|_| scene.first_forecast()).collect();
        let title = format!("forecast, {BRANCHES} branches, {what}");
        row(&format!("{title}: first"), Some(raw.clone()), first, "-");
        let later = (0..ROUNDS).map(|_| scene.forecast()).collect();
        row(&format!("{title}: later"), Some(raw), later, "-");
        let one = |round: usize| scene.forecast_after_a_commit(round);
        row(&format!("{title}: a commit later"), None, (0..3).map(one).collect(), "-");
        let screen = (0..ROUNDS).map(|_| scene.status()).collect();
        row(&format!("{title}: `status`"), None, screen, "-");
    }
}

/// What is measured beside so many live workers.
fn many() {
    let mut scene = Scene::new(300);
    scene.start_loop();
    scene.ours("warm");
    scene.raw("warm");
    scene.until_spare();
    let names: Vec<_> = (0..MANY - 1).map(|number| format!("n{number}")).collect();
    let (raw, ours) = (scene.raw_in_turn(&names), scene.ours_at_once(&names));
    let what = format!("{} tasks at once, 300 files, all run", names.len());
    row(&what, Some(vec![raw]), vec![ours], "ratio 0.4");

    scene.until_spare();
    let (percent, megabytes) = scene.idle(IDLE);
    row(&format!("idle, {MANY} live: % of a core"), None, vec![percent], "< 0.2");
    row(&format!("idle, {MANY} live: MB resident"), None, vec![megabytes], "< 50");
    let (raw, ours) = in_turn(ROUNDS, |_| (scene.raw_look(), scene.status()));
    row(&format!("status, {MANY} live: the first"), Some(vec![raw[0]]), vec![ours[0]], "< 100");
    row(&format!("status, {MANY} live"), Some(raw), ours, "< 100");
    let (raw, ours) = in_turn(ROUNDS, |_| (scene.version("git"), scene.version(PROGRAM)));
    row("`reconciler --version` and `git --version`", Some(raw), ours, "-");

    let raw = names.iter().take(ROUNDS).map(|name| scene.raw_session(name)).collect();
    let mut killed: Vec<_> = names.iter().take(KILLS).map(|name| scene.kill(name)).collect();
    killed.sort_by(f64::total_cmp);
    let p99 = killed[(killed.len() * 99).div_ceil(100) - 1];
    row(&format!("killed -> running again, p50 of {KILLS}"), Some(raw), killed, "< 50");
    row(&format!("killed -> running again, p99 of {KILLS}"), None, vec![p99], "< 250");
    scene.stop_loop();
    row(&format!("tick that changes nothing, {MANY} live"), None, scene.ticks(ROUNDS), "< 50");
}

/// Returns how long something takes, in milliseconds.
fn took<T>(it: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    drop(std::hint::black_box(it()));
    millis(start.elapsed())
}
