//! Issues beside the loop: they are taken and told of at their own pace. When GitHub is away nothing here
//! waits for it.

use super::Intake;
use crate::api::policy::Github as Policy;
use crate::client::board::{keep, wait_after};
use crate::client::{Client, Error};
use crate::process::clock;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// How soon it is looked whether issues are to be taken.
const PAUSE: Duration = Duration::from_secs(30);

/// What is kept between two rounds.
#[derive(Default)]
struct Kept {
    /// By what policy it was asked.
    policy: Option<Policy>,
    intake: Intake,
}

impl Client {
    /// Takes labelled issues and tells of them until it is over. `told` is given what a person should know,
    /// once while it stays so.
    pub async fn keep_issues(&self, over: Receiver<bool>, told: impl FnMut(&str)) {
        let (asked, mut kept) = (over.clone(), Kept::default());
        let once = async || {
            let done = Box::pin(self.issues_once(&mut kept, Some(&asked))).await;
            done.unwrap_or_else(|error| {
                (vec![format!("issues are not up to date: {error}")], wait_after(&error))
            })
        };
        keep(over, told, once).await;
    }

    /// Tells the issues that are ours how far their tasks are now; returns what a person should know.
    pub async fn tell_issues(&self) -> Vec<String> {
        // None is taken any more: nobody would be there to work on it.
        let mut kept = Kept::default();
        kept.intake.polled = Some(clock::since_boot());
        match Box::pin(self.issues_once(&mut kept, None)).await {
            Ok((notes, _)) => notes,
            Err(error) => vec![format!("issues are not up to date: {error}")],
        }
    }

    async fn issues_once(
        &self,
        kept: &mut Kept,
        over: Option<&Receiver<bool>>,
    ) -> Result<(Vec<String>, Duration), Error> {
        let policy = self.wanted().await?.policy().github.clone();
        if policy.pull.is_empty() && self.records().issues()?.taken.is_empty() {
            return Ok((Vec::new(), PAUSE));
        }
        if kept.policy.as_ref().is_some_and(|known| *known != policy) {
            kept.intake = Intake::default();
        }
        let hub = self.hub_until(&policy, over)?;
        let interval = Duration::from_secs(u64::from(policy.interval_seconds));
        kept.policy = Some(policy);
        let pulled = self.pull(&hub, &mut kept.intake).await?;
        let claimed = pulled.claimed.iter().map(|one| format!("claimed {one}"));
        let notes = claimed.chain(pulled.notes).collect();
        Ok((notes, interval))
    }
}
