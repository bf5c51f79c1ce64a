//! Backup: everything that is known of a repository, in one git bundle. It changes nothing that it
//! saves, and the file is there only when it was read back whole.

mod restore;

pub use restore::{Fate, Restoration, Restored};

use super::rescue::RESCUES;
use super::{Client, Error};
use crate::api::name::{CommitId, Owner};
use crate::api::to_json;
use crate::disk::{self, Published, Replaces};
use crate::git::{Files, Repository};
use crate::process::clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The ref of a bundle that holds records and claims as files.
const BACKUP: &str = "refs/reconciler/backup";
/// The folder of its tree in which a file says what it is of.
const ABOUT: &str = "about";
/// The folder of its tree in which the files are.
const FILES: &str = "files";
/// The form of backups that this program writes, and the only one it reads.
const VERSION: u32 = 1;
/// What a backup holds refs of: branches, and all that is ours.
const SAVED: [&str; 2] = ["refs/heads/", "refs/reconciler/"];
/// Where each stash is named in a backup.
const STASHES: &str = "refs/reconciler/stash/";
/// How often files are listed and read anew because some went meanwhile.
const TRIES: u32 = 5;

/// What becomes of a file that stands where a backup is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfThere {
    /// It stays, and there is no backup.
    Refuse,
    /// The backup takes its place.
    Replace,
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    version: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// The root of the repository.
    pub root: PathBuf,
    /// The ref that desired state is read from there.
    pub state_ref: String,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// The file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How many branches it holds.
    pub branches: usize,
    /// How many files of records and claims.
    pub files: usize,
    /// The rescued work it holds, with what was not saved in any worktree when it was made:
    /// `TASK/ATTEMPT`.
    pub rescues: Vec<String>,
    /// What it does not hold although it should, and why.
    pub missing: Vec<String>,
}

impl Client {
    /// Makes a backup. Loop and workers may go on meanwhile: what they do after it began may or may
    /// not be in it.
    ///
    /// # Errors
    /// [`Error::Refused`] when a file is there that may not be replaced, or the history is cut off;
    /// also when anything could not be read back. Nothing was written then.
    pub async fn back_up(&self, file: &Path, if_there: IfThere) -> Result<Backup, Error> {
        let file = self.may_write(file, if_there)?;
        let folder = file.parent().unwrap_or(&file);
        let work = disk::scratch(folder)?;
        let apart = work.path().join("packed");
        let apart = Box::pin(self.repository.apart_with_objects(&apart)).await?;
        let files = self.pack_files(&apart).await?;
        let missing = self.pack_refs(&apart).await?;
        let made = work.path().join("bundle");
        apart.write_bundle(&made, &self.state_ref).await?;
        let opened = Box::pin(self.repository.apart(&work.path().join("opened"))).await?;
        let packed = apart.refs("refs/").await?.into_iter();
        let refs: BTreeMap<String, CommitId> =
            packed.map(|(name, id)| (format!("refs/{name}"), id)).collect();
        if opened.open_bundle(&made).await? != refs {
            return Err(Error::Unknown("the backup is not what was put into it".to_owned()));
        }
        let bytes = made.metadata().map_or(0, |meta| meta.len());
        let replaces = match if_there {
            IfThere::Refuse => Replaces::Nothing,
            IfThere::Replace => Replaces::Anything,
        };
        match disk::publish_whole(&made, &file, replaces)? {
            Published::New => {}
            Published::Existed => return Err(is_there(&file)),
        }
        let branches = refs.keys().filter(|one| one.starts_with("refs/heads/")).count();
        let rescues = refs.keys().filter_map(|one| one.strip_prefix(RESCUES));
        let rescues = rescues.map(str::to_owned).collect();
        Ok(Backup { file, bytes, branches, files, rescues, missing })
    }

    /// Returns where the file is to be, in full.
    fn may_write(&self, file: &Path, if_there: IfThere) -> Result<PathBuf, Error> {
        let refused = |what: String, help: &str| Error::Refused { what, help: help.to_owned() };
        if self.repository.is_shallow()? {
            let what =
                "the history of this clone was cut off, and a backup would lack it".to_owned();
            return Err(refused(what, "fetch the rest: git fetch --unshallow"));
        }
        let (folder, name) = (file.parent(), file.file_name().unwrap_or(OsStr::new("")));
        let folder = folder.filter(|one| !one.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize();
        let full = folder.map_err(|source| disk::Error::new("write to", file, source))?.join(name);
        match full.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {
                Err(refused(format!("{} is a folder", full.display()), "name a file in it"))
            }
            Ok(_) if if_there == IfThere::Refuse => Err(is_there(&full)),
            Ok(_) | Err(_) => Ok(full),
        }
    }

    /// Commits records and claims to the repository of the backup; returns how many.
    async fn pack_files(&self, apart: &Repository) -> Result<usize, Error> {
        let (made_at, root) = (clock::now(), self.root().to_owned());
        let about = About { version: VERSION, made_at, root, state_ref: self.state_ref.clone() };
        let about = to_json(&about);
        let mut tries = 1;
        loop {
            let paths = self.files_to_save()?;
            let (root, note) = (self.root(), ("about/backup.json", about.as_bytes()));
            let files = Files { reference: BACKUP, root, paths: &paths, folder: FILES, note };
            match apart.commit_files(&files).await {
                // Some are written and removed all the time while the loop runs.
                Err(_) if tries < TRIES => tries += 1,
                other => return Ok(other.map(|_| paths.len())?),
            }
        }
    }

    /// Returns the paths of records and claims, from the root.
    fn files_to_save(&self) -> Result<Vec<String>, Error> {
        let under = |folder: &Path, path: &str| {
            let folder = folder.file_name().unwrap_or_default().to_string_lossy();
            format!("{folder}/{path}")
        };
        let records = self.records().files()?;
        let of_records = self.records().folder_of_all();
        let mut paths: Vec<String> = records.iter().map(|path| under(of_records, path)).collect();
        let claims = self.ownership().claims().folder();
        let locks = disk::list_records(claims)?;
        let locks =
            locks.iter().filter(|name| Path::new(name).extension() == Some("lock".as_ref()));
        paths.extend(locks.map(|name| under(claims, name)));
        Ok(paths)
    }

    /// Makes all refs in the repository of the backup, with the unsaved work of each worktree under
    /// rescue refs. Returns what could not be read.
    async fn pack_refs(&self, apart: &Repository) -> Result<Vec<String>, Error> {
        let rescues = self.repository.refs(RESCUES).await?.into_iter();
        apart
            .make_refs(&rescues.map(|(name, id)| (format!("{RESCUES}{name}"), id)).collect())
            .await?;
        let mut missing = Vec::new();
        // Before the branches: what is committed in between is on a branch then.
        for (owner, path) in self.worktrees_at_work()? {
            let attempt = self.records().attempts_of(&owner)?.last().map_or(0, |one| one.number);
            let message = format!("Unsaved work of task {}, attempt {attempt}", owner.task);
            let name = format!("{RESCUES}{}/{attempt}", owner.task);
            let saved = self.repository.rescue_into(apart, &path, &name, &message);
            match Box::pin(saved).await {
                Ok(()) => {}
                // Its work may have gone with it, to a rescue ref.
                Err(_) if !disk::is_there(&path)? => {}
                Err(error) => missing.push(format!("{}: {error}", path.display())),
            }
        }
        let mut refs = BTreeMap::new();
        for prefix in SAVED {
            let found = self.repository.refs(prefix).await?;
            refs.extend(found.into_iter().map(|(name, id)| (format!("{prefix}{name}"), id)));
        }
        for stash in self.repository.stashes().await? {
            refs.entry(format!("{STASHES}{stash}")).or_insert(stash);
        }
        let there = apart.refs("refs/").await?;
        let is_there = |name: &str| there.contains_key(name.trim_start_matches("refs/"));
        let (both, new): (BTreeMap<_, _>, BTreeMap<_, _>) =
            refs.into_iter().partition(|(name, _)| is_there(name));
        apart.make_refs(&new).await?;
        for (name, id) in both {
            // What was rescued here meanwhile under the same name comes beside it.
            apart.save_commit(&name, &id).await?;
        }
        Ok(missing)
    }

    /// Returns our worktrees that are not retired.
    fn worktrees_at_work(&self) -> Result<Vec<(Owner, PathBuf)>, Error> {
        let retired = self.records().folder_of_all();
        let linked = self.repository.linked()?.into_iter();
        let at_work = linked.filter(|one| !one.missing && !one.path.starts_with(retired));
        Ok(at_work.filter_map(|one| Some((one.owner?, one.path))).collect())
    }
}

fn is_there(file: &Path) -> Error {
    Error::Refused {
        what: format!("{} is there already", file.display()),
        help: "name another file, or replace it: --force".to_owned(),
    }
}
