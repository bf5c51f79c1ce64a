//! What is written to an issue that is ours, one thing each. Its labels and comments are for people: nothing
//! here is decided by them.

use super::round::{Going, Round};
use crate::api::issue::{Comment, LeaseState, Seen, Stage, Taken, Ticket};
use crate::api::key::Key;
use crate::client::{Commit, Error, Record, Suspension};
use crate::github;
use crate::intake::{self, Remark, Work};

impl Round<'_> {
    /// Adds a label; that all is done is said only by the last who works on an issue.
    pub(super) async fn label(&mut self, taken: &Taken, label: &str) -> Result<(), Error> {
        let is_of_all = [intake::COMPLETED, intake::REVIEW].contains(&label);
        if is_of_all && self.others_work(taken).await? {
            return Ok(());
        }
        let number = taken.ticket.issue;
        Ok(self.hub.github.add_labels(&self.home.name, number, &[label]).await?)
    }

    pub(super) async fn unlabel(&mut self, taken: &Taken, label: &str) -> Result<(), Error> {
        if label == intake::IN_PROGRESS && self.others_work(taken).await? {
            return Ok(());
        }
        Ok(self.hub.github.remove_label(&self.home.name, taken.ticket.issue, label).await?)
    }

    /// Returns whether the issue is worked on account of another label as well.
    async fn others_work(&mut self, taken: &Taken) -> Result<bool, Error> {
        let all = Ticket { issue: taken.ticket.issue, label: String::new() }.to_string();
        let (claims, date) = self.hub.github.claims(&self.home.name, &all).await?;
        self.intake.tell_time(date);
        let own = taken.ticket.claim_ref();
        for (_, commit) in claims.iter().filter(|(name, _)| **name != own) {
            let seen = self.seen_at(commit).await?;
            if matches!(seen, Seen::Lease(lease) if lease.state == LeaseState::Held) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Shows whose token it is as who does it. Where GitHub does not, that is told and no harm: only the
    /// claim counts.
    pub(super) async fn assign(&mut self, taken: &Taken) -> Result<(), Error> {
        let (name, number, viewer) = (&self.home.name, taken.ticket.issue, &self.home.viewer);
        let assigned = match self.hub.github.assign(name, number, viewer).await {
            Err(
                github::Error::Refused(_)
                | github::Error::NotFound(_)
                | github::Error::Forbidden { .. },
            ) => Vec::new(),
            done => done?,
        };
        if !assigned.iter().any(|one| one.eq_ignore_ascii_case(viewer)) {
            self.out.notes.push(format!(
                "issue #{number} is claimed here, and GitHub does not show {viewer} as its assignee"
            ));
        }
        Ok(())
    }

    /// Makes a comment; one whose making nobody confirmed is looked for first.
    pub(super) async fn say(&mut self, taken: &mut Taken, remark: &Remark) -> Result<(), Error> {
        let text = match remark {
            Remark::Claimed => intake::claimed(&taken.worker, taken.since),
            Remark::Completed(proof) => intake::completed(proof),
            Remark::Failed(why) => intake::failed(why),
        };
        self.comment(taken, remark.word(), &text).await.map(drop)
    }

    async fn comment(&mut self, taken: &mut Taken, word: &str, text: &str) -> Result<u64, Error> {
        let mark = intake::comment_mark(&taken.nonce, word);
        let number = taken.ticket.issue;
        if taken.saying.as_deref() == Some(word) {
            let there = self.hub.github.comments(&self.home.name, number).await?;
            // Anybody can write our mark.
            let is_ours =
                |one: &&Comment| one.author == self.home.viewer && one.body.contains(&mark);
            if let Some(found) = there.iter().rev().find(is_ours) {
                return Ok(found.id);
            }
        }
        taken.saying = Some(word.to_owned());
        self.remember(taken)?;
        let body = intake::marked(text, &mark);
        Ok(self.hub.github.comment(&self.home.name, number, &body).await?.id)
    }

    /// Writes how far the work is: one comment, which grows.
    pub(super) async fn show_progress(&mut self, taken: &mut Taken) -> Result<(), Error> {
        let word = "progress";
        let text = intake::progress(&taken.progress.lines);
        let edited = match taken.progress.comment {
            Some(id) => {
                let body = intake::marked(&text, &intake::comment_mark(&taken.nonce, word));
                match self.hub.github.edit_comment(&self.home.name, id, &body).await {
                    Ok(()) => Some(id),
                    // A person deleted it: then there is a new one.
                    Err(github::Error::NotFound(_)) => None,
                    Err(error) => return Err(error.into()),
                }
            }
            None => None,
        };
        let comment = match edited {
            Some(id) => id,
            None => self.comment(taken, word, &text).await?,
        };
        taken.saying = None;
        taken.progress.comment = Some(comment);
        taken.progress.written = taken.progress.lines.len();
        taken.progress.at = self.intake.now();
        self.remember(taken)
    }

    /// Remembers what the issue was told; where that ends the work, its claim says so to all.
    pub(super) async fn settle(&mut self, taken: &mut Taken, stage: Stage) -> Result<Going, Error> {
        let claim = match stage {
            Stage::Completed => LeaseState::Completed,
            Stage::Failed => LeaseState::Failed,
            Stage::Claiming | Stage::Claimed | Stage::Told => LeaseState::Held,
        };
        let is_otherwise = matches!(taken.stage, Stage::Completed | Stage::Failed);
        if (claim != LeaseState::Held || is_otherwise)
            && self.restate(taken, claim).await? == Going::Over
        {
            return Ok(Going::Over);
        }
        (taken.stage, taken.saying) = (stage, None);
        self.remember(taken)?;
        Ok(Going::On)
    }

    pub(super) async fn suspend(&mut self, taken: &Taken, why: &str) -> Result<(), Error> {
        let Some(task) = taken.ticket.task() else { return Ok(()) };
        let desired = self.snapshot.desired.known();
        let spec = desired.and_then(|desired| desired.tasks.get(&task)?.spec.as_ref());
        let claim = spec.and_then(|spec| spec.issue_claim.as_ref());
        // By now it can be the task of another claim.
        let is_of_another = claim.is_some_and(|claim| claim.nonce != taken.nonce);
        if spec.is_some_and(|spec| spec.suspend) || is_of_another {
            return Ok(());
        }
        let key = Key::Task(task);
        let record = Record { commit: Commit::Yes, reason: Some(why) };
        self.client.suspend(&key, Suspension::Suspended, record).await?;
        self.out.notes.push(format!("{key} is suspended: {why}"));
        Ok(())
    }

    /// Takes back what waits for a person.
    pub(super) async fn withdraw(&mut self, taken: &Taken) -> Result<(), Error> {
        let Some(task) = taken.ticket.task() else { return Ok(()) };
        self.client.reject(&task).await
    }

    /// Gives a claim up, and forgets it.
    pub(super) async fn release(&mut self, taken: &Taken, work: &Work) -> Result<Going, Error> {
        if *work == Work::Proposed {
            self.withdraw(taken).await?;
        }
        let name = taken.ticket.claim_ref();
        // Lost is as well: then it is another's.
        self.hub.github.move_claim(&self.home, &name, (&taken.commit, None)).await?;
        self.forget(taken)?;
        Ok(Going::Over)
    }
}
