//! What the user of this machine approved to be run in a repository: digests of agents, outside of
//! the repository, so that no clone or copy brings its own approval.

use crate::api::{hash, to_json};
use crate::disk;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The approvals for one repository.
#[derive(Debug, Clone)]
pub struct Trust {
    path: Option<PathBuf>,
    root: PathBuf,
}

/// Why approvals could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// There is no folder for them.
    #[error("there is no place for approvals: set HOME or XDG_STATE_HOME")]
    NoPlace,
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The file cannot be understood.
    #[error("cannot read {}: {why}; approve anew with `reconciler trust`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Approvals {
    repository: PathBuf,
    agents: BTreeSet<String>,
}

impl Trust {
    /// Returns the approvals for the repository at `root`, kept under the user's state folder
    /// (`$XDG_STATE_HOME`, else `~/.local/state`). Touches no disk.
    pub fn at(state_home: Option<&Path>, root: &Path) -> Self {
        let name = hash::digest(&[root.as_os_str().as_encoded_bytes()]);
        let file = |folder: &Path| folder.join(format!("reconciler/trust/{name}.json"));
        Self { path: state_home.map(file), root: root.to_owned() }
    }

    /// Returns the digests that are approved.
    ///
    /// # Errors
    /// When they cannot be read: then nothing is known to be approved.
    pub fn read(&self) -> Result<BTreeSet<String>, TrustError> {
        // Without a place nothing was ever approved.
        let Some(path) = &self.path else { return Ok(BTreeSet::new()) };
        let Some(bytes) = disk::read(path, disk::RECORD_MAX)? else { return Ok(BTreeSet::new()) };
        let parsed = serde_json::from_slice::<Approvals>(&bytes);
        let damaged = |why: String| TrustError::Damaged { path: path.clone(), why };
        let approvals = parsed.map_err(|error| damaged(error.to_string()))?;
        if approvals.repository != self.root {
            return Err(damaged("it is for another repository".to_owned()));
        }
        Ok(approvals.agents)
    }

    /// Approves exactly these digests.
    ///
    /// # Errors
    /// When it cannot be written; then what was approved before still is.
    pub fn approve(&self, agents: BTreeSet<String>) -> Result<(), TrustError> {
        let path = self.path.as_ref().ok_or(TrustError::NoPlace)?;
        let approvals = Approvals { repository: self.root.clone(), agents };
        disk::replace(path, to_json(&approvals).as_bytes())?;
        Ok(disk::sync_folder_of(path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_for_one_repository_and_one_digest() {
        let home = tempfile::tempdir().unwrap();
        let trust = Trust::at(Some(home.path()), Path::new("/a"));
        assert!(trust.read().unwrap().is_empty());
        trust.approve(BTreeSet::from(["x".to_owned()])).unwrap();
        assert!(trust.read().unwrap().contains("x"));
        assert!(Trust::at(Some(home.path()), Path::new("/b")).read().unwrap().is_empty());
        let nowhere = Trust::at(None, Path::new("/a"));
        assert!(nowhere.read().unwrap().is_empty());
        nowhere.approve(BTreeSet::new()).unwrap_err();
    }
}
