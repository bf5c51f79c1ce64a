//! Bundles: refs and files of a repository in one file that git itself can read, made and opened in
//! repositories of their own. Making one writes no ref of the repository; opening one writes nothing
//! in it.

use super::command::{self, LONG_DEADLINE};
use super::{Error, ObjectFormat, Repository};
use crate::api::name::CommitId;
use crate::disk;
use crate::process::spawn::Call;
use std::collections::BTreeMap;
use std::path::Path;

/// Refs by their full names.
type Refs = BTreeMap<String, CommitId>;

/// A commit of files, to be made.
#[derive(Debug, Clone)]
pub struct Files<'a> {
    /// The ref that names it.
    pub reference: &'a str,
    /// Where the files are.
    pub root: &'a Path,
    /// Their paths from there, without line breaks.
    pub paths: &'a [String],
    /// The folder of the tree that they are put into.
    pub folder: &'a str,
    /// One more file at the top of the tree: its name and its bytes.
    pub note: (&'a str, &'a [u8]),
}

impl Repository {
    /// Returns whether the history of this clone was cut off: then it cannot be in a bundle whole.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn is_shallow(&self) -> Result<bool, Error> {
        Ok(disk::is_there(&self.common_dir.join("shallow"))?)
    }

    /// Makes an empty bare repository for objects of the same form as here.
    ///
    /// # Errors
    /// When git refuses, or the folder cannot be made.
    pub async fn apart(&self, folder: &Path) -> Result<Self, Error> {
        disk::make_folder(folder)?;
        let format = match self.object_format {
            ObjectFormat::Sha1 => "--object-format=sha1",
            ObjectFormat::Sha256 => "--object-format=sha256",
        };
        let init = ["init", "--quiet", "--bare", "--template=", format];
        command::plain().args(init).arg(folder).run().await?;
        Self::discover(folder).await
    }

    /// Makes one that has all objects of this repository, and none of its refs.
    ///
    /// # Errors
    /// When git refuses, or the folder cannot be made.
    pub async fn apart_with_objects(&self, folder: &Path) -> Result<Self, Error> {
        let apart = self.apart(folder).await?;
        let objects = self.common_dir.join("objects");
        let line = [objects.as_os_str().as_encoded_bytes(), b"\n"].concat();
        disk::replace(&apart.common_dir.join("objects/info/alternates"), &line)?;
        Ok(apart)
    }

    /// Returns the commits of all stashes.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn stashes(&self) -> Result<Vec<CommitId>, Error> {
        if self.reader().resolve("refs/stash").await?.is_none() {
            return Ok(Vec::new());
        }
        let list = self.read().args(["rev-list", "--walk-reflogs", "refs/stash"]).run().await?;
        let list = String::from_utf8_lossy(&list);
        list.lines().map(|id| id_of(id, "refs/stash")).collect()
    }

    /// Commits files, to the byte and whatever attributes say of them.
    ///
    /// # Errors
    /// When one cannot be read: it may have gone since it was listed.
    pub async fn commit_files(&self, files: &Files<'_>) -> Result<CommitId, Error> {
        let mut names = files.paths.join("\n");
        names.push('\n');
        let call = self.writing().directory(files.root).input(names.into_bytes());
        let hash = ["hash-object", "-w", "--no-filters", "--stdin-paths"];
        let ids = match files.paths {
            [] => String::new(),
            _ => String::from_utf8_lossy(&call.args(hash).run().await?).into_owned(),
        };
        let ids: Vec<&str> = ids.lines().collect();
        if ids.len() != files.paths.len() {
            let what = format!("{} of {} files", ids.len(), files.paths.len());
            return Err(Error::unreadable(files.root.display().to_string(), what));
        }
        let (name, bytes) = files.note;
        let mut stream = format!(
            "commit {0}\nmark :1\ncommitter reconciler <reconciler> now\ndata 0\n\
             M 100644 inline {name}\ndata {1}\n",
            files.reference,
            bytes.len()
        )
        .into_bytes();
        stream.extend_from_slice(bytes);
        for (path, id) in files.paths.iter().zip(ids) {
            stream.extend(format!("\nM 100644 {id} {}/{path}", files.folder).into_bytes());
        }
        stream.extend_from_slice(b"\nget-mark :1\ndone\n");
        let import = ["fast-import", "--quiet", "--done", "--date-format=now"];
        let said = self.writing().args(import).input(stream).run().await?;
        id_of(String::from_utf8_lossy(&said).trim(), files.reference)
    }

    /// Makes refs that are not there, all or none.
    ///
    /// # Errors
    /// When one is there with another commit, or a commit is not there.
    pub async fn make_refs(&self, refs: &Refs) -> Result<(), Error> {
        let lines = refs.iter().map(|(name, id)| format!("create {name} {id}\n"));
        let lines = lines.collect::<Vec<_>>().concat().into_bytes();
        let call = self.writing().args(["update-ref", "--stdin"]).input(lines);
        call.run().await?;
        Ok(())
    }

    /// Writes all refs of this repository, with everything they hold, into a bundle. `head` is the
    /// branch that a clone of it checks out.
    ///
    /// # Errors
    /// When an object is lost or the disk refuses.
    pub async fn write_bundle(&self, file: &Path, head: &str) -> Result<(), Error> {
        self.writing().args(["symbolic-ref", "HEAD", head]).run().await?;
        let call = self.writing().args(["bundle", "create", "--quiet"]).arg(file);
        call.arg("--all").run().await?;
        Ok(())
    }

    /// Takes what a bundle holds into this repository, which is empty and apart, and sees that nothing
    /// of it is missing. Returns its refs.
    ///
    /// # Errors
    /// When the file is no bundle, or not whole, or needs commits that are not in it.
    pub async fn open_bundle(&self, file: &Path) -> Result<Refs, Error> {
        let said = self.take_bundle(file).await?;
        let mut refs = Refs::new();
        for line in said.lines() {
            let line = line.split_once(' ').filter(|(_, name)| name.starts_with("refs/"));
            let Some((id, name)) = line else { continue };
            refs.insert(name.to_owned(), id_of(id, name)?);
        }
        self.make_refs(&refs).await?;
        let whole = ["rev-list", "--objects", "--all", "--quiet"];
        self.writing().args(whole).run().await?;
        Ok(refs)
    }

    /// Takes the objects of a bundle; no ref is moved. Done again, it changes nothing.
    ///
    /// # Errors
    /// When it cannot be read, or the disk refuses.
    pub async fn take_bundle(&self, file: &Path) -> Result<String, Error> {
        let call = self.write_at(self.place(), LONG_DEADLINE)?;
        let said = call.args(["bundle", "unbundle"]).arg(file).run().await?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Prepares a command that writes in a repository apart, where nobody else does.
    fn writing(&self) -> Call {
        command::write_apart(self.place())
    }
}

fn id_of(text: &str, what: &str) -> Result<CommitId, Error> {
    CommitId::try_from(text.to_owned()).map_err(|why| Error::unreadable(what, why))
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, read, write};
    use super::*;

    const FILES: &str = "refs/reconciler/backup";

    /// Packs the branches of a scene and two files of it.
    async fn packed(scratch: &Scratch) -> (Refs, std::path::PathBuf) {
        let apart = scratch.outside().join("apart");
        let apart = scratch.repository.apart_with_objects(&apart).await.unwrap();
        write(&scratch.root().join("rec/one"), "bytes\r\n");
        write(&scratch.root().join("rec/an odd \u{e9}"), "");
        let paths = ["one".to_owned(), "an odd \u{e9}".to_owned()];
        let root = scratch.root().join("rec");
        let note = ("note", &b"{}"[..]);
        let files = Files { reference: FILES, root: &root, paths: &paths, folder: "f", note };
        let id = apart.commit_files(&files).await.unwrap();
        let mut refs = Refs::from([("refs/heads/main".to_owned(), scratch.id("main").await)]);
        apart.make_refs(&refs).await.unwrap();
        let bundle = scratch.outside().join("b");
        apart.write_bundle(&bundle, "refs/heads/main").await.unwrap();
        refs.insert(FILES.to_owned(), id);
        (refs, bundle)
    }

    async fn what_is_packed_is_found_again(init: &[&str]) {
        let scratch = Scratch::with(init).await;
        let before = scratch.git(&["for-each-ref"]).await;
        let (refs, bundle) = packed(&scratch).await;
        assert_eq!(scratch.git(&["for-each-ref"]).await, before, "no ref of it was moved");
        let opened = scratch.repository.apart(&scratch.outside().join("opened")).await.unwrap();
        assert_eq!(opened.open_bundle(&bundle).await.unwrap(), refs);
        let commit = refs.get(FILES).unwrap();
        let entries = opened.reader().list(commit, "f").await.unwrap().unwrap();
        let paths: Vec<&str> = entries.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["an odd \u{e9}", "one"]);
        let blobs = opened.reader().listed_blobs(&entries.iter().collect::<Vec<_>>(), 100).await;
        let blobs: Vec<_> = blobs.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(blobs, [&b""[..], b"bytes\r\n"]);
    }

    #[tokio::test]
    async fn what_is_packed_is_found_again_to_the_byte() {
        what_is_packed_is_found_again(&[]).await;
        what_is_packed_is_found_again(&["--object-format=sha256"]).await;
    }

    #[tokio::test]
    async fn a_clone_of_a_bundle_checks_its_branch_out() {
        let scratch = Scratch::new().await;
        let (_, bundle) = packed(&scratch).await;
        let to = scratch.outside().join("clone");
        scratch.git(&["clone", "-q", bundle.to_str().unwrap(), to.to_str().unwrap()]).await;
        assert_eq!(read(&to.join("a.txt")), "one\n");
    }

    #[tokio::test]
    async fn a_bundle_that_is_cut_short_or_changed_is_refused() {
        let scratch = Scratch::new().await;
        let (_, bundle) = packed(&scratch).await;
        let whole = std::fs::read(&bundle).unwrap();
        let mut changed = whole.clone();
        let at = changed.len() - 40;
        changed[at] ^= 1;
        let cut = &whole[..whole.len() - 30];
        for (number, bytes) in [cut, &changed, b"no bundle", b""].into_iter().enumerate() {
            std::fs::write(&bundle, bytes).unwrap();
            let folder = scratch.outside().join(number.to_string());
            let opened = scratch.repository.apart(&folder).await.unwrap();
            opened.open_bundle(&bundle).await.unwrap_err();
        }
    }
}
