//! Work that lands by pull request, beside the loop: each is pushed, proposed once, and merged when GitHub
//! says that it may be. Nothing here waits for GitHub, and what is done is never guessed: it is read again.

mod visit;
mod withdraw;

use super::board::{keep, wait_after};
use super::{Client, Error, setting};
use crate::api::policy::By;
use crate::plan::merge_target;
use crate::plan::observed::EmptyState;
use crate::world::host::{Base, HostWorld, Role};
use std::time::Duration;
use tokio::sync::watch::Receiver;
use visit::Visit;

/// How soon it is looked whether work lands by pull request.
const UNNAMED: Duration = Duration::from_secs(30);
/// How soon it is looked whether the loop has begun.
const UNGUARDED: Duration = Duration::from_millis(100);
/// How many steps one pull request takes before the next one has its turn.
const STEPS_MAX: usize = 5;

impl Client {
    /// Sees once to all work that is to land by pull request; returns what a person should know.
    pub async fn see_to_pulls(&self) -> Vec<String> {
        // Whoever else has the guard sees to it.
        let Ok(guard) = self.take_guard().await else { return Vec::new() };
        let Ok(handed_on) = guard.hand_on() else { return Vec::new() };
        let guarded = self.guarded.by(self.repository.clone().with_guard(handed_on));
        let notes = self.pulls_once(None).await.0;
        drop(guarded);
        notes
    }

    /// Sees to it until it is over; a request under way then is the last. `told` is given what a person
    /// should know, once while it stays so.
    pub async fn keep_pulls(&self, over: Receiver<bool>, told: impl FnMut(&str)) {
        let asked = over.clone();
        keep(over, told, async || self.pulls_once(Some(&asked)).await).await;
    }

    async fn pulls_once(&self, over: Option<&Receiver<bool>>) -> (Vec<String>, Duration) {
        self.see_once(over).await.unwrap_or_else(|error| {
            (vec![format!("pull requests are not up to date: {error}")], wait_after(&error))
        })
    }

    async fn see_once(
        &self,
        over: Option<&Receiver<bool>>,
    ) -> Result<(Vec<String>, Duration), Error> {
        // Its git commands hold the guard as the loop's do: none of them meets those of another loop.
        let Some(repository) = self.guarded.get() else { return Ok((Vec::new(), UNGUARDED)) };
        let setting = setting(&self.environment, Role::Visitor, EmptyState::Doubted);
        let world = &HostWorld::new(repository, self.state_ref.clone(), setting);
        let snapshot = self.snapshot().await;
        let Some(desired) = snapshot.desired.known() else { return Ok((Vec::new(), UNNAMED)) };
        let (policy, plan) = (desired.policy(), &snapshot.plan);
        let count = plan.proposes.len() + plan.withdraws.len();
        let wait = match policy.merge.by {
            By::Push => UNNAMED,
            // On average one question in a second: GitHub answers 5000 in an hour.
            By::PullRequest => Duration::from_secs(u64::from(
                u32::try_from(count).unwrap_or(u32::MAX).max(policy.github.interval_seconds),
            )),
        };
        let Some(repository) = &policy.github.repository else { return Ok((Vec::new(), wait)) };
        if count == 0 {
            return Ok((Vec::new(), wait));
        }
        let hub = self.hub_until(&policy.github, over)?;
        for one in &plan.withdraws {
            self.withdraw(&hub, repository, one).await?;
        }
        // Who admits a policy sees to it that the remote is named.
        let (Some(target), Some(remote)) = (merge_target(desired), &policy.merge.remote) else {
            return Ok((Vec::new(), wait));
        };
        let base = Base { target: &target, remote, method: policy.merge.method };
        for work in &plan.proposes {
            let spec = desired.tasks.get(&work.attempt.owner.task);
            let Some(spec) = spec.and_then(|entry| entry.spec.as_ref()) else { continue };
            let checks = policy.merge.checks;
            let visit =
                Visit { client: self, world, hub: &hub, repository, base, checks, work, spec };
            visit.go().await?;
        }
        Ok((Vec::new(), wait))
    }
}
