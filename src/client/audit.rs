//! The history of the locks, and what was committed against it.

use super::claim::{is_of, person_called};
use super::{Client, Error};
use crate::api::claim::Holding;
use crate::api::name::{CommitId, TaskName};
use crate::git;
use crate::plan::audit::{Commit, History, Trespass};
use crate::world::ledger::LOCKS;
use std::collections::{BTreeMap, BTreeSet};

/// The largest record of a claim that is read, in bytes.
const HOLDING_MAX: u64 = 1 << 20;

/// A commit that changed what another task held when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The commit.
    pub commit: git::Landed,
    /// What it changed of it.
    pub trespasses: Vec<Trespass>,
}

/// What came of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How many commits were judged.
    pub commits: usize,
    /// How many claims there ever were.
    pub claims: usize,
    /// What was found, oldest first.
    pub findings: Vec<Finding>,
}

impl Client {
    /// Returns everything that was ever held, by the ledger of this clone.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn lock_history(&self) -> Result<History, Error> {
        let said = self.repository.table_history(LOCKS, HOLDING_MAX).await?;
        let parse = |bytes: &Vec<u8>| {
            serde_json::from_slice::<Holding>(bytes).map_err(|why| git::Error::Unreadable {
                what: format!("an entry of {LOCKS}"),
                why: why.to_string(),
            })
        };
        Ok(said.iter().map(parse).collect::<Result<History, _>>()?)
    }

    /// Judges each commit of a range, as `v1..main`, by what was held when it was made. One that was
    /// made on the branch of a task is that task's work.
    ///
    /// # Errors
    /// When the range means nothing here, or anything of it cannot be read.
    pub async fn audit(&self, range: &str) -> Result<Audit, Error> {
        let history = self.lock_history().await?;
        let commits = self.repository.landed(range).await?;
        let case = self.repository.case();
        let lines = self.own_lines(&history, range).await?;
        let mut findings = Vec::new();
        for commit in &commits {
            let on = lines.iter().filter(|(_, line)| line.contains(&commit.id));
            let tasks: Vec<&TaskName> = on.map(|(task, _)| *task).collect();
            let judged = Commit { at: commit.at, tasks: &tasks, paths: &commit.paths, case };
            let mut trespasses = history.judge(judged);
            if let Some(person) = person_called(&commit.author) {
                trespasses.retain(|one| !is_of(&one.by, &person));
            }
            if !trespasses.is_empty() {
                findings.push(Finding { commit: commit.clone(), trespasses });
            }
        }
        Ok(Audit { commits: commits.len(), claims: history.holdings().count(), findings })
    }

    /// Returns what was made on the branch of each task that ever held something.
    async fn own_lines<'a>(
        &self,
        history: &'a History,
        range: &str,
    ) -> Result<BTreeMap<&'a TaskName, BTreeSet<CommitId>>, Error> {
        let mut lines = BTreeMap::<&TaskName, BTreeSet<CommitId>>::new();
        let branches = history
            .holdings()
            .filter_map(|one| Some((&one.claim.task, one.claim.branch_name.as_ref()?)));
        for (task, branch) in branches.collect::<BTreeSet<_>>() {
            lines.entry(task).or_default().extend(self.repository.own_line(branch, range).await?);
        }
        Ok(lines)
    }
}
