//! Leases for half an hour and more: clocks jump, machines sleep, loops and workers stand still, and
//! claims are taken over, in steps long enough to let them lapse.

use crate::history::History;
use crate::{asked, run_all, wanted};
use jiff::SignedDuration;
use reconciler::world::sim::{Fault, Faults, Rng};

/// What happens to leases, and to the loop that keeps them.
const KINDS: [Fault; 15] = [
    Fault::PersonClaims,
    Fault::ShimPaused,
    Fault::Suspended,
    Fault::ClockJump,
    Fault::Paused,
    Fault::ClaimRemoved,
    Fault::Damaged,
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::ErrorAfter,
    Fault::StaleSection,
    Fault::SecondLoop,
    Fault::DiskFull,
    Fault::Reboot,
    Fault::PersonEdits,
];
/// How long each history is, before all must become as wanted.
const LENGTH: SignedDuration = SignedDuration::from_mins(30);
/// Steps of time are shorter than this, in seconds; a lease is three of them.
const STRIDE: u64 = 20;

fn begin(mut rng: Rng) -> History {
    let faults = Faults::swarm_of(&KINDS, &mut rng);
    let mut first = wanted::first(&mut rng);
    if let Some(policy) = &mut first.policy.spec {
        policy.locks.expiry_seconds = 60;
    }
    History::of(rng, faults, first).lasting(LENGTH, STRIDE)
}

#[test]
fn leases_are_kept_and_lost_as_they_should_for_half_an_hour() {
    let count = asked("LEASES").map_or(40, |seeds| seeds.parse().unwrap());
    let from: u64 = asked("FROM").map_or(0, |seed| seed.parse().unwrap());
    if let Some(seed) = asked("LEASE") {
        let mut history = begin(Rng::new(seed.parse().unwrap())).telling();
        let end = crate::judge(&mut history);
        eprintln!("{}", history.told());
        return end.unwrap();
    }
    let failed = run_all(from..from + count, begin);
    let shown: Vec<_> = failed.iter().take(10).collect();
    assert!(failed.is_empty(), "{} of {count} failed, LEASE=n tells: {shown:#?}", failed.len());
}

#[test]
fn half_an_hour_holds_what_leases_can_meet() {
    let mut struck = std::collections::BTreeSet::new();
    let mut done = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut history = begin(Rng::new(seed));
        crate::history::block_on(history.play()).unwrap();
        struck.extend(history.struck());
        done.extend(history.done.into_keys());
    }
    assert!(KINDS.iter().all(|kind| struck.contains(kind)), "{struck:?}");
    for kind in ["Renewed", "ClaimExpired", "Completed", "GenerationNoted", "Stopping", "Killed"] {
        assert!(done.contains(kind), "{kind} of {done:?}");
    }
}
