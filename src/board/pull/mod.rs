//! What becomes of done work that lands by pull request: one step, decided from one fresh read of what
//! GitHub has. It asks and changes nothing, and never merges a commit other than the one that is done.

use crate::api::board::{mark, marked};
use crate::api::landing::Pull;
use crate::api::name::{BranchName, CommitId, TaskName, Uid};
use crate::api::pull::{Checks, MergeState, PullRequest, PullState};
use crate::api::task::TaskSpec;

/// How much of what a task asks for is told, in characters.
const ASKED_MAX: usize = 8000;

/// One look at what is proposed for the work of one task.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// The task.
    pub uid: &'a Uid,
    /// What is done: the tip of its branch.
    pub tip: &'a CommitId,
    /// Where it is to land.
    pub target: &'a BranchName,
    /// What is remembered of it.
    pub known: &'a Pull,
    /// What GitHub has of its branch, the newest first.
    pub found: &'a [PullRequest],
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The branch is pushed, and a pull request of it opened.
    Open,
    /// The branch is pushed: the pull request has another commit.
    Push(PullRequest),
    /// It is merged.
    Merge(PullRequest),
    /// It is to be merged as soon as it may.
    MergeLater(PullRequest),
    /// The target is joined to it on GitHub.
    Update(PullRequest),
    /// It conflicts with the target: it goes back to its worker.
    Conflict(PullRequest),
    /// It was merged, by this commit.
    Landed(u64, CommitId),
    /// Others have the next step; with the number and what they are to do, as a sentence.
    Wait(Option<u64>, String),
}

/// Decides what is done next.
pub fn next(scene: &Proposal<'_>) -> Step {
    let is_open = |one: &&PullRequest| one.state == PullState::Open;
    if let Some(open) = scene.found.iter().find(is_open) {
        return tend(scene, open);
    }
    let known = |one: &PullRequest| scene.known.number == Some(one.number);
    for one in scene.found {
        let name = name(one);
        match &one.state {
            // What was merged of the same branch before is other work.
            PullState::Merged(commit) if one.head == *scene.tip || is_updated(scene, one) => {
                return match commit {
                    Some(commit) => Step::Landed(one.number, commit.clone()),
                    None => wait(one, format!("{name} is merged; GitHub does not say how yet")),
                };
            }
            PullState::Closed if known(one) || marked(&one.body).as_ref() == Some(scene.uid) => {
                let said = format!(
                    "{name} was closed, and not merged: reopen it to let it land, or take the \
                     task back: reconciler merge eject"
                );
                return wait(one, said);
            }
            PullState::Open | PullState::Merged(_) | PullState::Closed => {}
        }
    }
    Step::Open
}

/// Returns whether the commits that a pull request has besides what is done are those by which GitHub
/// joined the target to it, as it was asked to.
fn is_updated(scene: &Proposal<'_>, pull: &PullRequest) -> bool {
    scene.known.number == Some(pull.number) && scene.known.updated.as_ref() == Some(scene.tip)
}

/// What is done next about one that is open.
fn tend(scene: &Proposal<'_>, pull: &PullRequest) -> Step {
    let (target, name) = (scene.target, name(pull));
    if pull.head != *scene.tip {
        let waits = pull.is_automatic && is_updated(scene, pull);
        if !waits {
            return Step::Push(pull.clone());
        }
        if pull.merge != MergeState::Dirty {
            return wait(pull, format!("{name} has {target} in it now, and {}", automatic(pull)));
        }
    }
    if pull.is_queued {
        return wait(
            pull,
            format!("{name} waits for somebody to put it into GitHub's merge queue"),
        );
    }
    match pull.merge {
        MergeState::Clean => Step::Merge(pull.clone()),
        MergeState::Dirty => Step::Conflict(pull.clone()),
        MergeState::Blocked | MergeState::Behind if !pull.is_automatic && pull.may_be_automatic => {
            Step::MergeLater(pull.clone())
        }
        MergeState::Behind if pull.is_automatic => Step::Update(pull.clone()),
        MergeState::Behind => {
            let what = "the repository asks for that and allows no auto-merge";
            wait(pull, format!("{name} lacks what {target} has by now, and {what}: update it"))
        }
        MergeState::Blocked if pull.is_automatic => {
            wait(pull, format!("{name} {}", automatic(pull)))
        }
        MergeState::Blocked | MergeState::Unstable => {
            wait(pull, format!("{name} waits for {}", missing(pull)))
        }
        MergeState::Draft => wait(pull, format!("{name} is a draft: somebody says it is ready")),
        MergeState::Unknown => wait(pull, format!("GitHub looks whether {name} can be merged")),
    }
}

fn wait(pull: &PullRequest, said: String) -> Step {
    Step::Wait(Some(pull.number), said)
}

fn automatic(pull: &PullRequest) -> String {
    format!("is merged by GitHub as soon as it has {}", missing(pull))
}

/// Returns how a pull request is called.
pub fn name(pull: &PullRequest) -> String {
    format!("pull request #{} ({})", pull.number, pull.url)
}

/// Returns what a pull request lacks, as far as GitHub says.
fn missing(pull: &PullRequest) -> String {
    let checks = match pull.checks {
        Some(Checks::Failed) => Some("its checks, which fail"),
        Some(Checks::Pending) => Some("its checks, which are not done"),
        Some(Checks::Passed) | None => None,
    };
    let review = match pull.review.as_deref() {
        Some("REVIEW_REQUIRED") => Some("a review"),
        Some("CHANGES_REQUESTED") => Some("its reviewer, who asks for changes"),
        Some(_) | None => None,
    };
    let all: Vec<&str> = [checks, review].into_iter().flatten().collect();
    if all.is_empty() { "what the repository asks for".to_owned() } else { all.join(" and ") }
}

/// Returns the text of a pull request: what the task asks for, as it is, and whose it is. What it asks for
/// mentions nobody and closes nothing.
pub fn body(task: &TaskName, uid: &Uid, spec: &TaskSpec) -> String {
    let asked = spec.prompt.as_ref().or(spec.command.as_ref());
    let asked = asked.map(|text| {
        let told: String = text.trim().chars().take(ASKED_MAX).collect();
        let cut = if told.len() < text.trim().len() { "\n..." } else { "" };
        let fence = "`".repeat(longest_run(&told).max(2) + 1);
        format!("\n\n{fence}text\n{told}{cut}\n{fence}")
    });
    let closes = spec.issue_number.map(|number| format!("\n\nCloses #{number}"));
    let (asked, closes) = (asked.unwrap_or_default(), closes.unwrap_or_default());
    format!("Task `{task}` of `state/`, done by a worker.{asked}{closes}\n\n{}", mark(uid))
}

fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
