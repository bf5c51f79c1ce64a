//! S16, last word: an attempt whose worker said that it is done, with nothing to be verified, is
//! closed as that and as nothing else.

use super::super::State;
use super::Deed;
use crate::api::attempt::ExitReason;
use crate::plan::action::Action;

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let Action::CloseAttempt { attempt: id, exit } = deed.action else { return Vec::new() };
    let all = state.attempts.get(&id.owner).map(|one| &one.all);
    let completed = all.and_then(|all| all.get(&id.number)).is_some_and(|one| one.completed);
    if deed.done && completed && exit.reason != ExitReason::Succeeded {
        return vec![format!("S16: {id} said that it is done, and is closed as {}", exit.reason)];
    }
    Vec::new()
}
