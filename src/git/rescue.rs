//! What of a worktree no ref holds, and saving it. It looks by a fresh index, because `git status`
//! believes flags and settings that hide work; it never changes the worktree.

use super::command::{LONG_DEADLINE, Place, read_at};
use super::refs::Moved;
use super::worktree::place_of;
use super::{Error, Repository};
use crate::api::name::CommitId;
use crate::disk;
use crate::process::spawn::Call;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// How many names are tried for one rescue.
const NAMES_MAX: u32 = 100;

/// Files by which git knows an operation that is not finished, and what it is called.
const OPERATIONS: [(&str, &str); 7] = [
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
    ("sequencer", "cherry-pick or revert"),
];

/// What of a worktree is in no commit, and what is in no branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaved {
    /// Its commit; `None` when its branch has none.
    pub head: Option<CommitId>,
    /// The tree of everything in it that git does not ignore, whatever flags hide it from status.
    pub tree: String,
    /// Whether that is the tree of its commit.
    pub clean: bool,
    /// Whether a branch holds its commit.
    pub in_branch: bool,
    /// The operation that was begun and not finished.
    pub in_progress: Option<&'static str>,
    /// What a rebase or merge that is not finished put aside when it began.
    pub autostash: Option<CommitId>,
    /// Repositories inside it: what is in them is in no tree here.
    pub nested: Vec<PathBuf>,
    /// Whether it has files that git ignores: they are in no tree.
    pub ignored: bool,
}

impl Unsaved {
    /// Returns whether branches hold everything that git does not ignore, nested repositories left
    /// aside.
    pub fn is_nothing(&self) -> bool {
        self.clean && self.in_branch && self.in_progress.is_none() && self.autostash.is_none()
    }

    /// Returns what there is that no branch holds and git does not ignore; `None` when that is
    /// nothing.
    pub fn describe_all(&self) -> Option<String> {
        if !self.is_nothing() {
            return Some(self.describe());
        }
        (!self.nested.is_empty()).then(|| "repositories inside it".to_owned())
    }

    pub(super) fn describe(&self) -> String {
        let what = [
            (!self.clean).then(|| "changes in no commit".to_owned()),
            (!self.in_branch).then(|| "commits in no branch".to_owned()),
            self.in_progress.map(|what| format!("a {what} in progress")),
            self.autostash.as_ref().map(|_| "changes that it put aside".to_owned()),
        ];
        what.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Where unsaved work was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The full name of the ref.
    pub reference: String,
    /// Its commit: the tree of the worktree, on top of its HEAD.
    pub commit: CommitId,
    /// Whether the ref was made now; else it held the work already.
    pub is_new: bool,
}

/// Returns the commit of what an operation that is not finished put aside; no ref names it.
fn autostash_in(git_dir: &Path) -> Result<Option<CommitId>, Error> {
    for file in ["rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH"] {
        let Some(line) = disk::read(&git_dir.join(file), disk::RECORD_MAX)? else { continue };
        let id = CommitId::try_from(text(&line));
        return id.map(Some).map_err(|why| Error::unreadable(file, why));
    }
    Ok(None)
}

/// Returns the names that a rescue may have got: `name`, or `name-2` and so on.
pub(super) fn names(name: &str) -> impl Iterator<Item = String> {
    let next = move |number| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
    (1..=NAMES_MAX).map(next)
}

impl Repository {
    /// Looks for work in a worktree that no branch holds. Where something may be unsaved it reads
    /// every file: some tenths of a second for thousands.
    ///
    /// # Errors
    /// When not everything could be read: then keep the worktree.
    pub async fn unsaved(&self, worktree: &Path) -> Result<Unsaved, Error> {
        match self.untouched(worktree).await {
            Ok(Some(nothing)) => Ok(nothing),
            Ok(None) | Err(_) => self.unsaved_by_reading(worktree).await,
        }
    }

    /// The long look: gathers everything that is there. It is only as right as the git that gathers.
    pub(super) async fn unsaved_by_reading(&self, worktree: &Path) -> Result<Unsaved, Error> {
        let git_dir = self.git_dir_of(worktree).await?;
        let head = self.head_of(worktree).await?;
        // In the worktree's own git directory: what a crash leaves behind goes with the worktree.
        let scratch = tempfile::Builder::new().prefix("reconciler-index-").tempdir_in(&git_dir);
        let scratch = scratch.map_err(|source| disk::Error::new("write in", &git_dir, source))?;
        let look = Look { repository: self, worktree, index: scratch.path().join("index") };
        let bare_nested = look.gather(head.as_ref()).await?;
        let tree = text(&look.call(&["write-tree"])?.run().await?);
        let mut nested = look.nested().await?;
        nested.extend(bare_nested);
        let ignored = look.ignored().await?;
        let (clean, in_branch) = match &head {
            Some(head) => (self.tree_of(head).await? == tree, self.is_in_branch(head).await?),
            None => (tree == self.empty_tree().await?, true),
        };
        let in_progress = self.operation_in(worktree, &git_dir).await?;
        let autostash = autostash_in(&git_dir)?;
        Ok(Unsaved { head, tree, clean, in_branch, in_progress, autostash, nested, ignored })
    }

    /// Saves what [`Self::unsaved`] finds as a commit on top of HEAD, at the ref `name`, or
    /// `name-2` and so on if that holds something else; beside it what a rebase put aside, at
    /// `name.autostash`, and what repositories inside have that is nowhere else, at `name.1` and so on.
    /// Returns `None` when all is saved without. Called again, it finds what it saved.
    ///
    /// # Errors
    /// When the work could not be read, or it is not certain that the refs hold it.
    pub async fn rescue(
        &self,
        worktree: &Path,
        name: &str,
        message: &str,
    ) -> Result<Option<Saved>, Error> {
        let unsaved = self.unsaved(worktree).await?;
        Box::pin(self.keep(&unsaved, worktree, (name, message))).await
    }

    /// Does what [`Self::rescue`] does into a repository apart that has all objects of this one: here
    /// no ref is made.
    ///
    /// # Errors
    /// Those of [`Self::rescue`].
    pub async fn rescue_into(
        &self,
        apart: &Self,
        worktree: &Path,
        name: &str,
        message: &str,
    ) -> Result<(), Error> {
        let unsaved = self.unsaved(worktree).await?;
        Box::pin(apart.keep(&unsaved, worktree, (name, message))).await.map(drop)
    }

    async fn keep(
        &self,
        unsaved: &Unsaved,
        worktree: &Path,
        (name, message): (&str, &str),
    ) -> Result<Option<Saved>, Error> {
        let mut saved = Vec::new();
        if !unsaved.is_nothing() {
            let parents: Vec<CommitId> = unsaved.head.iter().cloned().collect();
            saved.push(self.save(name, (&unsaved.tree, &parents), message).await?);
        }
        if let Some(stash) = &unsaved.autostash {
            saved.push(self.save_commit(&format!("{name}.autostash"), stash).await?);
        }
        if !unsaved.nested.is_empty() {
            let nested = (worktree, unsaved.nested.as_slice());
            saved.extend(Box::pin(self.rescue_nested(nested, name, message)).await?);
        }
        let is_new = saved.iter().any(|one| one.is_new);
        Ok(saved.into_iter().next().map(|first| Saved { is_new, ..first }))
    }

    /// Saves a tree on top of commits at a free name, unless one of the names holds just that.
    async fn save(
        &self,
        name: &str,
        (tree, parents): (&str, &[CommitId]),
        message: &str,
    ) -> Result<Saved, Error> {
        if let Some(saved) = self.saved_as(name, tree, parents).await? {
            return Ok(saved);
        }
        let commit = self.commit_tree(tree, parents, message).await?;
        self.save_commit(name, &commit).await
    }

    /// Returns where exactly this is saved already.
    pub(super) async fn saved_as(
        &self,
        name: &str,
        tree: &str,
        parents: &[CommitId],
    ) -> Result<Option<Saved>, Error> {
        for reference in names(name) {
            if let Some(commit) = self.holds(&reference, tree, parents).await? {
                return Ok(Some(Saved { reference, commit, is_new: false }));
            }
            if self.reader().resolve(&reference).await?.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Names a commit by the first free name, unless one of the names is its already.
    ///
    /// # Errors
    /// When it is not certain that a ref has it.
    pub async fn save_commit(&self, name: &str, commit: &CommitId) -> Result<Saved, Error> {
        for reference in names(name) {
            let is_new = match self.create(&reference, commit).await? {
                Moved::Done => true,
                Moved::AlreadySo => false,
                Moved::Lost { .. } => continue,
            };
            // Whatever git said, only what the ref holds is saved.
            if self.reader().resolve(&reference).await?.as_ref() != Some(commit) {
                let what = format!("git said that it made {reference}, and it is not so");
                return Err(Error::unreadable(name, what));
            }
            return Ok(Saved { reference, commit: commit.clone(), is_new });
        }
        Err(Error::unreadable(name, "all its names are taken"))
    }

    /// Returns whether a ref has exactly this work: the tree, on top of the HEAD.
    pub(super) async fn holds_all(
        &self,
        reference: &str,
        unsaved: &Unsaved,
    ) -> Result<bool, Error> {
        let parents: Vec<CommitId> = unsaved.head.iter().cloned().collect();
        Ok(self.holds(reference, &unsaved.tree, &parents).await?.is_some())
    }

    /// Returns the commit of a ref if it is exactly this tree on top of these commits.
    pub(super) async fn holds(
        &self,
        reference: &str,
        tree: &str,
        parents: &[CommitId],
    ) -> Result<Option<CommitId>, Error> {
        let Some(commit) = self.reader().resolve(reference).await? else { return Ok(None) };
        let ask = [format!("{commit}^{{tree}}"), format!("{commit}^@")];
        let answer = text(&self.read().arg("rev-parse").args(ask).run().await?);
        let expected = std::iter::once(tree).chain(parents.iter().map(CommitId::as_str));
        Ok(answer.lines().eq(expected).then_some(commit))
    }

    pub(super) async fn commit_tree(
        &self,
        tree: &str,
        parents: &[CommitId],
        message: &str,
    ) -> Result<CommitId, Error> {
        let mut call = self.write()?;
        for role in ["AUTHOR", "COMMITTER"] {
            call = call
                .env(&format!("GIT_{role}_NAME"), "reconciler")
                .env(&format!("GIT_{role}_EMAIL"), "reconciler@localhost");
        }
        call = call.args(["commit-tree", tree, "-m", message]);
        for parent in parents {
            call = call.args(["-p", parent.as_str()]);
        }
        let id = text(&call.run().await?);
        CommitId::try_from(id).map_err(|why| Error::unreadable("the rescue commit", why))
    }

    pub(super) async fn git_dir_of(&self, worktree: &Path) -> Result<PathBuf, Error> {
        let call = read_at(place_of(worktree)).args(["rev-parse", "--show-cdup"]);
        let call = call.args(["--path-format=absolute", "--git-dir", "--git-common-dir"]);
        let answer = call.run().await?;
        let mut lines = answer.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
        let up = lines.next();
        let (git_dir, common_dir) = (lines.next().map(PathBuf::from), lines.next());
        match git_dir {
            // Else the directory lost its `.git`, and git found another repository around it.
            Some(dir)
                if up == Some(OsStr::new(""))
                    && common_dir == Some(self.common_dir.as_os_str()) =>
            {
                Ok(dir)
            }
            _ => Err(Error::NotARepository(worktree.to_owned())),
        }
    }

    async fn head_of(&self, worktree: &Path) -> Result<Option<CommitId>, Error> {
        let call = read_at(place_of(worktree)).args(["rev-parse", "--verify", "--quiet", "HEAD"]);
        match call.run().await {
            Ok(id) => {
                let id = CommitId::try_from(text(&id));
                id.map(Some).map_err(|why| Error::unreadable("HEAD", why))
            }
            Err(error) if error.status() == Some(1) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn tree_of(&self, commit: &CommitId) -> Result<String, Error> {
        let tree = self.reader().tree_id(commit, "").await?;
        tree.ok_or_else(|| Error::unreadable(format!("commit {commit}"), "it has no tree"))
    }

    pub(super) async fn empty_tree(&self) -> Result<String, Error> {
        let call = self.read().args(["hash-object", "-t", "tree", "--stdin"]);
        Ok(text(&call.input(Vec::new()).run().await?))
    }

    async fn is_in_branch(&self, commit: &CommitId) -> Result<bool, Error> {
        self.is_held(commit, &["refs/heads"]).await
    }

    /// Returns whether a ref below one of these holds a commit.
    pub(super) async fn is_held(&self, commit: &CommitId, below: &[&str]) -> Result<bool, Error> {
        let call = self.read().args(["for-each-ref", "--count=1", "--format=%(refname)"]);
        let found = call.args(["--contains", commit.as_str()]).args(below).run().await?;
        Ok(!found.is_empty())
    }

    pub(super) async fn operation_in(
        &self,
        worktree: &Path,
        git_dir: &Path,
    ) -> Result<Option<&'static str>, Error> {
        for (file, operation) in OPERATIONS {
            if disk::is_there(&git_dir.join(file))? {
                return Ok(Some(operation));
            }
        }
        if !disk::is_there(&self.common_dir.join("reftable"))? {
            return Ok(None);
        }
        for (name, operation) in OPERATIONS.iter().filter(|(name, _)| name.ends_with("_HEAD")) {
            let call = read_at(place_of(worktree)).args(["rev-parse", "--verify", "--quiet", name]);
            match call.run().await {
                Ok(_) => return Ok(Some(operation)),
                Err(error) if error.status() == Some(1) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// One look at a worktree through an index of its own.
struct Look<'a> {
    repository: &'a Repository,
    worktree: &'a Path,
    index: PathBuf,
}

impl Look<'_> {
    fn call(&self, args: &[&str]) -> Result<Call, Error> {
        let place: Place<'_> = place_of(self.worktree);
        let call = self.repository.write_at(place, LONG_DEADLINE)?;
        Ok(call.env("GIT_INDEX_FILE", &self.index).args(args))
    }

    /// Fills the index with all that is there. Returns nested repositories without a commit, which
    /// no index can name.
    async fn gather(&self, head: Option<&CommitId>) -> Result<Vec<PathBuf>, Error> {
        if let Some(head) = head {
            // Else a tracked file that is ignored as well would be left out.
            self.call(&QUIET)?.args(["read-tree", head.as_str()]).run().await?;
        }
        let others = ["ls-files", "-o", "--exclude-standard", "-z"];
        let others = self.call(&QUIET)?.args(others).run().await?;
        super::room::check(self.worktree, &others, &self.repository.common_dir)?;
        let mut call = self.call(&QUIET)?.args(["add", "--ignore-errors", "-A"]);
        if self.is_sparse()? {
            // What a sparse checkout leaves out is not deleted, and what lies outside of it counts.
            call.args(["."]).output().await?;
            call = self.call(&QUIET)?.args(["add", "--ignore-errors", "--no-all"]);
        }
        let call = call.args(["--sparse", "."]);
        let output = call.output().await?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let errors = said.lines().filter(|line| !line.starts_with("warning: "));
        let nested: Option<Vec<PathBuf>> = errors.map(without_commit).collect();
        nested
            .filter(|nested| !nested.is_empty())
            .ok_or_else(|| Error::unreadable(self.worktree.display().to_string(), said.trim()))
    }

    fn is_sparse(&self) -> Result<bool, Error> {
        // The index lies in a folder of its own in the git directory of the worktree.
        let git_dir = self.index.ancestors().nth(2).unwrap_or(self.worktree);
        Ok(disk::is_there(&git_dir.join("info/sparse-checkout"))?)
    }

    async fn nested(&self) -> Result<Vec<PathBuf>, Error> {
        let staged = self.call(&["ls-files", "-s", "-z"])?.run().await?;
        let mut found = Vec::new();
        for line in staged.split(|byte| *byte == 0).filter(|line| line.starts_with(b"160000 ")) {
            let at = line.iter().position(|byte| *byte == b'\t');
            let path = at.and_then(|at| line.get(at + 1..)).unwrap_or_default();
            let path = PathBuf::from(OsStr::from_bytes(path));
            // A submodule that was never fetched has nothing in it.
            if disk::is_there(&self.worktree.join(&path).join(".git"))? {
                found.push(path);
            }
        }
        Ok(found)
    }

    async fn ignored(&self) -> Result<bool, Error> {
        let list = ["ls-files", "-o", "-i", "--exclude-standard", "--directory", "-z"];
        Ok(!self.call(&list)?.run().await?.is_empty())
    }
}

/// Settings of a user by which git would miss files, run programs or keep index data elsewhere.
const QUIET: [&str; 14] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "index.sparse=false",
    "-c",
    "core.safecrlf=false",
    "-c",
    "advice.addEmbeddedRepo=false",
];

fn without_commit(line: &str) -> Option<PathBuf> {
    let path =
        line.strip_prefix("error: '")?.strip_suffix("' does not have a commit checked out")?;
    Some(PathBuf::from(path.trim_end_matches('/')))
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).trim_end().to_owned()
}
