//! A spare worktree: checked out in idle time, so that the next task's needs only the difference. It
//! is detached, bears a mark of its own, and nothing runs in it; one that is in doubt is made anew.

use super::command::{LONG_DEADLINE, Place, read_at};
use super::retire::{link, refuse_repository};
use super::worktree::{Entry, entry_in, is_empty_folder, place_of, read_line, real};
use super::{Error, Repository};
use crate::api::hash::digest;
use crate::api::name::{BranchName, CommitId, Owner};
use crate::disk;
use crate::process::spawn::Call;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The lock reason of a spare. It is no owner's mark, so that nobody takes it for a task's.
const SPARE: &str = "reconciler-spare";
/// The file in its entry that is written last and taken away first: with it, the spare is whole. It
/// holds a digest of all settings and attributes, outside of commits, by which git may check files
/// out differently.
const WHOLE: &str = "reconciler-spare";

/// Where git may have been built to keep attributes for everybody.
const SYSTEM_ATTRIBUTES: [&str; 3] =
    ["/etc/gitattributes", "/usr/etc/gitattributes", "/usr/local/etc/gitattributes"];

/// Makes every file as committed.
const RESET: [&str; 4] = ["reset", "--quiet", "--hard", "--no-recurse-submodules"];

/// What came of making a spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spare {
    /// There is one.
    Ready,
    /// In this repository a worktree made ahead could differ from one made when it is needed: it
    /// has a post-checkout hook, a sparse checkout, or files that a filter makes. Or the place is in
    /// use.
    Unsuitable,
}

/// What came of taking a spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the worktree now.
    Yes,
    /// There is none that could be taken; nothing is at the worktree's path.
    No,
}

impl Repository {
    /// Returns whether there is a spare at this place, by its files alone.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn has_spare(&self, place: &Path) -> Result<bool, Error> {
        match self.entry_at(place)? {
            Some(entry) => Ok(is_spare(&entry) && disk::is_there(&entry.dir.join(WHOLE))?),
            None => Ok(false),
        }
    }

    /// Makes the spare at this place, of this commit; one that is whole is kept as it is. Of several
    /// callers, one at a time, and none while [`Self::take_spare`] is called.
    ///
    /// # Errors
    /// When it could not be made; what is left of it is cleared away by the next call.
    pub async fn make_spare(&self, place: &Path, commit: &CommitId) -> Result<Spare, Error> {
        let attributes = self.attribute_files().await?;
        let rules = self.rules(&attributes).await?;
        let rules = rules.map(|digest| whole_text(&digest, &attributes));
        if let (Some(rules), Some(entry)) = (&rules, self.entry_at(place)?.filter(is_spare))
            && is_whole(&entry, rules)?
        {
            return Ok(Spare::Ready);
        }
        let is_clear = self.clear_spare(place).await?;
        let Some(rules) = rules.filter(|_| is_clear) else { return Ok(Spare::Unsuitable) };
        let filtered = self.filtered().await?;
        let call = self.write_at(self.place(), LONG_DEADLINE)?;
        let call = call.args(["worktree", "add", "--detach", "--lock", "--reason", SPARE]);
        let call = if filtered.is_empty() { call } else { call.arg("--no-checkout") };
        call.arg("--").arg(place).arg(commit.as_str()).run().await?;
        let entry = self.entry_at(place)?.ok_or_else(|| Error::NotARepository(place.to_owned()))?;
        if !filtered.is_empty() && !self.fill(&entry, place, &filtered).await? {
            self.clear_spare(place).await?;
            return Ok(Spare::Unsuitable);
        }
        disk::replace_unsynced(&entry.dir.join(WHOLE), &rules)?;
        Ok(Spare::Ready)
    }

    /// Writes the index of the spare anew, a second or more after its files: of a file as young as
    /// the index git reads all, each time it looks. One caller at a time, as with
    /// [`Self::make_spare`].
    ///
    /// # Errors
    /// When it could not; a spare that is half done is not taken.
    pub async fn settle_spare(&self, place: &Path) -> Result<(), Error> {
        let Some(entry) = self.entry_at(place)?.filter(is_spare) else { return Ok(()) };
        if disk::is_there(&entry.dir.join(WHOLE))? {
            self.in_spare(&entry, place)?.args(RESET).run().await?;
        }
        Ok(())
    }

    /// Makes the spare the worktree of an existing branch, locked by the mark of its owner: checked
    /// out where it is, then marked, then moved, so that at the path there is never less than all.
    ///
    /// # Errors
    /// When it could not be seen or moved; [`Self::repair`] mends what a crash leaves at the path.
    pub async fn take_spare(
        &self,
        place: &Path,
        path: &Path,
        branch: &BranchName,
        owner: &Owner,
    ) -> Result<Taken, Error> {
        let Some(entry) = self.entry_at(place)? else { return Ok(Taken::No) };
        if is_spare(&entry) {
            if !self.switch(&entry, place, branch).await? {
                // It may hold the branch that is to be checked out.
                self.clear_spare(place).await?;
                return Ok(Taken::No);
            }
            disk::replace_unsynced(&entry.dir.join("locked"), format!("{owner}\n").as_bytes())?;
        } else if entry.check_owner(owner).is_err() || !is_on(&entry, branch)? {
            return Ok(Taken::No);
        }
        if disk::is_there(path)? && !is_empty_folder(path)? {
            return Err(Error::Occupied(path.to_owned()));
        }
        if let Some(parent) = path.parent() {
            disk::make_folder(parent)?;
        }
        // Of a spare whose entry names the path already, nothing is believed but the entry.
        link(&entry, place)?;
        let back = [real(path).join(".git").as_os_str().as_bytes(), b"\n"].concat();
        disk::replace_unsynced(&entry.dir.join("gitdir"), &back)?;
        check_told(&entry, path, owner)?;
        std::fs::rename(place, path).map_err(|source| disk::Error::new("move", place, source))?;
        Ok(Taken::Yes)
    }

    /// Checks the branch out in a whole spare; whatever else is in it is made as it should be.
    /// Returns false when it is not certain to be what a new worktree would be.
    async fn switch(
        &self,
        entry: &Entry,
        place: &Path,
        branch: &BranchName,
    ) -> Result<bool, Error> {
        let whole = read_line(&entry.dir.join(WHOLE))?;
        let base = read_line(&entry.dir.join("HEAD"))?.unwrap_or_default();
        let base = CommitId::try_from(String::from_utf8_lossy(&base).into_owned());
        let (Some(whole), Ok(base)) = (whole, base) else { return Ok(false) };
        let taken = std::fs::remove_file(entry.dir.join(WHOLE));
        taken.map_err(|source| disk::Error::new("remove", &entry.dir.join(WHOLE), source))?;
        let checkout = self.in_spare(entry, place)?;
        let checkout = checkout.args(["checkout", "--quiet", "--force", "--no-guess"]);
        let checkout = checkout.args(["--no-recurse-submodules", branch.as_str(), "--"]);
        let files: Vec<PathBuf> = whole.split(|byte| *byte == b'\n').skip(1).map(path).collect();
        let (rules, attributes, done) = tokio::join!(
            self.rules(&files),
            self.has_same_attributes(&base, branch),
            checkout.run()
        );
        let same = rules?.is_some_and(|digest| whole_text(&digest, &files) == whole) && attributes?;
        Ok(same && done.is_ok() && is_on(entry, branch)?)
    }

    /// Returns whether no file of attributes differs: git checks only those files out anew whose
    /// own content does.
    async fn has_same_attributes(
        &self,
        base: &CommitId,
        branch: &BranchName,
    ) -> Result<bool, Error> {
        let call = self.read().args(["diff-tree", "-r", "--name-only", "-z", base.as_str()]);
        let changed = call.args([&branch.to_ref(), "--", ":(glob)**/.gitattributes"]).run().await?;
        Ok(changed.is_empty())
    }

    /// Returns a digest of what git's checking out depends on beside commits; `None` where a
    /// worktree made ahead may differ whatever they are.
    async fn rules(&self, attributes: &[PathBuf]) -> Result<Option<String>, Error> {
        let list = self.read().args(["config", "--list", "-z"]).run().await?;
        let settings = String::from_utf8_lossy(&list);
        let value = |key: &str| {
            let mut lines = settings.split('\0')
                // A setting without a value is true.
                .map(|line| line.split_once('\n').unwrap_or((line, "true")));
            lines.rfind(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let hooks = value("core.hookspath").map(|hooks| self.root.join(hooks));
        let hooks = hooks.unwrap_or_else(|| self.common_dir.join("hooks"));
        let is_sparse = value("core.sparsecheckout").is_some_and(|value| value != "false");
        // With reftable the files of an entry do not tell its HEAD.
        let is_reftable = disk::is_there(&self.common_dir.join("reftable"))?;
        if is_sparse || is_reftable || may_have_hook(&hooks) {
            return Ok(None);
        }
        let mut parts = vec![list.clone()];
        for path in [&[self.common_dir.join("info/attributes")], attributes].concat() {
            parts.push(path.as_os_str().as_bytes().to_owned());
            parts.push(disk::read(&path, disk::RECORD_MAX)?.unwrap_or_default());
        }
        Ok(Some(digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())))
    }

    /// Returns the files of attributes outside of the repository.
    async fn attribute_files(&self) -> Result<Vec<PathBuf>, Error> {
        let own = ["config", "--type=path", "--default", "~/.config/git/attributes"];
        let own = self.read().args(own).args(["--get", "core.attributesFile"]).run().await?;
        let mut found: Vec<_> = SYSTEM_ATTRIBUTES.map(PathBuf::from).into();
        found.push(self.root.join(path(&own)));
        for name in ["GIT_ATTR_SYSTEM", "GIT_ATTR_GLOBAL"] {
            // A git before 2.41 does not tell.
            let told = self.read().args(["var", name]).run().await.unwrap_or_default();
            found.push(self.root.join(path(&told)));
        }
        found.retain(|path| *path != self.root);
        Ok(found)
    }

    /// Returns pathspecs of the files that programs make on checkout, by the settings.
    async fn filtered(&self) -> Result<Vec<String>, Error> {
        let keys = ["config", "--name-only", "--get-regexp", r"^filter\..*\.(smudge|process)$"];
        let keys = match self.read().args(keys).run().await {
            Ok(keys) => String::from_utf8_lossy(&keys).into_owned(),
            Err(error) if error.status() == Some(1) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let driver = |key: &str| {
            let name = key.strip_prefix("filter.")?.rsplit_once('.')?.0;
            Some(format!(":(attr:filter={name})"))
        };
        Ok(keys.lines().filter_map(driver).collect())
    }

    /// Checks out what was added without files. Returns false when a program would make one of them:
    /// it may make something else of it when it is asked again.
    async fn fill(&self, entry: &Entry, place: &Path, filtered: &[String]) -> Result<bool, Error> {
        self.in_spare(entry, place)?.args(["read-tree", "HEAD"]).run().await?;
        let files = read_at(place_of(place)).args(["ls-files", "-z", "--"]).args(filtered);
        // A name of a driver that cannot be asked for may be that of any file.
        if files.run().await.map_or(true, |files| !files.is_empty()) {
            return Ok(false);
        }
        self.in_spare(entry, place)?.args(RESET).run().await?;
        Ok(true)
    }

    /// Prepares a command that overwrites files, in the spare and nowhere else: without its `.git`,
    /// git would find the repository around it.
    fn in_spare(&self, entry: &Entry, place: &Path) -> Result<Call, Error> {
        let mut work_tree = OsString::from("--work-tree=");
        work_tree.push(place);
        let call = self.write_at(Place::GitDir(&entry.dir), LONG_DEADLINE)?;
        Ok(call.directory(place).arg(work_tree))
    }

    /// Takes away what is at the place of the spare. Returns false when that bears another mark.
    async fn clear_spare(&self, place: &Path) -> Result<bool, Error> {
        refuse_repository(place)?;
        if let Some(entry) = self.entry_of(place)? {
            if entry.lock.as_deref().and_then(Owner::parse).is_some() {
                return Ok(false);
            }
            self.drop_entry(&entry).await?;
        }
        self.drop_nameless_entries(place, SPARE)?;
        let directory = place.to_owned();
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory)).await;
        match removed.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(disk::Error::new("remove", place, error).into())
            }
            Ok(()) | Err(_) => Ok(true),
        }
    }
}

/// Returns what says that a spare is whole: a digest, and the files it was taken of, a line each.
fn whole_text(digest: &str, attributes: &[PathBuf]) -> Vec<u8> {
    let mut text = digest.as_bytes().to_owned();
    for path in attributes {
        text.push(b'\n');
        text.extend(path.as_os_str().as_bytes());
    }
    text
}

fn path(text: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text.trim_ascii_end()))
}

pub(super) fn is_spare(entry: &Entry) -> bool {
    entry.lock.as_deref() == Some(SPARE)
}

/// Refuses to go on where an entry does not say what was just written to it: moved now, the directory
/// would be nobody's, and its entry would hold the branch for a place where nothing is.
fn check_told(entry: &Entry, path: &Path, owner: &Owner) -> Result<(), Error> {
    let told = entry_in(entry.dir.clone())?;
    let told = told.filter(|one| one.path == real(path) && one.check_owner(owner).is_ok());
    let what = || entry.dir.display().to_string();
    told.map(drop).ok_or_else(|| Error::unreadable(what(), "what was written there is not there"))
}

fn is_whole(entry: &Entry, rules: &[u8]) -> Result<bool, Error> {
    let whole = read_line(&entry.dir.join(WHOLE))?;
    Ok(whole.as_deref() == Some(rules) && !entry.is_torn()?)
}

/// Returns whether git may run a hook after it checked out; a folder that cannot be told may have one.
fn may_have_hook(hooks: &Path) -> bool {
    let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    let hook = hooks.join("post-checkout").symlink_metadata();
    hooks.as_os_str().as_bytes().contains(&b'~')
        || hook.map_or_else(|error| !absent.contains(&error.kind()), |_| true)
}

fn is_on(entry: &Entry, branch: &BranchName) -> Result<bool, Error> {
    let head = read_line(&entry.dir.join("HEAD"))?;
    Ok(head == Some(format!("ref: {}", branch.to_ref()).into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, branch, owner};
    use super::*;

    #[tokio::test]
    async fn a_spare_whose_entry_does_not_say_what_was_written_to_it_is_not_moved() {
        let scratch = Scratch::new().await;
        let (place, path) = (scratch.root().join(".reconciler/spare"), scratch.worktree_path("t"));
        let head = scratch.id("main").await;
        scratch.repository.make_spare(&place, &head).await.unwrap();
        let entry = scratch.repository.entry_at(&place).unwrap().unwrap();
        check_told(&entry, &path, &owner("t")).unwrap_err();
        drop(scratch.repository.create(&branch("t").to_ref(), &head).await.unwrap());
        let taken = scratch.repository.take_spare(&place, &path, &branch("t"), &owner("t")).await;
        assert_eq!(taken.unwrap(), Taken::Yes);
        check_told(&entry, &path, &owner("t")).unwrap();
        check_told(&entry, &path, &owner("u")).unwrap_err();
    }
}
