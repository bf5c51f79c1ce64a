//! `.task-locks/shared/PATTERN.lock`: for each shared pattern of the policy that somebody holds, a link
//! to the lock of whoever does, so that people and scripts find it by the file's name. The locks
//! decide; the links only show, and are never read.

use super::Claims;
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::disk;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

impl Claims {
    /// Makes the links say what the claims do. Only one may do this at a time; what is no link there
    /// is left alone.
    ///
    /// # Errors
    /// When a link cannot be made or removed: it shows what was, until the next time.
    pub fn link_shared(
        &self,
        claims: &[&Claim],
        shared: &[PathPattern],
    ) -> Result<(), disk::Error> {
        let folder = self.folder.join("shared");
        let mut wanted: BTreeMap<PathBuf, &TaskName> = BTreeMap::new();
        for claim in claims {
            for pattern in claim.locked_files.iter().filter(|one| shared.contains(one)) {
                let name = format!("{}.lock", pattern.as_str().trim_end_matches('/'));
                wanted.insert(folder.join(name), &claim.task);
            }
        }
        let mut found = Vec::new();
        links_below(&folder, &mut found)?;
        for path in found.into_iter().filter(|path| !wanted.contains_key(path)) {
            disk::remove(&path)?;
            let above = path.ancestors().skip(1).take_while(|above| above.starts_with(&folder));
            // One that still has something in it stays.
            above.take_while(|above| std::fs::remove_dir(above).is_ok()).for_each(drop);
        }
        wanted.iter().try_for_each(|(path, task)| self.link(path, task))
    }

    fn link(&self, path: &Path, task: &TaskName) -> Result<(), disk::Error> {
        let depth = path.strip_prefix(&self.folder).map_or(1, |below| below.components().count());
        let lock = format!("{}{task}.lock", "../".repeat(depth.saturating_sub(1)));
        match std::fs::read_link(path) {
            Ok(there) if there == Path::new(&lock) => return Ok(()),
            Ok(_) => disk::remove(path)?,
            Err(_) => {}
        }
        let parent = path.parent().unwrap_or(path);
        disk::make_folder(parent)?;
        symlink(lock, path).map_err(|source| disk::Error::new("make the link", path, source))
    }
}

/// Finds every link below a folder.
fn links_below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), disk::Error> {
    for name in disk::list(folder)? {
        let path = folder.join(name);
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() {
            links_below(&path, found)?;
        } else if meta.is_symlink() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::TableLock;
    use super::*;
    use crate::api::name::Uid;
    use serde_json::json;

    fn claim(task: &str, files: &[&str]) -> Claim {
        let time = "2026-01-01T00:00:00Z";
        serde_json::from_value(json!({
            "taskId": task, "uid": Uid::derive(1, task), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": time, "lockedFiles": files, "expiresAt": time,
            "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 }, "generation": 1,
            "nonce": "0".repeat(32), "node": "here",
        }))
        .unwrap()
    }

    #[test]
    fn who_holds_a_shared_file_is_found_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        let shared =
            ["Cargo.toml", ".github/workflows/**"].map(|one| PathPattern::parse(one).unwrap());
        let (one, other) =
            (claim("a", &["src/", "Cargo.toml"]), claim("b", &[".github/workflows/**"]));
        let lock = TableLock::take_blocking(root.path()).unwrap();
        claims.publish(&lock, &one).unwrap();
        claims.publish(&lock, &other).unwrap();
        let held = |name: &str| -> Option<Claim> {
            let path = root.path().join(".task-locks/shared").join(name);
            serde_json::from_slice(&std::fs::read(path).ok()?).ok()
        };
        for _ in 0..2 {
            claims.link_shared(&[&one, &other], &shared).unwrap();
            assert_eq!(held("Cargo.toml.lock"), Some(one.clone()));
            assert_eq!(held(".github/workflows/**.lock"), Some(other.clone()));
        }
        assert_eq!(claims.list().unwrap().len(), 2, "a link is no lock");
        // Another holds it now, and the folders that nobody needs are gone.
        let next = claim("c", &["Cargo.toml"]);
        claims.publish(&lock, &next).unwrap();
        std::fs::write(root.path().join(".task-locks/shared/note.lock"), "a person's").unwrap();
        claims.link_shared(&[&next], &shared).unwrap();
        assert_eq!(held("Cargo.toml.lock"), Some(next));
        assert!(!root.path().join(".task-locks/shared/.github").try_exists().unwrap());
        assert!(root.path().join(".task-locks/shared/note.lock").try_exists().unwrap());
        claims.link_shared(&[], &shared).unwrap();
        assert_eq!(held("Cargo.toml.lock"), None);
    }
}
