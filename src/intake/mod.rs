//! Intake: which labelled issues are taken, and what is done with one that is ours, from what is known of
//! it, its claim and its task. It sends nothing, and what it says is wrong once nobody looked for long.

mod words;

pub use words::{
    Proof, claimed, comment_mark, completed, failed, marked, progress, prompt, push_mark, title,
};

use crate::api::issue::{Issue, LeaseState, Seen, Stage, Taken, Ticket};
use jiff::{SignedDuration, Timestamp};

/// Says that it is worked on.
pub const IN_PROGRESS: &str = "in-progress";
/// Says that it is done.
pub const COMPLETED: &str = "completed";
/// Says that a person should look at what was done.
pub const REVIEW: &str = "ready-for-review";
/// Says that it could not be done.
pub const FAILED: &str = "failed";

/// How long after its end a claim is still left alone: clocks and answers have their time.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// How long the comment on progress stays as it is.
const PROGRESS_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// The most lines of that comment.
const PROGRESS_MAX: usize = 50;

/// What may be done with an issue that nobody here holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// It can be claimed.
    Free,
    /// Its claim lapsed, and can be taken over.
    Lapsed,
    /// Somebody has it, or had it and was done.
    Taken,
}

/// Returns what may be done with an issue. `claim` is what is seen of its claim;
/// `others` tells whether claims of ours on account of other labels explain what its labels say.
pub fn chance(issue: &Issue, claim: &Seen, others: Others, now: Timestamp) -> Chance {
    let told = [IN_PROGRESS, COMPLETED, FAILED].iter().any(|label| issue.labels.contains(*label));
    match claim {
        // Somebody works on it who makes no claims: a person, or a program of old.
        Seen::Nothing if told && others == Others::None => Chance::Taken,
        Seen::Nothing => Chance::Free,
        Seen::Foreign => Chance::Taken,
        Seen::Lease(lease) => match lease.state {
            LeaseState::Held if lease.expires_at + MARGIN < now => Chance::Lapsed,
            LeaseState::Held | LeaseState::Completed | LeaseState::Failed => Chance::Taken,
        },
    }
}

/// Whether an issue is claimed on account of other labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// It is.
    Some,
    /// It is not.
    None,
}

/// How far the task of an issue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// There is no such task, and none is proposed.
    Absent,
    /// It waits for a person to accept it.
    Proposed,
    /// It is to be done; what its worker says of it.
    Open {
        /// What is done at the moment.
        step: Option<String>,
    },
    /// It is done.
    Completed(Proof),
    /// It could not be done, and why.
    Failed(String),
    /// That cannot be seen.
    Unknown,
}

/// What was seen of an issue just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It was not looked at.
    NotLooked,
    /// It is there, like this.
    There(Issue),
    /// It was deleted, or moved to another repository.
    Gone,
}

/// All that a decision about an issue of ours depends on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What is remembered of it.
    pub taken: &'a Taken,
    /// The issue.
    pub issue: &'a Sight,
    /// How far its task is.
    pub work: &'a Work,
    /// How long a claim holds.
    pub lease: SignedDuration,
    /// What time it is at GitHub.
    pub now: Timestamp,
}

/// What is done with an issue of ours. Before each, it is made sure that it still is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its task is proposed, and accepted if the policy says so.
    Propose,
    /// Its claim is renewed.
    Renew,
    /// A label is added.
    Label(&'static str),
    /// A label of ours is taken away.
    Unlabel(&'static str),
    /// Who works on it is shown.
    Assign,
    /// A comment is made, once.
    Say(Remark),
    /// The comment on progress is written.
    Progress,
    /// What it is told by now is remembered; its claim says so where it is over.
    Settle(Stage),
    /// Its task is stopped: why.
    Suspend(&'static str),
    /// Its claim is given up, and nothing of it is remembered.
    Release,
    /// The same, and it is not taken again while it is labelled.
    Decline,
}

/// What is said in a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// That it is worked on.
    Claimed,
    /// That it is done.
    Completed(Proof),
    /// That it could not be done, and why.
    Failed(String),
}

impl Remark {
    /// Returns the word by which the comment is found again.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Completed(_) => COMPLETED,
            Self::Failed(_) => FAILED,
        }
    }
}

/// Returns what is to be done, in order.
pub fn decide(scene: Scene<'_>) -> Vec<Step> {
    if let Some(why) = why_taken_back(scene) {
        return taken_back(scene, why);
    }
    let mut steps = Vec::new();
    let is_over = matches!(scene.taken.stage, Stage::Completed | Stage::Failed);
    if !is_over && scene.taken.expires_at - scene.lease * 2 / 3 <= scene.now {
        steps.push(Step::Renew);
    }
    steps.extend(told(scene));
    steps
}

/// Returns why people do not want an issue done here any more, if that is so.
fn why_taken_back(scene: Scene<'_>) -> Option<&'static str> {
    match scene.issue {
        Sight::There(issue) if !issue.is_open => Some("its issue was closed"),
        Sight::There(issue) if !issue.labels.contains(&scene.taken.ticket.label) => {
            Some("its issue lost its label")
        }
        Sight::NotLooked | Sight::There(_) => None,
        Sight::Gone => Some("its issue was deleted, or moved to another repository"),
    }
}

/// Returns what is done when people close an issue, take its label away, or take it away itself.
fn taken_back(scene: Scene<'_>, why: &'static str) -> Vec<Step> {
    let mut steps = Vec::new();
    let is_over = matches!(scene.taken.stage, Stage::Completed | Stage::Failed);
    match scene.work {
        Work::Unknown => return steps,
        Work::Open { .. } if !is_over => steps.push(Step::Suspend(why)),
        Work::Open { .. }
        | Work::Absent
        | Work::Proposed
        | Work::Completed(_)
        | Work::Failed(_) => {}
    }
    let says_so = match scene.issue {
        Sight::There(issue) => issue.is_open && issue.labels.contains(IN_PROGRESS),
        Sight::NotLooked | Sight::Gone => false,
    };
    if says_so && scene.taken.stage == Stage::Told {
        steps.push(Step::Unlabel(IN_PROGRESS));
    }
    steps.push(Step::Release);
    steps
}

fn told(scene: Scene<'_>) -> Vec<Step> {
    let over = |remark: Remark, labels: &[&'static str], stage| {
        let mut steps = vec![Step::Say(remark)];
        steps.extend(labels.iter().map(|label| Step::Label(label)));
        steps.extend([Step::Unlabel(IN_PROGRESS), Step::Settle(stage)]);
        steps
    };
    let begun = |steps: &mut Vec<Step>| {
        steps.extend([Step::Label(IN_PROGRESS), Step::Assign, Step::Say(Remark::Claimed)]);
        steps.push(Step::Settle(Stage::Told));
    };
    let mut steps = Vec::new();
    match (scene.taken.stage, scene.work) {
        (Stage::Claimed, Work::Absent | Work::Proposed) if !scene.taken.proposed => {
            steps.push(Step::Propose);
        }
        (Stage::Claiming, _)
        | (_, Work::Unknown | Work::Proposed)
        | (Stage::Completed | Stage::Failed, Work::Absent)
        | (Stage::Completed, Work::Open { .. } | Work::Completed(_) | Work::Failed(_))
        | (Stage::Failed, Work::Failed(_)) => {}
        // It was rejected, or its file was deleted: a person does not want it here.
        (Stage::Claimed, Work::Absent) => steps.push(Step::Decline),
        (Stage::Told, Work::Absent) => steps.extend([Step::Unlabel(IN_PROGRESS), Step::Decline]),
        (Stage::Claimed, Work::Open { .. } | Work::Completed(_) | Work::Failed(_)) => {
            begun(&mut steps);
        }
        (Stage::Told, Work::Open { .. }) => steps.extend(news(scene)),
        (Stage::Told | Stage::Failed, Work::Completed(proof)) => {
            let remark = Remark::Completed(proof.clone());
            steps.extend(over(remark, &[COMPLETED, REVIEW], Stage::Completed));
            if scene.taken.stage == Stage::Failed {
                steps.insert(0, Step::Unlabel(FAILED));
            }
        }
        (Stage::Told, Work::Failed(why)) => {
            steps.extend(over(Remark::Failed(why.clone()), &[FAILED], Stage::Failed));
        }
        // A person lets it try anew.
        (Stage::Failed, Work::Open { .. }) => {
            steps.extend([Step::Unlabel(FAILED), Step::Label(IN_PROGRESS)]);
            steps.push(Step::Settle(Stage::Told));
        }
    }
    steps
}

/// Returns whether the comment on progress is to be written now.
fn news(scene: Scene<'_>) -> Option<Step> {
    let notes = &scene.taken.progress;
    let is_due = notes.at.is_none_or(|at| at + PROGRESS_PAUSE <= scene.now);
    (notes.written < notes.lines.len() && is_due).then_some(Step::Progress)
}

/// Remembers what a worker says of its work, if it is new.
pub fn note(taken: &mut Taken, work: &Work) {
    let Work::Open { step: Some(step) } = work else { return };
    let lines = &mut taken.progress.lines;
    if lines.last() != Some(step) && lines.len() < PROGRESS_MAX {
        lines.push(step.clone());
    }
}

/// Returns which of the issues with a label could be taken, oldest first.
pub fn tickets<'a>(
    issues: &'a [Issue],
    label: &'a str,
) -> impl Iterator<Item = (Ticket, &'a Issue)> {
    issues.iter().map(move |issue| (Ticket { issue: issue.number, label: label.to_owned() }, issue))
}

#[cfg(test)]
mod tests;
