//! The spare worktree: what is made of it is what git would have made anew, and a crash at any step
//! leaves something that is mended without a person.

use crate::api::name::CommitId;
use crate::git::scratch::{Scratch, branch, git, is_there, owner, read, sh, write};
use crate::git::{Error, Repository, Spare, Taken};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

fn place(scratch: &Scratch) -> PathBuf {
    scratch.root().join(".reconciler/spare")
}

async fn make(scratch: &Scratch) -> Spare {
    let head = scratch.id("main").await;
    scratch.repository.make_spare(&place(scratch), &head).await.unwrap()
}

async fn take(scratch: &Scratch, name: &str) -> Result<Taken, Error> {
    let path = scratch.worktree_path(name);
    scratch.repository.take_spare(&place(scratch), &path, &branch(name), &owner(name)).await
}

async fn create_branch(scratch: &Scratch, name: &str) {
    let base: CommitId = scratch.id("main").await;
    drop(scratch.repository.create(&branch(name).to_ref(), &base).await.unwrap());
}

/// Does what the loop does, whatever a crash left: repairs what is seen at the path, then adds.
async fn start(scratch: &Scratch, name: &str) -> Taken {
    create_branch(scratch, name).await;
    let (path, trash) = (scratch.worktree_path(name), scratch.trash_path(name));
    let seen = scratch.repository.linked().unwrap();
    if seen.iter().any(|one| one.path == path && (one.missing || one.unfinished)) {
        scratch.repository.repair(&path, &owner(name), &trash).await.unwrap();
    }
    let taken = take(scratch, name).await.unwrap();
    if taken == Taken::No {
        scratch.repository.add_worktree(&path, &branch(name), &owner(name)).await.unwrap();
    }
    taken
}

/// Proves that a worktree is as git would have made it: marked, on its branch, every file as
/// committed and no other.
async fn check(scratch: &Scratch, name: &str) {
    let path = scratch.worktree_path(name);
    let found = scratch.repository.worktrees().await.unwrap();
    let one = found.iter().find(|one| one.path == path).unwrap();
    assert_eq!(
        (one.owner.as_ref(), one.initializing, one.missing),
        (Some(&owner(name)), false, false)
    );
    assert_eq!(one.branch.as_deref(), Some(branch(name).as_str()));
    let fresh = scratch.outside().join("fresh");
    scratch.git(&["worktree", "add", "-q", "--detach", fresh.to_str().unwrap(), "main"]).await;
    sh(&path, &format!("diff -r --no-dereference -x .git . {}", fresh.display())).await;
    scratch.git(&["worktree", "remove", fresh.to_str().unwrap()]).await;
    assert_eq!(git(&path, &["status", "--porcelain", "--ignored"]).await, "");
    let unsaved = scratch.repository.unsaved(&path).await.unwrap();
    assert!(unsaved.is_nothing() && !unsaved.ignored, "{unsaved:?}");
    git(&path, &["fsck", "--no-dangling"]).await;
}

async fn scene() -> Scratch {
    let scratch = Scratch::new().await;
    for number in 0..40 {
        write(&scratch.root().join(format!("d{}/f{number}", number % 5)), &number.to_string());
    }
    std::os::unix::fs::symlink("a.txt", scratch.root().join("link")).unwrap();
    scratch.commit(&[("run", "#!/bin/sh\n")]).await;
    scratch
}

#[tokio::test]
async fn a_spare_of_an_older_commit_becomes_the_worktree_of_a_branch() {
    let scratch = scene().await;
    assert_eq!(make(&scratch).await, Spare::Ready);
    sh(scratch.root(), "chmod +x run; rm d1/f1 link; ln -s run link; mkdir e; mv d2 e/").await;
    scratch.commit(&[("a.txt", "two\n"), ("d0/f0", "other")]).await;
    assert!(scratch.repository.has_spare(&place(&scratch)).unwrap());
    assert_eq!(make(&scratch).await, Spare::Ready);
    assert_eq!(start(&scratch, "t").await, Taken::Yes);
    check(&scratch, "t").await;
    assert!(!is_there(&place(&scratch)));
    assert_eq!(take(&scratch, "u").await.unwrap(), Taken::No);
    assert_eq!(make(&scratch).await, Spare::Ready);
    assert_eq!(start(&scratch, "u").await, Taken::Yes);
    check(&scratch, "u").await;
    check(&scratch, "t").await;
}

#[tokio::test]
async fn what_somebody_changed_in_a_spare_is_as_committed_in_the_worktree() {
    let scratch = scene().await;
    make(&scratch).await;
    write(&place(&scratch).join("a.txt"), "changed");
    std::fs::remove_file(place(&scratch).join("d0/f0")).unwrap();
    assert_eq!(start(&scratch, "t").await, Taken::Yes);
    check(&scratch, "t").await;
}

#[tokio::test]
async fn a_spare_made_under_other_rules_is_not_taken() {
    let scratch = scene().await;
    make(&scratch).await;
    scratch.git(&["config", "core.autocrlf", "true"]).await;
    assert_eq!(start(&scratch, "t").await, Taken::No);
    check(&scratch, "t").await;
    assert_eq!(read(&scratch.worktree_path("t").join("a.txt")), "one\r\n");
    make(&scratch).await;
    scratch.commit(&[("d1/.gitattributes", "* -text\n")]).await;
    assert_eq!(start(&scratch, "u").await, Taken::No);
    check(&scratch, "u").await;
}

#[tokio::test]
async fn a_spare_made_under_other_attributes_of_the_user_is_not_taken() {
    let scratch = scene().await;
    let attributes = scratch.outside().join("attributes");
    scratch.git(&["config", "core.attributesFile", attributes.to_str().unwrap()]).await;
    make(&scratch).await;
    write(&attributes, "a.txt text eol=crlf\n");
    assert_eq!(start(&scratch, "t").await, Taken::No);
    assert_eq!(read(&scratch.worktree_path("t").join("a.txt")), "one\r\n");
}

#[tokio::test]
async fn a_repository_with_a_file_that_a_filter_makes_keeps_no_spare() {
    let scratch = scene().await;
    scratch.git(&["config", "filter.date.smudge", "date +%N"]).await;
    assert_eq!(make(&scratch).await, Spare::Ready, "no file asks for the filter");
    assert_eq!(start(&scratch, "t").await, Taken::Yes);
    check(&scratch, "t").await;
    scratch.commit(&[(".gitattributes", "d1/* filter=date\n")]).await;
    assert_eq!(make(&scratch).await, Spare::Unsuitable);
    // The entry of `t` is the one that is called `spare`.
    assert!(!is_there(&place(&scratch)) && !is_there(&scratch.entry("spare1")));
    assert_eq!(start(&scratch, "u").await, Taken::No);
}

#[tokio::test]
async fn a_spare_that_gets_a_file_of_a_filter_with_the_branch_is_not_taken_before_it() {
    let scratch = scene().await;
    scratch.git(&["config", "filter.date.smudge", "date +%N"]).await;
    make(&scratch).await;
    scratch.commit(&[(".gitattributes", "d1/* filter=date\n")]).await;
    assert_eq!(start(&scratch, "t").await, Taken::No);
}

#[tokio::test]
async fn what_somebody_put_into_a_spare_goes_with_it_and_counts_as_unsaved() {
    let scratch = scene().await;
    make(&scratch).await;
    write(&place(&scratch).join("d0/mine"), "mine");
    assert_eq!(start(&scratch, "t").await, Taken::Yes);
    let path = scratch.worktree_path("t");
    assert_eq!(read(&path.join("d0/mine")), "mine");
    assert!(!scratch.repository.unsaved(&path).await.unwrap().clean);
    // It is told by what git knows, also where a commit has such a file.
    make(&scratch).await;
    write(&place(&scratch).join("new"), "mine");
    scratch.commit(&[("new", "theirs")]).await;
    assert_eq!(start(&scratch, "u").await, Taken::Yes);
    assert_eq!(read(&scratch.worktree_path("u").join("new")), "theirs");
}

#[tokio::test]
async fn a_repository_that_acts_on_checkouts_keeps_no_spare() {
    let scratch = scene().await;
    scratch.git(&["config", "core.sparseCheckout", "true"]).await;
    assert_eq!(make(&scratch).await, Spare::Unsuitable);
    scratch.git(&["config", "core.sparseCheckout", "false"]).await;
    let hooks = scratch.outside().join("hooks");
    write(&hooks.join("post-checkout"), "#!/bin/sh\n");
    scratch.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]).await;
    assert_eq!(make(&scratch).await, Spare::Unsuitable);
    assert!(!is_there(&place(&scratch)));
    let scratch = Scratch::with(&["--ref-format=reftable"]).await;
    assert_eq!(make(&scratch).await, Spare::Unsuitable);
}

#[tokio::test]
async fn a_repository_of_somebody_in_the_place_of_the_spare_is_left_alone() {
    let scratch = scene().await;
    write(&place(&scratch).join("mine"), "mine");
    git(&place(&scratch), &["init", "-q"]).await;
    let head = scratch.id("main").await;
    scratch.repository.make_spare(&place(&scratch), &head).await.unwrap_err();
    assert_eq!(read(&place(&scratch).join("mine")), "mine");
}

/// Found by the sweep: killed while it wrote the link, it left its temporary file in the worktree,
/// which was saved as work of the task.
#[tokio::test]
async fn nothing_is_written_in_a_worktree_that_is_made_of_a_spare() {
    use std::os::unix::fs::MetadataExt as _;
    let scratch = scene().await;
    make(&scratch).await;
    let before = place(&scratch).join(".git").metadata().unwrap().ino();
    assert_eq!(start(&scratch, "t").await, Taken::Yes);
    let link = scratch.worktree_path("t").join(".git");
    assert_eq!(link.metadata().unwrap().ino(), before);
    // Where git wrote it otherwise, it is written anew, and a dead writer's file beside it goes.
    make(&scratch).await;
    write(&place(&scratch).join(".git"), "gitdir: ../../.git/worktrees/spare1\n");
    let dead = scratch.root().join(".reconciler/.tmp-999999999-x");
    write(&dead, "half");
    assert_eq!(start(&scratch, "u").await, Taken::Yes);
    check(&scratch, "u").await;
    assert!(!is_there(&dead));
}

/// What a crash between two steps of taking a spare leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    Begun,
    CheckedOut,
    Marked,
    Linked,
}

async fn cut(scratch: &Scratch, at: Cut) {
    let entry = scratch.entry("spare");
    std::fs::remove_file(entry.join("reconciler-spare")).unwrap();
    if at == Cut::Begun {
        write(&entry.join("index.lock"), "half");
        std::fs::remove_file(place(scratch).join("run")).unwrap();
        return;
    }
    git(&place(scratch), &["checkout", "-q", branch("t").as_str()]).await;
    if at != Cut::CheckedOut {
        write(&entry.join("locked"), &format!("{}\n", owner("t")));
    }
    if at == Cut::Linked {
        let link = scratch.worktree_path("t").join(".git");
        write(&entry.join("gitdir"), &format!("{}\n", link.display()));
    }
}

#[tokio::test]
async fn a_taking_cut_off_at_any_step_is_mended() {
    for at in [Cut::Begun, Cut::CheckedOut, Cut::Marked, Cut::Linked] {
        mended(at, &[]).await;
        mended(at, &["u"]).await;
    }
}

/// Proves that a cut off taking is mended by the same task, also after other tasks came first.
async fn mended(at: Cut, others: &[&str]) {
    let scratch = scene().await;
    make(&scratch).await;
    scratch.commit(&[("a.txt", "two\n")]).await;
    create_branch(&scratch, "t").await;
    std::fs::create_dir_all(scratch.worktree_path("t").parent().unwrap()).unwrap();
    cut(&scratch, at).await;
    for other in others {
        assert_eq!(start(&scratch, other).await, Taken::No, "{at:?}");
        check(&scratch, other).await;
    }
    let taken = start(&scratch, "t").await;
    assert_eq!(taken == Taken::Yes, at == Cut::Marked, "{at:?}");
    check(&scratch, "t").await;
    assert_eq!(make(&scratch).await, Spare::Ready, "{at:?}");
    assert_eq!(start(&scratch, "v").await, Taken::Yes);
    check(&scratch, "v").await;
}

/// Cuts off what is done with a repository after a while, and waits for the git that it left.
async fn cut_off<T>(scratch: &Scratch, pause: Duration, it: impl AsyncFnOnce(Repository) -> T) {
    let path = scratch.outside().join("guard");
    let guard = File::create(&path).unwrap();
    guard.lock().unwrap();
    let repository = scratch.repository.clone().with_guard(guard);
    // Dropped, it kills the git that runs, but not what that one started.
    drop(tokio::time::timeout(pause, it(repository)).await);
    let next = File::open(&path).unwrap();
    tokio::task::spawn_blocking(move || next.lock().unwrap()).await.unwrap();
}

#[tokio::test]
async fn git_killed_at_any_moment_of_making_or_taking_harms_nothing() {
    for pause in (0..12).map(|step| Duration::from_micros(step * 1500)) {
        let scratch = scene().await;
        let (head, spare) = (scratch.id("main").await, place(&scratch));
        cut_off(&scratch, pause, async |git| git.make_spare(&spare, &head).await.unwrap()).await;
        assert_eq!(make(&scratch).await, Spare::Ready, "{pause:?}");
        scratch.commit(&[("a.txt", "two\n")]).await;
        create_branch(&scratch, "t").await;
        let path = scratch.worktree_path("t");
        cut_off(&scratch, pause, async |git| {
            git.take_spare(&spare, &path, &branch("t"), &owner("t")).await.unwrap()
        })
        .await;
        if !is_there(&path) {
            start(&scratch, "t").await;
        }
        check(&scratch, "t").await;
    }
}
