//! Locks of single files, as the Git LFS File Locking API has them: what a person holds without a
//! task, and whatever else is held, a lock for each pattern. It never gives back what a task holds.

use super::paths::{less, lock_of, without};
use super::{forced, granted, is_of, put};
use crate::api::claim::Claim;
use crate::api::hash;
use crate::api::name::{Seat, TaskName};
use crate::api::path::PathPattern;
use crate::client::{Client, Error};
use crate::plan::grant::{Conflict, Grant};
use crate::world::ownership::{OwnershipError, Turn, draw};

/// How many digits tell the patterns of one claim apart.
const DIGITS: usize = 12;

/// One pattern that a claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLock {
    /// Its name: that of the claim, and where that holds several patterns, `.` and digits of this one.
    pub id: String,
    /// The path; of a pattern that names more than one, the pattern.
    pub path: String,
    /// The claim that it is part of.
    pub claim: Claim,
}

/// What became of a wish to lock a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileTaken {
    /// It is locked.
    Locked(FileLock),
    /// It is not, because somebody holds it by this.
    Held(FileLock),
    /// It is not, because a lock that may hold it cannot be understood.
    Unclear {
        /// The task of that lock.
        task: TaskName,
        /// What is wrong with it.
        why: String,
    },
}

/// What became of a wish to unlock a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFreed {
    /// It was unlocked.
    Unlocked(FileLock),
    /// There is no such lock.
    Absent,
    /// It is another person's.
    OfAnother(FileLock),
    /// It is no lock of a file alone: a task holds it, or somebody else holds more by it.
    OfMore(FileLock),
}

/// Draws a secret that nobody can guess: 64 hexadecimal digits.
pub fn draw_secret() -> String {
    format!("{:032x}{:032x}", draw(), draw())
}

impl Client {
    /// Returns every lock, in the order of [`FileLock::key`].
    ///
    /// # Errors
    /// When it is not known who holds what, also of a single claim.
    pub fn file_locks(&self) -> Result<Vec<FileLock>, Error> {
        let claims = self.ownership().claims().list().map_err(OwnershipError::from)?;
        let mut all = Vec::new();
        for (task, claim) in claims {
            let claim = claim.map_err(|why| Error::Refused {
                what: format!("the lock of task/{task} cannot be understood: {why}"),
                help: "see its file: reconciler doctor".to_owned(),
            })?;
            all.extend(claim.locked_files.iter().map(|pattern| FileLock::of(&claim, pattern)));
        }
        all.sort_by_cached_key(FileLock::key);
        Ok(all)
    }

    /// Returns whether a lock is for this path.
    pub fn is_path_of(&self, lock: &FileLock, path: &str) -> bool {
        self.repository.case().is_same(&lock.path, path)
    }

    /// Locks one file for a person. Who holds it already, by whatever claim, is in the way.
    ///
    /// # Errors
    /// When it cannot be told who holds what: nothing was locked then.
    pub async fn lock_file(&self, path: &PathPattern, person: &Seat) -> Result<FileTaken, Error> {
        let desired = self.desired_if_known().await;
        let path = &path.clone().on(self.repository.case());
        let turn = self.turn().await?;
        let asked = lock_of(person, vec![path.clone()], None);
        match granted(&turn, &asked, desired.as_deref()).await? {
            Grant::New(mut claim) | Grant::Renewed(mut claim) => {
                put(&turn, &mut claim, None)?;
                self.finish(turn).await?;
                Ok(FileTaken::Locked(FileLock::of(&claim, path)))
            }
            Grant::Refused(conflicts) => {
                let Conflict { task, overlap, damage, .. } =
                    conflicts.into_iter().next().expect("a refusal says why");
                let lock = turn.held(&task).ok().flatten().zip(overlap);
                Ok(lock.map_or_else(
                    || FileTaken::Unclear { task, why: damage.unwrap_or_default() },
                    |(claim, overlap)| FileTaken::Held(FileLock::of(&claim, &overlap.held)),
                ))
            }
        }
    }

    /// Unlocks one file; that of another person only with a reason, and if it is all that the lock holds.
    ///
    /// # Errors
    /// When it is not certain that it was unlocked; try again.
    pub async fn unlock_file(
        &self,
        id: &str,
        person: &Seat,
        reason: Option<&str>,
    ) -> Result<FileFreed, Error> {
        let desired = self.desired_if_known().await;
        let turn = self.turn().await?;
        let Some((held, pattern)) = find(&turn, id)? else { return Ok(FileFreed::Absent) };
        let lock = FileLock::of(&held, &pattern);
        if !held.is_without_task() {
            return Ok(FileFreed::OfMore(lock));
        }
        let (whole, rest) = without(&held, (&[], &[pattern]), desired.as_deref());
        match (is_of(&held, person), reason) {
            (true, _) if whole => turn.release(&held, None).await?,
            (true, _) => {
                let asked = lock_of(person, rest, Some(held));
                less(&turn, granted(&turn, &asked, desired.as_deref()).await?)?;
            }
            (false, None) => return Ok(FileFreed::OfAnother(lock)),
            (false, Some(_)) if !whole => return Ok(FileFreed::OfMore(lock)),
            (false, Some(reason)) => {
                turn.release(&held, Some(forced(person, reason))).await?;
                self.note_force(&held.task, held.seat.to_string().as_str(), (person, reason))?;
            }
        }
        self.finish(turn).await?;
        Ok(FileFreed::Unlocked(lock))
    }
}

impl FileLock {
    fn of(claim: &Claim, pattern: &PathPattern) -> Self {
        let id = match claim.locked_files.len() {
            1 => claim.task.to_string(),
            _ => full_id(&claim.task, pattern),
        };
        let path = pattern.only_path().unwrap_or_else(|| pattern.to_string());
        Self { id, path, claim: claim.clone() }
    }

    /// Returns what orders the locks and stays the same while others come and go.
    pub fn key(&self) -> String {
        format!("{} {}", self.claim.task, self.path)
    }

    /// Returns whether a person holds it.
    pub fn is_of(&self, person: &Seat) -> bool {
        is_of(&self.claim, person)
    }
}

/// Returns the claim and the pattern that an id names.
fn find(turn: &Turn<'_>, id: &str) -> Result<Option<(Claim, PathPattern)>, Error> {
    let name = id.split('.').next().unwrap_or_default();
    let Ok(task) = name.parse::<TaskName>() else { return Ok(None) };
    let Some(held) = turn.held(&task)? else { return Ok(None) };
    let is_it = |one: &&PathPattern| full_id(&task, one) == id;
    let found = match held.locked_files.as_slice() {
        [only] if name == id => Some(only.clone()),
        several => several.iter().find(is_it).cloned(),
    };
    Ok(found.map(|pattern| (held, pattern)))
}

/// Returns the id that a pattern has among others. That of its place would become another's.
fn full_id(task: &TaskName, pattern: &PathPattern) -> String {
    let digest = hash::digest(&[pattern.as_str().as_bytes()]);
    format!("{task}.{}", digest.get(..DIGITS).expect("a digest has 64 digits"))
}
