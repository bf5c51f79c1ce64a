//! Hooks: installing them, seeing whether they still stand, and removing them without a trace.
//! Whatever was there before is kept, runs, and comes back.

mod layout;
mod mend;
mod plan;
mod script;

pub use layout::{HookState, HooksStatus, Installed};
pub(in crate::client) use mend::Mender;
pub use plan::{HookStep, HooksPlan, Permissions};

use std::fmt;
use std::str::FromStr;

/// The key of git's configuration that says which hooks this clone is to have.
const MODE_KEY: &str = "reconciler.hooks";

/// How much is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HooksMode {
    /// Commits, merges, patches and pushes.
    Default,
    /// Also every other move of a branch, at the price of a look at each move of a ref.
    Strict,
}

impl HooksMode {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict => "strict",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Default, Self::Strict].into_iter().find(|mode| mode.as_str() == word)
    }

    /// Returns whether a hook belongs to it.
    fn has(self, hook: HookName) -> bool {
        self == Self::Strict || hook != HookName::ReferenceTransaction
    }
}

/// The hooks by which locks are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookName {
    /// Before an ordinary commit.
    PreCommit,
    /// Before a message is edited: also with `--no-verify`, and by cherry-pick, revert and rebase.
    PrepareCommitMsg,
    /// Before the commit of a merge.
    PreMergeCommit,
    /// Before a patch of a mailbox is committed.
    PreApplypatch,
    /// Before a push.
    PrePush,
    /// Before any ref moves: strict mode.
    ReferenceTransaction,
}

impl HookName {
    /// All of them, the strict one last.
    pub const ALL: [Self; 6] = [
        Self::PreCommit,
        Self::PrepareCommitMsg,
        Self::PreMergeCommit,
        Self::PreApplypatch,
        Self::PrePush,
        Self::ReferenceTransaction,
    ];

    /// Returns what git calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrepareCommitMsg => "prepare-commit-msg",
            Self::PreMergeCommit => "pre-merge-commit",
            Self::PreApplypatch => "pre-applypatch",
            Self::PrePush => "pre-push",
            Self::ReferenceTransaction => "reference-transaction",
        }
    }

    /// Returns whether git tells it on standard input what it is about.
    pub fn has_input(self) -> bool {
        matches!(self, Self::PrePush | Self::ReferenceTransaction)
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HookName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|hook| hook.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no hook of ours"))
    }
}
