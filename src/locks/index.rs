//! What each lock holds, in one file: `.reconciler/locks.index`. It only spares reading locks that
//! cannot matter; a lock whose file is not the very one that was indexed is read. It never answers
//! who holds a path: that is for the locks themselves.
//!
//! Whoever changes a claim moves a file into the folder, or out of it, so a folder that has not
//! changed has the files that were indexed. A change of the same tick of the disk's clock would not
//! show: a folder is believed only when it was older than the look at it. A lock that a person edits
//! where it lies does not show either; [`Claims::list`], by which the loop looks, sees that.

use super::Claims;
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::disk;
use crate::process::identity;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The largest index that is read, in bytes.
const INDEX_MAX: u64 = 64 << 20;
/// So many locks may be read anew before the index is worth writing again; of many locks, a tenth.
const MISSES_MIN: usize = 16;
/// So many locks are looked at one by one as fast as they are found in an index.
const FEW: usize = 64;
/// What an index says of a lock that must be read each time.
const ANYTHING: &str = "**";

/// The claims of some tasks; one that cannot be understood stands there with what is wrong.
type Found = BTreeMap<TaskName, Result<Claim, String>>;

/// Whether a pattern may hold anything that is asked for.
type MayHold<'a> = &'a dyn Fn(&str) -> bool;

/// A file or folder, told from every other, and from itself at another time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(String);

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let (changed, nanos) = (meta.ctime(), meta.ctime_nsec());
        Self(format!("{}.{}.{changed}.{nanos}", meta.ino(), meta.size()))
    }

    /// Returns the stamp of a file; `None` when it cannot be seen.
    fn at(path: &Path) -> Option<Self> {
        Some(Self::of(&path.symlink_metadata().ok()?))
    }
}

/// What is known of a lock: its file and task with a space between, and the patterns it holds with a
/// zero after each. Most are far, and are left as they lie there.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    lock: &'a str,
    patterns: &'a str,
}

impl<'a> Known<'a> {
    fn is_near(&self, may_hold: MayHold<'_>) -> bool {
        self.patterns().any(may_hold)
    }

    fn patterns(&self) -> impl Iterator<Item = &'a str> {
        self.patterns.split_terminator('\0')
    }

    fn task(&self) -> Option<&'a str> {
        self.lock.split_once(' ').map(|(_, task)| task)
    }

    fn stamp(&self) -> Option<&'a str> {
        self.lock.split_once(' ').map(|(stamp, _)| stamp)
    }
}

/// What an index says of the locks. No pattern is empty: a further zero ends a record.
#[derive(Debug)]
struct Records<'a>(&'a str);

impl<'a> Iterator for Records<'a> {
    type Item = Known<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (lock, patterns) = self.0.split_once('\0')?;
        let mut rest = patterns;
        loop {
            if let Some(after) = rest.strip_prefix('\0') {
                self.0 = after;
                let patterns = patterns.get(..patterns.len() - rest.len())?;
                return Some(Known { lock, patterns });
            }
            (_, rest) = rest.split_once('\0')?;
        }
    }
}

impl Claims {
    /// Returns the claims that may hold one of these paths, those that cannot be understood, and the
    /// one of a task.
    ///
    /// # Errors
    /// When the folder cannot be read: then it is unknown what is held.
    pub fn near(&self, paths: &[String], own: Option<&TaskName>) -> Result<Found, disk::Error> {
        self.near_by(own, &|held| paths.iter().any(|path| may_begin(held, path)))
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
    ) -> Result<Found, disk::Error> {
        let heads: Vec<&str> = patterns.iter().map(|one| head(one.as_str())).collect();
        let meets = |held: &str| heads.iter().any(|h| begins_as(h, held) || begins_as(held, h));
        self.near_by(own, &|held| meets(head(held)))
    }

    fn near_by(&self, own: Option<&TaskName>, may_hold: MayHold<'_>) -> Result<Found, disk::Error> {
        let bytes = disk::read(&self.index, INDEX_MAX).ok().flatten().unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default();
        let (folder, records) = text.split_once("\0\0").unwrap_or_default();
        let records = Records(records);
        let now = self.folder.symlink_metadata().ok().and_then(|now| believable(&now));
        if now.is_some_and(|now| now == folder) {
            let near = records.filter(|known| {
                known.is_near(may_hold) || own.is_some_and(|own| known.task() == Some(own.as_str()))
            });
            let tasks = near.filter_map(|known| known.task()?.parse().ok());
            return Ok(tasks
                .filter_map(|task: TaskName| Some((task.clone(), self.get(&task)?)))
                .collect());
        }
        // Before the look: what changes after it makes the folder younger than this.
        let settled = if text.is_empty() { None } else { self.settled() };
        let known = records.filter_map(|known| Some((known.task()?, known))).collect();
        let look = self.look(&known, may_hold, own)?;
        let many = look.lines.len() > FEW;
        if look.misses > MISSES_MIN.max(look.lines.len() / 10)
            || (many && settled.as_deref() != Some(folder))
        {
            let folder = settled.unwrap_or_else(|| "?".to_owned());
            let text = format!("{folder}\0\0{}", look.lines.concat());
            // Without it the next look reads more.
            disk::replace_unsynced(&self.index, text.as_bytes()).ok();
        }
        Ok(look.found)
    }

    /// Returns the stamp of the folder, when every change from now on will change it.
    fn settled(&self) -> Option<String> {
        let now = disk::now_at(self.index.parent()?).ok()?;
        let folder = self.folder.symlink_metadata().ok()?;
        let last = (folder.ctime(), folder.ctime_nsec());
        if last < now { believable(&folder) } else { None }
    }

    /// Looks at every lock; reads those that an index does not know to be far from these paths.
    fn look(
        &self,
        known: &BTreeMap<&str, Known<'_>>,
        may_hold: MayHold<'_>,
        own: Option<&TaskName>,
    ) -> Result<Look, disk::Error> {
        let mut look = Look::default();
        for task in self.tasks()? {
            let stamp = Stamp::at(&self.path(&task));
            let seen = known.get(task.as_str());
            let seen = seen.filter(|seen| seen.stamp() == stamp.as_ref().map(|now| now.0.as_str()));
            if let Some(seen) = seen.filter(|seen| !seen.is_near(may_hold))
                && own != Some(&task)
            {
                look.lines.push(line(seen.lock, seen.patterns()));
                continue;
            }
            look.misses += usize::from(seen.is_none());
            let Some(claim) = self.get(&task) else { continue };
            let which = format!("{} {task}", stamp.map_or_else(|| "?".to_owned(), |stamp| stamp.0));
            look.lines.push(match &claim {
                Ok(claim) => {
                    let patterns = claim.locked_files.iter().map(PathPattern::as_str);
                    line(&which, patterns)
                }
                Err(_) => line(&which, [ANYTHING]),
            });
            look.found.insert(task, claim);
        }
        Ok(look)
    }

    /// Takes away an index that a lock contradicts which was changed where it lies.
    pub(super) fn forget_index_of_edited(&self, tasks: &[TaskName]) {
        let time = |path: &Path| {
            let meta = path.symlink_metadata().ok()?;
            Some((meta.ctime(), meta.ctime_nsec()))
        };
        let (Some(index), Some(folder)) = (time(&self.index), time(&self.folder)) else { return };
        let is_edited = |task: &TaskName| {
            time(&self.path(task)).is_none_or(|changed| changed > folder && changed >= index)
        };
        if tasks.iter().any(is_edited) {
            // The next look tries again.
            disk::remove(&self.index).ok();
        }
    }
}

/// What was found in the folder.
#[derive(Default)]
struct Look {
    found: Found,
    /// A new index.
    lines: Vec<String>,
    /// How many locks the old one did not know.
    misses: usize,
}

/// Returns what an index begins with that can be believed for as long as this folder is the same. A
/// power cut may tear an index, so that of another boot is not.
fn believable(folder: &Metadata) -> Option<String> {
    Some(format!("{} {}", Stamp::of(folder).0, identity::boot_id().ok()?))
}

fn line(lock: &str, patterns: impl IntoIterator<Item: AsRef<str>>) -> String {
    let mut line = format!("{lock}\0");
    for pattern in patterns {
        line.push_str(pattern.as_ref());
        line.push('\0');
    }
    line.push('\0');
    line
}

/// Returns whether a path begins with the head of a pattern. It is asked of every lock at every
/// commit, and most differ in a letter.
fn may_begin(pattern: &str, path: &str) -> bool {
    let both = pattern.bytes().zip(path.bytes());
    let same = both.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    match pattern.as_bytes().get(same) {
        Some(byte) if byte.is_ascii_alphanumeric() => {
            !pattern.get(..same).is_some_and(|same| same.chars().all(is_plain))
        }
        Some(_) | None => begins_as(path, head(pattern)),
    }
}

/// Returns whether a path begins so, whatever the case of letters: the locks say whether it counts.
fn begins_as(path: &str, head: &str) -> bool {
    let begin = path.as_bytes().get(..head.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(head.as_bytes()))
}

/// Returns what stands before the first wildcard of a pattern: every path that it holds begins so.
fn head(pattern: &str) -> &str {
    let head = pattern.split(|c| !is_plain(c)).next().unwrap_or_default();
    head.trim_end_matches('/')
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | ' ')
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
            let other = claims.near(&["SRC/M7/A.rs".to_owned()], None).unwrap();
            assert!(other.contains_key(&"t7".parse::<TaskName>().unwrap()), "in another case");
            for (pattern, meets) in
                [("src/", 41), ("src/m7/a.rs", 2), ("**", 41), ("b/", 1), ("Src/M7/", 2)]
            {
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

    /// Many locks, and an index of them that is believed without a look at each.
    fn indexed() -> (tempfile::TempDir, Claims) {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        crate::disk::make_ignored_folder(&root.path().join(".reconciler")).unwrap();
        for number in 0..FEW + 2 {
            publish(&claims, &format!("t{number}"), &[&format!("src/m{number}/")]);
        }
        until_believed(&claims);
        (root, claims)
    }

    /// Looks until the disk's clock has gone on.
    fn until_believed(claims: &Claims) {
        let is_believed = || {
            let text = std::fs::read_to_string(&claims.index).unwrap_or_default();
            let folder = claims.folder.metadata().unwrap();
            text.starts_with(&format!("{}\0\0", believable(&folder).unwrap()))
        };
        while !is_believed() {
            near(claims, "free.txt");
        }
    }

    #[test]
    fn a_folder_that_has_not_changed_is_believed_and_each_change_of_it_shows() {
        let (root, claims) = indexed();
        let own = "t3".parse().unwrap();
        let found = claims.near(&["free.txt".to_owned()], Some(&own)).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [&own]);
        assert_eq!(near(&claims, "src/m7/a.rs"), ["t7"]);
        for round in 0..50 {
            let (one, other) = (format!("a{round}/"), format!("b{round}/"));
            publish(&claims, "t7", &[&one]);
            assert_eq!(near(&claims, &format!("{one}x")), ["t7"], "{round}");
            publish(&claims, "t7", &[&other]);
            assert_eq!(near(&claims, &format!("{one}x")), [""; 0], "{round}");
            assert_eq!(near(&claims, &format!("{other}x")), ["t7"], "{round}");
            let lock = TableLock::take_blocking(root.path()).unwrap();
            claims.remove(&lock, &"t7".parse().unwrap()).unwrap();
            drop(lock);
            assert_eq!(near(&claims, &format!("{other}x")), [""; 0], "{round}");
        }
        std::fs::write(root.path().join(".task-locks/torn.lock"), "{").unwrap();
        until_believed(&claims);
        assert_eq!(near(&claims, "free.txt"), ["torn"]);
    }

    #[test]
    fn the_short_comparison_says_what_the_head_of_a_pattern_does() {
        let words =
            ["", "a", "b", "aB", "A/", "a/b", "a/c", "a/bC/d", "é", "éa", "è", "aé/b", "a b"];
        let wild = ["*", "**", "**/b", "a*", "a/*/d", "a/{b,c}", "a?b", "é*", "*é", "a/[b]c/d"];
        for path in words {
            for pattern in words.iter().chain(&wild) {
                let by_head = begins_as(path, head(pattern));
                assert_eq!(may_begin(pattern, path), by_head, "{pattern} {path}");
            }
        }
    }

    #[test]
    fn a_claim_that_names_no_file_hides_no_other() {
        let (_root, claims) = indexed();
        for task in ["a", "t4", "z"] {
            publish(&claims, task, &[]);
        }
        until_believed(&claims);
        for number in [0, 3, 5, FEW + 1] {
            assert_eq!(near(&claims, &format!("src/m{number}/x")), [format!("t{number}")]);
        }
        let own = "t5".parse().unwrap();
        assert!(claims.near(&[], Some(&own)).unwrap().contains_key(&own));
    }

    #[test]
    fn a_folder_that_changed_within_this_tick_of_the_clock_is_not_believed() {
        let root = tempfile::tempdir().unwrap();
        let claims = Claims::at(root.path());
        for folder in [".reconciler", ".task-locks"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let change = || {
            std::fs::write(claims.folder.join(".new"), "").unwrap();
            std::fs::rename(claims.folder.join(".new"), claims.folder.join("a.lock")).unwrap();
        };
        let mut believed = 0;
        while believed < 20 {
            change();
            let before = claims.settled();
            change();
            let after = believable(&claims.folder.metadata().unwrap());
            assert_ne!(before.as_ref(), after.as_ref(), "the second change does not show");
            // Sometimes the clock goes on between the change and the look.
            believed += usize::from(before.is_some());
        }
    }

    #[test]
    fn a_lock_edited_where_it_lies_is_seen_when_the_loop_has_looked() {
        let (root, claims) = indexed();
        let path = root.path().join(".task-locks/t7.lock");
        let edited = std::fs::read_to_string(&path).unwrap().replace("src/m7/", "docs/m7/");
        // Until the clock has gone on, so that the file is younger than the folder.
        while Stamp::at(&claims.index).is_some() {
            std::fs::write(&path, &edited).unwrap();
            claims.list().unwrap();
        }
        assert_eq!(near(&claims, "docs/m7/a.md"), ["t7"]);
        until_believed(&claims);
        claims.list().unwrap();
        assert_eq!(near(&claims, "docs/m7/a.md"), ["t7"]);
        std::fs::metadata(&claims.index).expect("it is right again");
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
