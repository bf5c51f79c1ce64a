//! Crash points: the built binary is killed, refused, lied to or left without an answer at each of
//! its effects in turn, and must heal when it runs again. `make sweep` does all, the tests a sample.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

#[path = "sweep/case.rs"]
mod case;
#[expect(dead_code, reason = "it serves other test programs as well")]
mod common;
#[path = "sweep/scenario.rs"]
mod scenario;

use case::{Fault, points, replay};
use scenario::Scenario;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One fault in this many is tried by `cargo test`.
const SAMPLE: usize = 40;

/// Returns the faults of a scenario: a kill at every point, and what else fits the point.
fn faults(scenario: Scenario) -> Vec<Fault> {
    let points = points(scenario);
    let kills = points.iter().map(|point| Fault::of("kill", point));
    let others = points.iter().enumerate().filter_map(|(number, point)| {
        let kinds: &[&str] = match point.place.as_str() {
            "Before" => &["EIO", "ENOSPC", "EACCES", "lie"],
            "After" => &["lost"],
            _ => &[],
        };
        kinds.get(number / 2 % kinds.len().max(1)).map(|kind| Fault::of(kind, point))
    });
    kills.chain(others).collect()
}

/// Tries each on two threads; returns what failed, with the line that replays it.
fn sweep(scenario: Scenario, faults: &[Fault]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Err(why) = replay(scenario, fault) else { continue };
            let line = format!("SCENARIO={scenario:?} POINT={fault} make sweep");
            failed.lock().unwrap().push(format!("{line}  # {}\n{why}", fault.name));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    failed.into_inner().unwrap()
}

fn sample(scenarios: &[Scenario]) {
    let faults: Vec<(Scenario, Fault)> = scenarios
        .iter()
        .flat_map(|scenario| faults(*scenario).into_iter().map(|fault| (*scenario, fault)))
        .collect();
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let start = seed.unwrap_or(0_usize) % SAMPLE;
    for scenario in scenarios {
        let of_it: Vec<Fault> = faults
            .iter()
            .skip(start)
            .step_by(SAMPLE)
            .filter(|(one, _)| one == scenario)
            .map(|(_, fault)| fault.clone())
            .collect();
        let failed = sweep(*scenario, &of_it);
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }
}

#[test]
fn a_loop_that_meets_a_fault_at_any_effect_is_followed_by_one_that_heals_it() {
    sample(&[Scenario::Create, Scenario::Adopt, Scenario::Revive, Scenario::ReviveServer]);
}

#[test]
fn a_fault_while_tasks_leave_loses_no_work() {
    sample(&[Scenario::Suspend, Scenario::Delete, Scenario::CleanUp]);
}

#[test]
fn a_shim_that_meets_a_fault_at_any_effect_is_followed_by_an_attempt_that_completes() {
    sample(&[Scenario::Shim, Scenario::ShimStop]);
}

#[test]
#[ignore = "some minutes: make sweep"]
fn the_whole_sweep() {
    let wanted = std::env::var("SCENARIO").ok();
    let point = std::env::var("POINT").ok();
    let mut lines =
        vec![format!("{:14} {:>6} {:>6} {:>6}", "scenario", "faults", "healed", "failed")];
    let mut all = Vec::new();
    for scenario in Scenario::ALL {
        if wanted.as_ref().is_some_and(|one| !one.eq_ignore_ascii_case(&format!("{scenario:?}"))) {
            continue;
        }
        let of_it = match &point {
            Some(point) => vec![point.parse().unwrap()],
            None => faults(scenario),
        };
        let failed = sweep(scenario, &of_it);
        let (count, bad) = (of_it.len(), failed.len());
        let line = format!("{:14} {count:>6} {:>6} {bad:>6}", format!("{scenario:?}"), count - bad);
        println!("{line}");
        lines.push(line);
        all.extend(failed);
    }
    println!("\n{}\n", lines.join("\n"));
    assert!(all.is_empty(), "{}", all.join("\n\n"));
}
