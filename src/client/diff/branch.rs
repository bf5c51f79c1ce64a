//! What the branch of a task has that its target has not, and what is not committed in its worktree.
//! It reads alone.

use super::super::conflicts::Commit;
use super::super::{Client, Error};
use crate::api::landing::Stage;
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::plan::merge_target;
use crate::process::clock;
use jiff::Timestamp;
use serde::Serialize;

/// The branch of a task, compared with the branch that it is to land on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchDifference {
    /// The task.
    pub task: TaskName,
    /// Its branch.
    pub branch: BranchName,
    /// The tip of that.
    pub tip: CommitId,
    /// The other branch.
    pub target: BranchName,
    /// The tip of that.
    pub target_tip: CommitId,
    /// How many commits the target has that the branch has not.
    pub behind: usize,
    /// What the branch has and the target has not, oldest first.
    pub commits: Vec<Commit>,
    /// The files that these change.
    pub files: Vec<FileCount>,
    /// The paths in its worktree that are not as in its last commit; nothing without a worktree.
    pub uncommitted: Vec<String>,
    /// When it was looked at.
    pub now: Timestamp,
    /// All changes of its commits, as git prints them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// How much of a file is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileCount {
    /// The file; of one that moved, `OLD => NEW`.
    pub path: String,
    /// How many lines came; `None` for what is no text.
    pub added: Option<u64>,
    /// How many lines went; `None` for what is no text.
    pub removed: Option<u64>,
}

/// The branch of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskBranch {
    /// There is none, or never was.
    None,
    /// It landed.
    Landed {
        /// Where.
        target: BranchName,
        /// The commit by which it did.
        commit: CommitId,
    },
    /// It is there.
    There(Box<BranchDifference>),
}

impl BranchDifference {
    /// Returns whether the target has all of it, and nothing is uncommitted.
    pub fn is_nothing(&self) -> bool {
        self.commits.is_empty() && self.uncommitted.is_empty()
    }
}

impl Client {
    /// Compares the branch of a task with the branch that it is to land on, or with that of the
    /// desired state when nothing lands by itself.
    ///
    /// # Errors
    /// When the branches have nothing in common, or cannot be read.
    pub async fn task_branch(&self, task: &TaskName) -> Result<TaskBranch, Error> {
        let record = self.records().tasks()?.remove(task).transpose();
        let Some(record) = record.map_err(crate::records::Error::from)? else {
            return Ok(TaskBranch::None);
        };
        let Some(branch) = &record.branch else { return Ok(TaskBranch::None) };
        let landing = self.records().landing(task)?.filter(|one| one.uid == record.uid);
        let reader = self.repository.reader();
        let Some(tip) = reader.resolve(&branch.to_ref()).await? else {
            return Ok(match landing.map(|one| (one.stage, one.target)) {
                Some((Stage::Landed { commit }, target)) => TaskBranch::Landed { target, commit },
                Some(_) | None => TaskBranch::None,
            });
        };
        let of_state = || {
            let name = self.state_ref.strip_prefix("refs/heads/")?;
            BranchName::try_from(name.to_owned()).ok()
        };
        let Some(target) = merge_target(&*self.wanted().await?).or_else(of_state) else {
            return Ok(TaskBranch::None);
        };
        let Some(target_tip) = reader.resolve(&target.to_ref()).await? else {
            return Ok(TaskBranch::None);
        };
        let git = &self.repository;
        let commits = git.landed(&format!("{target_tip}..{tip}")).await?;
        let files = git.files_changed(&target_tip, &tip).await?;
        let patch = git.patch(&target_tip, &tip).await?;
        let linked = git.linked()?;
        let place = linked.into_iter().find(|one| one.owner.as_ref() == Some(&record.owner()));
        let uncommitted = match place {
            Some(place) => git.uncommitted(&place.path).await?,
            None => Vec::new(),
        };
        Ok(TaskBranch::There(Box::new(BranchDifference {
            task: task.clone(),
            branch: branch.clone(),
            behind: git.ahead(&target_tip, &tip).await?,
            tip,
            target,
            target_tip,
            commits: commits.into_iter().map(Commit::from).collect(),
            files: files.into_iter().map(FileCount::from).collect(),
            uncommitted,
            now: clock::now(),
            patch: Some(String::from_utf8_lossy(&patch).into_owned()),
        })))
    }
}

impl From<crate::git::FileChange> for FileCount {
    fn from(file: crate::git::FileChange) -> Self {
        Self { path: file.path, added: file.added, removed: file.removed }
    }
}
