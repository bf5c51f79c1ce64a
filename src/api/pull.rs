//! Pull requests, as GitHub has them. What they say of the work of a task; it knows nothing of how they are
//! read or changed.

use super::name::CommitId;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its node id.
    pub id: String,
    /// Its number, by which people call it.
    pub number: u64,
    /// Where people see it.
    pub url: String,
    /// Whether it is open, and what came of it.
    pub state: PullState,
    /// The commit that it proposes.
    pub head: CommitId,
    /// Whether it could be merged now.
    pub merge: MergeState,
    /// What its checks say; `None` when there are none.
    pub checks: Option<Checks>,
    /// What its reviewers say, as GitHub calls it; `None` when nobody is asked.
    pub review: Option<String>,
    /// Whether GitHub merges it as soon as it may.
    pub is_automatic: bool,
    /// Whether that may be asked for.
    pub may_be_automatic: bool,
    /// Whether what lands there goes through a merge queue of GitHub.
    pub is_queued: bool,
    /// Its text.
    pub body: String,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullState {
    /// It is.
    Open,
    /// It was closed, and not merged.
    Closed,
    /// It was merged, by this commit if GitHub says which.
    Merged(Option<CommitId>),
}

/// What GitHub says of merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeState {
    /// It may be merged.
    Clean,
    /// It may, and a check that nobody asks for fails or is not done.
    Unstable,
    /// Something that the repository asks for is missing.
    Blocked,
    /// The target has what it does not have, and the repository asks for that.
    Behind,
    /// It conflicts with the target.
    Dirty,
    /// It is a draft.
    Draft,
    /// GitHub does not know yet, or says what is not known here.
    Unknown,
}

/// What checks say, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// All is well.
    Passed,
    /// One is not.
    Failed,
    /// They are not done.
    Pending,
}
