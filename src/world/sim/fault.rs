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
    /// An effect fails without having happened, once or each time for a while.
    ErrorBefore,
    /// An effect happens, and its answer is lost.
    ErrorAfter,
    /// An effect of several steps is cut in the middle.
    Torn,
    /// The loop stands still within its plan, while the world moves on.
    Paused,
    /// Another loop acts at the same time, because somebody removed the guard file.
    SecondLoop,
    /// Part of the world cannot be seen, or a list of it was cut short.
    Blind,
    /// The loop sees an earlier world, and acts on it.
    StaleRead,
    /// The loop sees one section as it was earlier.
    StaleSection,
    /// A session is killed: its shim is told by the terminal.
    SessionKilled,
    /// A session stays although its pane is dead.
    DeadPane,
    /// A shim is killed; its agent lives on.
    ShimKilled,
    /// A shim does not stop when it is asked to.
    Stubborn,
    /// A shim does not leave after it recorded the end.
    Lingering,
    /// An agent is killed.
    AgentKilled,
    /// The tmux server is killed.
    ServerKilled,
    /// A process of somebody else has the pid of a dead one of ours.
    PidReused,
    /// The machine starts anew.
    Reboot,
    /// The clock jumps, both ways.
    ClockJump,
    /// The disk is full for a while.
    DiskFull,
    /// Starting one of the tasks always fails, also after all else is healed.
    Poison,
    /// A person works in a worktree, also when no agent does.
    PersonEdits,
    /// A person checks something else out in a worktree, or a branch of ours elsewhere.
    PersonSwitches,
    /// A person removes the folder of a worktree.
    FolderRemoved,
    /// A person renames or deletes a branch.
    BranchMoved,
    /// A person has sessions and worktrees of their own, by our names, or some of an earlier task.
    Strangers,
    /// A person deletes a task, makes it again, or both, with another spec; or empties `state/` and
    /// puts it back.
    Recommitted,
    /// A person removes the file of a claim.
    ClaimRemoved,
    /// A person removes the record of a task.
    RecordRemoved,
    /// A record or a claim cannot be understood.
    Damaged,
    /// The user takes the approval of the agents back for a while.
    TrustRevoked,
    /// A person claims a task or paths, takes a claim over, gives it back, or completes a task.
    PersonClaims,
    /// The processes of an attempt are stopped, and go on later.
    ShimPaused,
    /// The machine sleeps.
    Suspended,
    /// A person pauses, cordons or drains something, lifts what they held, or lets a task try anew.
    HeldBack,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 36] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::Torn,
        Self::Paused,
        Self::SecondLoop,
        Self::Blind,
        Self::StaleRead,
        Self::StaleSection,
        Self::SessionKilled,
        Self::DeadPane,
        Self::ShimKilled,
        Self::Stubborn,
        Self::Lingering,
        Self::AgentKilled,
        Self::ServerKilled,
        Self::PidReused,
        Self::Reboot,
        Self::ClockJump,
        Self::DiskFull,
        Self::Poison,
        Self::PersonEdits,
        Self::PersonSwitches,
        Self::FolderRemoved,
        Self::BranchMoved,
        Self::Strangers,
        Self::Recommitted,
        Self::ClaimRemoved,
        Self::RecordRemoved,
        Self::Damaged,
        Self::TrustRevoked,
        Self::PersonClaims,
        Self::ShimPaused,
        Self::Suspended,
        Self::HeldBack,
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

    /// Draws how often the kinds strike in one seed: how many do, and each at a rate of its own. A
    /// tape knows no odds.
    pub fn swarm(rng: &mut Rng) -> Self {
        Self::swarm_of(&Fault::ALL, rng)
    }

    /// Draws the same for some kinds; the others never strike.
    pub fn swarm_of(kinds: &[Fault], rng: &mut Rng) -> Self {
        let Some(mut odds) = rng.odds() else { return Self::of(kinds) };
        let sparseness = 2 + odds.below(5);
        let mut rate = |fault: &Fault| {
            if !odds.one_in(sparseness) {
                return 0;
            }
            let rate = 4 + odds.below(60);
            // Nobody is asked to stop, or ends, as often as time passes.
            if matches!(fault, Fault::Stubborn | Fault::Lingering) { 2 + rate / 8 } else { rate }
        };
        Self(kinds.iter().map(|fault| (*fault, rate(fault))).collect())
    }

    /// Returns whether nothing goes wrong.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rate(&self, fault: Fault) -> Option<u64> {
        self.0.get(&fault).copied()
    }
}
