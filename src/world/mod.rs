//! The port between decisions and the world: look at all of it, perform one effect. Nothing outside
//! this room turns an action into a deed; the real world and the simulated one pass one suite.

pub mod host;
pub mod ledger;
pub mod ownership;
pub mod sim;

use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{AttemptState, Observed, Sighting};
use std::sync::Arc;

/// One look at everything.
#[derive(Debug, Clone)]
pub struct Look {
    /// What is wanted, as the pinned ref says it.
    pub desired: Sighting<Arc<Desired>>,
    /// What there is.
    pub observed: Observed,
}

impl Look {
    /// Returns whether a part of the world could not be seen.
    pub fn is_partial(&self) -> bool {
        let Observed { tasks, claims, sessions, worktrees, branches, rescues, .. } = &self.observed;
        let Observed { trusted, leftovers, .. } = &self.observed;
        let hidden = [
            self.desired.why_unknown(),
            tasks.why_unknown(),
            claims.why_unknown(),
            sessions.why_unknown(),
            worktrees.why_unknown(),
            branches.why_unknown(),
            rescues.why_unknown(),
            trusted.why_unknown(),
            leftovers.why_unknown(),
        ];
        let attempts = tasks.known().into_iter().flat_map(|tasks| tasks.values());
        let mut attempts = attempts.flat_map(|task| &task.attempts);
        hidden.iter().any(Option::is_some)
            || attempts.any(|one| match &one.state {
                AttemptState::Unknown(_) => true,
                AttemptState::Lost { survivors, .. } => survivors.why_unknown().is_some(),
                AttemptState::Prepared
                | AttemptState::Running { .. }
                | AttemptState::Ending { .. }
                | AttemptState::Damaged(_)
                | AttemptState::Ended(_) => false,
            })
    }
}

/// What performing an action came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was so already.
    AlreadySo,
    /// It was not done, because what it presupposes is no longer true.
    Refused(String),
}

/// Why an action could not be performed. It does not mean that nothing happened: the next look
/// tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionError(pub String);

impl std::fmt::Display for ActionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every error of a driver, with its causes, is one of these: what failed matters to people only.
impl<E: std::error::Error> From<E> for ActionError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

/// The world, as the loop sees it.
pub trait World: Sync {
    /// Looks once. What cannot be seen is [`Sighting::Unknown`], never empty.
    fn observe(&self) -> impl Future<Output = Look> + Send;

    /// Performs one action, after checking that what it presupposes is still true.
    ///
    /// # Errors
    /// When it could not be performed, or it is unknown whether it was.
    fn perform(&self, action: &Action)
    -> impl Future<Output = Result<Outcome, ActionError>> + Send;

    /// Is told that nothing is to be done for now: time to prepare what the next task will need.
    /// Returns at once; nothing that is decided depends on it.
    fn rest(&self, _look: &Look) {}
}
