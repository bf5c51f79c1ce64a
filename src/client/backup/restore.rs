//! Restore: what a backup holds, put back where nothing is. It replaces nothing, starts nothing, and
//! can be killed at any moment and run again.

use super::{ABOUT, About, BACKUP, FILES, SAVED, VERSION};
use crate::api::attempt::Attempt;
use crate::api::claim::Claim;
use crate::api::name::CommitId;
use crate::client::{Client, Error, REF_DEFAULT, REF_KEY, RunError};
use crate::disk::{self, Published};
use crate::git::{Moved, Repository, TreeEntry};
use crate::world::ledger::LOCKS;
use crate::world::ownership::Turn;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where a ref comes whose name has something else here.
const ASIDE: &str = "refs/reconciler/restored/";
/// How many names are tried there.
const NAMES_MAX: u32 = 100;
/// The largest file that is put back, in bytes: logs are the longest.
const FILE_MAX: u64 = 128 * 1024 * 1024;
/// How many files are read at once.
const AT_ONCE: usize = 32;

/// Refs by their full names.
type Refs = BTreeMap<String, CommitId>;

/// What becomes of one thing in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It is not here, and is put back.
    New,
    /// It is here, and stays as it is; so does another version of a record.
    There,
    /// Something else is here and stays; this comes under another name.
    Aside(String),
    /// It is not put back, and why.
    Left(String),
}

/// One thing in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The full name of a ref, the path of a record from the root, or the task of a claim.
    pub what: String,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of all that is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restoration {
    /// What the backup is of.
    pub about: About,
    /// The refs.
    pub refs: Vec<Restored>,
    /// The records of this machine.
    pub records: Vec<Restored>,
    /// Who held what.
    pub claims: Vec<Restored>,
    /// The branch that is checked out here and had no commit before: its files are not here.
    pub unfilled: Option<String>,
}

/// A backup, opened in a repository apart.
struct Opened {
    about: About,
    refs: Refs,
    records: Vec<(PathBuf, TreeEntry)>,
    claims: Vec<Claim>,
    apart: Repository,
    _work: TempDir,
}

impl Client {
    /// Says what [`Self::restore`] would do. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] when the file is no backup, or damaged.
    pub async fn plan_restore(&self, file: &Path) -> Result<Restoration, Error> {
        let opened = Box::pin(self.open_backup(file)).await?;
        let refs = self.fates_of(&opened.refs).await?;
        let mut records = Vec::new();
        for (place, entry) in &opened.records {
            let fate = if disk::is_there(place)? { Fate::There } else { Fate::New };
            records.push(Restored { what: entry.path.clone(), fate });
        }
        // It will say what the backup says.
        let is_new = refs.iter().any(|one| one.what == LOCKS && one.fate == Fate::New);
        self.ownership().refresh().await?;
        let fate = |claim: &Claim| match self.ownership().claims().get(&claim.task) {
            Some(_) => Fate::There,
            None if is_new => Fate::New,
            None => self.why_not_held(claim).map_or(Fate::New, Fate::Left),
        };
        let told = |claim: &Claim| Restored { what: claim.task.to_string(), fate: fate(claim) };
        let claims = opened.claims.iter().map(told).collect();
        let unfilled = self.unfilled(&refs).await?;
        Ok(Restoration { about: opened.about, refs, records, claims, unfilled })
    }

    /// Puts back what a backup holds and is not here. No loop may run meanwhile. Attempts that ran in
    /// another place count as interrupted.
    ///
    /// # Errors
    /// [`Error::Refused`] when the file is no backup, or damaged, or a loop runs: nothing was changed
    /// then. After any other, run it again.
    pub async fn restore(&self, file: &Path) -> Result<Restoration, Error> {
        self.refuse_worker("a worker restores no backup", "ask a person")?;
        let guard = self.take_guard().await.map_err(|error| match error {
            RunError::Held(_) => Error::Refused {
                what: format!("nothing was restored: {error}"),
                help: "end it first, and start it again afterwards".to_owned(),
            },
            RunError::Disk(error) => error.into(),
            RunError::Tmux(_) | RunError::HandOn(_) => Error::Unknown(error.to_string()),
        })?;
        let opened = Box::pin(self.open_backup(file)).await?;
        self.repository.take_bundle(&in_full(file)?).await?;
        let refs = self.fates_of(&opened.refs).await?;
        let unfilled = self.unfilled(&refs).await?;
        self.put_refs_back(&opened.refs, &refs).await?;
        let records = self.put_records_back(&opened).await?;
        let claims = Box::pin(self.put_claims_back(&opened.claims)).await?;
        let pinned = self.repository.config_get(REF_KEY).await?;
        if pinned.is_none() && opened.about.state_ref != REF_DEFAULT {
            self.repository.config_set(REF_KEY, &opened.about.state_ref).await?;
        }
        drop(guard);
        Ok(Restoration { about: opened.about, refs, records, claims, unfilled })
    }

    async fn open_backup(&self, file: &Path) -> Result<Opened, Error> {
        let refused = |why: &str| Error::Refused {
            what: format!("{} cannot be restored: {why}", file.display()),
            help: "give it a file that `reconciler backup` made, whole".to_owned(),
        };
        let full = in_full(file)?;
        let work = disk::scratch(self.repository.common_dir())?;
        let apart = Box::pin(self.repository.apart(&work.path().join("opened"))).await?;
        let refs = apart.open_bundle(&full).await;
        let mut refs = refs.map_err(|error| refused(&format!("it is damaged: {error}")))?;
        let commit = refs.remove(BACKUP);
        let commit = commit.ok_or_else(|| refused("it is a bundle of git, and no backup"))?;
        refs.retain(|name, _| SAVED.iter().any(|prefix| name.starts_with(prefix)));
        let about = apart.reader().list(&commit, ABOUT).await?.unwrap_or_default();
        let about: Option<About> = parsed(&apart, &about).await?.pop();
        let about = about.filter(|about| about.version == VERSION);
        let about = about.ok_or_else(|| refused("another version of reconciler made it"))?;
        let (mut records, mut locks) = (Vec::new(), Vec::new());
        for entry in apart.reader().list(&commit, FILES).await?.unwrap_or_default() {
            if let Some(path) = entry.path.strip_prefix(".reconciler/") {
                let place = self.records().place_of(path);
                records.extend(place.map(|place| (place, entry)));
            } else if entry.path.starts_with(".task-locks/") {
                locks.push(entry);
            }
        }
        // Killed in between, it leaves a task without its record rather than one without its past.
        records.sort_by_key(|(_, entry)| entry.path.starts_with(".reconciler/tasks/"));
        let claims = parsed(&apart, &locks).await?;
        Ok(Opened { about, refs, records, claims, apart, _work: work })
    }

    /// Says what becomes of each ref.
    async fn fates_of(&self, refs: &Refs) -> Result<Vec<Restored>, Error> {
        let here = self.repository.refs("refs/").await?.into_iter();
        let mut here: Refs = here.map(|(name, id)| (format!("refs/{name}"), id)).collect();
        let mut told = Vec::new();
        for (name, id) in refs {
            let fate = match here.get(name) {
                Some(there) if there == id => Fate::There,
                None if is_free(&here, name) => Fate::New,
                Some(_) | None => aside(&here, name, id)?,
            };
            match &fate {
                Fate::New => here.insert(name.clone(), id.clone()),
                Fate::Aside(name) => here.insert(name.clone(), id.clone()),
                Fate::There | Fate::Left(_) => None,
            };
            told.push(Restored { what: name.clone(), fate });
        }
        Ok(told)
    }

    async fn put_refs_back(&self, refs: &Refs, told: &[Restored]) -> Result<(), Error> {
        for one in told {
            let name = match &one.fate {
                Fate::New => &one.what,
                Fate::Aside(name) => name,
                Fate::There | Fate::Left(_) => continue,
            };
            let Some(commit) = refs.get(&one.what) else { continue };
            match self.repository.create(name, commit).await? {
                Moved::Done | Moved::AlreadySo => {}
                Moved::Lost { .. } => {
                    return Err(Error::Refused {
                        what: format!("somebody made {name} meanwhile, of something else"),
                        help: "run it again".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    async fn put_records_back(&self, opened: &Opened) -> Result<Vec<Restored>, Error> {
        let elsewhere = self.ran_elsewhere(opened).await?;
        let folder = |attempt: &Attempt| self.records().folder(&attempt.id);
        let shims: Vec<PathBuf> =
            elsewhere.iter().map(|one| folder(one).join("shim.json")).collect();
        let mut told = Vec::new();
        for some in opened.records.chunks(AT_ONCE) {
            let entries: Vec<TreeEntry> = some.iter().map(|(_, entry)| entry.clone()).collect();
            let all = contents(&opened.apart, &entries).await?;
            for ((place, entry), bytes) in some.iter().zip(all) {
                // Whoever lives by it works for another clone, and must not be touched from here.
                let left = shims.contains(place).then(|| "it ran in another place".to_owned());
                let fate = match left {
                    Some(why) => Fate::Left(why),
                    None => fate_of(self.records().put_back(place, &bytes)?),
                };
                told.push(Restored { what: entry.path.clone(), fate });
            }
        }
        for attempt in elsewhere {
            match self.records().interrupt(&attempt.id)? {
                Published::New | Published::Existed => {}
            }
        }
        Ok(told)
    }

    /// Returns the attempts that had not ended when the backup was made, and worked in another place.
    async fn ran_elsewhere(&self, opened: &Opened) -> Result<Vec<Attempt>, Error> {
        let is_attempt = |entry: &TreeEntry| entry.path.ends_with("/attempt.json");
        let entries = opened.records.iter().map(|(_, entry)| entry);
        let entries: Vec<TreeEntry> = entries.filter(|one| is_attempt(one)).cloned().collect();
        let mut attempts: Vec<Attempt> = parsed(&opened.apart, &entries).await?;
        let places: BTreeSet<&PathBuf> = opened.records.iter().map(|(place, _)| place).collect();
        attempts.retain(|one| {
            let end = self.records().folder(&one.id).join("exit.json");
            !one.directory.starts_with(self.root()) && !places.contains(&end)
        });
        Ok(attempts)
    }

    /// Puts back the claims that the ledger says to be held still: nobody else has come by their paths
    /// since.
    async fn put_claims_back(&self, claims: &[Claim]) -> Result<Vec<Restored>, Error> {
        let mut turn = self.ownership().turn().await?;
        turn.heal().await?;
        let mut told = Vec::new();
        for claim in claims {
            let fate = self.put_claim_back(&turn, claim)?;
            told.push(Restored { what: claim.task.to_string(), fate });
        }
        turn.announce();
        Ok(told)
    }

    fn put_claim_back(&self, turn: &Turn<'_>, claim: &Claim) -> Result<Fate, Error> {
        if self.ownership().claims().get(&claim.task).is_some() {
            return Ok(Fate::There);
        }
        if let Some(why) = self.why_not_held(claim) {
            return Ok(Fate::Left(why));
        }
        turn.publish(claim)?;
        Ok(Fate::New)
    }

    /// Returns why a claim is no longer in force, by the ledger as it was read last.
    fn why_not_held(&self, claim: &Claim) -> Option<String> {
        match self.ownership().ledger().last(&claim.task) {
            Some(last) if !claim.is_continued_by(&last.claim) => {
                Some(format!("{} claimed it after that", last.claim.seat))
            }
            Some(last) if last.released_at.is_some() => Some("it was released".to_owned()),
            Some(_) => None,
            None => Some(format!("{LOCKS} here knows nothing of it")),
        }
    }

    /// Returns the branch that is checked out here, if it is to be made by this.
    async fn unfilled(&self, refs: &[Restored]) -> Result<Option<String>, Error> {
        if self.repository.is_bare() {
            return Ok(None);
        }
        let head = self.repository.head().await?;
        let is_new =
            |head: &String| refs.iter().any(|one| one.what == *head && one.fate == Fate::New);
        Ok(head.filter(is_new))
    }
}

fn fate_of(published: Published) -> Fate {
    match published {
        Published::New => Fate::New,
        Published::Existed => Fate::There,
    }
}

/// Returns the name under which a ref comes that has another commit here.
fn aside(here: &Refs, name: &str, id: &CommitId) -> Result<Fate, Error> {
    let short = name.strip_prefix("refs/").unwrap_or(name);
    let short = short.strip_prefix("reconciler/").unwrap_or(short);
    let called = |number: u32| match number {
        1 => format!("{ASIDE}{short}"),
        _ => format!("{ASIDE}{short}-{number}"),
    };
    let mut names = (1..=NAMES_MAX).map(called);
    let fits = |one: &String| here.get(one) == Some(id) || is_free(here, one);
    let found = names.find(fits).map(Fate::Aside);
    found.ok_or_else(|| Error::Unknown(format!("all names for {name} below {ASIDE} are taken")))
}

/// Returns whether a ref can be made: neither it nor one above or below it is there.
fn is_free(here: &Refs, name: &str) -> bool {
    let below = format!("{name}/");
    let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
    !here.contains_key(name)
        && above.into_iter().all(|one| !here.contains_key(one))
        && here.range(below.clone()..).next().is_none_or(|(one, _)| !one.starts_with(&below))
}

fn in_full(file: &Path) -> Result<PathBuf, Error> {
    Ok(file.canonicalize().map_err(|source| disk::Error::new("read", file, source))?)
}

/// Returns the bytes of files; each must be readable.
async fn contents(apart: &Repository, entries: &[TreeEntry]) -> Result<Vec<Vec<u8>>, Error> {
    let all: Vec<&TreeEntry> = entries.iter().collect();
    let read = apart.reader().listed_blobs(&all, FILE_MAX).await?;
    let bytes = |(bytes, entry): (Result<Vec<u8>, _>, &TreeEntry)| {
        bytes.map_err(|why| Error::Unknown(format!("{} of the backup: {why}", entry.path)))
    };
    read.into_iter().zip(entries).map(bytes).collect()
}

/// Returns what files say; those that cannot be understood are left out.
async fn parsed<T: DeserializeOwned>(
    apart: &Repository,
    entries: &[TreeEntry],
) -> Result<Vec<T>, Error> {
    let all = contents(apart, entries).await?;
    Ok(all.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect())
}
