//! How far the tasks of issues are, from one look. It asks GitHub for nothing but the pull request of work
//! that is done.

use super::round::Round;
use crate::api::issue::{Stage, Taken};
use crate::api::landing::Stage as Landed;
use crate::api::name::TaskName;
use crate::api::task::TaskState;
use crate::client::{Error, Proposal};
use crate::github;
use crate::intake::{Proof, Work};
use crate::plan::report::Reason;

impl Round<'_> {
    /// Returns how far the task of an issue is.
    pub(super) async fn work(
        &mut self,
        taken: &Taken,
        proposals: &[Proposal],
    ) -> Result<Work, Error> {
        let Some(task) = taken.ticket.task() else { return Ok(Work::Absent) };
        // It is still that of a claim before ours.
        if !taken.proposed && self.is_of_another_claim(&task, Some(&taken.nonce)) {
            return Ok(Work::Absent);
        }
        let work = self.work_here(&task, proposals);
        if let Work::Completed(proof) = &work
            && taken.stage != Stage::Completed
        {
            return Ok(Work::Completed(self.with_pull(proof.clone()).await?));
        }
        Ok(work)
    }

    fn work_here(&self, task: &TaskName, proposals: &[Proposal]) -> Work {
        let snapshot = &self.snapshot;
        let Some(desired) = snapshot.desired.known() else { return Work::Unknown };
        if !desired.tasks.contains_key(task) {
            let is_proposed = proposals.iter().any(|one| one.task == *task);
            return if is_proposed { Work::Proposed } else { Work::Absent };
        }
        let Some(report) = snapshot.plan.report.tasks.get(task) else { return Work::Unknown };
        let Some(tasks) = snapshot.observed.tasks.known() else { return Work::Unknown };
        let sighting = tasks.get(task);
        match report.state {
            TaskState::Pending | TaskState::Claimed | TaskState::InProgress => {
                let said = sighting.and_then(|task| task.attempts.last()).map(|last| &last.said);
                let progress = said.and_then(|said| said.progress.as_ref());
                Work::Open { step: progress.map(|progress| progress.current_step.clone()) }
            }
            TaskState::Completed if report.reason == Reason::Succeeded => {
                let landing = sighting.and_then(|task| task.landing.as_ref()?.as_ref().ok());
                let commit = landing.and_then(|landing| match &landing.stage {
                    Landed::Landed { commit } => Some(commit.to_string()),
                    Landed::Candidate { .. }
                    | Landed::Waiting { .. }
                    | Landed::Nothing
                    | Landed::Refused => None,
                });
                let verified = commit.is_some() && desired.policy().merge.verify.is_some();
                let branch = report.branch.as_ref().map(ToString::to_string);
                Work::Completed(Proof { pull: None, commit, branch, verified })
            }
            // It is on its way, or somebody has to help it.
            TaskState::Completed => Work::Open { step: None },
            TaskState::Failed => Work::Failed(report.message.clone()),
        }
    }

    /// Adds the pull request, if there is one.
    async fn with_pull(&self, proof: Proof) -> Result<Proof, Error> {
        let Some(branch) = &proof.branch else { return Ok(proof) };
        let pull = match self.hub.github.pull_from(&self.home.name, branch).await {
            Ok(pull) => pull,
            Err(github::Error::NotFound(_) | github::Error::Refused(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Proof { pull, ..proof })
    }
}
