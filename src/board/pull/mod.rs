//! What becomes of done work that lands by pull request: one step, decided from one fresh read of what
//! GitHub has. It asks and changes nothing, and never merges a commit other than the one that is done.

mod ready;

use crate::api::board::{mark, marked};
use crate::api::landing::{OrderState, Ordered, Pull};
use crate::api::name::{BranchName, CommitId, TaskName, Uid};
use crate::api::policy::RequiredChecks;
use crate::api::pull::{MergeState, Order, PullRequest, PullState};
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
    /// Which checks must have passed.
    pub checks: RequiredChecks,
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
    /// GitHub is told to merge it by itself, in this way.
    Order(PullRequest, Order),
    /// GitHub is told to do so no more, before anything else.
    Withdraw(PullRequest, Order),
    /// The target is joined to it on GitHub.
    Update(PullRequest),
    /// It conflicts with the target: it goes back to its worker.
    Conflict(PullRequest),
    /// It was merged, by this commit.
    Landed(u64, CommitId),
    /// Others have the next step; with the number and what they are to do, as a sentence.
    Wait(Option<u64>, String),
}

/// Returns what is remembered after a look: what GitHub said, and what of that which it was told to do
/// stands.
pub fn learned(scene: &Proposal<'_>) -> Pull {
    let mut known = scene.known.clone();
    let open = scene.found.iter().find(|one| one.state == PullState::Open);
    let number = known.number;
    let Some(pull) = open.or_else(|| scene.found.iter().find(|one| Some(one.number) == number))
    else {
        return known;
    };
    known.number = Some(pull.number);
    known.seen = Some(pull.seen());
    known.ordered = known.ordered.take().and_then(|before| standing(before, pull, scene.tip));
    known
}

/// Returns what stands of what GitHub was told to do.
fn standing(before: Ordered, pull: &PullRequest, tip: &CommitId) -> Option<Ordered> {
    if pull.state != PullState::Open {
        return None;
    }
    let is_its = before.head == *tip;
    let state = match (pull.order, before.state) {
        (Some(_), OrderState::Leaving) => OrderState::Leaving,
        (Some(_), OrderState::Given | OrderState::Stands | OrderState::Over) => OrderState::Stands,
        (None, OrderState::Given) if is_its => OrderState::Given,
        (None, OrderState::Stands | OrderState::Over) if is_its => OrderState::Over,
        // It is taken back, or was about other work.
        (None, _) => return None,
    };
    Some(Ordered { order: pull.order.unwrap_or(before.order), state, ..before })
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
            // What was merged of the same branch before is other work. It may have more than what is done:
            // the target was joined to it, or somebody added to it there.
            PullState::Merged(commit)
                if one.head == *scene.tip || one.commits.contains(scene.tip) =>
            {
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

/// Returns whether GitHub was asked to join the target to what is done.
fn is_updated(scene: &Proposal<'_>, pull: &PullRequest) -> bool {
    scene.known.number == Some(pull.number) && scene.known.updated.as_ref() == Some(scene.tip)
}

/// What is done next about one that is open.
fn tend(scene: &Proposal<'_>, pull: &PullRequest) -> Step {
    let (target, name) = (scene.target, name(pull));
    let ordered = scene.known.ordered.as_ref();
    if let (Some(order), Some(ordered)) = (pull.order, ordered)
        && (ordered.state == OrderState::Leaving || is_unwanted(scene, pull, order))
    {
        return Step::Withdraw(pull.clone(), order);
    }
    if pull.head != *scene.tip {
        if pull.order.is_none() || !is_updated(scene, pull) {
            return Step::Push(pull.clone());
        }
        if pull.merge != MergeState::Dirty {
            let lacks = ready::automatic(pull);
            return wait(pull, format!("{name} has {target} in it now, and {lacks}"));
        }
    }
    match (pull.merge, pull.order) {
        (MergeState::Dirty, _) => Step::Conflict(pull.clone()),
        (MergeState::Draft, _) => {
            wait(pull, format!("{name} is a draft: somebody says it is ready"))
        }
        (_, Some(Order::Queue)) => {
            wait(pull, format!("{name} is in GitHub's merge queue, which merges it in its turn"))
        }
        (MergeState::Unknown, _) => {
            wait(pull, format!("GitHub looks whether {name} can be merged"))
        }
        (MergeState::Behind, Some(Order::AutoMerge)) => Step::Update(pull.clone()),
        (
            MergeState::Clean | MergeState::Unstable | MergeState::Blocked | MergeState::Behind,
            _,
        ) => ready::merge(scene, pull),
    }
}

/// Returns whether GitHub is to merge it by itself no more: it would not merge what is done, or not wait
/// for all that is to be waited for. What people told it there is theirs.
fn is_unwanted(scene: &Proposal<'_>, pull: &PullRequest, order: Order) -> bool {
    let is_other = pull.head != *scene.tip && !is_updated(scene, pull);
    is_other || (scene.checks == RequiredChecks::All && order == Order::AutoMerge)
}

fn wait(pull: &PullRequest, said: String) -> Step {
    Step::Wait(Some(pull.number), said)
}

/// Returns how a pull request is called.
pub fn name(pull: &PullRequest) -> String {
    format!("pull request #{} ({})", pull.number, pull.url)
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
