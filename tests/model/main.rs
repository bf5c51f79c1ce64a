//! The model of the claim protocol: every order of every step of those who claim, renew, release,
//! work and commit, with every fault between any two, is tried. It must never be read as a proof of
//! the code: it is one of what the code has to do, step by step, in this order.
//!
//! Each step stands for a piece of the code:
//!
//! | step | code |
//! |---|---|
//! | `read_files`, `choose`, `publish` | `HostWorld::claim` (`world/host/ownership.rs`) and `Client::claim` (`client/claim`), in a `Turn` (`world/ownership.rs`) |
//! | `read_ledger`, `commit` | `Ledger::publish` and `Ledger::commit` (`world/ledger.rs`), `Holding::replaces` (`api/claim.rs`) |
//! | `read_own`, `look_again`, `remove` | `Ownership::release`: the loop's |
//! | `read_any`, `remove` | `Turn::release`: a person's, also by force |
//! | `heal_first`, `heal_second`, `heal_commit` | `HostWorld::observe` and `HostWorld::owned`: `Ledger::missing`, at each look of the loop |
//! | `enter`, `note` | `HostWorld::new_session`: `end_predecessor`, `Repository::note_generation` |
//! | `judge`, `accept` | `client::judge_hook` with `plan::verdict`, called by git's `reference-transaction` (the strict mode); git moves the branch |
//! | `read_for_renewal`, `renew` | `HostWorld::renew`, and the shim's `Lease::renew` (`shim/lease.rs`), under the table lock |
//! | `kill`, `lapse`, `remove_file`, `tear`, `lose_ledger` | what may happen to them |
//!
//! `cargo test --test model` tries small bounds, `make model` larger ones.

#![expect(clippy::print_stdout, reason = "how much was tried is what a run is for")]

mod claiming;
mod faults;
mod mutant;
mod protocol;
mod recording;
mod scenario;
mod working;
mod world;

use mutant::Mutant;
use protocol::Protocol;
use scenario::{BEYOND, LARGE, SMALL, Scenario};
use stateright::{Checker as _, HasDiscoveries, Model as _};
use std::collections::BTreeMap;

/// What a check came to.
struct Found {
    states: usize,
    depth: usize,
    /// The broken laws, each with the steps that lead there.
    broken: BTreeMap<&'static str, Vec<String>>,
    /// What should be seen and was not.
    unseen: Vec<&'static str>,
}

/// Tries all there is, or until a law is broken.
fn check(scenario: &'static Scenario, mutant: Option<Mutant>) -> Found {
    let model = Protocol { scenario, mutant };
    let seen_all = if mutant.is_some() { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
    let checker = model.checker().finish_when(seen_all).threads(2).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let mut found = Found {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        broken: BTreeMap::new(),
        unseen: Vec::new(),
    };
    for property in model.properties() {
        let path = discoveries.get(property.name);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => {
                let steps = path.clone().into_actions();
                let steps = steps.iter().map(|step| format!("{step:?}"));
                found.broken.insert(property.name, steps.collect());
            }
            (false, None) => found.unseen.push(property.name),
            (true, None) | (false, Some(_)) => {}
        }
    }
    found
}

/// Tries a scenario of the protocol as it should be.
fn holds(scenario: &'static Scenario) {
    let found = check(scenario, None);
    println!("{:>9} states, {:>2} steps deep: {}", found.states, found.depth, scenario.name);
    let told = found.broken.iter().map(|(law, steps)| format!("{law}\n  {}\n", steps.join("\n  ")));
    let told: String = told.collect();
    assert!(found.broken.is_empty(), "{}: broken:\n{told}", scenario.name);
    assert!(found.unseen.is_empty(), "{}: never seen: {:?}", scenario.name, found.unseen);
}

#[test]
fn no_order_of_steps_breaks_a_law() {
    SMALL.iter().for_each(holds);
}

#[test]
#[ignore = "takes minutes: `make model`"]
fn no_order_of_more_steps_breaks_a_law() {
    LARGE.iter().for_each(holds);
}

#[test]
fn every_mutant_of_the_protocol_breaks_a_law() {
    let mut survived = Vec::new();
    for (mutant, name) in Mutant::ALL {
        let killed = SMALL.iter().find_map(|scenario| {
            let found = check(scenario, Some(mutant));
            let (law, steps) = found.broken.into_iter().next()?;
            Some((law, steps, scenario.name))
        });
        match killed {
            Some((law, steps, scenario)) => {
                println!("{name}: breaks \"{law}\" in {} steps ({scenario})", steps.len());
            }
            None => survived.push(name),
        }
    }
    assert!(survived.is_empty(), "{} survived: {}", survived.len(), survived.join(", "));
}

#[test]
fn what_is_beyond_the_protocol_is_known() {
    for scenario in BEYOND {
        assert!(!check(scenario, None).broken.is_empty(), "{}: it holds after all", scenario.name);
    }
}
