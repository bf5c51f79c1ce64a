//! The attempts of tasks: their folders, the flags in them and their logs. Every flag is written
//! once, by whoever is first; a finished attempt never changes and is read once.

use super::reports::Words;
use super::{Damage, Error, Records, file};
use crate::api::attempt::{Attempt, AttemptId, Exit, ShimRecord, StopRequest};
use crate::api::name::{Owner, TaskName};
use crate::api::task::Class;
use crate::disk::{self, Published};
use crate::fault;
use crate::process::clock;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

/// Finished attempts by folder and number.
pub(super) type Finished = BTreeMap<String, BTreeMap<u32, Arc<AttemptFiles>>>;

/// All that is known of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFiles {
    /// Which attempt of its task.
    pub number: u32,
    /// What was to be started.
    pub attempt: Result<Attempt, Damage>,
    /// Who took it, if anyone did.
    pub shim: Option<Result<ShimRecord, Damage>>,
    /// Whether it was asked to stop.
    pub stop: Option<Result<StopRequest, Damage>>,
    /// How it ended, if it did.
    pub exit: Option<Result<Exit, Damage>>,
    /// What was said in it.
    pub words: Words,
}

impl AttemptFiles {
    /// Returns what a folder holds; `None` when nothing was prepared there.
    fn read(folder: &Path, number: u32) -> Result<Option<Self>, Error> {
        // Lists for the sake of what crashed writers left as well.
        let names = disk::list_records(folder)?;
        if names.is_empty() {
            return Ok(None);
        }
        let missing = || {
            let message = "it is missing beside its other records".to_owned();
            Err(Damage { path: folder.join("attempt.json"), message })
        };
        Ok(Some(Self {
            number,
            attempt: file::read(&folder.join("attempt.json")).unwrap_or_else(missing),
            shim: file::read(&folder.join("shim.json")),
            stop: file::read(&folder.join("stop.json")),
            exit: file::read(&folder.join("exit.json")),
            words: Words::read(folder, &names),
        }))
    }

    fn is_finished(&self) -> bool {
        self.attempt.is_ok() && self.exit.as_ref().is_some_and(Result::is_ok)
    }
}

/// The folder of all attempts of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptsFolder {
    /// The task.
    pub task: TaskName,
    /// The first eight digits of its uid.
    pub uid_short: String,
    /// When it, or one of its attempts, was given or lost a file last.
    pub modified: Timestamp,
}

impl AttemptsFolder {
    /// Returns its name, `NAME.UID8`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.task, self.uid_short)
    }
}

impl Records {
    /// Returns the records around the folder of one attempt, as its shim is told it, and the attempt.
    ///
    /// # Errors
    /// When it is not the folder of a prepared attempt; then nothing may be started.
    pub fn around(folder: &Path) -> Result<(Self, Attempt), Error> {
        let path = folder.join("attempt.json");
        let damage = |message: &str| Damage { path: path.clone(), message: message.to_owned() };
        let foreign = || damage("it is not in the folder of an attempt");
        let records = Self::at(folder.ancestors().nth(4).ok_or_else(foreign)?);
        let attempt: Attempt = file::read(&path).ok_or_else(|| damage("there is none"))??;
        if records.folder(&attempt.id) != folder {
            return Err(foreign().into());
        }
        Ok((records, attempt))
    }

    /// Returns the attempts of a task, by number. A finished one is read from the disk once.
    ///
    /// # Errors
    /// When the folder cannot be read: then its attempts are unknown.
    pub fn attempts_of(&self, owner: &Owner) -> Result<Vec<Arc<AttemptFiles>>, Error> {
        let name = AttemptId::folder(owner);
        let folder = self.attempts().join(&name);
        let mut numbers: Vec<u32> =
            disk::list_records(&folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        let mut finished = self.finished();
        let known = finished.entry(name).or_default();
        known.retain(|number, _| numbers.binary_search(number).is_ok());
        let mut attempts = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(attempt) = known.get(&number) {
                attempts.push(Arc::clone(attempt));
                continue;
            }
            let read = AttemptFiles::read(&folder.join(number.to_string()), number)?;
            let Some(attempt) = read.map(Arc::new) else { continue };
            if attempt.is_finished() {
                known.insert(number, Arc::clone(&attempt));
            }
            attempts.push(attempt);
        }
        Ok(attempts)
    }

    /// Returns one attempt as the disk has it now; `None` when it was never prepared.
    ///
    /// # Errors
    /// When its folder cannot be read: then it is unknown.
    pub fn attempt(&self, id: &AttemptId) -> Result<Option<AttemptFiles>, Error> {
        AttemptFiles::read(&self.folder(id), id.number)
    }

    /// Writes down what is to be started, before anything is made for it. One that exists stands, and
    /// so does one after it: who does not know of that one may not number what comes before it.
    ///
    /// # Errors
    /// When it cannot be made durable; then nothing may be started.
    pub fn prepare(&self, attempt: &Attempt) -> Result<Published, Error> {
        let folder = self.attempts().join(AttemptId::folder(&attempt.id.owner));
        let names = disk::list_records(&folder)?;
        if names.iter().filter_map(|name| name.parse().ok()).any(|one: u32| one > attempt.id.number)
        {
            return Ok(Published::Existed);
        }
        self.create(&self.folder(&attempt.id).join("attempt.json"), attempt)
    }

    /// Takes an attempt for a shim. Of several who try, one gets `New`, and only that one may start
    /// the program.
    ///
    /// # Errors
    /// When it cannot be made durable; then nothing may be started.
    pub fn take(&self, id: &AttemptId, shim: &ShimRecord) -> Result<Published, Error> {
        self.create(&self.folder(id).join("shim.json"), shim)
    }

    /// Asks an attempt to stop; the first reason stands.
    ///
    /// # Errors
    /// When it cannot be made durable; then do not signal the shim, which reads the reason here.
    pub fn ask_to_stop(&self, id: &AttemptId, stop: &StopRequest) -> Result<Published, Error> {
        self.create(&self.folder(id).join("stop.json"), stop)
    }

    /// Writes down how an attempt ended; the first word stands for ever.
    ///
    /// # Errors
    /// When it cannot be made durable; try again, the attempt is not over before.
    pub fn close(&self, id: &AttemptId, exit: &Exit) -> Result<Published, Error> {
        let path = self.folder(id).join("exit.json");
        let published = self.create(&path, exit)?;
        // Lost in a power cut, what is done would be done again. An interruption is seen as one all
        // the same: nobody runs the attempt then, and it is revived.
        if !exit.reason.is_interruption() {
            disk::sync_folder_of(&path)?;
        }
        Ok(published)
    }

    /// Renews the heartbeat of an attempt: the time of a file, which is never synced.
    ///
    /// # Errors
    /// When it cannot be renewed; go on, a heartbeat that stands still stops nobody.
    pub fn beat(&self, id: &AttemptId) -> Result<(), Error> {
        let path = self.folder(id).join("heartbeat");
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).mode(0o600);
        fault::effect("beat", || open.open(&path)?.set_modified(clock::now().into()))
            .map_err(|source| disk::Error::new("touch", &path, source).into())
    }

    /// Returns the time of the last heartbeat; `None` when there was none.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub fn last_beat(&self, id: &AttemptId) -> Result<Option<Timestamp>, Error> {
        Ok(modified(&self.folder(id).join("heartbeat"))?)
    }

    /// Returns where the log of an attempt is.
    pub fn log_path(&self, attempt: &Attempt) -> PathBuf {
        let folder = AttemptId::folder(&attempt.id.owner);
        self.logs(attempt.class).join(format!("{folder}.{}.log", attempt.id.number))
    }

    /// Returns the folders of attempts, of living tasks and of those long gone.
    ///
    /// # Errors
    /// When one of them cannot be seen.
    pub fn attempts_folders(&self) -> Result<Vec<AttemptsFolder>, Error> {
        let mut folders = Vec::new();
        for name in disk::list_records(&self.attempts())? {
            let Some((task, uid)) = name.split_once('.') else { continue };
            let Ok(task) = task.parse() else { continue };
            if uid.len() != 8 || !uid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let path = self.attempts().join(&name);
            let mut newest = modified(&path)?;
            for number in disk::list(&path)? {
                newest = newest.max(modified(&path.join(number))?);
            }
            let uid_short = uid.to_owned();
            folders.extend(newest.map(|modified| AttemptsFolder { task, uid_short, modified }));
        }
        Ok(folders)
    }

    /// Removes a folder of attempts, its logs first. The caller knows that none of them runs.
    ///
    /// # Errors
    /// When something cannot be removed; the folder is there then, to be tried again.
    pub fn sweep(&self, folder: &AttemptsFolder) -> Result<(), Error> {
        let name = folder.name();
        let prefix = format!("{name}.");
        for class in [Class::Execution, Class::Decision] {
            let logs = self.logs(class);
            for log in disk::list(&logs)?.iter().filter(|log| log.starts_with(&prefix)) {
                disk::remove(&logs.join(log))?;
            }
        }
        let path = self.attempts().join(&name);
        self.finished().remove(&name);
        Ok(disk::remove_folder(&path)?)
    }

    fn attempts(&self) -> PathBuf {
        self.root.join("attempts")
    }

    /// Returns the folder of an attempt, as its shim is told it.
    pub fn folder(&self, id: &AttemptId) -> PathBuf {
        self.attempts().join(AttemptId::folder(&id.owner)).join(id.number.to_string())
    }

    fn logs(&self, class: Class) -> PathBuf {
        self.root.join("logs").join(match class {
            Class::Execution => "executions",
            Class::Decision => "decisions",
        })
    }

    fn finished(&self) -> MutexGuard<'_, Finished> {
        // A cache whose filling was interrupted lacks entries and holds no wrong ones.
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns when a file or folder was changed last; `None` when there is none.
pub(super) fn modified(path: &Path) -> Result<Option<Timestamp>, disk::Error> {
    let fail = |source| disk::Error::new("look at", path, source);
    match path.symlink_metadata().and_then(|metadata| metadata.modified()) {
        Ok(time) => Timestamp::try_from(time).map(Some).map_err(|e| fail(io::Error::other(e))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail(error)),
    }
}
