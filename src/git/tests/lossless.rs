//! That a worktree goes with all it has: each kind of work that `git worktree remove` destroys is
//! seen, saved, and found again after it was retired.

use crate::git::scratch::{Scratch, branch, git, is_there, owner, read, sh, write};
use crate::git::{Error, Saved};
use std::path::{Path, PathBuf};

const RESCUE: &str = "refs/reconciler/rescue/t/1";

/// Rescues and retires the worktree of `t`, each twice; returns its place in the trash.
async fn retire(scratch: &Scratch) -> (PathBuf, Option<Saved>) {
    let (path, trash) = (scratch.worktree_path("t"), scratch.trash_path("t"));
    let repository = &scratch.repository;
    let saved = repository.rescue(&path, RESCUE, "rescue t").await.unwrap();
    assert!(saved.as_ref().is_none_or(|saved| saved.is_new));
    let again = repository.rescue(&path, RESCUE, "rescue t").await.unwrap();
    assert_eq!(again, saved.clone().map(|saved| Saved { is_new: false, ..saved }));
    if saved.is_some() {
        let error = repository.retire(&path, &owner("t"), &trash, None).await.unwrap_err();
        assert!(matches!(error, Error::Unsaved { .. }), "{error}");
    }
    let reference = saved.as_ref().map(|saved| saved.reference.as_str());
    for _ in 0..2 {
        repository.retire(&path, &owner("t"), &trash, reference).await.unwrap();
    }
    assert!(!is_there(&path));
    let found = repository.worktrees().await.unwrap();
    let retired = found.iter().find(|worktree| worktree.path == trash).unwrap();
    assert_eq!(retired.owner, Some(owner("t")));
    repository.add_worktree(&path, &branch("t"), &owner("t")).await.unwrap();
    (trash, saved)
}

async fn saved_file(scratch: &Scratch, saved: Option<&Saved>, path: &str) -> String {
    scratch.git(&["show", &format!("{}:{path}", saved.unwrap().reference)]).await
}

#[tokio::test]
async fn ignored_files_move_along() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    write(&path.join("run.log"), "precious");
    let unsaved = scratch.repository.unsaved(&path).await.unwrap();
    assert!(unsaved.is_nothing() && unsaved.ignored);
    let (trash, saved) = retire(&scratch).await;
    assert_eq!((read(&trash.join("run.log")).as_str(), saved), ("precious", None));
}

/// Found by the sweep: it was saved under a second name, which was not looked for.
#[tokio::test]
async fn a_rescue_that_git_said_it_made_and_did_not_is_made_again_under_its_own_name() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    write(&path.join("a.txt"), "two");
    let hooks = scratch.outside().join("hooks");
    let hook = hooks.join("reference-transaction");
    write(&hook, "#!/bin/sh\n[ \"$1\" != committed ] || rm -rf .git/refs/reconciler/rescue\n");
    sh(&hooks, "chmod +x reference-transaction").await;
    scratch.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]).await;
    let error = scratch.repository.rescue(&path, RESCUE, "rescue t").await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    std::fs::remove_file(hook).unwrap();
    let (_, saved) = retire(&scratch).await;
    assert_eq!(saved.unwrap().reference, RESCUE);
}

#[tokio::test]
async fn commits_on_a_detached_head_are_saved() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    git(&path, &["checkout", "-q", "--detach"]).await;
    write(&path.join("b.txt"), "b");
    git(&path, &["add", "-A"]).await;
    git(&path, &["commit", "-q", "-m", "lonely"]).await;
    let head = git(&path, &["rev-parse", "HEAD"]).await;
    let (trash, saved) = retire(&scratch).await;
    let parent = format!("{}^", saved.unwrap().reference);
    assert_eq!(scratch.git(&["rev-parse", &parent]).await, head);
    assert_eq!(git(&trash, &["rev-parse", "HEAD"]).await, head);
    assert!(git(&trash, &["reflog"]).await.contains("lonely"));
}

#[tokio::test]
async fn edits_that_flags_hide_are_saved() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        git(&path, &["update-index", flag, "a.txt"]).await;
        write(&path.join("a.txt"), "edited");
        assert_eq!(git(&path, &["status", "--porcelain"]).await, "");
        let (trash, saved) = retire(&scratch).await;
        assert_eq!(saved_file(&scratch, saved.as_ref(), "a.txt").await, "edited");
        assert_eq!(read(&trash.join("a.txt")), "edited");
    }
}

#[tokio::test]
async fn an_edit_of_the_same_size_and_time_is_saved_whatever_git_is_told_to_believe() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    assert!(scratch.repository.untouched(&path).await.unwrap().is_some());
    scratch.git(&["config", "core.checkStat", "minimal"]).await;
    scratch.git(&["config", "core.trustctime", "false"]).await;
    // Long ago, so that no entry is in doubt for its age alone.
    sh(&path, "touch -d @1000000000 a.txt; git status; touch -r a.txt ../ref").await;
    assert!(scratch.repository.untouched(&path).await.unwrap().is_some());
    sh(&path, "printf 'two\n' >a.txt; touch -r ../ref a.txt").await;
    assert_eq!(git(&path, &["status", "--porcelain"]).await, "");
    assert_eq!(scratch.repository.untouched(&path).await.unwrap(), None);
    let (_, saved) = retire(&scratch).await;
    assert_eq!(saved_file(&scratch, saved.as_ref(), "a.txt").await, "two");
}

#[tokio::test]
async fn the_short_look_sees_committed_work_as_saved_and_leaves_every_doubt() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    sh(&path, "mkdir d; echo b >d/b; ln -s b d/l; echo c >'c c'; chmod +x 'c c'").await;
    sh(&path, "git add -A; git commit -qm more; echo x >run.log; mkdir d/empty").await;
    let short = scratch.repository.untouched(&path).await.unwrap().unwrap();
    assert!(short.is_nothing() && short.ignored);
    for doubt in [
        "echo n >d/new",
        "rm d/b",
        "chmod -x 'c c'",
        "rm d/l; echo b >d/l",
        "git rm -q --cached d/b",
        "git checkout -q --detach",
        "git update-index --assume-unchanged d/b",
        "git update-index --skip-worktree d/b",
        "touch d/b",
        "git init -q d/nested",
        "git bisect start",
        "git checkout -q --orphan fresh",
        "mkfifo d/b.fifo; rm -r d/b; mkdir d/b",
    ] {
        sh(
            &path,
            "git bisect reset; git checkout -q -f task/t; rm -rf d 'c c'; git reset -q --hard",
        )
        .await;
        assert!(scratch.repository.untouched(&path).await.unwrap().is_some(), "{doubt}");
        sh(&path, doubt).await;
        assert_eq!(scratch.repository.untouched(&path).await.unwrap(), None, "{doubt}");
        let unhide =
            "for flag in assume-unchanged skip-worktree; do git update-index --no-$flag d/b; done";
        sh(&path, &format!("{unhide} || true")).await;
    }
}

#[tokio::test]
async fn untracked_files_that_status_does_not_show_are_saved() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    scratch.git(&["config", "status.showUntrackedFiles", "no"]).await;
    write(&path.join("new/file"), "new");
    let (trash, saved) = retire(&scratch).await;
    assert_eq!(saved_file(&scratch, saved.as_ref(), "new/file").await, "new");
    assert_eq!(read(&trash.join("new/file")), "new");
}

#[tokio::test]
async fn a_rebase_in_progress_is_kept_and_lets_go_of_its_branch() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    write(&path.join("a.txt"), "theirs");
    git(&path, &["commit", "-q", "-a", "-m", "theirs"]).await;
    scratch.commit(&[("a.txt", "ours")]).await;
    let stop = "git -c core.editor=true rebase -q -i --exec false task/t^ 2>&1 || true";
    sh(&path, stop).await;
    let unsaved = scratch.repository.unsaved(&path).await.unwrap();
    assert_eq!((unsaved.clean, unsaved.in_progress), (true, Some("rebase")));
    let (trash, saved) = retire(&scratch).await;
    assert!(saved.is_some());
    let todo = scratch.entry("t").join("retired-rebase-merge/done");
    assert!(read(&todo).contains("exec false"));
    assert_eq!(read(&trash.join("a.txt")), "theirs");
}

#[tokio::test]
async fn the_index_moves_along_and_a_tracked_file_that_is_ignored_is_no_change() {
    let scratch = Scratch::new().await;
    write(&scratch.root().join("kept.log"), "kept");
    scratch.git(&["add", "-f", "kept.log"]).await;
    scratch.git(&["commit", "-q", "-m", "kept"]).await;
    let path = scratch.add("t").await;
    write(&path.join("a.txt"), "staged");
    git(&path, &["add", "a.txt"]).await;
    write(&path.join("a.txt"), "one\n");
    let (trash, saved) = retire(&scratch).await;
    assert_eq!(saved, None);
    assert_eq!(git(&trash, &["show", ":a.txt"]).await, "staged");
}

#[tokio::test]
async fn a_branch_without_a_commit_is_saved() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    git(&path, &["checkout", "-q", "--orphan", "fresh"]).await;
    let (_, saved) = retire(&scratch).await;
    assert_eq!(saved_file(&scratch, saved.as_ref(), "a.txt").await, "one");
}

#[tokio::test]
async fn nested_repositories_are_told_and_move_along() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    for name in ["empty", "full"] {
        let nested = path.join(name);
        write(&nested.join("file"), "inside");
        git(&nested, &["init", "-q"]).await;
    }
    let full = path.join("full");
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    let commit = ["-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", "x"];
    git(&full, &[&identity[..], &commit[..]].concat()).await;
    write(&path.join("zz"), "after");
    let unsaved = scratch.repository.unsaved(&path).await.unwrap();
    assert_eq!(unsaved.nested, [PathBuf::from("full"), PathBuf::from("empty")]);
    let (trash, saved) = retire(&scratch).await;
    assert_eq!(saved_file(&scratch, saved.as_ref(), "zz").await, "after");
    assert_eq!(read(&trash.join("empty/file")), "inside");
    assert_eq!(read(&trash.join("full/file")), "inside");
}

#[tokio::test]
async fn a_rescue_ref_that_holds_something_else_is_kept() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    let head = scratch.id("HEAD").await;
    drop(scratch.repository.create(RESCUE, &head).await.unwrap());
    write(&path.join("a.txt"), "edited");
    let (_, saved) = retire(&scratch).await;
    assert_eq!(saved.unwrap().reference, format!("{RESCUE}-2"));
    assert_eq!(scratch.id(RESCUE).await, head);
}

#[tokio::test]
async fn what_changed_since_the_rescue_is_not_retired() {
    let scratch = Scratch::new().await;
    let (path, trash) = (scratch.add("t").await, scratch.trash_path("t"));
    write(&path.join("a.txt"), "edited");
    let repository = &scratch.repository;
    repository.rescue(&path, RESCUE, "rescue t").await.unwrap().unwrap();
    write(&path.join("a.txt"), "edited again");
    let retired = repository.retire(&path, &owner("t"), &trash, Some(RESCUE)).await;
    assert!(matches!(retired, Err(Error::Unsaved { .. })));
    assert_eq!(read(&path.join("a.txt")), "edited again");
}

#[tokio::test]
async fn a_retirement_cut_short_at_any_step_completes() {
    for moved in [false, true] {
        let scratch = Scratch::new().await;
        let (path, trash) = (scratch.add("t").await, scratch.trash_path("t"));
        write(&path.join("run.log"), "precious");
        git(&path, &["update-ref", "--no-deref", "HEAD", "HEAD"]).await;
        if moved {
            std::fs::create_dir_all(trash.parent().unwrap()).unwrap();
            std::fs::rename(&path, &trash).unwrap();
        }
        retire_only(&scratch, &path, &trash).await;
        assert_eq!(read(&trash.join("run.log")), "precious");
    }
}

async fn retire_only(scratch: &Scratch, path: &Path, trash: &Path) {
    scratch.repository.retire(path, &owner("t"), trash, None).await.unwrap();
    assert_eq!(git(trash, &["status", "--porcelain"]).await, "");
}

#[tokio::test]
async fn a_discarded_worktree_is_gone_with_its_entry_alone() {
    let scratch = Scratch::new().await;
    let trash = scratch.trash_path("t");
    let other = scratch.add("other").await;
    for steps in 0..=2 {
        let path = scratch.worktree_path("t");
        if steps == 0 {
            scratch.add("t").await;
        }
        retire_only(&scratch, &path, &trash).await;
        if steps == 1 {
            std::fs::remove_file(trash.join(".git")).unwrap();
        }
        if steps == 2 {
            std::fs::remove_dir_all(&trash).unwrap();
        }
        for _ in 0..2 {
            scratch.repository.discard(&trash, &owner("t")).await.unwrap();
        }
        assert!(!is_there(&trash));
        assert_eq!(scratch.repository.worktrees().await.unwrap()[0].path, other);
        assert_eq!(scratch.repository.worktrees().await.unwrap().len(), 1);
        scratch.repository.add_worktree(&path, &branch("t"), &owner("t")).await.unwrap();
    }
}

#[tokio::test]
async fn a_directory_inside_another_worktree_is_not_mistaken_for_it() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    std::fs::remove_file(path.join(".git")).unwrap();
    scratch.repository.unsaved(&path).await.unwrap_err();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_and_not_clean() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    // A clean filter that fails stands for what git cannot read; root reads every mode.
    scratch.git(&["config", "filter.broken.clean", "false"]).await;
    scratch.git(&["config", "filter.broken.required", "true"]).await;
    write(&path.join(".gitattributes"), "*.txt filter=broken\n");
    scratch.repository.unsaved(&path).await.unwrap_err();
}

#[tokio::test]
async fn a_stash_outlives_the_worktree_it_was_made_in() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    write(&path.join("new.txt"), "stashed");
    git(&path, &["stash", "-q", "-u"]).await;
    let (_, saved) = retire(&scratch).await;
    assert_eq!(saved, None);
    assert_eq!(scratch.git(&["show", "stash@{0}^3:new.txt"]).await, "stashed");
}
