//! Issues that could be ours: those with a label of ours that nobody has. A claim is remembered before it is
//! made, and counts only when its ref says so.

use super::round::{Round, sure};
use crate::api::issue::{Issue, Lease, LeaseState, ProgressNotes, Seen, Stage, Taken, Ticket};
use crate::api::key::Key;
use crate::api::name::TaskName;
use crate::api::policy::Feed;
use crate::api::task::TaskState;
use crate::client::edit::Edit;
use crate::client::{
    Commit, Error, Proposal, Proposed, Record, Suspension, draw_secret, spec, task_text,
};
use crate::github::Grip;
use crate::intake::{self, Chance, Others, Sight};
use crate::process::{clock, identity};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

impl Round<'_> {
    /// Claims what is labelled, as long as its worker has seats.
    pub(super) async fn take_more(&mut self, proposals: &[Proposal]) -> Result<(), Error> {
        let Some(desired) = self.snapshot.desired.known().cloned() else { return Ok(()) };
        if self.hub.policy.pull.is_empty() {
            return Ok(());
        }
        let mut claims = None;
        let mut labelled = BTreeSet::new();
        for feed in self.hub.policy.pull.clone() {
            let spec = desired.workers.get(&feed.worker).and_then(|one| one.spec.as_ref());
            let Some(seats) = spec.map(|spec| spec.replicas as usize) else {
                let Feed { label, worker } = feed;
                self.out.notes.push(format!("label {label}: there is no worker `{worker}`"));
                continue;
            };
            let listing = self.intake.listed.entry(feed.label.clone()).or_default();
            let of = (self.home.name.as_str(), feed.label.as_str());
            let listed = self.hub.github.open_issues(of, listing, clock::since_boot()).await?;
            let Some(issues) = listed else {
                self.intake.off = Some(clock::since_boot());
                return Ok(());
            };
            let tickets: Vec<(Ticket, &Issue)> = intake::tickets(&issues, &feed.label).collect();
            labelled.extend(tickets.iter().map(|(ticket, _)| ticket.clone()));
            let is_here = |task: &TaskName| {
                let is_other = self.is_of_another_claim(task, None);
                let is_known = desired.tasks.contains_key(task) && !is_other;
                is_known || proposals.iter().any(|one| one.task == *task)
            };
            let is_new = |(ticket, _): &(Ticket, &Issue)| {
                let is_ours = self.book.taken.contains_key(&ticket.to_string());
                let is_ours = is_ours || self.book.declined.contains(ticket);
                !is_ours && ticket.task().is_some_and(|task| !is_here(&task))
            };
            let new: Vec<(Ticket, &Issue)> = tickets.into_iter().filter(is_new).collect();
            self.take_of((&feed, seats), &new, &mut claims).await?;
        }
        self.book.declined.retain(|ticket| labelled.contains(ticket));
        Ok(())
    }

    /// Claims of these issues as many as there are seats.
    async fn take_of(
        &mut self,
        (feed, seats): (&Feed, usize),
        new: &[(Ticket, &Issue)],
        claims: &mut Option<BTreeMap<String, String>>,
    ) -> Result<(), Error> {
        for (ticket, issue) in new {
            if self.busy(feed) >= seats || self.is_over() {
                return Ok(());
            }
            // Who has what is asked for only when something is to be had.
            let claims = match claims {
                Some(claims) => claims,
                None => claims.insert(self.claims().await?),
            };
            let done = self.try_take((ticket, issue), feed, claims).await;
            self.go_on(&ticket.to_string(), done)?;
        }
        Ok(())
    }

    async fn claims(&mut self) -> Result<BTreeMap<String, String>, Error> {
        let (claims, date) = self.hub.github.claims(&self.home.name, "issue-").await?;
        self.intake.tell_time(date);
        self.intake.seen.retain(|commit, _| claims.values().any(|at| at == commit));
        Ok(claims)
    }

    /// Returns how many issues are worked by a worker.
    fn busy(&self, feed: &Feed) -> usize {
        let is_its = |one: &&Taken| {
            one.worker == feed.worker && !matches!(one.stage, Stage::Completed | Stage::Failed)
        };
        self.book.taken.values().filter(is_its).count()
    }

    async fn try_take(
        &mut self,
        (ticket, issue): (&Ticket, &Issue),
        feed: &Feed,
        claims: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = ticket.claim_ref();
        let commit = claims.get(&name);
        let seen = match commit {
            Some(commit) => self.seen_at(commit).await?,
            None => Seen::Nothing,
        };
        let of_issue = Ticket { issue: ticket.issue, label: String::new() }.claim_ref();
        let is_other = |one: &&String| one.starts_with(&of_issue) && **one != name;
        let others = claims.keys().find(is_other).map_or(Others::None, |_| Others::Some);
        let Some(now) = self.intake.now() else { return Ok(()) };
        let from = match intake::chance(issue, &seen, others, now) {
            Chance::Taken => return Ok(()),
            Chance::Free => None,
            Chance::Lapsed => commit.cloned(),
        };
        // What is listed may have lost the label since.
        let Some(issue) = self.wanted(ticket).await? else { return Ok(()) };
        let Some(mut taken) = self.claim(ticket, feed, from).await? else { return Ok(()) };
        self.out.claimed.push(ticket.to_string());
        self.propose_as(&mut taken, &issue).await
    }

    /// Returns an issue as it is, if it is open and has its label.
    async fn wanted(&mut self, ticket: &Ticket) -> Result<Option<Issue>, Error> {
        Ok(match self.see(ticket.issue).await? {
            Sight::There(issue) if issue.is_open && issue.labels.contains(&ticket.label) => {
                Some(issue)
            }
            Sight::There(_) | Sight::Gone | Sight::NotLooked => None,
        })
    }

    /// Claims an issue; returns `None` when another was first.
    async fn claim(
        &mut self,
        ticket: &Ticket,
        feed: &Feed,
        from: Option<String>,
    ) -> Result<Option<Taken>, Error> {
        let begun = clock::boot_time().ok();
        let Some(now) = self.intake.now() else { return Ok(None) };
        let nonce = draw_secret();
        let lease = Lease {
            worker: feed.worker.clone(),
            node: identity::node().to_owned(),
            nonce: nonce.clone(),
            state: LeaseState::Held,
            expires_at: now + self.lease(),
        };
        let commit = self.hub.github.claim_commit(&self.home, &lease.message(ticket)).await?;
        let mut taken = Taken {
            ticket: ticket.clone(),
            worker: feed.worker.clone(),
            nonce,
            commit: commit.clone(),
            moving: None,
            expires_at: lease.expires_at,
            sure: None,
            since: now,
            stage: Stage::Claiming,
            proposed: false,
            saying: None,
            progress: ProgressNotes::default(),
        };
        self.remember(&taken)?;
        let name = ticket.claim_ref();
        let grip = match &from {
            None => self.hub.github.make_claim(&self.home, &name, &commit).await,
            Some(from) => {
                self.hub.github.move_claim(&self.home, &name, (from, Some(&commit))).await
            }
        };
        match grip {
            Ok(Grip::Ours) => {
                taken.stage = Stage::Claimed;
                taken.sure = sure(begun, now, taken.expires_at);
                self.remember(&taken)?;
                Ok(Some(taken))
            }
            Ok(Grip::NotYet | Grip::Lost) => {
                self.forget(&taken)?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns what the commit of a claim says, which never changes.
    pub(super) async fn seen_at(&mut self, commit: &str) -> Result<Seen, Error> {
        if let Some(seen) = self.intake.seen.get(commit) {
            return Ok(seen.clone());
        }
        let message = self.hub.github.claim_message(&self.home.name, commit).await?;
        let seen = Seen::read(&message);
        self.intake.seen.insert(commit.to_owned(), seen.clone());
        Ok(seen)
    }

    /// Proposes the task of an issue that is wanted still.
    pub(super) async fn propose(&mut self, taken: &mut Taken) -> Result<(), Error> {
        // Otherwise it is given up the next time that all is looked at.
        match self.wanted(&taken.ticket).await? {
            Some(issue) => self.propose_as(taken, &issue).await,
            None => Ok(()),
        }
    }

    /// Proposes the task of an issue: what the issue says is its prompt, and nothing else of it.
    async fn propose_as(&mut self, taken: &mut Taken, issue: &Issue) -> Result<(), Error> {
        let number = taken.ticket.issue;
        let Some(task) = taken.ticket.task() else { return Ok(()) };
        if self.is_of_another_claim(&task, Some(&taken.nonce)) {
            return self.take_over(taken, &task).await;
        }
        let spec = spec([
            ("title", Some(json!(intake::title(issue)))),
            ("prompt", Some(json!(intake::prompt(issue, &self.home.name, &taken.nonce)))),
            ("issueNumber", Some(json!(number))),
            ("issueClaim", Some(claim_of(taken))),
            ("assignedTo", Some(json!(taken.worker))),
        ]);
        let message = format!(
            "propose task {task}: issue #{number} of {}\n\nClaimed for its label {}.",
            self.home.name, taken.ticket.label
        );
        let file = task_text(&task, &spec);
        if let Proposed::Waits { why } =
            self.client.propose_from_outside((&task, &file), &message).await?
        {
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            self.out.notes.push(format!(
                "issue #{number} is claimed as task/{task}, and waits for you{why}: reconciler accept \
                 {task}"
            ));
        }
        taken.proposed = true;
        self.remember(taken)
    }

    /// Returns whether a task is committed that is not done here, of a claim with another nonce.
    pub(super) fn is_of_another_claim(&self, task: &TaskName, nonce: Option<&str>) -> bool {
        let spec = self.snapshot.desired.known();
        let spec = spec.and_then(|desired| desired.tasks.get(task)?.spec.as_ref());
        let claim = spec.and_then(|spec| spec.issue_claim.as_ref());
        let report = self.snapshot.plan.report.tasks.get(task);
        let is_done = report.is_some_and(|one| one.state == TaskState::Completed);
        !is_done && claim.is_some_and(|claim| Some(claim.nonce.as_str()) != nonce)
    }

    /// Lets a task that is committed already be done here: what it says was accepted then.
    async fn take_over(&mut self, taken: &mut Taken, task: &TaskName) -> Result<(), Error> {
        let key = Key::Task(task.clone());
        let reason = format!("The claim of issue #{} is held here now.", taken.ticket.issue);
        let record = Record { commit: Commit::Yes, reason: Some(&reason) };
        let already = format!("{key} is of this claim already");
        let value = Some(claim_of(taken));
        let edit = Edit { field: "issueClaim", value, verb: "take over", already };
        self.client.edit(&key, edit, record).await?;
        let spec = self.snapshot.desired.known();
        let spec = spec.and_then(|desired| desired.tasks.get(task)?.spec.as_ref());
        if spec.is_some_and(|spec| spec.suspend) {
            self.client.suspend(&key, Suspension::Resumed, record).await?;
        }
        taken.proposed = true;
        self.remember(taken)
    }
}

/// Returns what a task says of the claim that it is of.
fn claim_of(taken: &Taken) -> Value {
    json!({ "node": identity::node(), "nonce": taken.nonce })
}
