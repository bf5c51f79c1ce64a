//! Issues beside the loop: they are taken and told of at their own pace. When GitHub is away nothing here
//! waits for it.

use super::Intake;
use crate::api::policy::Github as Policy;
use crate::client::board::Hub;
use crate::client::{Client, Error};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

/// How soon is looked again when nothing is to be done, or nothing could be.
const PAUSE: Duration = Duration::from_secs(30);

/// What is kept between two rounds.
#[derive(Default)]
struct Kept {
    hub: Option<(Policy, Hub)>,
    intake: Intake,
}

impl Client {
    /// Takes labelled issues and tells of them until it is dropped. `told` is given what a person should know.
    pub async fn keep_issues(&self, mut told: impl FnMut(&str)) -> Infallible {
        let mut kept = Kept::default();
        let mut last = BTreeSet::new();
        loop {
            let (notes, wait) = match Box::pin(self.issues_once(&mut kept)).await {
                Ok(done) => done,
                Err(error) => (vec![format!("issues are not up to date: {error}")], PAUSE * 2),
            };
            notes.iter().filter(|note| !last.contains(*note)).for_each(|note| told(note));
            last = notes.into_iter().collect();
            tokio::time::sleep(wait).await;
        }
    }

    /// Does one round, if issues are taken here; for what is settled and ends.
    pub async fn tell_issues(&self, mut told: impl FnMut(&str)) {
        let mut kept = Kept::default();
        match Box::pin(self.issues_once(&mut kept)).await {
            Ok((notes, _)) => notes.iter().for_each(|note| told(note)),
            Err(error) => told(&format!("issues are not up to date: {error}")),
        }
    }

    async fn issues_once(&self, kept: &mut Kept) -> Result<(Vec<String>, Duration), Error> {
        let policy = self.wanted().await?.policy().github.clone();
        if policy.pull.is_empty() && self.records().issues()?.taken.is_empty() {
            return Ok((Vec::new(), PAUSE));
        }
        // The hub keeps the pace: a new one would forget what was asked.
        let is_same = kept.hub.as_ref().is_some_and(|(known, _)| *known == policy);
        if !is_same {
            *kept = Kept { hub: Some((policy.clone(), self.hub(&policy)?)), ..Kept::default() };
        }
        let Some((_, hub)) = &kept.hub else { return Ok((Vec::new(), PAUSE)) };
        let pulled = self.pull(hub, &mut kept.intake).await?;
        let claimed = pulled.claimed.iter().map(|one| format!("claimed {one}"));
        let notes = claimed.chain(pulled.notes).collect();
        Ok((notes, Duration::from_secs(u64::from(policy.interval_seconds))))
    }
}
