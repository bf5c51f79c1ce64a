//! Checkouts in which candidates are verified: detached, of nobody's task, and made clean for each
//! commit. What git ignores stays in them, so that a build goes on from the one before.

use super::command::{LONG_DEADLINE, Place};
use super::retire::refuse_repository;
use super::worktree::{beside_adds, is_empty_folder};
use super::{Error, Repository};
use crate::api::name::CommitId;
use crate::disk;
use std::path::Path;

/// The lock reason of such a checkout. It is no owner's mark, so that nobody takes it for a task's.
const MARK: &str = "reconciler-verification";

impl Repository {
    /// Makes the checkout at this place hold exactly one commit, besides what git ignores. Nothing may
    /// work in it meanwhile.
    ///
    /// # Errors
    /// When it could not be made so; or when something that is not ours is at this place.
    pub async fn check_out_clean(&self, place: &Path, commit: &CommitId) -> Result<(), Error> {
        let is_whole = match self.entry_at(place)? {
            Some(entry) => entry.lock.as_deref() == Some(MARK) && !entry.is_torn()?,
            None => false,
        };
        if !is_whole {
            self.make_anew(place, commit).await?;
        }
        let call = || self.write_at(Place::Directory(place), LONG_DEADLINE);
        // What a killed git or a verification left half done there holds nobody's work.
        self.unlock(place)?;
        call()?.args(["reset", "--quiet", "--hard"]).run().await?;
        let checkout = ["checkout", "--quiet", "--detach", "--force", "--no-recurse-submodules"];
        call()?.args(checkout).args([commit.as_str(), "--"]).run().await?;
        call()?.args(["clean", "--quiet", "-ffd"]).run().await?;
        Ok(())
    }

    /// Clears the place, if what is there is ours, and adds the checkout.
    async fn make_anew(&self, place: &Path, commit: &CommitId) -> Result<(), Error> {
        if let Some(entry) = self.entry_of(place)? {
            let is_ours = entry.lock.as_deref() == Some(MARK) || entry.is_torn()?;
            if !is_ours && disk::is_there(place)? {
                return Err(Error::Occupied(place.to_owned()));
            }
            disk::remove_folder(place)?;
            self.drop_entry(&entry).await?;
        }
        if disk::is_there(place)? && !is_empty_folder(place)? {
            refuse_repository(place)?;
            disk::remove_folder(place)?;
        }
        let add = || {
            let call = self.write_at(self.place(), LONG_DEADLINE)?;
            let call = call.args(["worktree", "add", "--detach", "--lock", "--reason", MARK, "--"]);
            Ok(call.arg(place).arg(commit.as_str()))
        };
        beside_adds(add).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, is_there, read, write};

    #[tokio::test]
    async fn a_checkout_is_clean_for_each_commit_and_keeps_what_git_ignores() {
        let scratch = Scratch::new().await;
        let first = scratch.id("main").await;
        let second = scratch.commit(&[("a.txt", "two\n"), ("b.txt", "b\n")]).await;
        let place = scratch.root().join(".reconciler/verify/1");
        scratch.repository.check_out_clean(&place, &second).await.unwrap();
        assert_eq!(read(&place.join("a.txt")), "two\n");
        write(&place.join("a.txt"), "edited\n");
        write(&place.join("left/over.txt"), "x");
        write(&place.join("cache.log"), "cache");
        // A file that this process never had open: a child that another test just forked would hold it.
        let lock = scratch.entry("1").join("index.lock");
        std::fs::hard_link(scratch.root().join("b.txt"), lock).unwrap();
        scratch.repository.check_out_clean(&place, &first).await.unwrap();
        assert_eq!(read(&place.join("a.txt")), "one\n");
        assert!(!is_there(&place.join("b.txt")) && !is_there(&place.join("left")));
        assert_eq!(read(&place.join("cache.log")), "cache");
    }

    #[tokio::test]
    async fn a_half_made_checkout_is_made_anew() {
        let scratch = Scratch::new().await;
        let head = scratch.id("main").await;
        let place = scratch.root().join(".reconciler/verify/1");
        scratch.repository.check_out_clean(&place, &head).await.unwrap();
        std::fs::write(scratch.entry("1").join("HEAD"), "").unwrap();
        scratch.repository.check_out_clean(&place, &head).await.unwrap();
        assert_eq!(read(&place.join("a.txt")), "one\n");
        std::fs::remove_dir_all(&place).unwrap();
        scratch.repository.check_out_clean(&place, &head).await.unwrap();
        assert_eq!(read(&place.join("a.txt")), "one\n");
    }

    #[tokio::test]
    async fn a_repository_of_somebody_at_the_place_is_left_alone() {
        let scratch = Scratch::new().await;
        let head = scratch.id("main").await;
        let place = scratch.root().join(".reconciler/verify/1");
        write(&place.join(".git/HEAD"), "ref: refs/heads/main\n");
        scratch.repository.check_out_clean(&place, &head).await.unwrap_err();
        assert!(is_there(&place.join(".git/HEAD")));
    }
}
