//! Pull requests, as GitHub has them. What they say of the work of a task; it knows nothing of how they are
//! read or changed.

use super::condition::{Condition, ConditionType, Status};
use super::name::CommitId;
use serde::{Deserialize, Serialize};

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
    /// Its last commits, the newest last.
    pub commits: Vec<CommitId>,
    /// Whether it could be merged now.
    pub merge: MergeState,
    /// What the checks of its head say; `None` when there are none.
    pub checks: Option<Checks>,
    /// What its reviewers say; `None` when nobody is asked.
    pub review: Option<Review>,
    /// What GitHub does with it by itself.
    pub order: Option<Order>,
    /// Whether it may be asked to be merged as soon as it may.
    pub may_be_automatic: bool,
    /// Whether what lands there goes through a merge queue of GitHub.
    pub has_queue: bool,
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

/// What GitHub does with a pull request by itself, once it was told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// It merges it as soon as it may.
    AutoMerge,
    /// It has it in its merge queue.
    Queue,
}

/// What checks say, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rollup {
    /// All is well.
    Passed,
    /// One is not.
    Failed,
    /// They are not done.
    Pending,
}

/// The checks of one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checks {
    /// All of them together.
    pub rollup: Rollup,
    /// Those that failed, as far as GitHub names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Those that are not done, as far as GitHub names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<String>,
}

/// What reviewers say, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Review {
    /// It may go.
    Approved,
    /// One asks for changes.
    ChangesRequested,
    /// Somebody is to look.
    Required,
    /// What is not known here.
    Unknown,
}

/// What GitHub said last of the head of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The head.
    pub head: CommitId,
    /// Its checks; `None` when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
    /// Its reviews; `None` when nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl PullRequest {
    /// Returns what is to be remembered of its head.
    pub fn seen(&self) -> Seen {
        Seen { head: self.head.clone(), checks: self.checks.clone(), review: self.review }
    }
}

impl Checks {
    /// Returns whether none of them is still at it.
    pub fn are_done(&self) -> bool {
        self.rollup != Rollup::Pending && self.pending.is_empty()
    }

    /// Returns the names of those that failed, in brackets; nothing when GitHub names none.
    pub fn failed_ones(&self) -> String {
        in_brackets(&self.failed)
    }

    /// Returns the names of those that are not done, in brackets; nothing when GitHub names none.
    pub fn pending_ones(&self) -> String {
        in_brackets(&self.pending)
    }
}

/// How many checks are named.
const NAMED_MAX: usize = 5;

fn in_brackets(names: &[String]) -> String {
    let first = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        _ if names.is_empty() => String::new(),
        0 => format!(" ({first})"),
        more => format!(" ({first} and {more} more)"),
    }
}

impl Seen {
    /// Returns what it means for the task: whether its checks passed and whether it is approved.
    pub fn conditions(&self, number: Option<u64>) -> Vec<Condition> {
        let number = number.map(|number| format!(" of pull request #{number}")).unwrap_or_default();
        let of = format!("{number} at {}", self.head.short());
        let (status, reason, said) = match &self.checks {
            None => (Status::Unknown, "NoChecks", format!("there are no checks{of}")),
            Some(checks) => match checks.rollup {
                Rollup::Passed => (Status::True, "Succeeded", format!("all checks{of} passed")),
                Rollup::Failed => {
                    let which = checks.failed_ones();
                    (Status::False, "Failed", format!("checks{of} failed{which}"))
                }
                Rollup::Pending => {
                    let which = checks.pending_ones();
                    (Status::Unknown, "Pending", format!("checks{of} are not done{which}"))
                }
            },
        };
        let checks = condition(ConditionType::ChecksPassed, status, (reason, said));
        let review = self.review.map(|review| {
            let (status, reason, said) = match review {
                Review::Approved => (Status::True, "Approved", "the reviewers approve it"),
                Review::ChangesRequested => {
                    (Status::False, "ChangesRequested", "a reviewer asks for changes")
                }
                Review::Required => (Status::False, "ReviewRequired", "a review is missing"),
                Review::Unknown => {
                    (Status::Unknown, "Unknown", "GitHub says of the reviews what is not known")
                }
            };
            condition(ConditionType::Approved, status, (reason, said.to_owned()))
        });
        std::iter::once(checks).chain(review).collect()
    }
}

fn condition(kind: ConditionType, status: Status, (reason, message): (&str, String)) -> Condition {
    Condition { kind, status, reason: reason.to_owned(), message, since: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(checks: Option<(Rollup, &[&str], &[&str])>, review: Option<Review>) -> Vec<String> {
        let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let checks = checks.map(|(rollup, failed, pending)| Checks {
            rollup,
            failed: names(failed),
            pending: names(pending),
        });
        let head = "a".repeat(40).try_into().unwrap();
        let told = Seen { head, checks, review }.conditions(Some(7)).into_iter();
        told.map(|one| format!("{} {} {}: {}", one.kind, one.status, one.reason, one.message))
            .collect()
    }

    #[test]
    fn checks_passed_is_true_only_when_all_were_seen_to_and_none_is_not_well() {
        assert_eq!(
            told(None, None),
            ["ChecksPassed Unknown NoChecks: there are no checks of pull request #7 at aaaaaaa"]
        );
        let passed = told(Some((Rollup::Passed, &[], &[])), Some(Review::Approved));
        assert_eq!(
            passed,
            [
                "ChecksPassed True Succeeded: all checks of pull request #7 at aaaaaaa passed",
                "Approved True Approved: the reviewers approve it",
            ]
        );
        let failed = told(Some((Rollup::Failed, &["lint"], &["e2e"])), Some(Review::Required));
        assert_eq!(
            failed,
            [
                "ChecksPassed False Failed: checks of pull request #7 at aaaaaaa failed (lint)",
                "Approved False ReviewRequired: a review is missing",
            ]
        );
        let pending = told(Some((Rollup::Pending, &[], &["e2e"])), Some(Review::ChangesRequested));
        assert!(pending[0].starts_with("ChecksPassed Unknown Pending: "), "{pending:?}");
        assert!(pending[0].ends_with("are not done (e2e)"), "{pending:?}");
        assert!(pending[1].starts_with("Approved False ChangesRequested"), "{pending:?}");
    }

    #[test]
    fn many_names_are_cut_and_say_so() {
        let names: Vec<String> = (0..7).map(|n| format!("c{n}")).collect();
        assert_eq!(in_brackets(&names), " (c0, c1, c2, c3, c4 and 2 more)");
    }
}
