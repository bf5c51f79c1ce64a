//! Landing: how far what an attempt left on its branch is on its way to the target branch, and what
//! came of it. One record for each task; it says nothing that git itself says.

use super::attempt::AttemptId;
use super::condition::Condition;
use super::name::{BranchName, CommitId, Uid};
use super::pull::{Order, Seen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is known of the landing of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landing {
    /// The task's identity: of one that was made again, it says nothing.
    pub uid: Uid,
    /// The attempt whose work it is.
    pub attempt: u32,
    /// The tip of the task's branch that was looked at.
    pub tip: CommitId,
    /// The branch that it is to land on.
    pub target: BranchName,
    /// The commit that it was put onto: the tip of the target, or the candidate before it.
    pub onto: CommitId,
    /// How far it is.
    pub stage: Stage,
    /// Since when.
    pub at: Timestamp,
    /// The attempts whose work could not land, each with the reason as a sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<u32, String>,
    /// The pull request by which it lands, as far as there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull: Option<Pull>,
}

/// What is remembered of the pull request of a task's branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pull {
    /// Its number; `None` before it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The commit that was pushed for it last: what may be replaced there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<CommitId>,
    /// The commit to which the target was to be joined on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<CommitId>,
    /// What GitHub said of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What GitHub was told to do with it by itself: it is noted before it is told, and taken back before
    /// anything else that is not wanted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Ordered>,
    /// Where it is, as a sentence for people.
    pub said: String,
}

/// What GitHub was told to do by itself with one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ordered {
    /// What.
    pub order: Order,
    /// With which commit.
    pub head: CommitId,
    /// How often it was told so.
    pub times: u32,
    /// How far that is.
    pub state: OrderState,
}

/// How far it is with what GitHub was told to do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderState {
    /// It is told, or was: nobody has seen yet that GitHub does so.
    Given,
    /// GitHub was seen to do so.
    Stands,
    /// GitHub was seen to do so, and does so no more.
    Over,
    /// It is taken back from here.
    Leaving,
}

/// How far a landing is. The JSON form is tagged with `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Stage {
    /// A commit is built that the target could be moved to.
    Candidate {
        /// Which.
        commit: CommitId,
    },
    /// It meets a candidate before it in these files, and waits for what becomes of that one.
    Waiting {
        /// The files in conflict.
        paths: Vec<String>,
    },
    /// The attempt left nothing that the target does not have.
    Nothing,
    /// It cannot land: [`Landing::refused`] says why.
    Refused,
    /// The target has it.
    Landed {
        /// The commit by which it landed.
        commit: CommitId,
    },
}

impl Landing {
    /// Returns what GitHub says of its pull request, as conditions of the task: what it said of another
    /// commit counts no more.
    pub fn conditions(&self) -> Vec<Condition> {
        let of = |pull: &Pull| {
            let seen = pull.seen.as_ref()?;
            let is_it = seen.head == self.tip || pull.updated.as_ref() == Some(&self.tip);
            is_it.then(|| seen.conditions(pull.number))
        };
        self.pull.as_ref().and_then(of).unwrap_or_default()
    }

    /// Returns what GitHub may do with its pull request by itself, as far as it was told to from here.
    pub fn stands_at_github(&self) -> Option<(u64, &Ordered)> {
        let pull = self.pull.as_ref()?;
        let ordered = pull.ordered.as_ref().filter(|one| one.state != OrderState::Over)?;
        Some((pull.number?, ordered))
    }

    /// Returns the candidate, if there is one.
    pub fn candidate(&self) -> Option<&CommitId> {
        match &self.stage {
            Stage::Candidate { commit } => Some(commit),
            Stage::Waiting { .. } | Stage::Nothing | Stage::Refused | Stage::Landed { .. } => None,
        }
    }
}

/// Why work cannot land, as the sentence that its worker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The target changed the same lines.
    Conflict {
        /// In these files.
        paths: Vec<String>,
        /// The target.
        target: BranchName,
    },
    /// It changes what its claim does not cover, or what somebody else holds.
    Lock {
        /// What the verdict says, a sentence for each path.
        refusals: Vec<String>,
    },
    /// The verification of the merged state failed.
    Verify {
        /// The attempt that verified it.
        attempt: AttemptId,
        /// How it ended.
        how: String,
    },
    /// A person took it out of the queue.
    Ejected {
        /// Who, and why as far as they said it.
        by: String,
    },
}

/// How many files or sentences are told.
const TOLD_MAX: usize = 8;

/// How the sentence of a conflict begins.
const CONFLICT: &str = "it conflicts with ";

impl Obstacle {
    /// Returns whether a sentence, as records have it, is that of a conflict.
    pub fn is_conflict(sentence: &str) -> bool {
        sentence.starts_with(CONFLICT)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { paths, target } => {
                write!(f, "{CONFLICT}{target} in {}", some(paths, ", "))
            }
            Self::Lock { refusals } => write!(f, "the locks refuse it: {}", some(refusals, "; ")),
            Self::Verify { attempt, how } => {
                let AttemptId { owner, number } = attempt;
                let logs = format!("reconciler logs {} --attempt {number}", owner.task);
                write!(f, "merged, it fails its verification: attempt {number} {how} (`{logs}`)")
            }
            Self::Ejected { by } => write!(f, "taken out of the merge queue by {by}"),
        }
    }
}

fn some(all: &[String], between: &str) -> String {
    let told = all.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(between);
    match all.len().saturating_sub(TOLD_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_files_is_cut_and_says_so() {
        let target = BranchName::try_from("main".to_owned()).unwrap();
        let paths: Vec<String> = (0..10).map(|n| format!("f{n}")).collect();
        let text = Obstacle::Conflict { paths, target }.to_string();
        assert!(text.ends_with("f6, f7 and 2 more"), "{text}");
        assert!(Obstacle::is_conflict(&text));
    }

    #[test]
    fn what_was_said_of_another_commit_is_no_condition() {
        let id = |digit: &str| CommitId::try_from(digit.repeat(40)).unwrap();
        let seen = Seen { head: id("a"), checks: None, review: None };
        let mut landing = Landing {
            uid: Uid::derive(7, "login"),
            attempt: 1,
            tip: id("a"),
            target: BranchName::try_from("main".to_owned()).unwrap(),
            onto: id("b"),
            stage: Stage::Candidate { commit: id("c") },
            at: Timestamp::UNIX_EPOCH,
            refused: BTreeMap::new(),
            pull: Some(Pull { seen: Some(seen), ..Pull::default() }),
        };
        assert_eq!(landing.conditions().len(), 1);
        landing.tip = id("d");
        assert_eq!(landing.conditions(), []);
        // Its own commit has another head since GitHub joined the target to it.
        landing.pull.as_mut().unwrap().updated = Some(id("d"));
        assert_eq!(landing.conditions().len(), 1);
    }
}
