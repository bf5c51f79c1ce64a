//! Scenes on real repositories: discovery, refs, worktrees, and that retiring one loses nothing.

use super::scratch::{Scratch, branch, git, owner, read, write};
use super::*;
use crate::api::name::CommitId;

mod crash;
mod lossless;
mod spare;
mod stale;

#[tokio::test]
async fn a_repository_is_found_from_below_and_from_a_linked_worktree() {
    let scratch = Scratch::new().await;
    write(&scratch.root().join("deep/er/x"), "");
    let linked = scratch.add("t").await;
    for start in [scratch.root().join("deep/er"), linked] {
        let found = Repository::discover(&start).await.unwrap();
        assert_eq!(found.root(), scratch.root());
        assert_eq!(found.common_dir(), scratch.root().join(".git"));
        assert!(!found.is_bare());
        assert_eq!(found.object_format(), ObjectFormat::Sha1);
    }
}

#[tokio::test]
async fn a_bare_repository_is_its_own_root_also_seen_from_its_worktrees() {
    let scratch = Scratch::new().await;
    let (bare, linked) = (scratch.outside().join("bare.git"), scratch.outside().join("linked"));
    scratch.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]).await;
    git(&bare, &["worktree", "add", "-q", linked.to_str().unwrap(), "main"]).await;
    for start in [&bare, &linked] {
        let found = Repository::discover(start).await.unwrap();
        assert!(found.is_bare());
        assert_eq!((found.root(), found.common_dir()), (bare.as_path(), bare.as_path()));
        assert_eq!(found.refs("refs/heads/").await.unwrap().len(), 1);
        assert_eq!(found.worktrees().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_folder_without_a_repository_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Repository::discover(folder.path()).await.unwrap_err();
    assert!(matches!(error, Error::NotARepository(_)), "{error}");
}

#[test]
fn a_refusal_over_the_owner_says_what_to_run() {
    let stderr = "fatal: detected dubious ownership in repository at '/srv/r'".to_owned();
    let status = std::os::unix::process::ExitStatusExt::from_raw(128 << 8);
    let error = spawn::Error::Failed { program: "git".to_owned(), status, stderr };
    let text = refusal(error, Path::new("/")).to_string();
    assert!(text.ends_with("`git config --global --add safe.directory /srv/r`"), "{text}");
}

#[tokio::test]
async fn settings_are_read_and_written_and_an_absent_one_is_none() {
    let scratch = Scratch::new().await;
    let repository = &scratch.repository;
    assert_eq!(repository.config_get("reconciler.ref").await.unwrap(), None);
    repository.config_set("reconciler.ref", "refs/heads/main").await.unwrap();
    let found = repository.config_get("reconciler.ref").await.unwrap();
    assert_eq!(found.as_deref(), Some("refs/heads/main"));
    assert!(!repository.user_identity_missing().await.unwrap());
    repository.config_set("user.name", "").await.unwrap();
    assert!(repository.user_identity_missing().await.unwrap());
}

#[tokio::test]
async fn a_ref_moves_only_from_the_value_that_was_named() {
    for init in [&[][..], &["--ref-format=reftable"]] {
        let scratch = Scratch::with(init).await;
        let repository = &scratch.repository;
        let one = scratch.id("HEAD").await;
        let two = scratch.commit(&[("b.txt", "b")]).await;
        let name = "refs/heads/x/y";
        assert_eq!(repository.create(name, &one).await.unwrap(), Moved::Done);
        assert_eq!(repository.create(name, &one).await.unwrap(), Moved::AlreadySo);
        let lost = Moved::Lost { actual: Some(one.clone()) };
        assert_eq!(repository.create(name, &two).await.unwrap(), lost);
        assert_eq!(repository.update(name, &two, &two).await.unwrap(), lost);
        assert_eq!(repository.update(name, &two, &one).await.unwrap(), Moved::Done);
        assert_eq!(repository.update(name, &two, &one).await.unwrap(), Moved::AlreadySo);
        let refs = repository.refs("refs/heads/").await.unwrap();
        assert_eq!(
            refs,
            [("main".to_owned(), two.clone()), ("x/y".to_owned(), two.clone())].into()
        );
        let lost = Moved::Lost { actual: Some(two.clone()) };
        assert_eq!(repository.delete(name, &one).await.unwrap(), lost);
        assert_eq!(repository.delete(name, &two).await.unwrap(), Moved::Done);
        assert_eq!(repository.delete(name, &two).await.unwrap(), Moved::AlreadySo);
        assert_eq!(
            repository.update(name, &one, &two).await.unwrap(),
            Moved::Lost { actual: None }
        );
        assert!(repository.is_ancestor(&one, &two).await.unwrap());
        assert!(!repository.is_ancestor(&two, &one).await.unwrap());
    }
}

#[tokio::test]
async fn a_lock_left_on_a_ref_is_an_error_and_no_lost_move() {
    let scratch = Scratch::new().await;
    let head = scratch.id("HEAD").await;
    write(&scratch.repository.common_dir().join("refs/heads/x.lock"), "");
    let error = scratch.repository.create("refs/heads/x", &head).await.unwrap_err();
    assert!(matches!(error, Error::Command(_)), "{error}");
}

#[tokio::test]
async fn one_broken_branch_makes_the_list_an_error() {
    let scratch = Scratch::new().await;
    write(&scratch.repository.common_dir().join("refs/heads/broken"), "");
    scratch.repository.refs("refs/heads/").await.unwrap_err();
}

#[tokio::test]
async fn of_many_who_create_one_ref_one_wins() {
    let scratch = Scratch::new().await;
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..6 {
        let at = scratch.commit(&[("n", &number.to_string())]).await;
        let repository = scratch.repository.clone();
        tries.spawn(async move { repository.create("refs/x/one", &at).await.unwrap() });
    }
    let outcomes = tries.join_all().await;
    assert_eq!(outcomes.iter().filter(|one| **one == Moved::Done).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_command_that_writes_holds_the_guard_until_it_ends() {
    let scratch = Scratch::new().await;
    // A hook stands for a command that lives on: it waits until the test has looked.
    let (hooks, go) = (scratch.outside().join("hooks"), scratch.outside().join("go"));
    let hook = hooks.join("reference-transaction");
    write(&hook, &format!("#!/bin/sh\nuntil [ -e {} ]; do sleep 0.01; done\n", go.display()));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    scratch.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]).await;
    let path = scratch.outside().join("guard");
    let guard = File::create(&path).unwrap();
    guard.try_lock().unwrap();
    let repository = scratch.repository.clone().with_guard(guard);
    let head = scratch.id("HEAD").await;
    let mut create = Box::pin(repository.create("refs/x/held", &head));
    let running = tokio::time::timeout(std::time::Duration::from_millis(300), &mut create).await;
    running.unwrap_err();
    let rival = File::open(&path).unwrap();
    rival.try_lock().unwrap_err();
    write(&go, "");
    assert_eq!(create.await.unwrap(), Moved::Done);
    drop(repository);
    rival.try_lock().unwrap();
}

#[tokio::test]
async fn worktrees_are_listed_with_whose_they_are() {
    let scratch = Scratch::new().await;
    let ours = scratch.add("ours").await;
    let users = scratch.outside().join("with space");
    scratch.git(&["worktree", "add", "-q", "--detach", users.to_str().unwrap()]).await;
    let gone = scratch.add("gone").await;
    std::fs::remove_dir_all(&gone).unwrap();
    let head = Some(scratch.id("HEAD").await);
    let mut found = scratch.repository.worktrees().await.unwrap();
    found.sort_by_key(|worktree| worktree.branch.clone());
    let unlocked = Worktree {
        path: users,
        head,
        branch: None,
        lock: None,
        owner: None,
        missing: false,
        initializing: false,
    };
    let of = |name: &str, path: &Path| Worktree {
        path: path.to_owned(),
        branch: Some(format!("task/{name}")),
        lock: Some(owner(name).to_string()),
        owner: Some(owner(name)),
        missing: name == "gone",
        ..unlocked.clone()
    };
    assert_eq!(found, [unlocked.clone(), of("gone", &gone), of("ours", &ours)]);
    let at = scratch.repository.checked_out_at(&branch("ours")).await.unwrap();
    assert_eq!(at, Some(ours));
    assert_eq!(scratch.repository.checked_out_at(&branch("none")).await.unwrap(), None);
}

#[tokio::test]
async fn twelve_worktrees_are_added_at_once() {
    let scratch = Scratch::new().await;
    let base: CommitId = scratch.id("main").await;
    let mut adds = tokio::task::JoinSet::new();
    for number in 0..12 {
        let (repository, base) = (scratch.repository.clone(), base.clone());
        let name = format!("t{number}");
        let path = scratch.worktree_path(&name);
        adds.spawn(async move {
            assert_eq!(
                repository.create(&branch(&name).to_ref(), &base).await.unwrap(),
                Moved::Done
            );
            repository.add_worktree(&path, &branch(&name), &owner(&name)).await.unwrap();
        });
    }
    // Looking meanwhile meets entries that are half written.
    while !adds.is_empty() {
        scratch.repository.worktrees().await.unwrap();
        while let Some(added) = adds.try_join_next() {
            added.unwrap();
        }
    }
    let found = scratch.repository.worktrees().await.unwrap();
    assert_eq!(found.iter().filter(|one| one.owner.is_some() && !one.initializing).count(), 12);
}

#[tokio::test]
async fn a_stray_directory_is_not_taken_over() {
    let scratch = Scratch::new().await;
    let path = scratch.worktree_path("t");
    write(&path.join("mine"), "mine");
    let (add, trash) = (branch("t"), scratch.trash_path("t"));
    let head = scratch.id("main").await;
    drop(scratch.repository.create(&add.to_ref(), &head).await.unwrap());
    let error = scratch.repository.add_worktree(&path, &add, &owner("t")).await.unwrap_err();
    assert!(matches!(error, Error::Occupied(_)), "{error}");
    let error = scratch.repository.repair(&path, &owner("t"), &trash).await.unwrap_err();
    assert!(matches!(error, Error::Occupied(_)), "{error}");
    assert_eq!(read(&path.join("mine")), "mine");
}

#[tokio::test]
async fn a_generation_is_noted_in_a_worktree_of_the_mark_alone() {
    let scratch = Scratch::new().await;
    let path = scratch.add("a").await;
    let mark = owner("a");
    scratch.repository.note_generation(&path, &mark, 7).unwrap();
    let file = scratch.entry("a").join(super::GENERATION_FILE);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "7\n");
    let other = owner("b");
    assert!(scratch.repository.note_generation(&path, &other, 8).is_err());
    assert!(scratch.repository.note_generation(scratch.root(), &mark, 8).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "7\n");
}

#[tokio::test]
async fn a_setting_waits_for_who_writes_the_settings() {
    let scratch = Scratch::new().await;
    let lock = scratch.repository.common_dir().join("config.lock");
    std::fs::write(&lock, "").unwrap();
    let set = scratch.repository.config_set("reconciler.test", "yes");
    let leave = async {
        tokio::task::yield_now().await;
        std::fs::remove_file(&lock).unwrap();
    };
    let (set, ()) = tokio::join!(set, leave);
    set.unwrap();
    assert_eq!(scratch.git(&["config", "reconciler.test"]).await, "yes");
    scratch.repository.config_unset("reconciler.test").await.unwrap();
    scratch.repository.config_unset("reconciler.test").await.unwrap();
}
