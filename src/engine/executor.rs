//! Does what a plan says: subjects in parallel, the actions of one subject in order, at most so
//! many at once. It is the only place that notes failures for the next try.

use crate::api::attempt::Failure;
use crate::plan::Plan;
use crate::plan::action::{Action, Subject};
use crate::plan::observed::Observed;
use crate::world::{ActionError, Outcome, World};
use futures_util::stream::{self, StreamExt as _};

/// One action that was tried.
#[derive(Debug)]
pub struct Deed {
    /// What it belongs to.
    pub subject: Subject,
    /// The action.
    pub action: Action,
    /// What came of it.
    pub result: Result<Outcome, ActionError>,
}

/// Performs the actions of a plan.
pub(super) async fn execute<W: World>(
    world: &W,
    observed: &Observed,
    plan: &Plan,
    parallel: usize,
) -> Vec<Deed> {
    let rows = plan.rows();
    let rows = rows.into_iter().map(|(subject, actions)| row(world, observed, subject, actions));
    let done: Vec<Vec<Deed>> = stream::iter(rows).buffer_unordered(parallel.max(1)).collect().await;
    done.into_iter().flatten().collect()
}

/// Performs the actions of one subject until one fails or is refused.
async fn row<W: World>(
    world: &W,
    observed: &Observed,
    subject: Subject,
    actions: Vec<&Action>,
) -> Vec<Deed> {
    let mut deeds = Vec::with_capacity(actions.len());
    for action in actions {
        let result = world.perform(action).await;
        let over = !matches!(result, Ok(Outcome::Done | Outcome::AlreadySo));
        deeds.push(Deed { subject: subject.clone(), action: action.clone(), result });
        if over {
            break;
        }
    }
    if let Some(note) = note(observed, &subject, &deeds) {
        let result = world.perform(&note).await;
        deeds.push(Deed { subject, action: note, result });
    }
    deeds
}

/// Returns the note that a task's effects failed, or that they no longer do.
fn note(observed: &Observed, subject: &Subject, deeds: &[Deed]) -> Option<Action> {
    let Subject::Task(task) = subject else { return None };
    let earlier = observed.tasks.known()?.get(task).and_then(|one| one.failure.as_ref());
    let failed = deeds.iter().find_map(|deed| {
        let error = deed.result.as_ref().err()?;
        Some((deed.action.to_string(), error.to_string()))
    });
    let Some((action, message)) = failed else {
        let retried =
            |one: &Failure| deeds.iter().any(|deed| deed.action.to_string() == one.action);
        return earlier.filter(|one| retried(one)).map(|_| Action::ClearFailure(task.clone()));
    };
    let count = earlier.filter(|one| one.action == action).map_or(0, |one| one.count);
    let failure = Failure { action, message, count: count.saturating_add(1), at: observed.now };
    Some(Action::NoteFailure { task: task.clone(), failure })
}
