//! Merges that are only tried: what a branch changed, and in which files two of them conflict. No
//! ref, no work tree and no object of the repository is written.

use super::{Clash, Error, Repository, command};
use crate::api::name::CommitId;
use crate::process::spawn::{self, Call};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// How many merges one command tries: it has its deadline for all of them.
const AT_ONCE: usize = 32;
/// How many commands run side by side.
const PARALLEL: usize = 4;

/// What became of a merge that was tried: the files in conflict, or why it could not be tried.
pub type Tried = Result<Vec<String>, String>;

/// The largest file whose conflicts are shown, in bytes.
const SHOWN_MAX: u64 = 4 << 20;

/// Lines in conflict, as git marks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The file.
    pub path: String,
    /// The line of the merged file at which they begin, counted from 1.
    pub line: usize,
    /// The lines, from `<<<<<<<` to `>>>>>>>`.
    pub text: Vec<String>,
}

impl Repository {
    /// Returns the paths that each of these branches changed since it left a commit, both sides of a
    /// rename among them; `Err` says why that cannot be told, as when they have nothing in common.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn changed_since(
        &self,
        commit: &CommitId,
        tips: &[CommitId],
    ) -> Result<Vec<Result<BTreeSet<String>, String>>, Error> {
        let changed = tips.iter().map(|tip| self.changed(commit, tip));
        stream::iter(changed).buffered(PARALLEL).try_collect().await
    }

    async fn changed(
        &self,
        commit: &CommitId,
        tip: &CommitId,
    ) -> Result<Result<BTreeSet<String>, String>, Error> {
        let plain = ["--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative"];
        let call = self.read().arg("diff").args(plain).arg("--ignore-submodules=none");
        match call.arg(format!("{commit}...{tip}")).arg("--").run().await {
            Ok(answer) => Ok(Ok(names(&answer).collect())),
            Err(error) => refused(error).map(Err),
        }
    }

    /// Tries to merge each of these pairs, and returns the files in conflict.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn try_merges(&self, pairs: &[(CommitId, CommitId)]) -> Result<Vec<Tried>, Error> {
        let scratch = self.objects_beside()?;
        let tried = pairs.chunks(AT_ONCE).map(|pairs| self.try_some(pairs, scratch.path()));
        let tried: Vec<Vec<Tried>> = stream::iter(tried).buffered(PARALLEL).try_collect().await?;
        Ok(tried.into_iter().flatten().collect())
    }

    /// Returns the same repository, where all that is written goes away with it: no ref may be moved
    /// there.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn for_trial(&self) -> Result<Self, Error> {
        Ok(Self { scratch: Some(Arc::new(self.objects_beside()?)), ..self.clone() })
    }

    /// Makes a folder for objects beside those of the repository. What is written goes there, and goes
    /// away with it.
    fn objects_beside(&self) -> Result<TempDir, Error> {
        let scratch = tempfile::tempdir().map_err(|why| Error::unreadable("a folder", why))?;
        let fail = |why| Error::unreadable("the objects of merges that are tried", why);
        let info = scratch.path().join("info");
        std::fs::create_dir(&info).map_err(fail)?;
        let objects = format!("{}\n", self.common_dir.join("objects").display());
        std::fs::write(info.join("alternates"), objects).map_err(fail)?;
        Ok(scratch)
    }

    /// Returns the lines in conflict of a clash, as git marked them; a file without marks, as one that
    /// the other side removed, has none. It was found in the same trial.
    ///
    /// # Errors
    /// When what was merged cannot be read.
    pub async fn marked(&self, clash: &Clash) -> Result<Vec<Marked>, Error> {
        let paths = clash.paths.iter().filter(|path| !path.contains('\n'));
        let paths: Vec<&String> = paths.collect();
        let names: Vec<String> =
            paths.iter().map(|path| format!("{}:{path}", clash.tree)).collect();
        let files = self.reader().blobs(&names, SHOWN_MAX).await?;
        let readable =
            paths.into_iter().zip(files).filter_map(|(path, file)| Some((path, file.ok()?)));
        Ok(readable.flat_map(|(path, file)| marks(path, &file)).collect())
    }

    async fn try_some(
        &self,
        pairs: &[(CommitId, CommitId)],
        objects: &Path,
    ) -> Result<Vec<Tried>, Error> {
        let lines: Vec<String> =
            pairs.iter().map(|(one, other)| format!("{one} {other}\n")).collect();
        let call = self.merge_tree(objects).arg("--stdin").input(lines.concat().into_bytes());
        match call.run().await {
            Ok(answer) => {
                if let Some(tried) = parse(&answer).filter(|tried| tried.len() == pairs.len()) {
                    return Ok(tried.into_iter().map(Ok).collect());
                }
            }
            // git before 2.39 knows no `--stdin`, and one pair without a common history ends all.
            Err(error) => drop(refused(error)?),
        }
        let mut tried = Vec::new();
        for (one, other) in pairs {
            let call = self.merge_tree(objects).args([one.as_str(), other.as_str()]);
            let answer = call.output().await?;
            tried.push(match answer.status.code() {
                Some(0) => Ok(Vec::new()),
                // The first name is that of the tree.
                Some(1) => Ok(names(&answer.stdout).skip(1).collect()),
                _ => Err(String::from_utf8_lossy(&answer.stderr).trim().to_owned()),
            });
        }
        Ok(tried)
    }

    fn merge_tree(&self, objects: &Path) -> Call {
        let options = ["--write-tree", "--name-only", "--no-messages", "-z"];
        let call = command::read_at(self.place()).env("GIT_OBJECT_DIRECTORY", objects);
        call.arg("merge-tree").args(options)
    }
}

/// Takes what git says against a question for the answer; an error is that it could not be asked.
fn refused(error: spawn::Error) -> Result<String, Error> {
    match error.status() {
        Some(_) => Ok(error.stderr().to_owned()),
        None => Err(error.into()),
    }
}

fn names(answer: &[u8]) -> impl Iterator<Item = String> {
    let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Finds the lines between marks.
fn marks(path: &str, file: &[u8]) -> Vec<Marked> {
    let (mut found, mut open): (Vec<Marked>, Option<Marked>) = (Vec::new(), None);
    for (line, text) in (1..).zip(String::from_utf8_lossy(file).lines()) {
        if text.starts_with("<<<<<<< ") {
            open = Some(Marked { path: path.to_owned(), line, text: Vec::new() });
        }
        if let Some(marked) = &mut open {
            marked.text.push(text.to_owned());
        }
        if text.starts_with(">>>>>>> ") {
            found.extend(open.take());
        }
    }
    found
}

/// Reads what `--stdin` answers: for each pair whether it is clean, a tree, the files, an empty name.
fn parse(answer: &[u8]) -> Option<Vec<Vec<String>>> {
    let mut fields = answer.strip_suffix(b"\0").unwrap_or(answer).split(|byte| *byte == 0);
    let mut tried = Vec::new();
    while let Some(clean) = fields.next() {
        fields.next()?;
        let files = fields.by_ref().take_while(|name| !name.is_empty());
        let files: Vec<String> = files.map(|name| String::from_utf8_lossy(name).into()).collect();
        match (clean, files.is_empty()) {
            (b"1", true) | (b"0", false) => tried.push(files),
            _ => return None,
        }
    }
    Some(tried)
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    /// Commits files on a new branch that leaves `main`.
    async fn branch(scratch: &Scratch, name: &str, files: &[(&str, &str)]) -> CommitId {
        scratch.git(&["checkout", "-q", "-b", name, "main"]).await;
        let tip = scratch.commit(files).await;
        scratch.git(&["checkout", "-q", "main"]).await;
        tip
    }

    #[tokio::test]
    async fn the_files_of_conflicts_are_named_pair_by_pair_and_nothing_is_written() {
        let scratch = Scratch::new().await;
        let main = scratch.id("main").await;
        let one = branch(&scratch, "one", &[("a.txt", "1\n"), ("odd \"\n\t.txt", "1")]).await;
        let two = branch(&scratch, "two", &[("a.txt", "2\n"), ("odd \"\n\t.txt", "2")]).await;
        let far = branch(&scratch, "far", &[("b.txt", "b")]).await;
        scratch.git(&["checkout", "-q", "--orphan", "alone"]).await;
        let alone = scratch.commit(&[("c.txt", "c")]).await;
        let objects = || {
            let found = std::fs::read_dir(scratch.repository.common_dir().join("objects"));
            found.unwrap().count()
        };
        let before = (objects(), scratch.git(&["count-objects"]).await);
        let pair = |one: &CommitId, other: &CommitId| (one.clone(), other.clone());
        let both = vec!["a.txt".to_owned(), "odd \"\n\t.txt".to_owned()];
        let related = [pair(&one, &two), pair(&one, &far), pair(&far, &two), pair(&two, &one)];
        let tried = scratch.repository.try_merges(&related).await.unwrap();
        assert_eq!(tried, [Ok(both.clone()), Ok(Vec::new()), Ok(Vec::new()), Ok(both.clone())]);
        // Each by its own, as with an older git.
        let with_alone = [pair(&one, &two), pair(&one, &alone), pair(&one, &far)];
        let tried = scratch.repository.try_merges(&with_alone).await.unwrap();
        assert_eq!((&tried[0], &tried[2]), (&Ok(both), &Ok(Vec::new())));
        assert!(tried[1].as_ref().unwrap_err().contains("unrelated"), "{tried:?}");
        assert_eq!((objects(), scratch.git(&["count-objects"]).await), before);
        let tips = [one, far, alone, main.clone()];
        let changed = scratch.repository.changed_since(&main, &tips).await.unwrap();
        let set = |names: &[&str]| Ok(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(changed[0], set(&["a.txt", "odd \"\n\t.txt"]));
        assert_eq!((&changed[1], &changed[3]), (&set(&["b.txt"]), &set(&[])));
        assert!(changed[2].as_ref().unwrap_err().contains("no merge base"), "{changed:?}");
    }

    #[tokio::test]
    async fn more_pairs_than_one_command_takes_are_told_in_order() {
        let scratch = Scratch::new().await;
        let mut tips = Vec::new();
        for number in 0..12 {
            let text = format!("{}\n", number % 3);
            tips.push(branch(&scratch, &format!("b{number}"), &[("a.txt", &text)]).await);
        }
        let both = (0..tips.len()).flat_map(|at| (0..at).map(move |other| (at, other)));
        let both: Vec<(usize, usize)> = both.collect();
        let pairs: Vec<_> =
            both.iter().map(|&(one, other)| (tips[one].clone(), tips[other].clone())).collect();
        let files = |same: bool| if same { Vec::new() } else { vec!["a.txt".to_owned()] };
        let expected: Vec<Tried> =
            both.iter().map(|&(one, other)| Ok(files(one % 3 == other % 3))).collect();
        assert!(pairs.len() > AT_ONCE);
        assert_eq!(scratch.repository.try_merges(&pairs).await.unwrap(), expected);
    }
}
