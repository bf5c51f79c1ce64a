//! Whether there is room to save what is in no commit. Who is refused here keeps all files where they
//! are; a disk that fills while they are saved would keep everybody from working.

use super::Error;
use crate::disk;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Refuses files of a worktree, as `git ls-files -z` lists them, that are longer all together than
/// what is free on the disk of the objects.
pub(super) fn check(worktree: &Path, listed: &[u8], objects: &Path) -> Result<(), Error> {
    let files = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    // What is gone since, or cannot be looked at, is told by whoever adds it.
    let size = |name: &[u8]| worktree.join(OsStr::from_bytes(name)).symlink_metadata();
    let needed: u64 = files.filter_map(|name| size(name).ok()).map(|meta| meta.len()).sum();
    let free = disk::free(objects)?;
    if needed <= free {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes / 1_000_000;
    Err(Error::NoRoom {
        path: worktree.to_owned(),
        needed: megabytes(needed),
        free: megabytes(free),
    })
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, is_there, owner, write};
    use crate::disk;
    use std::path::Path;

    const RESCUE: &str = "refs/reconciler/rescue/t/1";

    /// Makes a file without blocks that is longer than the disk is free.
    fn make_huge(path: &Path) {
        let free = disk::free(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().set_len(2 * free + (1 << 30)).unwrap();
    }

    #[tokio::test]
    async fn what_the_disk_has_no_room_for_is_refused_and_nothing_is_removed() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        write(&path.join("small.txt"), "work");
        make_huge(&path.join("huge"));
        let (repository, trash) = (&scratch.repository, scratch.trash_path("t"));
        let refused = repository.rescue(&path, RESCUE, "Unsaved").await.unwrap_err().to_string();
        assert!(refused.contains("the disk has room for"), "{refused}");
        repository.retire(&path, &owner("t"), &trash, Some(RESCUE)).await.unwrap_err();
        assert!(is_there(&path.join("huge")) && is_there(&path.join("small.txt")));
        std::fs::remove_file(path.join("huge")).unwrap();
        repository.rescue(&path, RESCUE, "Unsaved").await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_git_ignores_may_be_of_any_size_and_goes_to_the_trash_alone() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        write(&path.join("small.txt"), "work");
        make_huge(&path.join("huge.log"));
        let (repository, trash) = (&scratch.repository, scratch.trash_path("t"));
        repository.rescue(&path, RESCUE, "Unsaved").await.unwrap().unwrap();
        let list = ["ls-tree", "-r", "--name-only", RESCUE];
        assert_eq!(scratch.git(&list).await, ".gitignore\na.txt\nsmall.txt");
        repository.retire(&path, &owner("t"), &trash, Some(RESCUE)).await.unwrap();
        assert!(is_there(&trash.join("huge.log")));
    }
}
