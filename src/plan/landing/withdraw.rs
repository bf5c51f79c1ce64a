//! What GitHub was told to merge by itself and is not to land now: a person holds it back, took it out of
//! the queue, took its task over, stopped or deleted it, or it is about to change.

use super::super::admission::Facts;
use super::super::{Row, Scene, hold};
use super::member;
use crate::api::landing::Landing;
use crate::api::policy::By;
use crate::plan::action::{Candidate, Withdrawal};
use crate::plan::report::Reason;

/// Returns what is to be taken back.
pub(super) fn decide(
    scene: Scene<'_>,
    rows: &[Row<'_>],
    proposes: &[Candidate],
) -> Vec<Withdrawal> {
    // What cannot be seen changes nothing.
    if scene.observed.branches.known().is_none() {
        return Vec::new();
    }
    let rows = rows.iter().enumerate();
    rows.filter_map(|(at, row)| {
        let one = standing(&row.facts)?;
        let is_proposed = proposes.iter().any(|work| work.attempt.owner == one.owner);
        (!is_proposed && !only_waits(scene, at, row)).then_some(one)
    })
    .collect()
}

/// Returns what GitHub may merge by itself of the work of a task.
pub(in crate::plan) fn standing(facts: &Facts<'_>) -> Option<Withdrawal> {
    let task = facts.task?;
    let record = task.record.as_ref().ok()?;
    let landing: &Landing = task.landing.as_ref()?.as_ref().ok()?;
    let (number, _) = landing.stands_at_github().filter(|_| landing.uid == record.uid)?;
    let (branch, target) = (record.branch.clone()?, landing.target.clone());
    Some(Withdrawal { owner: record.owner(), branch, target, number })
}

/// Returns whether work is to land, and is not served only because something failed or cannot be seen.
fn only_waits(scene: Scene<'_>, at: usize, row: &Row<'_>) -> bool {
    if scene.policy.merge.by != By::PullRequest {
        return false;
    }
    let report = &row.settled.report;
    if matches!(report.reason, Reason::Unknown | Reason::Damaged | Reason::EffectFailed) {
        return true;
    }
    let Some(member) = member(scene, at, &row.facts, &row.settled.next) else { return false };
    let is_held = hold::holds_back(scene, row.facts.name);
    let is_same = member.landing.is_some_and(|one| one.tip == *member.tip);
    let has_claim = !matches!(row.facts.claim, Some(Ok(claim)) if claim.uid != member.record.uid);
    is_same && has_claim && matches!(is_held, Ok(None) | Err(_))
}
