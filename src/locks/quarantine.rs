//! Locks that stay damaged: what nobody can understand, nobody renews and nobody works under is moved
//! aside, with the reason beside it. It moves nothing that has changed since it was looked at.

use super::{Claims, TableLock};
use crate::api::name::TaskName;
use crate::disk::{self, Published};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The damaged locks that were seen at earlier looks: their bytes, and since when, by the time since
/// boot.
#[derive(Debug, Default)]
pub struct SeenDamage(BTreeMap<TaskName, (Vec<u8>, Duration)>);

/// A lock that stays damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The task whose lock it is.
    pub task: TaskName,
    /// What is wrong with it.
    pub why: String,
    bytes: Vec<u8>,
}

impl Claims {
    /// Notes the damaged locks of a look, with what is wrong with each, and returns those that were
    /// seen unchanged for as long as a lease. One that cannot be read is never among them.
    pub fn damaged_for(
        &self,
        lease: Duration,
        damaged: &BTreeMap<TaskName, String>,
        (seen, now): (&mut SeenDamage, Duration),
    ) -> Vec<Damage> {
        let before = std::mem::take(&mut seen.0);
        let mut lasting = Vec::new();
        for (task, why) in damaged {
            let Ok(Some(bytes)) = disk::read(&self.path(task), disk::RECORD_MAX) else { continue };
            let since = before.get(task).filter(|(earlier, _)| *earlier == bytes);
            let since = since.map_or(now, |(_, since)| *since);
            if now.saturating_sub(since) >= lease {
                let (task, why, bytes) = (task.clone(), why.clone(), bytes.clone());
                lasting.push(Damage { task, why, bytes });
            }
            seen.0.insert(task.clone(), (bytes, since));
        }
        lasting
    }

    /// Moves a damaged lock to `.reconciler/quarantine`, with a file that says the reason, and
    /// returns where it is now; `None` when it is another by now. Its claim is over then.
    ///
    /// # Errors
    /// When it cannot be moved; it stands where it stood.
    pub fn quarantine(
        &self,
        _: &TableLock,
        damage: &Damage,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<PathBuf>, disk::Error> {
        let lock = self.path(&damage.task);
        let is_same = |bytes: Option<Vec<u8>>| bytes.as_ref() == Some(&damage.bytes);
        if !is_same(disk::read(&lock, disk::RECORD_MAX)?) {
            return Ok(None);
        }
        let name = format!("{}.lock.{}", damage.task, now.strftime("%Y%m%dT%H%M%S%fZ"));
        let folder = self.index.with_file_name("quarantine");
        let (moved, note) = (folder.join(&name), folder.join(format!("{name}.reason")));
        disk::replace(&note, format!("{reason}\n").as_bytes())?;
        disk::rename(&lock, &moved)?;
        let found = disk::read(&moved, disk::RECORD_MAX)?;
        if is_same(found.clone()) {
            disk::sync_folder_of(&lock)?;
            return Ok(Some(moved));
        }
        // A person has mended it since it was read. What another has put there by now stays.
        match disk::create(&lock, &found.unwrap_or_default())? {
            Published::New | Published::Existed => {}
        }
        disk::remove(&moved)?;
        disk::remove(&note)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn scene() -> (tempfile::TempDir, Claims, BTreeMap<TaskName, String>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(".task-locks")).unwrap();
        let claims = Claims::at(root.path());
        std::fs::write(claims.path(&task()), "{").unwrap();
        (root, claims, BTreeMap::from([(task(), "torn".to_owned())]))
    }

    fn task() -> TaskName {
        "login".parse().unwrap()
    }

    #[test]
    fn what_changed_within_the_lease_or_was_mended_begins_anew() {
        let (_root, claims, damaged) = scene();
        let mut seen = SeenDamage::default();
        let mut look = |seconds, damaged: &BTreeMap<_, _>| {
            claims.damaged_for(LEASE, damaged, (&mut seen, Duration::from_secs(seconds))).len()
        };
        assert_eq!((look(1, &damaged), look(10, &damaged), look(11, &damaged)), (0, 0, 1));
        std::fs::write(claims.path(&task()), "{}").unwrap();
        assert_eq!((look(12, &damaged), look(21, &damaged), look(22, &damaged)), (0, 0, 1));
        assert_eq!(look(23, &BTreeMap::new()), 0);
        assert_eq!((look(24, &damaged), look(34, &damaged)), (0, 1));
    }

    #[test]
    fn it_is_moved_with_its_reason_and_another_one_is_not() {
        let (root, claims, damaged) = scene();
        let mut seen = SeenDamage::default();
        claims.damaged_for(LEASE, &damaged, (&mut seen, Duration::ZERO));
        let lasting = claims.damaged_for(LEASE, &damaged, (&mut seen, LEASE));
        std::fs::write(claims.path(&task()), "{ mended").unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let lock = TableLock::take_blocking(root.path()).unwrap();
        assert_eq!(claims.quarantine(&lock, &lasting[0], "why", now).unwrap(), None);
        assert_eq!(std::fs::read(claims.path(&task())).unwrap(), b"{ mended");
        std::fs::write(claims.path(&task()), "{").unwrap();
        let moved = claims.quarantine(&lock, &lasting[0], "why", now).unwrap().unwrap();
        let folder = root.path().join(".reconciler/quarantine");
        assert_eq!(moved.parent().unwrap(), folder);
        assert_eq!(std::fs::read(&moved).unwrap(), b"{");
        let note = format!("{}.reason", moved.display());
        assert_eq!(std::fs::read_to_string(note).unwrap(), "why\n");
        assert_eq!(claims.get(&task()), None);
    }
}
