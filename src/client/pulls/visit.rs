//! One look after the work of one task that lands by pull request: the steps that are due are taken, each
//! from a fresh read.

use super::STEPS_MAX;
use crate::api::landing::{OrderState, Ordered, Pull};
use crate::api::policy::RequiredChecks;
use crate::api::pull::{Order, PullRequest, PullState};
use crate::api::task::TaskSpec;
use crate::board::pull::{Proposal, Step, body, learned, name, next};
use crate::client::board::Hub;
use crate::client::{Client, Error};
use crate::github::{self, Pulls};
use crate::plan::action::Candidate;
use crate::world::ActionError;
use crate::world::host::{Base, HostWorld};

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

/// One look after the work of one task.
pub(super) struct Visit<'a> {
    pub(super) client: &'a Client,
    /// Whose git commands hold the guard.
    pub(super) world: &'a HostWorld,
    pub(super) hub: &'a Hub,
    /// `owner/name`.
    pub(super) repository: &'a str,
    pub(super) base: Base<'a>,
    pub(super) checks: RequiredChecks,
    pub(super) work: &'a Candidate,
    pub(super) spec: &'a TaskSpec,
}

impl Visit<'_> {
    /// Takes the steps that are due.
    pub(super) async fn go(&self) -> Result<(), Error> {
        let mut before = None;
        for _ in 0..STEPS_MAX {
            if self.hub.is_over() {
                return Ok(());
            }
            let Ok(Some(landing)) = self.world.proposed(self.work) else { return Ok(()) };
            let remembered = landing.pull.unwrap_or_default();
            let found = self.found().await?;
            let look = self.look(&remembered, &found.all);
            let known = learned(&look);
            let step = next(&Proposal { known: &known, ..look });
            // What did not help is not done again at once.
            if before.as_ref() == Some(&step) {
                return Ok(());
            }
            if known != remembered {
                self.tell(known.clone()).await;
            }
            match self.take(&step, (&found.repository, &known)).await {
                Ok(Then::Look) => {}
                Ok(Then::Rest) => return Ok(()),
                Err(Failure::Told(said)) => self.tell_failure(said, known).await,
                Err(Failure::Github(error)) => return Err(error.into()),
            }
            before = Some(step);
        }
        Ok(())
    }

    fn look<'a>(&'a self, known: &'a Pull, found: &'a [PullRequest]) -> Proposal<'a> {
        let (uid, tip, target) = (&self.work.attempt.owner.uid, &self.work.tip, self.base.target);
        Proposal { uid, tip, target, checks: self.checks, known, found }
    }

    async fn found(&self) -> Result<Pulls, github::Error> {
        let branches = (&self.work.branch, self.base.target);
        self.hub.github.pulls(self.repository, branches).await
    }

    async fn take(&self, step: &Step, (repository, known): (&str, &Pull)) -> Result<Then, Failure> {
        let (github, tip, method) = (&self.hub.github, &self.work.tip, self.base.method);
        match step {
            Step::Open => self.open(repository, known).await,
            Step::Push(_) => {
                self.push(known).await?;
                Ok(Then::Rest)
            }
            Step::Merge(pull) => {
                github.merge_pull(pull, tip, method).await?;
                Ok(Then::Look)
            }
            Step::Order(pull, order) => self.order((pull, *order), known).await,
            Step::Withdraw(pull, order) => {
                let ordered = known.ordered.clone();
                let ordered = ordered.map(|one| Ordered { state: OrderState::Leaving, ..one });
                self.note(Pull { ordered, ..known.clone() }).await?;
                github.cancel_pull(pull, *order).await?;
                Ok(Then::Look)
            }
            Step::Update(pull) => {
                // Remembered before it is asked for: the commit that comes of it is to be known.
                let said =
                    format!("{} is brought up to date with {}", name(pull), self.base.target);
                self.note(Pull { updated: Some(tip.clone()), said, ..known.clone() }).await?;
                github.update_pull(pull, tip).await?;
                Ok(Then::Look)
            }
            Step::Conflict(pull) => self.conflict(pull, known).await,
            Step::Landed(number, commit) => {
                let landed = (*number, commit);
                let done = self.world.landed_as(self.base, self.work, landed).await;
                done.map_err(|why| {
                    Failure::Told(format!("pull request #{number} is merged, but {why}"))
                })?;
                Ok(Then::Rest)
            }
            Step::Wait(number, said) => {
                let number = number.or(known.number);
                self.tell(Pull { number, said: said.clone(), ..known.clone() }).await;
                Ok(Then::Rest)
            }
        }
    }

    /// Tells GitHub to merge it by itself. That is noted first: who is cut off here, or has it taken back,
    /// must know of it.
    async fn order(
        &self,
        (pull, order): (&PullRequest, Order),
        known: &Pull,
    ) -> Result<Then, Failure> {
        let (github, tip) = (&self.hub.github, &self.work.tip);
        let before = known.ordered.as_ref().filter(|one| one.order == order && one.head == *tip);
        let times = before.map_or(0, |one| one.times).saturating_add(1);
        let (head, state) = (tip.clone(), OrderState::Given);
        let ordered = Some(Ordered { order, head, times, state });
        let said = match order {
            Order::AutoMerge => format!("{} is to be merged by GitHub", name(pull)),
            Order::Queue => format!("{} goes into GitHub's merge queue", name(pull)),
        };
        self.note(Pull { ordered, said, ..known.clone() }).await?;
        match order {
            Order::AutoMerge => github.merge_pull_later(pull, tip, self.base.method).await?,
            Order::Queue => github.enqueue_pull(pull, tip).await?,
        }
        Ok(Then::Look)
    }

    async fn push(&self, known: &Pull) -> Result<(), Failure> {
        let Self { base, work, .. } = self;
        self.world.push_work(*base, work, known.pushed.as_ref()).await?;
        let said = format!("{} is pushed to {}", work.branch, base.remote);
        self.tell(Pull { pushed: Some(work.tip.clone()), said, ..known.clone() }).await;
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
            let (seen, said) = (Some(pull.seen()), format!("{} is open", name(pull)));
            self.tell(Pull { number, pushed, seen, said, ..known.clone() }).await;
        }
        // It is not merged at once: its checks are given time to begin.
        Ok(Then::Rest)
    }

    async fn conflict(&self, pull: &PullRequest, known: &Pull) -> Result<Then, Failure> {
        let Self { client, base, work, .. } = self;
        if self.world.refuse_conflict(*base, work).await? {
            let why = format!("{} conflicts with {}", name(pull), base.target);
            client.note_words(&work.attempt.owner.task, "MergeRefused", &why);
        } else {
            let said = format!("GitHub sees a conflict of {}, and git sees none", name(pull));
            self.tell(Pull { said, ..known.clone() }).await;
        }
        Ok(Then::Rest)
    }

    /// Records why a step was not done, beside what was noted for it.
    async fn tell_failure(&self, said: String, known: Pull) {
        let noted = self.world.proposed(self.work).ok().flatten();
        let noted = noted.and_then(|landing| landing.pull).unwrap_or(known);
        self.tell(Pull { said, ..noted }).await;
    }

    /// Records what is known of a pull request before something is done that must be known of.
    async fn note(&self, pull: Pull) -> Result<(), Failure> {
        if self.world.record_pull(self.work, pull).await? {
            return Ok(());
        }
        Err(Failure::Told("it is not to land any more".to_owned()))
    }

    /// Records what is known of a pull request, for whoever looks. What cannot be recorded is found again.
    async fn tell(&self, pull: Pull) {
        if let Err(error) = self.world.record_pull(self.work, pull).await {
            tracing::warn!(%error, "what is known of a pull request was not recorded");
        }
    }
}
