//! Tasks that came of labelled issues: each is done only where the claim of its issue is held, and lands only
//! while nobody else can have taken that over. What was seen of claims is in the look; nothing is asked.

use super::Scene;
use super::observed::Sighting;
use super::report::Reason;
use crate::api::issue::Taken;
use crate::api::name::TaskName;
use crate::api::task::{IssueClaim, TaskSpec};

/// How the claim of the issue of a task stands here.
enum Standing<'a> {
    /// It came of no issue.
    None,
    /// It is held here.
    Ours(&'a Taken),
    /// It is not.
    Elsewhere(&'a IssueClaim),
    /// That cannot be told.
    Unknown(&'a str),
}

fn standing<'a>(scene: Scene<'a>, task: &TaskName, spec: &'a TaskSpec) -> Standing<'a> {
    let Some(claim) = &spec.issue_claim else { return Standing::None };
    match &scene.observed.issues {
        Sighting::Unknown(why) => Standing::Unknown(why),
        Sighting::Known(held) => match held.get(task.as_str()) {
            Some(taken) if taken.is_held(&claim.nonce) => Standing::Ours(taken),
            Some(_) | None => Standing::Elsewhere(claim),
        },
    }
}

/// Returns why a task is not started here, if that is because of its issue.
pub(super) fn keeps_back(
    scene: Scene<'_>,
    task: &TaskName,
    spec: &TaskSpec,
) -> Option<(Reason, String)> {
    match standing(scene, task, spec) {
        Standing::None | Standing::Ours(_) => None,
        Standing::Elsewhere(claim) => Some((Reason::HeldElsewhere, elsewhere(claim, spec))),
        Standing::Unknown(why) => Some((Reason::Unknown, unknown(why))),
    }
}

/// Returns whether a task is another machine's by now; where that cannot be told it is not.
pub(super) fn is_elsewhere(scene: Scene<'_>, task: &TaskName, spec: &TaskSpec) -> bool {
    matches!(standing(scene, task, spec), Standing::Elsewhere(_))
}

/// Returns why the work of a task does not land for now, if that is because of its issue.
pub(super) fn fences(
    scene: Scene<'_>,
    task: &TaskName,
    spec: &TaskSpec,
) -> Option<(Reason, String)> {
    match standing(scene, task, spec) {
        Standing::None => None,
        Standing::Ours(taken) if taken.is_certain(&scene.observed.boot) => None,
        Standing::Ours(taken) => Some((
            Reason::ClaimUnsure,
            format!(
                "done; it lands when the claim of {} is renewed: that was not seen to hold since it \
                 lapsed at {:.0}",
                issue(spec),
                taken.expires_at
            ),
        )),
        Standing::Elsewhere(claim) => Some((
            Reason::HeldElsewhere,
            format!("done, and it does not land: {}", elsewhere(claim, spec)),
        )),
        Standing::Unknown(why) => Some((Reason::Unknown, unknown(why))),
    }
}

fn elsewhere(claim: &IssueClaim, spec: &TaskSpec) -> String {
    format!(
        "{} is done where it is claimed, at {}; this clone does not hold that claim",
        issue(spec),
        claim.node
    )
}

fn unknown(why: &str) -> String {
    format!("which issues are claimed here cannot be seen: {why}")
}

fn issue(spec: &TaskSpec) -> String {
    spec.issue_number.map_or("its issue".to_owned(), |number| format!("issue #{number}"))
}
