//! What GitHub was told to merge by itself, and is not to land now: that is taken back, before anything
//! else is done with pull requests.

use super::STEPS_MAX;
use crate::api::landing::{OrderState, Ordered};
use crate::api::pull::{PullRequest, PullState};
use crate::client::board::Hub;
use crate::client::{Client, Error};
use crate::github;
use crate::plan::action::Withdrawal;
use crate::world::ActionError;

impl Client {
    /// Takes back now what GitHub is to merge by itself no more, instead of leaving it to the loop; returns
    /// what a person should know.
    pub async fn take_back_merges(&self) -> Vec<String> {
        let snapshot = self.snapshot().await;
        let policy = snapshot.desired.known().map(|desired| &desired.policy().github);
        let Some((policy, repository)) =
            policy.and_then(|one| Some((one, one.repository.as_ref()?)))
        else {
            return Vec::new();
        };
        for one in &snapshot.plan.withdraws {
            let done = match self.hub(policy) {
                Ok(hub) => self.withdraw(&hub, repository, one).await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                return vec![format!(
                    "GitHub may still merge pull request #{}, until the loop takes that back: {error}",
                    one.number
                )];
            }
        }
        Vec::new()
    }

    /// Takes back that GitHub merges the work of a task by itself.
    pub(super) async fn withdraw(
        &self,
        hub: &Hub,
        repository: &str,
        one: &Withdrawal,
    ) -> Result<(), Error> {
        let number = one.number;
        for _ in 0..STEPS_MAX {
            if hub.is_over() {
                return Ok(());
            }
            let found = hub.github.pulls(repository, (&one.branch, &one.target)).await?;
            let its = found.all.iter().find(|pull| pull.number == number);
            let open = its.filter(|pull| pull.state == PullState::Open);
            let Some((pull, order)) = open.and_then(|pull| Some((pull, pull.order?))) else {
                return self.withdrawn(one, its).await;
            };
            let leaving = |ordered| Some(Ordered { state: OrderState::Leaving, ..ordered });
            let said = format!("GitHub is to merge pull request #{number} by itself no more");
            self.visitor.change_order(one, leaving, &said).await.map_err(unrecorded)?;
            match hub.github.cancel_pull(pull, order).await {
                // It did not by then: that is looked at.
                Ok(()) | Err(github::Error::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Records that GitHub merges it by itself no more, and what it did before.
    async fn withdrawn(&self, one: &Withdrawal, its: Option<&PullRequest>) -> Result<(), Error> {
        let number = one.number;
        let is_merged = its.is_some_and(|pull| matches!(pull.state, PullState::Merged(_)));
        let said = if is_merged {
            format!("pull request #{number} was merged before that could be taken back")
        } else {
            format!("GitHub does not merge pull request #{number} by itself now")
        };
        let taken_back = |_: Ordered| None;
        if self.visitor.change_order(one, taken_back, &said).await.map_err(unrecorded)? {
            self.note_words(&one.owner.task, "MergeWithdrawn", &said);
        }
        Ok(())
    }
}

fn unrecorded(ActionError(why): ActionError) -> Error {
    Error::Refused {
        what: format!("what GitHub is to merge by itself could not be recorded: {why}"),
        help: "it is tried again".to_owned(),
    }
}
