//! S8, landing: the target only gains, from where it was seen, and by what was verified where that is
//! asked for.

use super::super::State;
use super::Deed;
use crate::api::attempt::{AttemptId, ExitReason};
use crate::plan::action::Action;

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Action::Land { target, commit, landed, .. } = deed.action else { return Vec::new() };
    let Some((tip, main)) = deed.before.target.as_ref().filter(|_| deed.done) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if !main.is_subset(&state.main) {
        found.push("S8: what the target had is gone".to_owned());
    }
    let moved = *main != state.main;
    let is_under_another = |(id, generation): &&(AttemptId, u64)| {
        let claim = state.claims.get(&id.owner.task).map(|one| &one.content);
        !claim.is_some_and(|one| one.uid == id.owner.uid && one.generation == *generation)
    };
    if let Some((id, _)) = landed.iter().find(is_under_another).filter(|_| moved) {
        found.push(format!("S8: {id} landed, and its claim is another"));
    }
    if moved && *tip != target.1 {
        found.push("S8: it landed on another commit than it was seen at".to_owned());
    }
    let attempts = state.attempts.values().flat_map(|one| one.all.values());
    let mut verified = attempts.filter(|one| one.attempt.verifies.as_ref() == Some(commit));
    let succeeded = verified
        .any(|one| one.exit.as_ref().is_some_and(|exit| exit.reason == ExitReason::Succeeded));
    if moved && state.desired.policy().merge.verify.is_some() && !succeeded {
        found.push("S8: it landed and was not verified".to_owned());
    }
    found
}
