//! The reads themselves, one process per look. They ask `ls-tree` for what is absent, and never
//! believe the word `missing` of `cat-file`, which says so of damaged objects as well.

use super::{
    BlobError, EntryKind, Reader, TreeEntry, Version, Versions, commit_id, library, not_a_folder,
};
use crate::api::name::CommitId;
use crate::api::path::Case;
use crate::git::{Error, Repository};
use std::collections::BTreeMap;

/// How many paths one command is given: its arguments must fit.
const PATHS_MAX: usize = 500;

/// git lets nothing but a commit be a branch: there is nothing to peel.
const BRANCHES: &str = "refs/heads/";
/// Where our own refs are: all are made of commits.
const OURS: &str = "refs/reconciler/";

/// Why a blob cannot be read: git does not say more.
const UNREADABLE: &str = "it is lost or damaged, or was never fetched by a partial clone: \
                          `git fetch --refetch` brings it";

impl Reader {
    pub(in crate::git) fn new(repository: &Repository) -> Self {
        Self { repository: repository.clone() }
    }

    pub(in crate::git) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the commit of a ref, given by its full name; `None` when there is no such ref.
    ///
    /// # Errors
    /// When the ref cannot be read. Whether the commit of a branch can be shows when it is read.
    pub async fn resolve(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let is_commit = name.starts_with(BRANCHES) || name.starts_with(OURS);
        if self.repository.by_library && is_commit {
            return library::resolve(&self.repository.common_dir, name).await;
        }
        self.peel(name).await
    }

    pub(super) async fn peel(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let format = if name.starts_with(BRANCHES) {
            "--format=%(refname) %(objectname) commit"
        } else {
            "--format=%(refname) %(objectname) %(objecttype)"
        };
        let text = self.repository.for_each_ref(format, &[name]).await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let Some((id, kind)) = line.and_then(|line| line.split_once(' ')) else { return Ok(None) };
        if kind == "commit" {
            return commit_id(id).map(Some);
        }
        let peel = ["rev-parse", "--verify", "--end-of-options", &format!("{id}^{{commit}}")];
        let id = self.repository.read().args(peel).run().await?;
        commit_id(String::from_utf8_lossy(&id).trim()).map(Some)
    }

    /// Returns the id of the tree of a folder; of `""`, the whole tree of the commit. `None` when
    /// there is no such folder.
    ///
    /// # Errors
    /// When a tree on the way cannot be read, or a file stands where the folder should be.
    pub async fn tree_id(&self, commit: &CommitId, folder: &str) -> Result<Option<String>, Error> {
        if folder.is_empty() {
            let tree = format!("{commit}^{{tree}}");
            let id = self.repository.read().args(["rev-parse", "--verify", &tree]).run().await?;
            return Ok(Some(String::from_utf8_lossy(&id).trim().to_owned()));
        }
        let found = self.entries(commit, &[folder.to_owned()]).await?;
        let entry = found.into_iter().find(|entry| entry.path == folder);
        match entry.map(|entry| (entry.kind, entry.id)) {
            None => Ok(None),
            Some((EntryKind::Folder, id)) => Ok(Some(id)),
            Some(_) => Err(not_a_folder(commit, folder)),
        }
    }

    /// Returns what is in a folder and all beneath it, folders themselves left out; `None` when
    /// there is no such folder.
    ///
    /// # Errors
    /// When any tree of it cannot be read, or a file stands where the folder should be.
    pub async fn list(
        &self,
        commit: &CommitId,
        folder: &str,
    ) -> Result<Option<Vec<TreeEntry>>, Error> {
        let call = self.repository.read().env("GIT_LITERAL_PATHSPECS", "1");
        // `-t`: the folder itself is named too, so that an empty answer is its absence.
        let call = call.args(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit.as_str()]);
        let found = parse_entries(&call.args(["--", folder]).run().await?)?;
        if found.iter().any(|entry| entry.path == folder && entry.kind != EntryKind::Folder) {
            return Err(not_a_folder(commit, folder));
        }
        let is_there = !found.is_empty();
        let inside = found.into_iter().filter(|entry| entry.kind != EntryKind::Folder);
        let inside = inside.filter_map(|entry| {
            let path = entry.path.strip_prefix(folder)?.strip_prefix('/')?.to_owned();
            Some(TreeEntry { path, ..entry })
        });
        Ok(is_there.then(|| inside.collect()))
    }

    /// Returns the entries at the top of a commit's tree.
    pub(in crate::git) async fn top(&self, commit: &CommitId) -> Result<Vec<TreeEntry>, Error> {
        let call = self.repository.read().args(["ls-tree", "-l", "-z", commit.as_str()]);
        parse_entries(&call.run().await?)
    }

    /// Returns the bytes of each blob, in the order asked, up to `limit` bytes of one.
    ///
    /// # Errors
    /// When the repository cannot be read at all; a single blob has an error of its own.
    pub async fn blobs(
        &self,
        ids: &[String],
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, BlobError>>, Error> {
        let sizes = self.sizes(ids).await?;
        self.blobs_of(ids, sizes, limit).await
    }

    /// Does what [`Self::blobs`] does for entries that were listed with their sizes: for one fork
    /// less.
    ///
    /// # Errors
    /// When the repository cannot be read at all; a single blob has an error of its own.
    pub async fn listed_blobs(
        &self,
        entries: &[&TreeEntry],
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, BlobError>>, Error> {
        let (ids, sizes): (Vec<_>, Vec<_>) =
            entries.iter().map(|entry| (entry.id.clone(), entry.size)).unzip();
        self.blobs_of(&ids, sizes, limit).await
    }

    async fn blobs_of(
        &self,
        ids: &[String],
        sizes: Vec<Option<u64>>,
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, BlobError>>, Error> {
        let small = |size: &Option<u64>| size.is_some_and(|size| size <= limit);
        let mut wanted: Vec<&String> =
            ids.iter().zip(&sizes).filter(|(_, size)| small(size)).map(|(id, _)| id).collect();
        let mut bytes = BTreeMap::new();
        while !wanted.is_empty() {
            let read = self.contents(&wanted).await?;
            // git ends at the first object it cannot read: that one is given up, the rest asked for.
            let done = read.len() + 1;
            bytes.extend(wanted.iter().copied().cloned().zip(read));
            wanted.drain(..done.min(wanted.len()));
        }
        let answer = |(id, size): (&String, Option<u64>)| match size {
            Some(size) if size > limit => Err(BlobError::TooLarge(size)),
            Some(_) | None => {
                bytes.get(id).cloned().ok_or_else(|| BlobError::Unreadable(UNREADABLE.to_owned()))
            }
        };
        Ok(ids.iter().zip(sizes).map(answer).collect())
    }

    /// Returns what is at each path, in the order asked; `None` where nothing is. Where the case of
    /// letters does not count, what is there by another spelling is there.
    ///
    /// # Errors
    /// When a tree on the way cannot be read.
    pub async fn kinds(
        &self,
        commit: &CommitId,
        paths: &[String],
    ) -> Result<Vec<Option<EntryKind>>, Error> {
        let mut kinds = BTreeMap::new();
        for some in paths.chunks(PATHS_MAX) {
            let found = self.entries(commit, some).await?;
            kinds.extend(found.into_iter().map(|entry| (entry.path, entry.kind)));
        }
        let is_missing = paths.iter().any(|path| !kinds.contains_key(path));
        let folded = match self.case() {
            Case::Insensitive if is_missing => self.folded_kinds(commit).await?,
            Case::Insensitive | Case::Sensitive => BTreeMap::new(),
        };
        let kind = |path: &String| {
            kinds.get(path).or_else(|| folded.get(&path.to_ascii_lowercase())).copied()
        };
        Ok(paths.iter().map(kind).collect())
    }

    /// Returns what is at every path of a commit, by its name in lower case; of several, a folder.
    async fn folded_kinds(&self, commit: &CommitId) -> Result<BTreeMap<String, EntryKind>, Error> {
        let call = self.repository.read();
        let call = call.args(["ls-tree", "-r", "-t", "-z", "--full-tree", commit.as_str()]);
        let mut kinds = BTreeMap::new();
        for entry in parse_entries(&call.run().await?)? {
            let kind = kinds.entry(entry.path.to_ascii_lowercase()).or_insert(entry.kind);
            *kind = entry.kind.max(*kind);
        }
        Ok(kinds)
    }

    /// Returns the distinct contents of a path, newest first, along first parents from `commit`
    /// over at most `limit` commits; ends with the first commit where the path is no file.
    ///
    /// # Errors
    /// When a commit or tree on the way cannot be read.
    pub async fn history(
        &self,
        commit: &CommitId,
        path: &str,
        limit: usize,
    ) -> Result<Vec<Version>, Error> {
        let max = format!("--max-count={limit}");
        let call = self.repository.read().args(["rev-list", "--first-parent", &max]);
        let commits = call.arg(commit.as_str()).run().await?;
        let commits = String::from_utf8_lossy(&commits).into_owned();
        let names: Vec<String> = commits.lines().map(|id| format!("{id}:{path}")).collect();
        let mut versions = Versions::default();
        for (id, seen) in commits.lines().zip(self.look_up(&names).await?) {
            let commit = commit_id(id)?;
            let blob = match seen {
                Some((id, kind, _)) => (kind == "blob").then_some(id),
                None => self.certainly_absent(&commit, path).await?,
            };
            if !versions.note(commit, blob) {
                break;
            }
        }
        Ok(versions.0)
    }

    /// Returns `None` once the trees on the way were read and do not name the path.
    async fn certainly_absent(
        &self,
        commit: &CommitId,
        path: &str,
    ) -> Result<Option<String>, Error> {
        let found = self.entries(commit, &[path.to_owned()]).await?;
        if found.iter().any(|entry| entry.path == path && entry.kind.is_blob()) {
            return Err(Error::unreadable(format!("{path} at {}", commit.short()), "it is lost"));
        }
        Ok(None)
    }

    async fn entries(&self, commit: &CommitId, paths: &[String]) -> Result<Vec<TreeEntry>, Error> {
        let call = self.repository.read().env("GIT_LITERAL_PATHSPECS", "1");
        // `-t`: else a folder is left out when something beneath it is asked for as well.
        let call =
            call.args(["ls-tree", "-t", "-z", "--full-tree", commit.as_str(), "--"]).args(paths);
        parse_entries(&call.run().await?)
    }

    async fn sizes(&self, ids: &[String]) -> Result<Vec<Option<u64>>, Error> {
        let size = |seen: Option<(String, String, u64)>| seen.map(|(_, _, size)| size);
        Ok(self.look_up(ids).await?.into_iter().map(size).collect())
    }

    /// Returns id, type and size of each object; `None` for what could not be read or is absent.
    async fn look_up(&self, names: &[String]) -> Result<Vec<Option<(String, String, u64)>>, Error> {
        let call = self.repository.read().args(["cat-file", "--batch-check"]);
        let answer = call.input(lines(names)).run().await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let seen: Vec<_> = text.lines().map(header).collect();
        if seen.len() == names.len() {
            return Ok(seen);
        }
        Err(Error::unreadable("objects", format!("{} of {}", seen.len(), names.len())))
    }

    /// Returns the contents of the first objects, up to the one that git cannot read.
    async fn contents(&self, ids: &[&String]) -> Result<Vec<Vec<u8>>, Error> {
        let call = self.repository.read().args(["cat-file", "--batch"]);
        let answer = call.input(lines(ids)).output().await?.stdout;
        let (mut rest, mut found) = (answer.as_slice(), Vec::new());
        while let Some((bytes, after)) = content(rest) {
            found.push(bytes.to_owned());
            rest = after;
        }
        Ok(found)
    }
}

fn lines(names: &[impl AsRef<str>]) -> Vec<u8> {
    names.iter().flat_map(|name| [name.as_ref(), "\n"]).collect::<String>().into_bytes()
}

/// Reads `ID TYPE SIZE`.
fn header(line: &str) -> Option<(String, String, u64)> {
    let mut words = line.rsplitn(3, ' ');
    let (size, kind, id) = (words.next()?, words.next()?, words.next()?);
    Some((id.to_owned(), kind.to_owned(), size.parse().ok()?))
}

/// Reads a header line, the bytes it announces and a newline; returns the bytes and what follows.
fn content(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (answer.get(..end)?, answer.get(end + 1..)?);
    let (_, _, size) = header(std::str::from_utf8(line).ok()?)?;
    let size = usize::try_from(size).ok()?;
    Some((rest.get(..size)?, rest.get(size + 1..)?))
}

/// Reads the entries of `ls-tree -z`, with or without sizes.
fn parse_entries(answer: &[u8]) -> Result<Vec<TreeEntry>, Error> {
    let lines = answer.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let parse = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        parse_entry(&text).ok_or_else(|| Error::unreadable("a tree", format!("`{text}`")))
    };
    lines.map(parse).collect()
}

/// Reads `MODE TYPE ID[ SIZE]<tab>PATH`; the size is padded, and not a number where it has none.
fn parse_entry(text: &str) -> Option<TreeEntry> {
    let (about, path) = text.split_once('\t')?;
    let mut words = about.split_ascii_whitespace();
    let kind = EntryKind::of_mode(u32::from_str_radix(words.next()?, 8).ok()?)?;
    let (id, size) = (words.nth(1)?.to_owned(), words.next().and_then(|size| size.parse().ok()));
    Some(TreeEntry { path: path.to_owned(), kind, id, size })
}
