//! Whether a pull request with the commit that is done is merged now, by whom, and what it lacks.

use super::{Proposal, Step, name, wait};
use crate::api::landing::{OrderState, Ordered};
use crate::api::policy::RequiredChecks;
use crate::api::pull::{MergeState, Order, PullRequest, Review, Rollup};

/// How often one commit is put into GitHub's merge queue.
const QUEUED_MAX: u32 = 2;

/// Decides who merges it, if anybody does.
pub(super) fn merge(scene: &Proposal<'_>, pull: &PullRequest) -> Step {
    let name = name(pull);
    if pull.order == Some(Order::AutoMerge) {
        return wait(pull, format!("{name} {}", automatic(pull)));
    }
    let ordered = scene.known.ordered.as_ref();
    if ordered.is_some_and(|one| one.order == Order::AutoMerge && one.state == OrderState::Over) {
        let said = "was to be merged by GitHub, and somebody switched that off there: switch it on \
                    again, merge it there, or take the task back: reconciler merge eject";
        return wait(pull, format!("{name} {said}"));
    }
    if let Some(why) = unchecked(scene, pull) {
        return wait(pull, format!("{name} {why}"));
    }
    match pull.merge {
        MergeState::Clean | MergeState::Unstable if pull.has_queue => queue(pull, ordered),
        MergeState::Clean | MergeState::Unstable => Step::Merge(pull.clone()),
        // With a queue GitHub may call blocked what only waits to be put there.
        _ if pull.has_queue && !lacks_anything(pull) => queue(pull, ordered),
        _ if pull.may_be_automatic && scene.checks == RequiredChecks::Required => {
            Step::Order(pull.clone(), Order::AutoMerge)
        }
        MergeState::Behind => {
            let target = scene.target;
            let what = format!("lacks what {target} has by now, and the repository asks for that");
            wait(pull, format!("{name} {what}: update it there, and merge it there"))
        }
        MergeState::Blocked | MergeState::Dirty | MergeState::Draft | MergeState::Unknown => {
            wait(pull, format!("{name} waits for {}", missing(pull)))
        }
    }
}

/// Puts it into the merge queue, unless it was there too often.
fn queue(pull: &PullRequest, ordered: Option<&Ordered>) -> Step {
    let before = ordered.filter(|one| one.order == Order::Queue && one.head == pull.head);
    if before.is_none_or(|one| one.times < QUEUED_MAX) {
        return Step::Order(pull.clone(), Order::Queue);
    }
    let said = "left GitHub's merge queue without being merged, twice: look there why, and put it in \
                again there, or take the task back: reconciler merge eject";
    wait(pull, format!("{} {said}", name(pull)))
}

/// Returns what of its checks keeps it from being merged, as far as the policy goes beyond what GitHub
/// asks for.
fn unchecked(scene: &Proposal<'_>, pull: &PullRequest) -> Option<String> {
    let all = "`merge.checks` in the policy asks for all";
    match (scene.checks, &pull.checks) {
        (RequiredChecks::Required, None) if pull.merge == MergeState::Unstable => Some(
            "has a check that is not well, GitHub says, and does not show which: let the token read \
             checks and commit statuses, or merge it there"
                .to_owned(),
        ),
        (RequiredChecks::Required, Some(checks))
            if pull.merge == MergeState::Unstable && !checks.are_done() =>
        {
            Some(format!("waits for {}", missing(pull)))
        }
        (RequiredChecks::All, None) => Some(format!(
            "has no checks at {}, and {all}: add one, merge it there, or set it to `required`",
            pull.head.short()
        )),
        (RequiredChecks::All, Some(checks)) if checks.rollup == Rollup::Failed => Some(format!(
            "has checks that failed{}, and {all}: run them again, merge it there, or take the task \
             back: reconciler merge eject",
            checks.failed_ones()
        )),
        (RequiredChecks::All, Some(checks)) if !checks.are_done() => {
            Some(format!("waits for {}", missing(pull)))
        }
        (RequiredChecks::Required | RequiredChecks::All, _) => None,
    }
}

/// Says that GitHub merges it, and when.
pub(super) fn automatic(pull: &PullRequest) -> String {
    format!("is merged by GitHub as soon as it has {}", missing(pull))
}

/// Returns whether anything is seen to be missing.
fn lacks_anything(pull: &PullRequest) -> bool {
    !all_missing(pull).is_empty()
}

/// Returns what a pull request lacks, as far as GitHub says.
fn missing(pull: &PullRequest) -> String {
    let all = all_missing(pull);
    if all.is_empty() { "what the repository asks for".to_owned() } else { all.join(" and ") }
}

fn all_missing(pull: &PullRequest) -> Vec<String> {
    let checks = pull.checks.as_ref().and_then(|checks| match checks.rollup {
        Rollup::Failed if checks.are_done() => {
            Some(format!("its checks, which fail{}", checks.failed_ones()))
        }
        Rollup::Passed if checks.are_done() => None,
        Rollup::Failed | Rollup::Pending | Rollup::Passed => {
            Some(format!("its checks, which are not done{}", checks.pending_ones()))
        }
    });
    let review = pull.review.and_then(|review| match review {
        Review::Required => Some("a review".to_owned()),
        Review::ChangesRequested => Some("its reviewer, who asks for changes".to_owned()),
        Review::Approved | Review::Unknown => None,
    });
    [checks, review].into_iter().flatten().collect()
}
