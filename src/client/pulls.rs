//! Work that lands by pull request, beside the loop: each is pushed, proposed once, and merged when GitHub
//! says that it may be. Nothing here waits for GitHub, and what is done is never guessed: it is read again.

use super::board::{Hub, keep, wait_after};
use super::{Client, Error};
use crate::api::landing::Pull;
use crate::api::policy::By;
use crate::api::pull::{PullRequest, PullState};
use crate::api::task::TaskSpec;
use crate::board::pull::{Proposal, Step, body, name, next};
use crate::github::{self, Pulls};
use crate::plan::action::Candidate;
use crate::plan::merge_target;
use crate::world::ActionError;
use crate::world::host::Base;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// How soon it is looked whether work lands by pull request.
const UNNAMED: Duration = Duration::from_secs(30);
/// How many steps one pull request takes before the next one has its turn.
const STEPS_MAX: usize = 5;

/// What comes after a step.
enum Then {
    /// It is looked again at once.
    Look,
    /// It is looked again the next time.
    Rest,
}

/// Why a step was not done.
enum Failure {
    /// It concerns this work alone, and is told there.
    Told(String),
    /// GitHub is not to be asked further now.
    Github(github::Error),
}

impl From<ActionError> for Failure {
    fn from(error: ActionError) -> Self {
        Self::Told(error.0)
    }
}

impl From<github::Error> for Failure {
    fn from(error: github::Error) -> Self {
        match error {
            github::Error::Refused(_) => Self::Told(error.to_string()),
            github::Error::Address(_)
            | github::Error::Unknown(_)
            | github::Error::Limited(_)
            | github::Error::TooMuch
            | github::Error::Unauthorized
            | github::Error::Forbidden { .. }
            | github::Error::NotFound(_)
            | github::Error::Renamed(_) => Self::Github(error),
        }
    }
}

impl Client {
    /// Sees once to all work that is to land by pull request; returns what a person should know.
    pub async fn see_to_pulls(&self) -> Vec<String> {
        self.pulls_once(None).await.0
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
        let desired = self.visitor.desired().await;
        let by = desired.known().map(|desired| desired.policy().merge.by);
        if by != Some(By::PullRequest) {
            return Ok((Vec::new(), UNNAMED));
        }
        let snapshot = self.snapshot().await;
        let Some(desired) = snapshot.desired.known() else { return Ok((Vec::new(), UNNAMED)) };
        let policy = desired.policy();
        let interval = policy.github.interval_seconds;
        // Who admits a policy sees to it that both are named.
        let (Some(repository), Some(remote), Some(target)) =
            (&policy.github.repository, &policy.merge.remote, merge_target(desired))
        else {
            return Ok((Vec::new(), UNNAMED));
        };
        let works = &snapshot.plan.proposes;
        // On average one question in a second: GitHub answers 5000 in an hour.
        let count = u32::try_from(works.len()).unwrap_or(u32::MAX);
        let wait = Duration::from_secs(u64::from(count.max(interval)));
        if works.is_empty() {
            return Ok((Vec::new(), wait));
        }
        let hub = self.hub_until(&policy.github, over)?;
        let base = Base { target: &target, remote, method: policy.merge.method };
        for work in works {
            let spec = desired.tasks.get(&work.attempt.owner.task);
            let Some(spec) = spec.and_then(|entry| entry.spec.as_ref()) else { continue };
            Visit { client: self, hub: &hub, repository, base, work, spec }.go().await?;
        }
        Ok((Vec::new(), wait))
    }
}

/// One look after the work of one task.
struct Visit<'a> {
    client: &'a Client,
    hub: &'a Hub,
    /// `owner/name`.
    repository: &'a str,
    base: Base<'a>,
    work: &'a Candidate,
    spec: &'a TaskSpec,
}

impl Visit<'_> {
    /// Takes the steps that are due.
    async fn go(&self) -> Result<(), Error> {
        let mut before = None;
        for _ in 0..STEPS_MAX {
            if self.hub.is_over() {
                return Ok(());
            }
            let Ok(Some(landing)) = self.client.visitor.proposed(self.work) else { return Ok(()) };
            let known = landing.pull.unwrap_or_default();
            let found = self.found().await?;
            let (uid, tip, target) =
                (&self.work.attempt.owner.uid, &self.work.tip, self.base.target);
            let step = next(&Proposal { uid, tip, target, known: &known, found: &found.all });
            // What did not help is not done again at once.
            if before.as_ref() == Some(&step) {
                return Ok(());
            }
            match self.take(&step, (&found.repository, &known)).await {
                Ok(Then::Look) => {}
                Ok(Then::Rest) => return Ok(()),
                Err(Failure::Told(said)) => self.tell(Pull { said, ..known }),
                Err(Failure::Github(error)) => return Err(error.into()),
            }
            before = Some(step);
        }
        Ok(())
    }

    async fn found(&self) -> Result<Pulls, github::Error> {
        let branches = (&self.work.branch, self.base.target);
        self.hub.github.pulls(self.repository, branches).await
    }

    async fn take(&self, step: &Step, (repository, known): (&str, &Pull)) -> Result<Then, Failure> {
        let (github, tip, method) = (&self.hub.github, &self.work.tip, self.base.method);
        let noted = |pull: &PullRequest| Pull { number: Some(pull.number), ..known.clone() };
        match step {
            Step::Open => self.open(repository, known).await,
            Step::Push(pull) => {
                self.push(&noted(pull)).await?;
                Ok(Then::Rest)
            }
            Step::Merge(pull) => {
                github.merge_pull(pull, tip, method).await?;
                Ok(Then::Look)
            }
            Step::MergeLater(pull) => {
                github.merge_pull_later(pull, tip, method).await?;
                Ok(Then::Look)
            }
            Step::Update(pull) => {
                // Remembered before it is asked for: the commit that comes of it is to be known.
                let said =
                    format!("{} is brought up to date with {}", name(pull), self.base.target);
                self.tell(Pull { updated: Some(tip.clone()), said, ..noted(pull) });
                github.update_pull(pull, tip).await?;
                Ok(Then::Look)
            }
            Step::Conflict(pull) => self.conflict(pull, noted(pull)).await,
            Step::Landed(number, commit) => {
                let landed = (*number, commit);
                let done = self.client.visitor.landed_as(self.base, self.work, landed).await;
                done.map_err(|why| {
                    Failure::Told(format!("pull request #{number} is merged, but {why}"))
                })?;
                Ok(Then::Rest)
            }
            Step::Wait(number, said) => {
                let number = number.or(known.number);
                self.tell(Pull { number, said: said.clone(), ..known.clone() });
                Ok(Then::Rest)
            }
        }
    }

    async fn push(&self, known: &Pull) -> Result<(), Failure> {
        let Self { client, base, work, .. } = self;
        client.visitor.push_work(*base, work, known.pushed.as_ref()).await?;
        let said = format!("{} is pushed to {}", work.branch, base.remote);
        self.tell(Pull { pushed: Some(work.tip.clone()), said, ..known.clone() });
        Ok(())
    }

    async fn open(&self, repository: &str, known: &Pull) -> Result<Then, Failure> {
        let Self { base, work, spec, hub, .. } = self;
        self.push(known).await?;
        let owner = &work.attempt.owner;
        let text = body(&owner.task, &owner.uid, spec);
        let branches = (&work.branch, base.target);
        hub.github.open_pull(repository, branches, (&work.title, &text)).await?;
        let found = self.found().await?;
        if let Some(pull) = found.all.iter().find(|one| one.state == PullState::Open) {
            let (number, pushed) = (Some(pull.number), Some(work.tip.clone()));
            let said = format!("{} is open", name(pull));
            self.tell(Pull { number, pushed, said, ..known.clone() });
        }
        // It is not merged at once: its checks are given time to begin.
        Ok(Then::Rest)
    }

    async fn conflict(&self, pull: &PullRequest, noted: Pull) -> Result<Then, Failure> {
        let Self { client, base, work, .. } = self;
        if client.visitor.refuse_conflict(*base, work).await? {
            let why = format!("{} conflicts with {}", name(pull), base.target);
            client.note_words(&work.attempt.owner.task, "MergeRefused", &why);
        } else {
            let said = format!("GitHub sees a conflict of {}, and git sees none", name(pull));
            self.tell(Pull { said, ..noted });
        }
        Ok(Then::Rest)
    }

    /// Records what is known of a pull request, for whoever looks. What cannot be recorded is found again.
    fn tell(&self, pull: Pull) {
        if let Err(error) = self.client.visitor.record_pull(self.work, pull) {
            tracing::warn!(%error, "what is known of a pull request was not recorded");
        }
    }
}
