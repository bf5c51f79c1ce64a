//! What can go wrong. Each seed draws which kinds exist in its world and how often they strike;
//! some are off entirely, because a world with every fault hides what one alone would show.

use super::Rng;
use std::collections::BTreeMap;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The loop dies before an effect.
    CrashBefore,
    /// The loop dies after an effect.
    CrashAfter,
    /// An effect fails without having happened.
    ErrorBefore,
    /// An effect happens, and its answer is lost.
    ErrorAfter,
    /// An effect of several steps is cut in the middle.
    Torn,
    /// Part of the world cannot be seen.
    Blind,
    /// The loop sees an earlier world, and acts on it.
    StaleRead,
    /// A session is killed: its shim is told by the terminal.
    SessionKilled,
    /// A shim is killed; its agent lives on.
    ShimKilled,
    /// An agent is killed.
    AgentKilled,
    /// The tmux server is killed.
    ServerKilled,
    /// A person works in a worktree, also when no agent does.
    PersonEdits,
    /// A person removes the file of a claim.
    ClaimRemoved,
    /// The clock jumps, both ways.
    ClockJump,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::Torn,
        Self::Blind,
        Self::StaleRead,
        Self::SessionKilled,
        Self::ShimKilled,
        Self::AgentKilled,
        Self::ServerKilled,
        Self::PersonEdits,
        Self::ClaimRemoved,
        Self::ClockJump,
    ];
}

/// How often each kind strikes: once in so many chances.
#[derive(Debug, Clone, Default)]
pub struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    /// A world where nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Draws the kinds of one seed: each is there with even odds, at a rate of its own.
    pub fn swarm(rng: &mut Rng) -> Self {
        let mut rates = BTreeMap::new();
        for fault in Fault::ALL {
            let rate = 4 + rng.below(60);
            if rng.one_in(2) {
                rates.insert(fault, rate);
            }
        }
        Self(rates)
    }

    pub(super) fn rate(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}
