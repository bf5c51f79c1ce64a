//! Worktrees as crashes leave them: after a repair, adding works, and nothing of others is touched.

use crate::git::scratch::{Scratch, branch, git, is_there, owner, read, sh, write};
use crate::git::{Error, Worktree};

/// Repairs and adds again; returns the worktree then listed.
async fn mend(scratch: &Scratch) -> Worktree {
    let (path, trash) = (scratch.worktree_path("t"), scratch.trash_path("t"));
    for _ in 0..2 {
        scratch.repository.repair(&path, &owner("t"), &trash).await.unwrap();
    }
    scratch.repository.add_worktree(&path, &branch("t"), &owner("t")).await.unwrap();
    assert_eq!(read(&path.join("a.txt")), "one\n");
    let found = scratch.repository.worktrees().await.unwrap();
    let [worktree] = found.as_slice() else { panic!("{found:?}") };
    assert!(worktree.owner == Some(owner("t")) && !worktree.initializing && !worktree.missing);
    let entries = std::fs::read_dir(scratch.entry("t").parent().unwrap()).unwrap();
    assert_eq!(entries.count(), 1);
    worktree.clone()
}

/// Adds a worktree and takes back what git writes last.
async fn half_made() -> Scratch {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    std::fs::remove_file(scratch.entry("t").join("index")).unwrap();
    write(&scratch.entry("t").join("index.lock"), "half");
    std::fs::remove_file(path.join(".gitignore")).unwrap();
    scratch
}

#[tokio::test]
async fn a_checkout_that_was_cut_short_is_seen_and_mended() {
    let scratch = half_made().await;
    assert!(scratch.repository.worktrees().await.unwrap()[0].initializing);
    mend(&scratch).await;
    assert_eq!(read(&scratch.trash_path("t").join("a.txt")), "one\n");
}

#[tokio::test]
async fn a_second_crash_finds_its_own_place_in_the_trash() {
    let scratch = half_made().await;
    mend(&scratch).await;
    std::fs::remove_file(scratch.entry("t").join("index")).unwrap();
    mend(&scratch).await;
    assert!(is_there(&scratch.root().join(".reconciler/trash/t-2/a.txt")));
}

#[tokio::test]
async fn an_entry_that_is_initializing_is_mended() {
    let scratch = half_made().await;
    write(&scratch.entry("t").join("locked"), "initializing");
    assert!(scratch.repository.worktrees().await.unwrap()[0].initializing);
    mend(&scratch).await;
}

#[tokio::test]
async fn a_head_lock_left_behind_is_mended() {
    let scratch = half_made().await;
    let zeros = format!("{}\n", "0".repeat(40));
    write(&scratch.entry("t").join("HEAD"), &zeros);
    write(&scratch.entry("t").join("HEAD.lock"), "ref: refs/heads/task/t\n");
    mend(&scratch).await;
}

#[tokio::test]
async fn an_entry_that_git_was_undoing_is_mended_although_its_mark_is_gone() {
    for keep in ["-name gitdir -o -name commondir", "-name gitdir"] {
        let scratch = half_made().await;
        sh(&scratch.entry("t"), &format!("find . -type f ! \\( {keep} \\) -delete")).await;
        mend(&scratch).await;
        assert_eq!(read(&scratch.trash_path("t").join("a.txt")), "one\n");
    }
}

#[tokio::test]
async fn an_entry_that_blinds_git_is_named_and_mended() {
    let scratch = half_made().await;
    write(&scratch.entry("t").join("commondir"), "");
    let error = scratch.repository.worktrees().await.unwrap_err();
    let Error::Torn { path, owner: found } = error else { panic!("{error}") };
    assert_eq!((path, *found), (scratch.worktree_path("t"), owner("t")));
    mend(&scratch).await;
}

#[tokio::test]
async fn a_complete_worktree_whose_head_a_power_cut_emptied_is_kept_whole() {
    let scratch = Scratch::new().await;
    scratch.add("t").await;
    write(&scratch.entry("t").join("HEAD"), "");
    mend(&scratch).await;
    let trash = scratch.trash_path("t");
    assert_eq!(read(&trash.join("a.txt")), "one\n");
    assert!(is_there(&trash.with_added_extension("git").join("logs/HEAD")));
}

#[tokio::test]
async fn an_entry_without_files_is_mended() {
    for files in [&[][..], &[("locked", owner("t").to_string())], &[("locked", String::new())]] {
        let scratch = Scratch::new().await;
        scratch.add("t").await;
        std::fs::remove_dir_all(scratch.worktree_path("t")).unwrap();
        std::fs::remove_dir_all(scratch.entry("t")).unwrap();
        std::fs::create_dir_all(scratch.entry("t")).unwrap();
        for (name, text) in files {
            write(&scratch.entry("t").join(name), text);
        }
        mend(&scratch).await;
    }
}

#[tokio::test]
async fn an_entry_with_nothing_but_a_path_is_mended() {
    for made in [false, true] {
        let scratch = half_made().await;
        let path = scratch.worktree_path("t");
        for name in ["HEAD", "commondir", "ORIG_HEAD", "index.lock"] {
            drop(std::fs::remove_file(scratch.entry("t").join(name)));
        }
        std::fs::remove_dir_all(&path).unwrap();
        if made {
            std::fs::create_dir(&path).unwrap();
        }
        mend(&scratch).await;
    }
}

#[tokio::test]
async fn a_directory_whose_entry_is_gone_is_moved_away() {
    for others in [false, true] {
        let scratch = half_made().await;
        std::fs::remove_dir_all(scratch.entry("t")).unwrap();
        if !others {
            // git removes the folder of entries with the last of them.
            std::fs::remove_dir(scratch.entry("t").parent().unwrap()).unwrap();
        }
        mend(&scratch).await;
        assert_eq!(read(&scratch.trash_path("t").join("a.txt")), "one\n");
    }
}

#[tokio::test]
async fn a_worktree_whose_directory_is_gone_gives_its_path_back() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    std::fs::remove_dir_all(&path).unwrap();
    mend(&scratch).await;
}

#[tokio::test]
async fn a_directory_that_is_gone_with_its_head_detached_gives_its_path_back_and_no_commit_is_lost()
{
    for with_commit in [false, true] {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        git(&path, &["checkout", "-q", "--detach"]).await;
        if with_commit {
            git(&path, &["commit", "-q", "--allow-empty", "-m", "nowhere else"]).await;
        }
        let head = git(&path, &["rev-parse", "HEAD"]).await;
        std::fs::remove_dir_all(&path).unwrap();
        let name = "refs/reconciler/rescue/t/0";
        for _ in 0..2 {
            scratch.repository.save_head(&path, &owner("t"), name).await.unwrap();
        }
        mend(&scratch).await;
        let saved = scratch.repository.refs("refs/reconciler/rescue/").await.unwrap();
        let saved: Vec<_> = saved.into_iter().map(|(name, id)| (name, id.to_string())).collect();
        let expected = with_commit.then(|| ("t/0".to_owned(), head.trim_end().to_owned()));
        assert_eq!(saved, Vec::from_iter(expected));
    }
}

#[tokio::test]
async fn what_is_complete_or_detached_or_of_others_is_left_alone() {
    let scratch = Scratch::new().await;
    let trash = scratch.trash_path("t");
    let complete = scratch.add("t").await;
    let error = scratch.repository.repair(&complete, &owner("t"), &trash).await.unwrap_err();
    assert!(matches!(error, Error::Unsaved { .. }), "{error}");
    let error = scratch.repository.repair(&complete, &owner("u"), &trash).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    git(&complete, &["checkout", "-q", "--detach"]).await;
    git(&complete, &["commit", "-q", "--allow-empty", "-m", "nowhere else"]).await;
    std::fs::remove_file(scratch.entry("t").join("index")).unwrap();
    let error = scratch.repository.repair(&complete, &owner("t"), &trash).await.unwrap_err();
    assert!(matches!(error, Error::Unsaved { .. }), "{error}");

    let users = scratch.worktree_path("users");
    scratch.git(&["worktree", "add", "-q", "--detach", users.to_str().unwrap()]).await;
    std::fs::remove_file(scratch.entry("users").join("index")).unwrap();
    let repository = &scratch.repository;
    repository.repair(&users, &owner("users"), &trash).await.unwrap_err();
    repository.retire(&users, &owner("users"), &trash, None).await.unwrap_err();
    repository.discard(&users, &owner("users")).await.unwrap_err();
    repository.discard(scratch.root(), &owner("users")).await.unwrap_err();
    let copy = scratch.worktree_path("copy");
    scratch.git(&["clone", "-q", ".", copy.to_str().unwrap()]).await;
    repository.repair(&copy, &owner("copy"), &trash).await.unwrap_err();
    assert!(is_there(&users.join("a.txt")) && is_there(&copy.join("a.txt")));
    assert!(is_there(&complete.join("a.txt")) && !is_there(&trash));
}
