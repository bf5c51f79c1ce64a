//! Issues with their labels, assignees and comments; a pull request is an issue that has a `Pull`.
//! Every change moves `updated_at`, as those who poll need.

use super::{Pull, Refusal, Repository, Store};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) state: State,
    /// `completed`, `not_planned`, `reopened`.
    pub(crate) reason: Option<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) author: String,
    pub(crate) comments: Vec<Comment>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) closed_at: Option<String>,
    pub(crate) pull: Option<Pull>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closed,
}

#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

impl Issue {
    pub(super) fn close(&mut self, reason: Option<&str>, now: &str) {
        self.state = State::Closed;
        self.reason = reason.map(str::to_owned);
        self.closed_at = Some(now.to_owned());
        now.clone_into(&mut self.updated_at);
    }
}

impl Store {
    /// Returns an issue or a pull request by its node id.
    pub(crate) fn find_issue(&self, id: &str) -> Option<(&Repository, &Issue)> {
        let of = |repository| -> Option<(&Repository, &Issue)> {
            let repository: &Repository = repository;
            Some((repository, repository.issues.values().find(|issue| issue.id == id)?))
        };
        self.repositories.values().find_map(of)
    }

    /// Returns the repository's id and the number of an issue or a pull request by its node id.
    pub(crate) fn place_of(&self, id: &str) -> Result<(String, u64), Refusal> {
        let (repository, issue) = self.find_issue(id).ok_or_else(|| Refusal::no_node(id))?;
        Ok((repository.id.clone(), issue.number))
    }

    pub(crate) fn issue(&self, repository: &str, number: u64) -> Result<&Issue, Refusal> {
        let found = self.repository(repository)?.issues.get(&number);
        found.ok_or_else(|| Refusal::not_found("Not Found"))
    }

    /// Returns an issue to change it: it counts as updated now.
    pub(crate) fn issue_mut(
        &mut self,
        repository: &str,
        number: u64,
    ) -> Result<&mut Issue, Refusal> {
        let now = self.clock.text();
        let repository = self.writable_repository(repository)?;
        let issue = repository.issues.get_mut(&number);
        let issue = issue.ok_or_else(|| Refusal::not_found("Not Found"))?;
        issue.updated_at = now;
        Ok(issue)
    }

    /// Opens an issue; returns its number.
    pub(crate) fn create_issue(
        &mut self,
        repository: &str,
        title: &str,
        body: &str,
    ) -> Result<u64, Refusal> {
        if title.trim().is_empty() {
            return Err(Refusal::unprocessable("Title can't be blank"));
        }
        if !self.repository(repository)?.is("hasIssuesEnabled") {
            return Err(Refusal::unprocessable("Issues has been disabled in this repository."));
        }
        self.insert_issue(repository, (title, body), None)
    }

    /// Takes the next number of the repository.
    pub(super) fn insert_issue(
        &mut self,
        repository: &str,
        (title, body): (&str, &str),
        pull: Option<Pull>,
    ) -> Result<u64, Refusal> {
        let (id, database_id) = self.id(if pull.is_some() { "PR" } else { "I" });
        let now = self.clock.text();
        let repository = self.writable_repository(repository)?;
        let number = repository.issues.keys().last().copied().unwrap_or(0) + 1;
        let issue = Issue {
            id,
            database_id,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            state: State::Open,
            reason: None,
            labels: Vec::new(),
            assignees: Vec::new(),
            author: super::VIEWER.to_owned(),
            comments: Vec::new(),
            created_at: now.clone(),
            updated_at: now,
            closed_at: None,
            pull,
        };
        repository.issues.insert(number, issue);
        Ok(number)
    }

    /// Closes or opens an issue.
    pub(crate) fn set_state(
        &mut self,
        repository: &str,
        number: u64,
        state: State,
        reason: Option<&str>,
    ) -> Result<(), Refusal> {
        let now = self.clock.text();
        let issue = self.issue_mut(repository, number)?;
        match state {
            State::Open if issue.state == State::Closed => {
                issue.state = State::Open;
                issue.reason = Some("reopened".to_owned());
                issue.closed_at = None;
            }
            State::Closed => {
                let default = issue.pull.is_none().then_some("completed");
                issue.close(reason.or(default), &now);
            }
            State::Open => {}
        }
        Ok(())
    }

    /// Adds a label; the repository gets it if it has none of that name.
    pub(crate) fn add_label(
        &mut self,
        repository: &str,
        number: u64,
        label: &str,
    ) -> Result<(), Refusal> {
        self.issue(repository, number)?;
        self.create_label(repository, label)?;
        let issue = self.issue_mut(repository, number)?;
        if !issue.labels.iter().any(|one| one == label) {
            issue.labels.push(label.to_owned());
        }
        Ok(())
    }

    pub(crate) fn remove_label(
        &mut self,
        repository: &str,
        number: u64,
        label: &str,
    ) -> Result<(), Refusal> {
        if !self.issue(repository, number)?.labels.iter().any(|one| one == label) {
            return Err(Refusal::not_found("Label does not exist"));
        }
        self.issue_mut(repository, number)?.labels.retain(|one| one != label);
        Ok(())
    }

    /// Assigns people. Without the right to push nothing happens, and nothing is said: GitHub does so.
    pub(crate) fn assign(
        &mut self,
        repository: &str,
        number: u64,
        people: &[&str],
    ) -> Result<(), Refusal> {
        self.issue(repository, number)?;
        if !self.repository(repository)?.is_writable() || self.rules.assigns_nobody {
            return Ok(());
        }
        let known: Vec<String> = people
            .iter()
            .filter(|login| self.owners.get(**login).is_some_and(|owner| !owner.is_organization))
            .map(|login| (*login).to_owned())
            .collect();
        let issue = self.issue_mut(repository, number)?;
        for login in known {
            if !issue.assignees.contains(&login) {
                issue.assignees.push(login);
            }
        }
        Ok(())
    }

    /// Adds a comment; returns its number among all comments.
    pub(crate) fn add_comment(
        &mut self,
        repository: &str,
        number: u64,
        body: &str,
    ) -> Result<u64, Refusal> {
        self.issue(repository, number)?;
        let (id, database_id) = self.id("IC");
        let now = self.clock.text();
        let comment = Comment {
            id,
            database_id,
            author: super::VIEWER.to_owned(),
            body: body.to_owned(),
            created_at: now.clone(),
            updated_at: now,
        };
        self.issue_mut(repository, number)?.comments.push(comment);
        Ok(database_id)
    }

    /// Edits a comment; returns the number of its issue.
    pub(crate) fn edit_comment(
        &mut self,
        repository: &str,
        comment: u64,
        body: &str,
    ) -> Result<u64, Refusal> {
        let number = self.issue_of_comment(repository, comment)?;
        let now = self.clock.text();
        let issue = self.issue_mut(repository, number)?;
        for one in issue.comments.iter_mut().filter(|one| one.database_id == comment) {
            body.clone_into(&mut one.body);
            one.updated_at.clone_from(&now);
        }
        Ok(number)
    }

    /// Returns the number of the issue that has this comment.
    pub(crate) fn issue_of_comment(&self, repository: &str, comment: u64) -> Result<u64, Refusal> {
        let has = |issue: &&Issue| issue.comments.iter().any(|one| one.database_id == comment);
        let found = self.repository(repository)?.issues.values().find(has);
        found.map(|issue| issue.number).ok_or_else(|| Refusal::not_found("Not Found"))
    }

    /// Returns the names of labels by their ids.
    pub(crate) fn labels_named(
        &self,
        repository: &str,
        ids: &[Value],
    ) -> Result<Vec<String>, Refusal> {
        let labels = &self.repository(repository)?.labels;
        let name = |id: &Value| {
            let id = id.as_str().unwrap_or_default();
            let found = labels.iter().find(|(_, known)| *known == id);
            found.map(|(name, _)| name.clone()).ok_or_else(|| Refusal::no_node(id))
        };
        ids.iter().map(name).collect()
    }
}
