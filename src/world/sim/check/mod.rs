//! The properties of a world: what holds at every moment whatever goes wrong (S), and what must be
//! reached when nothing does any more (L). Each is a file; this one lists them and decides nothing.

mod converged;
mod disjoint_claims;
mod no_lost_work;
mod single_worker;

use super::{SimWorld, State};

type Check = fn(&State) -> Vec<String>;

/// What holds at every moment.
const ALWAYS: [Check; 3] = [single_worker::broken, disjoint_claims::broken, no_lost_work::broken];

/// Returns what was ever violated in this world; empty, unless there is a bug.
pub fn violations(world: &SimWorld) -> Vec<String> {
    world.state().worst.clone()
}

impl State {
    /// Notes what is violated at this moment.
    pub(super) fn oversee(&mut self) {
        let found: Vec<String> = ALWAYS.iter().flat_map(|check| check(self)).collect();
        self.blame(found);
    }

    fn blame(&mut self, found: Vec<String>) {
        for one in found {
            if !self.worst.contains(&one) {
                self.worst.push(one);
            }
        }
    }
}
