//! Seeds: the real planner and engine against the simulated world. Each history has two halves:
//! faults strike and no property may break; then they stop, and what is wanted must be reached and
//! kept, as if there had been none.
//!
//! `SEEDS=100000 cargo test --release --test sim` runs more of them, and `FROM=n` later ones. What
//! fails is made small, told,
//! and kept as a tape; `SEED=17` and `TAPE=file` tell one history.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod day;
mod first;
mod history;
mod leases;
mod shrink;
mod small;
mod tapes;
mod twin;
mod wanted;

use history::{History, block_on};
use reconciler::world::sim::{Rng, Tape};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// Returns what went wrong in one history, or in the one without faults beside it.
fn judge(history: &mut History) -> Result<(), String> {
    block_on(history.play())?;
    twin::compare(history)
}

#[expect(clippy::disallowed_methods, reason = "what is to be run is asked of the environment")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn every_seed_keeps_the_properties_and_reaches_what_is_wanted() {
    let one = match (asked("SEED"), asked("TAPE")) {
        (Some(seed), _) => Some(Rng::new(seed.parse().unwrap())),
        (None, Some(file)) => Some(Rng::replay(tapes::read(file.as_ref()))),
        (None, None) => None,
    };
    if let Some(rng) = one {
        let mut history = History::new(rng).telling();
        let end = judge(&mut history);
        eprintln!("{}", history.told());
        return end.unwrap();
    }
    let count = asked("SEEDS").map_or(400, |seeds| seeds.parse().unwrap());
    let began = reconciler::process::clock::since_boot();
    let first = asked("FROM").map_or(0, |seed| seed.parse().unwrap());
    let failed = run_all(first..first + count, History::new);
    let took = reconciler::process::clock::since_boot().saturating_sub(began);
    eprintln!("{count} seeds in {:.1} s: {:.0}/s", took.as_secs_f64(), rate(count, took));
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (seed, what) in &failed {
        kinds.entry(shrink::property(what)).or_default().push(*seed);
    }
    // One of each kind is made small.
    let shown: Vec<String> =
        kinds.values().filter_map(|seeds| seeds.first()).map(|one| show(*one)).collect();
    assert!(
        failed.is_empty(),
        "{} of {count} failed: {kinds:?}\n{}",
        failed.len(),
        shown.join("\n")
    );
}

/// Returns the seeds that fail, and for what.
fn run_all(seeds: Range<u64>, begin: fn(Rng) -> History) -> Vec<(u64, String)> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let fails = |seed: u64| judge(&mut begin(Rng::new(seed))).err().map(|what| (seed, what));
    std::thread::scope(|scope| {
        let share = |thread: u64| {
            let seeds =
                (seeds.start + thread..seeds.end).step_by(usize::try_from(threads).unwrap());
            seeds.filter_map(fails).collect::<Vec<_>>()
        };
        let shares: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let mut failed: Vec<_> = shares.into_iter().flat_map(|one| one.join().unwrap()).collect();
        failed.sort_unstable();
        failed
    })
}

fn rate(count: u64, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64().max(0.001)
}

/// Makes the history of a failing seed small, keeps its tape and tells it.
fn show(seed: u64) -> String {
    let again = |tape: Tape| {
        let mut history = History::new(Rng::replay(tape));
        let end = judge(&mut history);
        (history, end)
    };
    let mut drawn = History::new(Rng::new(seed));
    let what = judge(&mut drawn).unwrap_err();
    let small = shrink::shrink(&drawn.tape(), &what, again);
    let mut told = History::new(Rng::replay(small.clone())).telling();
    let end = judge(&mut told).err().unwrap_or_default();
    let file = tapes::keep(&format!("seed-{seed}"), &end, &small);
    format!("{}\nSEED={seed}: {end}\nTAPE={file} cargo test --test sim", told.told())
}
