//! backup and restore: a world with work of every kind is saved while it runs, and had back byte for byte
//! in a clone that knew nothing of it. Nothing that is there is ever replaced.

use crate::common::{Said, TestEnvironment, is_there, said};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A world with a task that runs and has unsaved work, one that is done and left work behind, one that a
/// person holds, a hold and a stash; and the loop that runs it.
fn scene() -> (TestEnvironment, crate::common::Loop) {
    let env = TestEnvironment::new();
    env.write_task("live", &env.waiting("live"));
    env.write_task(
        "done",
        &env.doing(
            "done",
            "echo c > c.txt; git add c.txt; git commit -qm c; printf 'left\\r\\n' > left.txt",
        ),
    );
    env.write_task("hers", &env.waiting("hers"));
    env.commit("tasks");
    assert!(env.reconciler(&["claim", "hers", "--as", "ada"]).output().unwrap().status.success());
    let running = env.start_loop();
    env.wait_for_start("live", 1);
    env.wait_until("the worktree of hers", || is_there(&env.worktree("hers").join(".git")));
    env.wait_until("done to be done", || {
        !is_there(&env.worktree("done")) && !env.trash("done").is_empty()
    });
    fs::write(env.worktree("live").join("unsaved.txt"), b"un\0saved\xff\r\n").unwrap();
    fs::write(env.worktree("live").join("tracked.txt"), "stashed").unwrap();
    let live = env.worktree("live");
    env.git(&["-C", live.to_str().unwrap(), "stash", "push", "-q", "tracked.txt"]);
    fs::write(env.worktree("hers").join("hers.txt"), "hers").unwrap();
    env.git(&["init", "-q", env.worktree("hers").join("inner").to_str().unwrap()]);
    fs::write(env.worktree("hers").join("inner/deep.txt"), "deep").unwrap();
    run(&env, &["pause", "hers", "--reason", "lunch"]);
    (env, running)
}

fn run(env: &TestEnvironment, arguments: &[&str]) -> Said {
    let said = said(&mut env.reconciler(arguments));
    assert!(said.status.success(), "{arguments:?}: {said:?}");
    said
}

fn refused(env: &TestEnvironment, arguments: &[&str]) -> String {
    let said = said(&mut env.reconciler(arguments));
    assert!(!said.status.success(), "{arguments:?}: {said:?}");
    said.stderr
}

fn back_up(env: &TestEnvironment) -> PathBuf {
    let file = env.out("backup");
    run(env, &["backup", file.to_str().unwrap()]);
    file
}

/// Returns the same world in a clone of the backup, of which nothing but git's own was brought.
fn elsewhere(env: TestEnvironment, file: &Path) -> TestEnvironment {
    let clone = env.base().join("clone");
    env.git(&["clone", "-q", file.to_str().unwrap(), clone.to_str().unwrap()]);
    let env = env.moved_to(&clone, &clone);
    assert!(!is_there(&env.path(".reconciler")) && !is_there(&env.path(".task-locks")));
    env
}

/// Returns whether a file says who runs the attempt that was live: nobody does in a clone.
fn lives_by(path: &str) -> bool {
    path.starts_with("attempts/live.") && path.ends_with("/shim.json")
}

/// Returns the files below a folder that a backup keeps, with their bytes.
fn kept(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let without = [".gitignore", "forecast.json", "locks.index", "spare", "trash", "verify"];
    let files = reconciler::disk::files_below(folder, &without).unwrap();
    files.into_iter().map(|one| (one.clone(), fs::read(folder.join(one)).unwrap())).collect()
}

fn refs(env: &TestEnvironment, below: &str) -> Vec<String> {
    let list = env.git(&["for-each-ref", "--format=%(refname) %(objectname)", below]);
    list.lines().map(str::to_owned).collect()
}

fn shown(env: &TestEnvironment, object: &str) -> Option<Vec<u8>> {
    let output = env.command("git").args(["cat-file", "blob", object]).output().unwrap();
    output.status.success().then_some(output.stdout)
}

#[test]
fn what_is_known_of_a_repository_is_had_back_in_a_clone_and_goes_on_there() {
    let (env, running) = scene();
    let before = refs(&env, "refs");
    let file = back_up(&env);
    assert_eq!(refs(&env, "refs"), before, "a backup moves no ref");
    assert!(is_there(&env.worktree("live").join("unsaved.txt")), "it touches no worktree");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = refused(&env, &["backup", file.to_str().unwrap()]);
    assert!(again.contains("is there already") && again.contains("--force"), "{again}");
    running.kill();
    run(&env, &["backup", "--force", file.to_str().unwrap()]);
    let records = kept(&env.path(".reconciler"));
    let claim = fs::read(env.path(".task-locks/hers.lock")).unwrap();
    let first = env.starts("live")[0];
    let saved = refs(&env, "refs/reconciler/rescue/");
    assert_eq!(saved.len(), 1, "{saved:?}");

    let env = elsewhere(env, &file);
    let dry = run(&env, &["restore", "--dry-run", file.to_str().unwrap()]).stdout;
    assert!(dry.contains("to be put back"), "{dry}");
    assert!(!is_there(&env.path(".reconciler")), "nothing was changed");
    assert!(refs(&env, "refs/reconciler").is_empty());
    run(&env, &["restore", file.to_str().unwrap()]);
    let here = kept(&env.path(".reconciler"));
    for one in records.iter().filter(|one| !lives_by(&one.0)) {
        assert!(here.contains(one), "{} is another", one.0);
    }
    let more: Vec<&String> = here
        .iter()
        .map(|(path, _)| path)
        .filter(|path| !records.iter().any(|(one, _)| one == *path))
        .collect();
    assert!(more.iter().all(|path| path.ends_with("/exit.json")), "{more:?}");
    assert_eq!(fs::read(env.path(".task-locks/hers.lock")).unwrap(), claim);
    assert!(saved.iter().all(|one| refs(&env, "refs/reconciler/rescue/").contains(one)));
    let live = "refs/reconciler/rescue/live/1:unsaved.txt";
    assert_eq!(shown(&env, live).unwrap(), b"un\0saved\xff\r\n");
    assert_eq!(shown(&env, "refs/reconciler/rescue/hers/0:hers.txt").unwrap(), b"hers");
    assert_eq!(shown(&env, "refs/reconciler/rescue/hers/0.1:deep.txt").unwrap(), b"deep");
    assert_eq!(shown(&env, "refs/reconciler/rescue/done/1:left.txt").unwrap(), b"left\r\n");
    let stash = refs(&env, "refs/reconciler/stash/");
    let stash = stash[0].split(' ').next().unwrap();
    assert_eq!(shown(&env, &format!("{stash}:tracked.txt")).unwrap(), b"stashed");
    let then = refs(&env, "refs");
    run(&env, &["restore", file.to_str().unwrap()]);
    assert_eq!((refs(&env, "refs"), kept(&env.path(".reconciler"))), (then, here), "twice is once");

    let running = env.start_loop();
    env.wait_for_start("live", 2);
    assert!(TestEnvironment::is_alive(first), "the worker of the other clone is left alone");
    env.wait_until("the worktree of hers", || is_there(&env.worktree("hers").join(".git")));
    assert!(env.starts("hers").is_empty(), "a person has it");
    assert_eq!(env.starts("done").len(), 1, "what is done is not done again");
    let list = run(&env, &["rescue", "-o", "name"]).stdout;
    assert_eq!(list, "done/1\nhers/0\nhers/0.1\nlive/1\n");
    let status = run(&env, &["status"]).stdout;
    assert!(status.contains("lunch") || env.path(".reconciler/holds/task.hers.json").is_file());
    let held = refused(&env, &["restore", file.to_str().unwrap()]);
    assert!(held.contains("another reconciler runs"), "{held}");
    drop(running);
}

#[test]
fn what_is_there_by_now_stays_and_what_the_backup_has_comes_beside_it() {
    let (env, running) = scene();
    let file = back_up(&env);
    drop(running);
    let main = env.git(&["rev-parse", "main"]);
    env.commit_task("more", &json!({"command": "true"}));
    let moved = env.git(&["rev-parse", "main"]);
    run(&env, &["release", "hers"]);
    fs::remove_dir_all(env.path(".reconciler/tasks")).unwrap();
    fs::write(env.path(".reconciler/holds/task.hers.json"), "mine").unwrap();
    let told = run(&env, &["restore", file.to_str().unwrap()]).stdout;
    assert!(told.contains("the claim of hers stays away: it was released"), "{told}");
    assert!(!is_there(&env.path(".task-locks/hers.lock")));
    assert_eq!(env.git(&["rev-parse", "main"]), moved);
    assert_eq!(env.git(&["rev-parse", "refs/reconciler/restored/heads/main"]), main);
    assert!(told.contains("refs/reconciler/restored/heads/main"), "{told}");
    assert_eq!(fs::read(env.path(".reconciler/holds/task.hers.json")).unwrap(), b"mine");
    assert!(is_there(&env.path(".reconciler/tasks/live.json")));
    assert!(env.ends("live").is_empty(), "its worker still lives, here");
    let running = env.start_loop_when_free();
    env.wait_until("live to be adopted", || env.sessions().contains(&"live".to_owned()));
    env.let_go("live");
    env.wait_for_completed(&["live"]);
    assert_eq!(env.starts("live").len(), 1);
    drop(running);
}

#[test]
fn a_file_that_is_no_whole_backup_is_refused_and_nothing_is_changed() {
    let env = TestEnvironment::new();
    let file = back_up(&env);
    let file = file.to_str().unwrap();
    let whole = fs::read(file).unwrap();
    let before = (refs(&env, "refs"), kept(&env.path(".reconciler")));
    env.git(&["bundle", "create", "-q", env.out("foreign").to_str().unwrap(), "main"]);
    let foreign = fs::read(env.out("foreign")).unwrap();
    for (bytes, why) in [
        (&whole[..whole.len() / 2], "damaged"),
        (&whole[..whole.len() - 1], "damaged"),
        (b"{}", "damaged"),
        (&foreign, "no backup"),
    ] {
        fs::write(file, bytes).unwrap();
        let said = refused(&env, &["restore", file]);
        assert!(said.contains("cannot be restored") && said.contains(why), "{said}");
    }
    fs::remove_file(file).unwrap();
    assert!(refused(&env, &["restore", file]).contains("cannot read"));
    assert_eq!((refs(&env, "refs"), kept(&env.path(".reconciler"))), before);
}

/// Runs a verb again and again, killed at a later effect each time, until it gets to its end.
/// Each third effect is enough of a sample.
fn killed_everywhere(env: &TestEnvironment, verb: &[&str], mut after: impl FnMut()) {
    for point in (1..).step_by(3) {
        let points = env.out(&format!("{}.{point}", verb[0]));
        let fault = format!("{}:kill:{point}:{}", verb[0], points.display());
        let mut command = env.reconciler(verb);
        let said = said(command.env("RECONCILER_FAULT", fault));
        if said.status.success() {
            assert!(point > 10, "the faults never came");
            return;
        }
        assert_eq!(said.status.code(), None, "{said:?}");
        after();
    }
}

#[test]
fn killed_at_any_moment_a_backup_leaves_no_half_file_and_a_restore_is_finished_by_the_next() {
    let (env, running) = scene();
    drop(running);
    let file = env.out("bundles/backup");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let before = (refs(&env, "refs"), kept(&env.path(".reconciler")));
    let to = file.to_str().unwrap();
    let mut whole = 0;
    killed_everywhere(&env, &["backup", "--force", to], || {
        if is_there(&file) {
            whole += 1;
            env.git(&["bundle", "verify", "-q", to]);
        }
    });
    assert!(whole < 5, "it is published last");
    let left = fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "what killed ones left is gone");
    assert_eq!((refs(&env, "refs"), kept(&env.path(".reconciler"))), before);
    let env = elsewhere(env, &file);
    killed_everywhere(&env, &["restore", to], || {});
    let here = kept(&env.path(".reconciler"));
    for one in before.1.iter().filter(|one| !lives_by(&one.0)) {
        assert!(here.contains(one), "{} is another", one.0);
    }
    let here = refs(&env, "refs");
    let restored = |one: &String| here.contains(one) || one.starts_with("refs/stash");
    assert!(before.0.iter().all(restored), "{:?} {here:?}", before.0);
    assert!(here.iter().all(|one| !one.starts_with("refs/reconciler/restored")), "{here:?}");
    assert_eq!(run(&env, &["rescue", "-o", "name"]).stdout, "done/1\nhers/0\nhers/0.1\nlive/1\n");
}
