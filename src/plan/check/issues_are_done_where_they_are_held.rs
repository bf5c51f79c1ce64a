//! No plan starts a task of an issue where the claim of that issue is not held, and none lands its work
//! unless the claim was seen to hold for longer than until now.

use super::Case;
use crate::api::name::TaskName;
use crate::plan::action::Action;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for action in &case.plan.actions {
        let (tasks, deed): (Vec<&TaskName>, Deed) = if let Action::PrepareAttempt(one) = action {
            (vec![&one.id.owner.task], Deed::Starts)
        } else if let Action::Land { landed, .. } = action {
            (landed.iter().map(|(attempt, _)| &attempt.owner.task).collect(), Deed::Lands)
        } else {
            continue;
        };
        let of = |task| Some(format!("`{action}`, but {} of {task}", why_not(case, task, deed)?));
        found.extend(tasks.into_iter().filter_map(of));
    }
    for work in &case.plan.proposes {
        let task = &work.attempt.owner.task;
        let why = why_not(case, task, Deed::Lands);
        found.extend(why.map(|why| format!("{task} is proposed, but {why}")));
    }
    found
}

/// What is done with a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Starts,
    Lands,
}

fn why_not(case: Case<'_>, task: &TaskName, deed: Deed) -> Option<&'static str> {
    let claim = case.desired.tasks.get(task)?.spec.as_ref()?.issue_claim.as_ref()?;
    let Some(held) = case.observed.issues.known() else { return Some("nobody knows the claim") };
    let taken = held.get(task.as_str()).filter(|taken| taken.is_held(&claim.nonce));
    let Some(taken) = taken else { return Some("the claim is not held here") };
    let is_unsure = deed == Deed::Lands && !taken.is_certain(&case.observed.boot);
    is_unsure.then_some("the claim may be another's by now")
}
