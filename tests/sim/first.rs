//! The first seed that fails: all that a mutant of the planner is asked for. It makes nothing small
//! and tells no history.

use crate::history::History;
use crate::{asked, judge};
use reconciler::world::sim::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
#[ignore = "the mutants ask for it"]
fn no_seed_fails() {
    let count = asked("SEEDS").map_or(400, |seeds| seeds.parse().unwrap());
    let failed = first_failure(count);
    assert!(failed.is_none(), "{}", failed.unwrap());
}

/// Returns the lowest seed that fails, and for what. No higher one is begun once one failed.
fn first_failure(count: u64) -> Option<String> {
    let (next, lowest) = (AtomicU64::new(0), AtomicU64::new(count));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let search = || {
        let mut found = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= lowest.load(Ordering::SeqCst) {
                return found;
            }
            if let Err(what) = fate(seed) {
                lowest.fetch_min(seed, Ordering::SeqCst);
                found.push((seed, what));
            }
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = all.into_iter().flat_map(|one| one.join().unwrap()).min();
        found.map(|(seed, what)| format!("SEED={seed} {what}"))
    })
}

fn fate(seed: u64) -> Result<(), String> {
    let judged = catch_unwind(AssertUnwindSafe(|| judge(&mut History::new(Rng::new(seed)))));
    judged.unwrap_or_else(|_| Err("a panic: see above".to_owned()))
}
