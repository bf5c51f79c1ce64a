//! `.task-locks/TASK.lock`: one claim a file, published whole. A file that cannot be understood is a
//! held lock. Only the holder of the table lock writes here.

use super::TableLock;
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::to_json;
use crate::disk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The claims of one repository.
#[derive(Debug, Clone)]
pub struct Claims {
    pub(super) folder: PathBuf,
    pub(super) index: PathBuf,
}

impl Claims {
    /// Returns the claims of the repository whose main work tree is here. Touches no disk.
    pub fn at(root: &Path) -> Self {
        let index = root.join(".reconciler/locks.index");
        Self { folder: root.join(".task-locks"), index }
    }

    /// Returns the folder of the locks. Each claim that is made, changed or ended changes its time.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns every claim; one that cannot be understood stands there with what is wrong.
    ///
    /// # Errors
    /// When the folder cannot be read: then it is unknown what is held.
    pub fn list(&self) -> Result<BTreeMap<TaskName, Result<Claim, String>>, disk::Error> {
        let tasks = self.tasks()?;
        self.forget_index_of_edited(&tasks);
        let tasks = tasks.into_iter();
        Ok(tasks.filter_map(|task| Some((task.clone(), self.get(&task)?))).collect())
    }

    /// Returns whether there is no lock.
    ///
    /// # Errors
    /// When the folder cannot be read: then it is unknown what is held.
    pub fn is_empty(&self) -> Result<bool, disk::Error> {
        Ok(self.tasks()?.is_empty())
    }

    /// Returns the tasks that have a lock, sorted.
    pub(super) fn tasks(&self) -> Result<Vec<TaskName>, disk::Error> {
        let names = disk::list_records(&self.folder)?;
        let task = |name: &String| name.strip_suffix(".lock")?.parse().ok();
        Ok(names.iter().filter_map(task).collect())
    }

    /// Returns the claim of a task; `None` when there is none.
    pub fn get(&self, task: &TaskName) -> Option<Result<Claim, String>> {
        let path = self.path(task);
        let bytes = match disk::read(&path, disk::RECORD_MAX) {
            Ok(bytes) => bytes?,
            Err(error) => return Some(Err(error.to_string())),
        };
        let claim = serde_json::from_slice::<Claim>(&bytes);
        Some(match claim {
            Ok(claim) if claim.task == *task => Ok(claim),
            Ok(other) => Err(format!("{}: it is the lock of {}", path.display(), other.task)),
            Err(error) => Err(format!("{}: {error}", path.display())),
        })
    }

    /// Publishes a claim, in place of the one that may stand there.
    ///
    /// # Errors
    /// When it cannot be made durable; the one before still stands.
    pub fn publish(&self, _: &TableLock, claim: &Claim) -> Result<(), disk::Error> {
        disk::make_ignored_folder(&self.folder)?;
        disk::replace(&self.path(&claim.task), to_json(claim).as_bytes())
    }

    /// Removes the claim of a task; an absent one is removed already.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, _: &TableLock, task: &TaskName) -> Result<(), disk::Error> {
        disk::remove(&self.path(task))
    }

    pub(super) fn path(&self, task: &TaskName) -> PathBuf {
        self.folder.join(format!("{task}.lock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_lock_is_held_and_an_absent_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        assert!(claims.list().unwrap().is_empty());
        std::fs::create_dir(root.path().join(".task-locks")).unwrap();
        for (name, bytes) in [("torn", &b"{\"taskId\": \"to"[..]), ("empty", b"")] {
            std::fs::write(root.path().join(format!(".task-locks/{name}.lock")), bytes).unwrap();
        }
        let found = claims.list().unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.values().all(Result::is_err), "{found:?}");
    }

    #[test]
    fn a_claim_is_published_in_the_founding_form() {
        let json = serde_json::json!({
            "taskId": "fix-login", "uid": "0".repeat(32), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": "2026-01-01T00:00:00Z",
            "lockedFiles": ["src/auth/login.ts"], "branchName": "fix/456-fix-login",
            "expiresAt": "2026-01-01T01:00:00Z", "heartbeat": { "at": "2026-01-01T00:00:00Z", "bootId": "boot", "bootMillis": 0 },
            "generation": 3, "nonce": "1".repeat(32), "node": "here",
        });
        let claim: Claim = serde_json::from_value(json.clone()).unwrap();
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        let lock = TableLock::take_blocking(root.path()).unwrap();
        claims.publish(&lock, &claim).unwrap();
        let path = root.path().join(".task-locks/fix-login.lock");
        let written: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(written, json);
        assert_eq!(claims.get(&claim.task), Some(Ok(claim)));
    }
}
