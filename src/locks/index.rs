//! What each lock holds, in one file: `.reconciler/locks.index`. It only spares reading locks that
//! cannot matter; a lock whose file is not the very one that was indexed is read. It never answers
//! who holds a path: that is for the locks themselves.

use super::Claims;
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::disk;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The largest index that is read, in bytes.
const INDEX_MAX: u64 = 64 << 20;
/// So many locks may be read anew before the index is worth writing again; of many locks, a tenth.
const MISSES_MIN: usize = 16;

/// A lock file, told from every other, and from itself at another time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(String);

impl Stamp {
    /// Returns the stamp of a file; `None` when it cannot be seen.
    fn of(path: &Path) -> Option<Self> {
        let meta = path.symlink_metadata().ok()?;
        let (changed, nanos) = (meta.ctime(), meta.ctime_nsec());
        Some(Self(format!("{}.{}.{changed}.{nanos}", meta.ino(), meta.size())))
    }
}

/// What is known of a lock: of which file, and the patterns it holds.
#[derive(Debug, Clone)]
struct Known<'a> {
    stamp: &'a str,
    patterns: Vec<&'a str>,
}

impl Claims {
    /// Returns the claims that may hold one of these paths, those that cannot be understood, and the
    /// one of a task.
    ///
    /// # Errors
    /// When the folder cannot be read: then it is unknown what is held.
    pub fn near(
        &self,
        paths: &[String],
        own: Option<&TaskName>,
    ) -> Result<BTreeMap<TaskName, Result<Claim, String>>, disk::Error> {
        self.near_by(own, |held| paths.iter().any(|path| path.starts_with(head(held))))
    }

    /// Returns the claims that may hold a path which one of these patterns does, those that cannot be
    /// understood, and the one of a task.
    ///
    /// # Errors
    /// When the folder cannot be read: then it is unknown what is held.
    pub fn near_patterns(
        &self,
        patterns: &[PathPattern],
        own: Option<&TaskName>,
    ) -> Result<BTreeMap<TaskName, Result<Claim, String>>, disk::Error> {
        let heads: Vec<&str> = patterns.iter().map(|one| head(one.as_str())).collect();
        let meets = |held: &str| heads.iter().any(|h| h.starts_with(held) || held.starts_with(h));
        self.near_by(own, |held| meets(head(held)))
    }

    fn near_by(
        &self,
        own: Option<&TaskName>,
        may_hold: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<TaskName, Result<Claim, String>>, disk::Error> {
        let bytes = disk::read(&self.index, INDEX_MAX).ok().flatten().unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default();
        let known: BTreeMap<&str, Known<'_>> = text.split("\0\0").filter_map(record).collect();
        let (mut found, mut lines, mut misses) = (BTreeMap::new(), Vec::new(), 0);
        for task in self.tasks()? {
            let stamp = Stamp::of(&self.path(&task));
            let seen = known.get(task.as_str());
            let seen = seen.filter(|seen| stamp.as_ref().is_some_and(|now| now.0 == seen.stamp));
            let is_far = |seen: &&Known<'_>| !seen.patterns.iter().any(|one| may_hold(one));
            if let Some(seen) = seen.filter(is_far)
                && own != Some(&task)
            {
                lines.push(line(task.as_str(), seen.stamp, &seen.patterns));
                continue;
            }
            misses += usize::from(seen.is_none());
            let Some(claim) = self.get(&task) else { continue };
            if let (Ok(claim), Some(stamp)) = (&claim, stamp) {
                let patterns = claim.locked_files.iter().map(PathPattern::as_str);
                lines.push(line(task.as_str(), &stamp.0, &patterns.collect::<Vec<_>>()));
            }
            found.insert(task, claim);
        }
        if misses > MISSES_MIN.max(lines.len() / 10) {
            // Without it the next look reads more.
            disk::replace_unsynced(&self.index, lines.concat().as_bytes()).ok();
        }
        Ok(found)
    }
}

fn line(task: &str, stamp: &str, patterns: &[&str]) -> String {
    format!("{task}\0{stamp}\0{}\0\0", patterns.join("\0"))
}

fn record(text: &str) -> Option<(&str, Known<'_>)> {
    let mut fields = text.split('\0');
    let (task, stamp) = (fields.next()?, fields.next()?);
    Some((task, Known { stamp, patterns: fields.filter(|one| !one.is_empty()).collect() }))
}

/// Returns what stands before the first wildcard of a pattern: every path that it holds begins so.
fn head(pattern: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric() || "/_-. ".contains(c);
    let head = pattern.split(|c| !plain(c)).next().unwrap_or_default();
    head.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::Uid;
    use crate::locks::TableLock;
    use serde_json::json;

    fn publish(claims: &Claims, task: &str, files: &[&str]) {
        let time = "2026-01-01T00:00:00Z";
        let claim: Claim = serde_json::from_value(json!({
            "taskId": task, "uid": Uid::derive(1, task), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": time, "lockedFiles": files, "expiresAt": time,
            "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 }, "generation": 1, "nonce": "0".repeat(32), "node": "here",
        }))
        .unwrap();
        let lock = TableLock::take_blocking(claims.folder.parent().unwrap()).unwrap();
        claims.publish(&lock, &claim).unwrap();
    }

    fn near(claims: &Claims, path: &str) -> Vec<String> {
        let found = claims.near(&[path.to_owned()], None).unwrap();
        let holds = found.into_iter().filter(|(_, claim)| {
            claim
                .as_ref()
                .map_or(true, |claim| claim.locked_files.iter().any(|one| one.covers(path)))
        });
        holds.map(|(task, _)| task.to_string()).collect()
    }

    #[test]
    fn the_index_never_hides_who_holds_a_path() {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        crate::disk::make_ignored_folder(&root.path().join(".reconciler")).unwrap();
        for number in 0..40 {
            publish(&claims, &format!("t{number}"), &[&format!("src/m{number}/")]);
        }
        publish(&claims, "glob", &["**/x.rs", "a/{b,c}d"]);
        for _ in 0..2 {
            assert_eq!(near(&claims, "src/m7/a.rs"), ["t7"]);
            assert_eq!(near(&claims, "src/m7"), ["t7"]);
            assert_eq!(near(&claims, "z/x.rs"), ["glob"]);
            assert_eq!(near(&claims, "a/cd"), ["glob"]);
            assert_eq!(near(&claims, "free.txt"), [""; 0]);
            for (pattern, meets) in [("src/", 41), ("src/m7/a.rs", 2), ("**", 41), ("b/", 1)] {
                let pattern = PathPattern::parse(pattern).unwrap();
                assert_eq!(claims.near_patterns(&[pattern], None).unwrap().len(), meets);
            }
        }
        std::fs::metadata(root.path().join(".reconciler/locks.index")).unwrap();
        publish(&claims, "t7", &["other/"]);
        assert_eq!(near(&claims, "src/m7/a.rs"), [""; 0]);
        assert_eq!(near(&claims, "other/a.rs"), ["t7"]);
        let lock = TableLock::take_blocking(root.path()).unwrap();
        claims.remove(&lock, &"t8".parse().unwrap()).unwrap();
        drop(lock);
        assert_eq!(near(&claims, "src/m8/a.rs"), [""; 0]);
        publish(&claims, "late", &["src/m9/b.rs"]);
        assert_eq!(near(&claims, "src/m9/b.rs"), ["late", "t9"]);
    }

    #[test]
    fn a_lock_that_cannot_be_understood_is_near_everything_and_a_torn_index_is_none() {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        crate::disk::make_ignored_folder(&root.path().join(".reconciler")).unwrap();
        publish(&claims, "a", &["src/"]);
        std::fs::write(root.path().join(".task-locks/torn.lock"), "{").unwrap();
        std::fs::write(root.path().join(".reconciler/locks.index"), "a\0").unwrap();
        assert_eq!(near(&claims, "docs/a.md"), ["torn"]);
        assert_eq!(near(&claims, "src/a.rs"), ["a", "torn"]);
        let own = claims.near(&[], Some(&"a".parse().unwrap())).unwrap();
        assert!(own.contains_key(&"a".parse::<TaskName>().unwrap()), "{own:?}");
    }
}
