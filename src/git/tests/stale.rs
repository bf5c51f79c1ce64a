//! Locks of git: one that nobody holds goes and work goes on; one that anybody may hold stays.

use crate::git::scratch::{Scratch, is_there, write};
use crate::git::{PATIENCE, SeenLocks, Stale};
use crate::process::clock;
use crate::process::spawn::Call;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Child;

/// Looks as the loop does: once when the lock is new to it, and once when it is old.
fn sweep_from(scratch: &Scratch, first: Duration) -> Vec<Stale> {
    let mut seen = SeenLocks::default();
    assert_eq!(scratch.repository.sweep_locks(&mut seen, first).unwrap(), []);
    scratch.repository.sweep_locks(&mut seen, first + PATIENCE).unwrap()
}

fn sweep(scratch: &Scratch) -> Vec<Stale> {
    sweep_from(scratch, clock::since_boot())
}

fn lock(scratch: &Scratch, name: &str) -> PathBuf {
    let path = scratch.repository.common_dir().join(name);
    write(&path, "");
    path
}

/// A git that lives until its input ends.
fn living_git(directory: &Path, args: &[&str]) -> Child {
    let call = Call::new("git", Duration::from_mins(1)).directory(directory).args(args);
    call.args(["cat-file", "--batch"]).converse().unwrap()
}

async fn end(mut child: Child) {
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn what_a_killed_git_left_goes_and_work_goes_on() {
    let scratch = Scratch::new().await;
    let path = scratch.add("t").await;
    scratch.add("u").await;
    let names = ["packed-refs.lock", "config.lock", "refs/heads/task/t.lock"];
    let mut locks: Vec<PathBuf> = names.iter().map(|name| lock(&scratch, name)).collect();
    for name in ["HEAD.lock", "index.lock"] {
        locks.push(lock(&scratch, &format!("worktrees/t/{name}")));
    }
    let work = "echo two > a.txt && git commit -qam two && git config a.b c && git pack-refs --all \
                && git branch -D task/u";
    let work = || Call::new("sh", Duration::from_mins(1)).directory(&path).args(["-c", work]);
    scratch.git(&["worktree", "remove", "-f", "-f", ".worktrees/u"]).await;
    work().run().await.unwrap_err();
    let swept = sweep(&scratch);
    assert_eq!(swept.len(), locks.len(), "{swept:?}");
    for path in locks {
        assert!(swept.contains(&Stale::Removed(path.clone())) && !is_there(&path), "{path:?}");
    }
    work().run().await.unwrap();
}

#[tokio::test]
async fn what_somebody_has_open_stays_until_it_is_closed() {
    let scratch = Scratch::new().await;
    let path = lock(&scratch, "refs/heads/main.lock");
    let open = File::open(&path).unwrap();
    assert_eq!(sweep(&scratch), []);
    drop(open);
    assert_eq!(sweep(&scratch), [Stale::Removed(path)]);
}

#[tokio::test]
async fn what_a_living_git_of_the_repository_may_hold_stays_until_it_ends() {
    let scratch = Scratch::new().await;
    let worktree = scratch.add("t").await;
    let path = lock(&scratch, "packed-refs.lock");
    let git_dir = format!("--git-dir={}", scratch.repository.common_dir().display());
    let outside = scratch.outside();
    let root = scratch.root();
    for (directory, args) in [(root, &[][..]), (&worktree, &[]), (&outside, &[git_dir.as_str()])] {
        let child = living_git(directory, args);
        assert_eq!(sweep(&scratch), [], "{directory:?}");
        end(child).await;
        assert!(is_there(&path));
    }
    assert_eq!(sweep(&scratch), [Stale::Removed(path)]);
}

#[tokio::test]
async fn a_git_that_began_after_the_lock_or_works_elsewhere_keeps_none() {
    let scratch = Scratch::new().await;
    let other = Scratch::new().await;
    let elsewhere = living_git(other.root(), &[]);
    let path = lock(&scratch, "packed-refs.lock");
    assert_eq!(sweep(&scratch), [Stale::Removed(path)]);
    end(elsewhere).await;
    let path = lock(&scratch, "packed-refs.lock");
    let seen_at = clock::since_boot().checked_sub(Duration::from_secs(10)).unwrap();
    let later = living_git(scratch.root(), &[]);
    assert_eq!(sweep_from(&scratch, seen_at), [Stale::Removed(path)]);
    end(later).await;
}

#[tokio::test]
async fn a_lock_that_was_made_again_is_young() {
    let scratch = Scratch::new().await;
    let (mut seen, now) = (SeenLocks::default(), clock::since_boot());
    let path = lock(&scratch, "config.lock");
    assert_eq!(scratch.repository.sweep_locks(&mut seen, now).unwrap(), []);
    std::fs::remove_file(&path).unwrap();
    lock(&scratch, "config.lock");
    for later in [PATIENCE, PATIENCE + PATIENCE / 2] {
        assert_eq!(scratch.repository.sweep_locks(&mut seen, now + later).unwrap(), []);
    }
    let swept = scratch.repository.sweep_locks(&mut seen, now + PATIENCE * 2).unwrap();
    assert_eq!(swept, [Stale::Removed(path)]);
}

#[tokio::test]
async fn the_index_and_head_of_a_person_and_worktrees_of_others_are_left() {
    let scratch = Scratch::new().await;
    scratch.git(&["worktree", "add", "-q", "--detach", ".worktrees/theirs"]).await;
    let theirs = lock(&scratch, "worktrees/theirs/index.lock");
    let (index, head) = (lock(&scratch, "index.lock"), lock(&scratch, "HEAD.lock"));
    let (mut seen, now) = (SeenLocks::default(), clock::since_boot());
    assert_eq!(scratch.repository.sweep_locks(&mut seen, now).unwrap(), []);
    let mut left = Vec::new();
    let mut looks = 0;
    // Between its fork and its exec a process of another test has open what this one wrote.
    while left.len() < 2 && looks < 50 {
        looks += 1;
        left.extend(scratch.repository.sweep_locks(&mut seen, now + PATIENCE * looks).unwrap());
    }
    left.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(left, [Stale::Left(head.clone()), Stale::Left(index.clone())]);
    let again = scratch.repository.sweep_locks(&mut seen, now + PATIENCE * (looks + 1)).unwrap();
    assert_eq!(again, [], "it is told once");
    assert!([theirs, index, head].iter().all(|path| is_there(path)));
}

/// Found by the sweep: an attempt that was killed while it committed kept the next from committing.
#[tokio::test]
async fn what_a_killed_attempt_left_does_not_keep_the_next_from_its_worktree() {
    let scratch = Scratch::new().await;
    let worktree = scratch.add("t").await;
    let path = lock(&scratch, "worktrees/t/index.lock");
    let child = living_git(&worktree, &[]);
    scratch.repository.unlock(&worktree).unwrap();
    assert!(is_there(&path), "a git that lives may hold it");
    end(child).await;
    let elsewhere = living_git(scratch.root(), &[]);
    scratch.repository.unlock(&worktree).unwrap();
    assert!(!is_there(&path));
    end(elsewhere).await;
}
