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

/// The kinds that there are in a world, and how often each strikes: once in so many chances. Each
/// chance is a decision on the tape, also of a kind that never strikes by itself.
#[derive(Debug, Clone, Default)]
pub struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    /// A world where nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// A world where these kinds strike when its tape says so.
    pub fn of(kinds: &[Fault]) -> Self {
        Self(kinds.iter().map(|fault| (*fault, 1)).collect())
    }

    /// Draws how often the kinds strike in one seed: each does with even odds, at a rate of its
    /// own. A tape knows no odds.
    pub fn swarm(rng: &mut Rng) -> Self {
        let Some(mut odds) = rng.odds() else { return Self::of(&Fault::ALL) };
        let mut rate = |_: &Fault| if odds.one_in(2) { 4 + odds.below(60) } else { 0 };
        Self(Fault::ALL.iter().map(|fault| (*fault, rate(fault))).collect())
    }

    pub(super) fn rate(&self, fault: Fault) -> Option<u64> {
        self.0.get(&fault).copied()
    }
}
