//! Issues beside the loop: they are taken and told of at their own pace. When GitHub is away nothing here
//! waits for it.

use super::Intake;
use crate::api::policy::Github as Policy;
use crate::client::board::Hub;
use crate::client::{Client, Error};
use crate::github;
use crate::process::clock;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// How soon it is tried again after it failed.
const AGAIN: Duration = Duration::from_mins(1);
/// How soon it is looked whether issues are to be taken.
const PAUSE: Duration = Duration::from_secs(30);

/// What is kept between two rounds.
#[derive(Default)]
struct Kept {
    hub: Option<(Policy, Hub)>,
    intake: Intake,
}

impl Client {
    /// Takes labelled issues and tells of them until it is over. `told` is given what a person should know,
    /// once while it stays so.
    pub async fn keep_issues(&self, mut over: Receiver<bool>, mut told: impl FnMut(&str)) {
        let mut kept = Kept::default();
        let mut before = BTreeSet::new();
        while !*over.borrow() {
            let (notes, wait) = match Box::pin(self.issues_once(&mut kept, Some(&over))).await {
                Ok(done) => done,
                Err(error) => {
                    (vec![format!("issues are not up to date: {error}")], wait_after(&error))
                }
            };
            let notes: BTreeSet<String> = notes.into_iter().collect();
            for note in notes.difference(&before) {
                told(note);
            }
            before = notes;
            // Nobody is left to say that it is over: then it is.
            if tokio::time::timeout(wait, over.changed()).await.is_ok_and(|said| said.is_err()) {
                return;
            }
        }
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
        // The hub keeps the pace: a new one would forget what was asked.
        let is_same = kept.hub.as_ref().is_some_and(|(known, _)| *known == policy);
        if !is_same {
            let hub = Hub { over: over.cloned(), ..self.hub(&policy)? };
            if kept.hub.is_some() {
                kept.intake = Intake::default();
            }
            kept.hub = Some((policy.clone(), hub));
        }
        let Some((_, hub)) = &kept.hub else { return Ok((Vec::new(), PAUSE)) };
        let pulled = self.pull(hub, &mut kept.intake).await?;
        let claimed = pulled.claimed.iter().map(|one| format!("claimed {one}"));
        let notes = claimed.chain(pulled.notes).collect();
        Ok((notes, Duration::from_secs(u64::from(policy.interval_seconds))))
    }
}

/// Returns how long is waited after this: at least as long as GitHub asks to.
fn wait_after(error: &Error) -> Duration {
    match error {
        Error::Github(github::Error::Limited(wait)) => AGAIN.max(*wait),
        Error::Git(_)
        | Error::Records(_)
        | Error::Disk(_)
        | Error::Trust(_)
        | Error::Invalid(_)
        | Error::Unknown(_)
        | Error::Ownership(_)
        | Error::Ledger(_)
        | Error::Github(_)
        | Error::Refused { .. } => AGAIN,
    }
}
