//! What a manager does with issues: makes them, and sees who works on them. It claims nothing.

use super::repository;
use crate::api::issue::{Issue, LeaseState, Seen, Ticket};
use crate::api::name::TaskName;
use crate::api::policy::PolicySpec;
use crate::client::board::Hub;
use crate::client::{Client, Error};
use crate::github::{self, Listing};
use crate::intake;
use crate::process::clock;
use jiff::Timestamp;
use serde::Serialize;

/// An issue to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub body: String,
    /// Its labels: who works them takes it.
    pub labels: Vec<String>,
    /// The task that it is made from.
    pub task: Option<TaskName>,
}

/// An issue that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pushed {
    /// Its number.
    pub number: u64,
    /// Where people see it.
    pub url: String,
    /// Whether it was there already.
    pub was_there: bool,
}

/// An issue that is worked by label, as a manager sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenIssue {
    /// Its number.
    pub number: u64,
    /// The label.
    pub label: String,
    /// How far it is.
    pub state: OpenState,
    /// The worker that has it, or had.
    pub worker: Option<String>,
    /// The machine of that.
    pub node: Option<String>,
    /// When its claim lapses.
    pub expires_at: Option<Timestamp>,
    /// What it is called.
    pub title: String,
    /// Where people see it.
    pub url: String,
}

/// How far an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
    /// Nobody has it.
    Open,
    /// It is worked on.
    Claimed,
    /// Whoever had it went silent: another may take it.
    Lapsed,
    /// It is done.
    Completed,
    /// It could not be done.
    Failed,
}

impl Client {
    /// Returns the policy that is committed.
    ///
    /// # Errors
    /// When what is wanted cannot be read.
    pub async fn policy(&self) -> Result<PolicySpec, Error> {
        Ok(self.wanted().await?.policy().clone())
    }

    /// Returns the issue that a task would make.
    ///
    /// # Errors
    /// When there is no such task, or it is no work for an agent.
    pub async fn push_of(&self, name: &TaskName, labels: Vec<String>) -> Result<Push, Error> {
        let desired = self.wanted().await?;
        let spec = desired.tasks.get(name).and_then(|entry| entry.spec.as_ref());
        let spec = spec.ok_or_else(|| Error::Refused {
            what: format!("there is no task `{name}`"),
            help: "see what there is: reconciler get tasks".to_owned(),
        })?;
        let body = spec.prompt.clone().ok_or_else(|| Error::Refused {
            what: format!(
                "task/{name} has no prompt: what an issue says is never run as a command"
            ),
            help: "say it in words: reconciler task push --title .. --body ..".to_owned(),
        })?;
        let title = if spec.title.is_empty() { name.to_string() } else { spec.title.clone() };
        Ok(Push { title, body, labels, task: Some(name.clone()) })
    }

    /// Makes an issue; one that was made of the same before, and is open, is the one.
    ///
    /// # Errors
    /// When it was not made, or that is unknown: run it again, nothing is made twice.
    pub async fn push(&self, hub: &Hub, push: &Push) -> Result<Pushed, Error> {
        let name = repository(hub)?;
        let labels = push.labels.join("\n");
        let mark = if let Some(task) = &push.task {
            intake::push_mark(&["task", task.as_str()])
        } else {
            intake::push_mark(&["words", &push.title, &push.body, &labels])
        };
        let label = push.labels.first().map(String::as_str).unwrap_or_default();
        if let Some(found) = self.pushed(hub, (name, label), &mark).await? {
            return Ok(found);
        }
        let body = intake::marked(&push.body, &mark);
        match hub.github.open_issue(name, (&push.title, &body), &push.labels).await {
            Ok(issue) => Ok(Pushed { number: issue.number, url: issue.url, was_there: false }),
            Err(github::Error::Unknown(why)) => {
                tokio::time::sleep(hub.pause).await;
                let found = self.pushed(hub, (name, label), &mark).await?;
                let found = found.map(|found| Pushed { was_there: false, ..found });
                found.ok_or_else(|| github::Error::Unknown(why).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn pushed(
        &self,
        hub: &Hub,
        (name, label): (&str, &str),
        mark: &str,
    ) -> Result<Option<Pushed>, Error> {
        let all = hub.github.all_issues(name, label).await?;
        let mut marked: Vec<Issue> =
            all.into_iter().filter(|one| one.is_open && one.body.contains(mark)).collect();
        // Anybody can write the mark: it counts of who may work there, and of who asks.
        if marked.iter().any(|one| !one.is_by_member) {
            let (viewer, _) = hub.github.who().await?;
            marked.retain(|one| one.is_by_member || one.author == viewer);
        }
        let found = marked.into_iter().next();
        Ok(found.map(|one| Pushed { number: one.number, url: one.url, was_there: true }))
    }

    /// Returns the open issues with these labels, and who has them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn open_issues(&self, hub: &Hub, labels: &[String]) -> Result<Vec<OpenIssue>, Error> {
        let name = repository(hub)?;
        let (claims, now) = hub.github.claims(name, "issue-").await?;
        let mut all = Vec::new();
        for label in labels {
            let listed = hub
                .github
                .open_issues((name, label), &mut Listing::default(), clock::since_boot())
                .await?;
            for issue in listed.unwrap_or_default() {
                let ticket = Ticket { issue: issue.number, label: label.clone() };
                let commit = claims.get(&ticket.claim_ref());
                all.push(seen(issue, ticket, claim_at(hub, name, commit).await?, now));
            }
        }
        Ok(all)
    }
}

async fn claim_at(hub: &Hub, name: &str, commit: Option<&String>) -> Result<Seen, Error> {
    let Some(commit) = commit else { return Ok(Seen::Nothing) };
    Ok(Seen::read(&hub.github.claim_message(name, commit).await?))
}

fn seen(issue: Issue, ticket: Ticket, claim: Seen, now: Timestamp) -> OpenIssue {
    let has = |label: &str| issue.labels.contains(label);
    let state = match &claim {
        Seen::Foreign => OpenState::Claimed,
        Seen::Lease(lease) => match lease.state {
            LeaseState::Held if lease.expires_at < now => OpenState::Lapsed,
            LeaseState::Held => OpenState::Claimed,
            LeaseState::Completed => OpenState::Completed,
            LeaseState::Failed => OpenState::Failed,
        },
        // Somebody who makes no claims says so.
        Seen::Nothing if has(intake::COMPLETED) => OpenState::Completed,
        Seen::Nothing if has(intake::FAILED) => OpenState::Failed,
        Seen::Nothing if has(intake::IN_PROGRESS) => OpenState::Claimed,
        Seen::Nothing => OpenState::Open,
    };
    let lease = match claim {
        Seen::Lease(lease) => Some(lease),
        Seen::Nothing | Seen::Foreign => None,
    };
    let held = lease.as_ref().filter(|lease| lease.state == LeaseState::Held);
    OpenIssue {
        number: issue.number,
        label: ticket.label,
        state,
        expires_at: held.map(|lease| lease.expires_at),
        worker: lease.as_ref().map(|lease| lease.worker.to_string()),
        node: lease.map(|lease| lease.node),
        title: issue.title,
        url: issue.url,
    }
}
