//! Tasks that workers propose: each a commit at a ref of its own, on top of the pinned one. Nothing
//! under `state/` changes before a person, or the policy, accepts it; and what `check` would refuse is
//! never proposed.

use super::check::{self, Version};
use super::edit::text_of;
use super::{Client, Commit, Edited, Error, OwnAttempt, Record};
use crate::api::admission;
use crate::api::errand::{Errand, Outcome};
use crate::api::key::Key;
use crate::api::name::{CommitId, TaskName};
use crate::api::policy;
use crate::api::problem::{Problem, Severity};
use crate::git::{self, Committed};
use crate::store::Draft;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where proposals are, by the names of their tasks.
const PROPOSALS: &str = "refs/reconciler/proposals/";
/// How many tasks one attempt may propose.
const PROPOSALS_MAX: usize = 20;

/// A task that a worker proposes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The name.
    pub task: TaskName,
    /// The commit that has its file.
    pub commit: CommitId,
    /// When it was proposed.
    pub at: Timestamp,
    /// What its commit says: who proposed it.
    pub subject: String,
    /// Its file, as JSON; `null` when that cannot be understood.
    pub object: Value,
    /// Its file.
    #[serde(skip)]
    pub text: String,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposed {
    /// It waits for a person.
    Waits {
        /// Why, if the policy accepts proposals and this one could not be.
        why: Option<String>,
    },
    /// It was accepted at once, as the policy says.
    Accepted(Edited),
}

/// Returns the text of the file of a task with this spec.
pub fn task_text(name: &TaskName, spec: &Value) -> String {
    text_of(&Key::Task(name.clone()), spec)
}

impl Client {
    /// Proposes a task, given by the text of its file.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong; [`Error::Refused`] when there is such a task or
    /// proposal, or the attempt proposed too many.
    pub async fn propose(
        &self,
        own: &OwnAttempt,
        (name, file): (&TaskName, &str),
        why: &str,
    ) -> Result<Proposed, Error> {
        let why = self.own_text(own, why)?;
        let limit = || Error::Refused {
            what: format!("this attempt has proposed {PROPOSALS_MAX} tasks, which is the limit"),
            help: "say in your summary what else is to be done".to_owned(),
        };
        if self.records().proposals(&own.id)? >= PROPOSALS_MAX {
            return Err(limit());
        }
        let tip = self.admit((name, file), &self.proposals().await?).await?;
        if self.has_view() {
            let (task, file) = (name.clone(), file.to_owned());
            return self.have_proposed(own, Errand::Propose { task, file, why }).await;
        }
        if self.records().note_proposal(&own.id, name)? as usize > PROPOSALS_MAX {
            return Err(limit());
        }
        let subject = format!("propose task {name}: {} in {}", own.attempt.seat, own.id);
        let message = if why.is_empty() { subject } else { format!("{subject}\n\n{why}") };
        self.put_proposal((name, file), &tip, &message).await?;
        let seat = own.attempt.seat.to_string();
        self.note_words(&own.id.owner.task, "Proposed", &format!("{seat} proposes task/{name}"));
        self.accept_by_policy(name).await
    }

    /// Proposes a task that comes from outside, as `message` says; one that waits already is accepted now,
    /// if the policy says so.
    #[cfg(feature = "github")]
    pub(super) async fn propose_from_outside(
        &self,
        (name, file): (&TaskName, &str),
        message: &str,
    ) -> Result<Proposed, Error> {
        let at = format!("{PROPOSALS}{name}");
        if self.repository.reader().resolve(&at).await?.is_none() {
            // It depends on no other.
            let tip = self.admit((name, file), &[]).await?;
            self.put_proposal((name, file), &tip, message).await?;
        }
        self.accept_by_policy(name).await
    }

    async fn put_proposal(
        &self,
        (name, file): (&TaskName, &str),
        tip: &CommitId,
        message: &str,
    ) -> Result<(), Error> {
        let files =
            BTreeMap::from([(Key::Task(name.clone()).path(), Some(file.as_bytes().to_vec()))]);
        let at = format!("{PROPOSALS}{name}");
        match self.repository.commit_table((&at, Some(tip)), &files, message).await? {
            Committed::At(_) => Ok(()),
            Committed::Overtaken => Err(taken(name, "is proposed already")),
        }
    }

    /// Has a task proposed by the shim, which may write what a worker with a read-only view may not.
    async fn have_proposed(&self, own: &OwnAttempt, errand: Errand) -> Result<Proposed, Error> {
        Ok(match self.have_done(own, &errand).await? {
            Outcome::Accepted { path, commit } => {
                Proposed::Accepted(Edited { path, commit, warnings: Vec::new() })
            }
            Outcome::Waits { why } => Proposed::Waits { why },
            // Refused is an error already.
            Outcome::Done | Outcome::Refused { .. } => Proposed::Waits { why: None },
        })
    }

    /// Accepts what was just proposed, if the policy says so.
    async fn accept_by_policy(&self, name: &TaskName) -> Result<Proposed, Error> {
        match self.wanted().await?.policy().proposals {
            policy::Proposals::Review => Ok(Proposed::Waits { why: None }),
            policy::Proposals::Accept => {
                let reason = format!("Accepted by the policy; see {PROPOSALS}.");
                let record = Record { commit: Commit::Yes, reason: Some(&reason) };
                match self.take_up(name, record).await {
                    Ok(edited) => Ok(Proposed::Accepted(edited)),
                    Err(error) => Ok(Proposed::Waits { why: Some(error.to_string()) }),
                }
            }
        }
    }

    /// Returns the proposals that wait, by name.
    ///
    /// # Errors
    /// When any of them cannot be read.
    pub async fn proposals(&self) -> Result<Vec<Proposal>, Error> {
        let mut found = Vec::new();
        for (name, commit) in self.repository.refs(PROPOSALS).await? {
            let Ok(task) = name.parse::<TaskName>() else { continue };
            found.push(self.proposal(task, commit).await?);
        }
        Ok(found)
    }

    /// Returns the names of the tasks that are proposed, as far as they can be read.
    pub(super) async fn proposed_names(&self) -> Vec<TaskName> {
        let refs = self.repository.refs(PROPOSALS).await.unwrap_or_default();
        refs.into_keys().filter_map(|name| name.parse().ok()).collect()
    }

    /// Accepts a proposal: its file is committed as that of any new task.
    ///
    /// # Errors
    /// When there is no such proposal, it would not be accepted as a file any more, or a worker asks:
    /// the proposal stands.
    pub async fn accept(&self, name: &TaskName, record: Record<'_>) -> Result<Edited, Error> {
        by_person(self)?;
        self.take_up(name, record).await
    }

    /// Rejects a proposal: nothing is left of it but the decision of who made it.
    ///
    /// # Errors
    /// When there is no such proposal, or a worker asks.
    pub async fn reject(&self, name: &TaskName) -> Result<(), Error> {
        by_person(self)?;
        let commit = self.proposed(name).await?;
        self.drop_proposal(name, &commit).await
    }

    async fn take_up(&self, name: &TaskName, record: Record<'_>) -> Result<Edited, Error> {
        let commit = self.proposed(name).await?;
        let proposal = self.proposal(name.clone(), commit).await?;
        let edited = self.create_file(&Key::Task(name.clone()), &proposal.text, record).await?;
        self.drop_proposal(name, &proposal.commit).await?;
        Ok(edited)
    }

    async fn drop_proposal(&self, name: &TaskName, commit: &CommitId) -> Result<(), Error> {
        match self.repository.delete(&format!("{PROPOSALS}{name}"), commit).await? {
            git::Moved::Done | git::Moved::AlreadySo => Ok(()),
            git::Moved::Lost { .. } => Err(Error::Refused {
                what: format!("the proposal of task/{name} changed meanwhile"),
                help: "look at it again: reconciler proposals".to_owned(),
            }),
        }
    }

    /// Returns the commit that a file may be proposed on.
    async fn admit(
        &self,
        (name, file): (&TaskName, &str),
        others: &[Proposal],
    ) -> Result<CommitId, Error> {
        let tip = self.repository.reader().resolve(&self.state_ref).await?;
        let tip = tip.ok_or_else(|| Error::Unknown(format!("there is no {}", self.state_ref)))?;
        let key = Key::Task(name.clone());
        let version = Version::Revision(tip.to_string());
        let mut draft: Draft = self.draft(self.root(), &version).await?;
        if draft.files.contains_key(&key) {
            return Err(taken(name, "is there already"));
        }
        // A task may wait for another that is only proposed.
        for other in others {
            if other.task == *name {
                return Err(taken(name, "is proposed already"));
            }
            let text = other.text.as_bytes().to_vec();
            draft.note(&Key::Task(other.task.clone()).path(), || Some(Ok(text)));
        }
        let path = key.path();
        draft.note(&path, || Some(Ok(file.as_bytes().to_vec())));
        let top = (!self.repository.is_bare()).then(|| self.root());
        let mut problems = check::judge(&draft, self.repository.case(), top).problems;
        problems.retain(|one| one.path == path);
        if problems.iter().any(|one: &Problem| one.severity == Severity::Error) {
            return Err(Error::Invalid(problems));
        }
        Ok(tip)
    }

    async fn proposed(&self, name: &TaskName) -> Result<CommitId, Error> {
        let found = self.repository.reader().resolve(&format!("{PROPOSALS}{name}")).await?;
        found.ok_or_else(|| Error::Refused {
            what: format!("nobody proposes a task `{name}`"),
            help: "see what is proposed: reconciler proposals".to_owned(),
        })
    }

    async fn proposal(&self, task: TaskName, commit: CommitId) -> Result<Proposal, Error> {
        let unreadable = |why: &str| git::Error::Unreadable {
            what: format!("{PROPOSALS}{task}"),
            why: why.to_owned(),
        };
        let listed = self.repository.reader().list(&commit, "state/tasks").await?;
        let file = format!("{task}.json");
        let entry = listed.unwrap_or_default().into_iter().find(|entry| entry.path == file);
        let entry = entry.ok_or_else(|| unreadable("its commit has no such task"))?;
        let limit = admission::SIZE_MAX as u64;
        let bytes = self.repository.reader().blobs(&[entry.id], limit).await?;
        let bytes = bytes.into_iter().next().and_then(Result::ok);
        let bytes = bytes.ok_or_else(|| unreadable("its file cannot be read"))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let landed = self.repository.landed(&format!("{commit}^!")).await?;
        let landed = landed.into_iter().next().ok_or_else(|| unreadable("it is no commit"))?;
        let object = serde_json::from_str(&text).unwrap_or_default();
        Ok(Proposal { task, commit, at: landed.at, subject: landed.subject, object, text })
    }
}

/// Refuses a worker: who proposes does not accept.
fn by_person(client: &Client) -> Result<(), Error> {
    let what = "a worker does not decide about proposals";
    client.refuse_worker(what, "ask a person: reconciler ask")
}

fn taken(name: &TaskName, how: &str) -> Error {
    Error::Refused {
        what: format!("task/{name} {how}"),
        help: "choose another name; see: reconciler get tasks, reconciler proposals".to_owned(),
    }
}
