//! Check: whether state files would be accepted, before anything is committed: each by itself, and
//! all together. It needs no loop and no network, and changes nothing.

mod across;
#[cfg(test)]
mod tests;

use super::beyond::beyond_link;
use super::{Client, Error};
use crate::api::admission;
use crate::api::key::STATE_FOLDER;
use crate::api::path::Case;
use crate::api::problem::{Problem, Severity};
use crate::git::BlobError;
use crate::process::clock;
use crate::store::Draft;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which version of the state files is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// The files of the work tree.
    WorkTree,
    /// What is staged: in this index, as git gives one to hooks, or in that of the work tree.
    Staged(Option<PathBuf>),
    /// A commit, in the words of git.
    Revision(String),
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// How many files there are.
    pub files: usize,
    /// What is wrong, file after file.
    pub problems: Vec<Problem>,
    /// How long it took.
    pub took: Duration,
}

impl Checked {
    /// Returns how many problems are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }
}

impl Client {
    /// Checks the state files of the work tree around a directory.
    ///
    /// # Errors
    /// When not all of them can be read, or there is no such version.
    pub async fn check(&self, directory: &Path, version: &Version) -> Result<Checked, Error> {
        let begin = clock::since_boot();
        let top = match version {
            Version::WorkTree | Version::Staged(_) => {
                self.repository.work_tree_of(directory).await?
            }
            Version::Revision(_) => None,
        };
        let draft = self.draft(directory, version).await?;
        let checked = judge(&draft, self.repository.case(), top.as_deref());
        Ok(Checked { took: clock::since_boot().saturating_sub(begin), ..checked })
    }

    /// Reads a version of the state files.
    pub(super) async fn draft(&self, directory: &Path, version: &Version) -> Result<Draft, Error> {
        let tree = || async {
            let found = self.repository.work_tree_of(directory).await?;
            found.ok_or_else(|| Error::Refused {
                what: format!("{} is in no work tree", directory.display()),
                help: format!("check a commit: `reconciler check --rev {}`", self.state_ref),
            })
        };
        match version {
            Version::WorkTree => Ok(Draft::of_work_tree(&tree().await?)?),
            Version::Staged(index) => {
                let tree = tree().await?;
                let staged = self.repository.staged(&tree, index.as_deref(), STATE_FOLDER).await?;
                self.draft_of(staged.into_iter().map(|one| (one.path, one.blob)).collect()).await
            }
            Version::Revision(words) => {
                let commit = self.repository.commit_of(words).await?;
                let listed = self.repository.reader().list(&commit, STATE_FOLDER).await?;
                let path = |one: &str| format!("{STATE_FOLDER}/{one}");
                let listed = listed.unwrap_or_default().into_iter();
                self.draft_of(listed.map(|one| (path(&one.path), one.id)).collect()).await
            }
        }
    }

    /// Reads files that are blobs.
    async fn draft_of(&self, files: Vec<(String, String)>) -> Result<Draft, Error> {
        let ids: Vec<String> = files.iter().map(|(_, blob)| blob.clone()).collect();
        let read = self.repository.reader().blobs(&ids, admission::SIZE_MAX as u64).await?;
        let mut draft = Draft::default();
        for ((path, _), bytes) in files.into_iter().zip(read) {
            draft.note(&path, || Some(bytes.map_err(|error: BlobError| error.to_string())));
        }
        Ok(draft)
    }
}

/// Says all that is wrong in a draft: in each file, between files, and with what lies in the work tree,
/// if there is one.
pub(super) fn judge(draft: &Draft, case: Case, top: Option<&Path>) -> Checked {
    let mut problems = draft.strays.clone();
    problems.extend(
        draft.files.values().filter_map(|file| file.admitted.as_ref().err()).flatten().cloned(),
    );
    problems.extend(across::judge(draft, case, &|path| beyond_link(top?, path)));
    problems.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    let files = draft.files.len() + draft.strays.len();
    Checked { files, problems, took: Duration::ZERO }
}
