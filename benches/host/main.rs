//! What the loop costs over plain git and tmux, and how the plan grows with the number of tasks.
//! Both sides of a ratio run in turn, in one run, on one disk; nothing is asserted.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts programs")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod scale;
mod scene;

use scene::{Scene, millis};
use std::time::Instant;

/// How often each thing is measured.
const ROUNDS: usize = 11;
/// How many files the repository has.
const SIZES: [usize; 2] = [300, 2000];

fn main() {
    println!("{:52} {:>8} {:>8} {:>6}  target", "what (median)", "raw ms", "ours ms", "ratio");
    scale::report();
    for files in SIZES {
        on_a_repository(files);
    }
}

/// Prints one line of the table.
fn row(what: &str, raw: Option<Vec<f64>>, ours: Vec<f64>, target: &str) {
    let (raw, ours) = (raw.map(median), median(ours));
    let ratio = raw.map_or_else(|| "-".to_owned(), |raw| format!("{:.2}", ours / raw));
    let raw = raw.map_or_else(|| "-".to_owned(), |raw| format!("{raw:.1}"));
    println!("{what:52} {raw:>8} {ours:>8.1} {ratio:>6}  {target}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn on_a_repository(files: usize) {
    let mut scene = Scene::new(files);
    scene.start_loop();
    // The first of each pays for what the others find: servers, connections, warm caches.
    scene.ours("warm");
    scene.raw("warm");
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        scene.until_spare();
        raw.push(scene.raw(&round.to_string()));
        ours.push(scene.ours(&round.to_string()));
    }
    let what = format!("{files} files: commit of a task -> its command runs");
    row(&what, Some(raw), ours, if files <= 300 { "ratio 1.0" } else { "ratio 0.3" });

    let (mut raw, mut program, mut shim) = (Vec::new(), Vec::new(), Vec::new());
    for round in (0..ROUNDS - 1).step_by(2) {
        raw.push(scene.raw_session(&round.to_string()));
        program.push(scene.kill(&round.to_string(), scene::Victim::Program));
        shim.push(scene.kill(&(round + 1).to_string(), scene::Victim::Shim));
    }
    let what = |which| format!("{files} files: {which} killed -> running again");
    row(&what("worker"), Some(raw.clone()), program, "< 5000");
    row(&what("its shim"), Some(raw), shim, "< 5000");

    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw.push(scene.raw_look());
        ours.push(scene.status());
    }
    let what = format!("{files} files: `status`, all of it ({} run)", ROUNDS + 1);
    row(&what, Some(raw), ours, "< 100");
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        raw.push(scene.raw_retire(&round.to_string()));
        ours.push(scene.retire(&format!("r{round}")));
    }
    row(&format!("{files} files: a worktree retired"), Some(raw), ours, "ratio 0.1");
    scene.stop_loop();
    let what = format!("{files} files: a tick that changes nothing ({} run)", ROUNDS + 1);
    row(&what, None, scene.ticks(ROUNDS), "< 50");
}

/// Returns how long something takes, in milliseconds.
fn took<T>(it: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    drop(std::hint::black_box(it()));
    millis(start.elapsed())
}
