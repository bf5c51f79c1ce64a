//! Every kind of unsaved work × every way in which a worktree goes: all of it is had back, byte for
//! byte, by one who knows what was there. What no branch can hold is in the trash for its time.

use crate::common::{Loop, TestEnvironment, is_there};
use crate::lives::SmallDisk;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The tasks: each leaves its work in another way.
const TASKS: [&str; 7] =
    ["plain", "detached", "abandoned", "rebase", "merge", "aside", "submodule"];

/// Something that must not be lost.
#[derive(Debug)]
enum Work {
    /// A file with these bytes, in a rescue ref.
    Saved(&'static str, Vec<u8>),
    /// A file with these bytes in a repository inside, in a rescue ref of that one.
    Inside(&'static str, Vec<u8>),
    /// A file with these bytes, which no tree of this repository can hold, in the trash.
    Trashed(&'static str, Vec<u8>),
    /// These bytes in the index alone, in the trash.
    Staged(&'static str, Vec<u8>),
    /// A mode of a file in a rescue ref.
    Mode(&'static str, &'static str),
    /// A commit that a rescue ref or a branch holds.
    Commit(String),
    /// A commit that the log of HEAD alone knows, in the trash.
    Logged(String),
    /// The other side of a merge that was begun, in the trash.
    Merging(String),
    /// What a stash holds of `tracked.txt`.
    Stashed(Vec<u8>),
}

/// A place in the work tree of a task, where a person or an agent works.
struct Place<'a> {
    env: &'a TestEnvironment,
    task: &'static str,
    path: PathBuf,
    works: Vec<Work>,
}

impl Place<'_> {
    fn git(&self, arguments: &[&str]) -> String {
        self.env.git(&[&["-C", self.path.to_str().unwrap()], arguments].concat())
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes a file that is to be in a rescue ref.
    fn save(&mut self, file: &'static str, bytes: &[u8]) {
        self.write(file, bytes);
        self.works.push(Work::Saved(file, bytes.to_owned()));
    }

    fn commit(&self, file: &str, text: &str) -> String {
        self.write(file, text.as_bytes());
        self.git(&["add", file]);
        self.git(&["commit", "-q", "--no-verify", "-m", file]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn make(&mut self) {
        match self.task {
            "plain" => self.plain(),
            "detached" => {
                self.git(&["checkout", "-q", "--detach"]);
                let id = self.commit("detached.txt", "committed");
                self.works.push(Work::Commit(id));
                self.save("detached.txt", b"and changed");
            }
            "abandoned" => {
                self.git(&["checkout", "-q", "--detach"]);
                let id = self.commit("abandoned.txt", "committed");
                self.works.push(Work::Logged(id));
                self.git(&["checkout", "-q", &self.env.branch(self.task)]);
            }
            "rebase" => {
                self.commit("before.txt", "picked");
                self.commit("clash.txt", "ours\n");
                let path = self.path.to_str().unwrap();
                assert_eq!(self.env.try_git(&["-C", path, "rebase", "-q", "side"]), None);
                self.works.push(Work::Commit(self.git(&["rev-parse", "HEAD"])));
                let marked = fs::read(self.path.join("clash.txt")).unwrap();
                assert!(marked.starts_with(b"<<<<<<<"));
                self.works.push(Work::Saved("clash.txt", marked));
            }
            "aside" => {
                self.commit("clash.txt", "ours\n");
                self.save("tracked.txt", b"put aside\r\n");
                let path = self.path.to_str().unwrap();
                let rebase = ["-C", path, "rebase", "-q", "--autostash", "side"];
                assert_eq!(self.env.try_git(&rebase), None);
                assert_eq!(fs::read(self.path.join("tracked.txt")).unwrap(), b"first\n");
            }
            "submodule" => self.submodule(),
            _ => {
                self.commit("clash.txt", "ours\n");
                let path = self.path.to_str().unwrap();
                assert_eq!(self.env.try_git(&["-C", path, "merge", "-q", "side"]), None);
                self.works.push(Work::Merging(self.git(&["rev-parse", "side"])));
                self.save("clash.txt", b"half resolved\n");
            }
        }
    }

    fn plain(&mut self) {
        self.write("tracked.txt", b"stashed");
        self.git(&["stash", "push", "-q"]);
        self.works.push(Work::Stashed(b"stashed".to_vec()));
        self.save("staged.txt", b"staged\r\n");
        self.git(&["add", "staged.txt"]);
        self.write("twice.txt", b"first");
        self.write("only-staged.txt", b"in the index");
        self.git(&["add", "twice.txt", "only-staged.txt"]);
        fs::remove_file(self.path.join("only-staged.txt")).unwrap();
        self.works.push(Work::Staged("twice.txt", b"first".to_vec()));
        self.works.push(Work::Staged("only-staged.txt", b"in the index".to_vec()));
        self.save("twice.txt", b"second");
        self.save("tracked.txt", b"not staged, \0 no text\xff");
        self.save("deep/er/an odd \u{e9} name", b"");
        for (flag, file) in
            [("--assume-unchanged", "assumed.txt"), ("--skip-worktree", "skipped.txt")]
        {
            self.git(&["update-index", flag, file]);
            self.save(file, b"hidden from status");
        }
        fs::set_permissions(self.path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        self.works.push(Work::Mode("run.sh", "100755"));
        symlink("nowhere", self.path.join("link")).unwrap();
        self.works.push(Work::Saved("link", b"nowhere".to_vec()));
        self.works.push(Work::Mode("link", "120000"));
        // An empty folder is nobody's.
        fs::create_dir(self.path.join("empty")).unwrap();
        let mut trashed = vec![("secret.ignored", "ignored")];
        self.git(&["init", "-q", "nested"]);
        trashed.extend([("nested/inner.txt", "committed"), ("nested/loose.txt", "not")]);
        self.works.push(Work::Inside("nested/inner.txt", b"committed".to_vec()));
        self.works.push(Work::Inside("nested/loose.txt", b"not".to_vec()));
        for (file, text) in trashed {
            self.write(file, text.as_bytes());
            self.works.push(Work::Trashed(file, text.as_bytes().to_vec()));
        }
        let nested = self.path.join("nested");
        let nested = nested.to_str().unwrap();
        self.env.git(&["-C", nested, "add", "inner.txt"]);
        self.env.git(&["-C", nested, "commit", "-q", "--no-verify", "-m", "inner"]);
        self.works.push(Work::Commit(self.env.git(&["-C", nested, "rev-parse", "HEAD"])));
    }

    /// Work in a submodule: edited, not tracked, and committed on two branches of its own.
    fn submodule(&mut self) {
        self.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "update", "--init"]);
        let inner = self.path.join("lib");
        let inner = inner.to_str().unwrap();
        for branch in ["left", "right"] {
            self.env.git(&["-C", inner, "checkout", "-q", "-b", branch]);
            let message = ["commit", "-q", "--allow-empty", "--no-verify", "-m", branch];
            self.env.git(&[&["-C", inner], &message[..]].concat());
            self.works.push(Work::Commit(self.env.git(&["-C", inner, "rev-parse", "HEAD"])));
            self.env.git(&["-C", inner, "checkout", "-q", "--detach", "origin/main"]);
        }
        self.write("lib/lib.txt", b"edited\r\n");
        self.works.push(Work::Inside("lib/lib.txt", b"edited\r\n".to_vec()));
        self.write("lib/new.txt", b"\0new");
        self.works.push(Work::Inside("lib/new.txt", b"\0new".to_vec()));
    }
}

/// A world whose tasks all run and have unsaved work, and what that is.
fn at_work(env: &TestEnvironment) -> (Loop, Vec<(&'static str, Vec<Work>)>) {
    let running = env.start_loop();
    for task in TASKS {
        env.wait_for_start(task, 1);
    }
    let made = TASKS.map(|task| {
        let mut place = Place { env, task, path: env.worktree(task), works: Vec::new() };
        place.make();
        (task, place.works)
    });
    (running, made.into())
}

/// A world with the tasks, in which work lands in this way.
fn world(method: &str) -> TestEnvironment {
    let env = TestEnvironment::new();
    for file in ["assumed.txt", "skipped.txt", "run.sh", "clash.txt"] {
        fs::write(env.path(file), "first\n").unwrap();
    }
    with_submodule(&env);
    env.commit("files");
    env.git(&["checkout", "-q", "-b", "side"]);
    fs::write(env.path("clash.txt"), "theirs\n").unwrap();
    env.commit("theirs");
    env.git(&["checkout", "-q", "main"]);
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 7}));
    env.write_object("policy", "Policy", &json!({"merge": {"method": method}}));
    for task in TASKS {
        env.write_task(task, &env.waiting(task));
    }
    env.commit("tasks");
    env
}

/// Adds a submodule at `lib`.
fn with_submodule(env: &TestEnvironment) {
    let lib = env.base().join("lib");
    let lib = lib.to_str().unwrap();
    env.git(&["init", "-q", lib]);
    fs::write(Path::new(lib).join("lib.txt"), "first\n").unwrap();
    env.git(&["-C", lib, "add", "-A"]);
    env.git(&["-C", lib, "commit", "-q", "-m", "lib"]);
    env.git(&["-c", "protocol.file.allow=always", "submodule", "-q", "add", lib, "lib"]);
}

fn delete_all(env: &TestEnvironment) {
    env.git(&["rm", "-q", "-r", "state/tasks"]);
    env.git(&["commit", "-q", "-m", "delete"]);
}

fn wait_until_all_left(env: &TestEnvironment) {
    for task in TASKS {
        env.wait_until(&format!("the worktree of {task} to go"), || !is_there(&env.worktree(task)));
        env.wait_until(&format!("{task} to be in the trash"), || !env.trash(task).is_empty());
    }
}

/// Ends the loop and the agents, as a machine that goes down.
fn end_all(env: &TestEnvironment, running: Loop) {
    running.kill();
    let pids: Vec<u32> = TASKS.iter().map(|task| env.shim(task).unwrap()).collect();
    for task in TASKS {
        env.let_go(task);
    }
    env.wait_until("the agents to end", || !pids.iter().any(|pid| TestEnvironment::is_alive(*pid)));
}

/// Asserts that each work can be had back.
fn assert_kept(env: &TestEnvironment, made: &[(&str, Vec<Work>)]) {
    for (task, works) in made {
        let below = format!("refs/reconciler/rescue/{task}/");
        let rescues = env.git(&["for-each-ref", "--format=%(refname)", &below]);
        let rescues: Vec<&str> = rescues.lines().collect();
        let trash = env.trash(task);
        for work in works {
            let kept = is_kept(env, work, (&rescues, &trash));
            assert!(kept, "{task}: {work:?} is in none of {rescues:?} {trash:?}\n{}", env.tell());
        }
    }
}

/// Asserts that a person has it back by the verbs alone.
fn assert_restored(env: &TestEnvironment, rescue: &str, file: &str, bytes: &[u8]) {
    let said = env.reconciler(&["rescue", "restore", rescue]).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let branch = format!("rescue/{}", rescue.replace('/', "-"));
    let there = shown(env, Path::new("."), &format!("{branch}:{file}"));
    assert_eq!(there.as_deref(), Some(bytes), "{rescue}");
}

fn is_kept(env: &TestEnvironment, work: &Work, (rescues, trash): (&[&str], &[PathBuf])) -> bool {
    let refs = |ask: &dyn Fn(&str) -> bool| rescues.iter().any(|one| ask(one));
    let trashed = |ask: &dyn Fn(&Path) -> bool| trash.iter().any(|one| ask(one));
    match work {
        Work::Saved(file, bytes) => refs(&|one| {
            shown(env, Path::new("."), &format!("{one}:{file}")).as_ref() == Some(bytes)
        }),
        Work::Inside(path, bytes) => refs(&|one| {
            let (_, file) = path.split_once('/').unwrap();
            shown(env, Path::new("."), &format!("{one}:{file}")).as_ref() == Some(bytes)
        }),
        Work::Trashed(file, bytes) => {
            trashed(&|one| fs::read(one.join(file)).ok().as_ref() == Some(bytes))
        }
        Work::Staged(file, bytes) => {
            trashed(&|one| shown(env, one, &format!(":{file}")).as_ref() == Some(bytes))
        }
        Work::Mode(file, mode) => refs(&|one| env.git(&["ls-tree", one, file]).starts_with(mode)),
        Work::Commit(id) => {
            let places = ["refs/heads", "refs/reconciler/rescue"];
            !env.git(&[&["for-each-ref", "--contains", id], &places[..]].concat()).is_empty()
        }
        Work::Logged(id) => trashed(&|one| {
            let log = env.git(&["-C", one.to_str().unwrap(), "rev-list", "--walk-reflogs", "HEAD"]);
            log.lines().any(|line| line == id)
        }),
        Work::Merging(id) => trashed(&|one| {
            let head = env.try_git(&["-C", one.to_str().unwrap(), "rev-parse", "MERGE_HEAD"]);
            head.as_deref() == Some(id)
        }),
        Work::Stashed(bytes) => {
            shown(env, Path::new("."), "stash@{0}:tracked.txt").as_ref() == Some(bytes)
        }
    }
}

/// Returns what git shows of an object, to the byte.
fn shown(env: &TestEnvironment, place: &Path, object: &str) -> Option<Vec<u8>> {
    let mut git = env.command("git");
    let output = git.arg("-C").arg(place).args(["cat-file", "blob", object]).output().unwrap();
    output.status.success().then_some(output.stdout)
}

#[test]
fn what_deleted_tasks_did_not_save_is_kept() {
    let env = world("none");
    let (_running, made) = at_work(&env);
    delete_all(&env);
    wait_until_all_left(&env);
    assert_kept(&env, &made);
    assert_restored(&env, "plain/1.1", "loose.txt", b"not");
    assert_restored(&env, "aside/1.autostash", "tracked.txt", b"put aside\r\n");
    assert_restored(&env, "submodule/1.1", "lib.txt", b"edited\r\n");
    assert_restored(&env, "submodule/1.1", "new.txt", b"\0new");
}

#[test]
fn what_done_tasks_did_not_save_is_kept() {
    let env = world("none");
    let (_running, made) = at_work(&env);
    for task in TASKS {
        env.let_go(task);
    }
    wait_until_all_left(&env);
    assert_kept(&env, &made);
}

#[test]
fn what_landed_tasks_did_not_save_is_kept() {
    let env = world("squash");
    let (_running, made) = at_work(&env);
    let plain = env.worktree("plain");
    let work = ["commit", "-q", "--no-verify", "-m", "landed", "staged.txt"];
    env.git(&[&["-C", plain.to_str().unwrap()], &work[..]].concat());
    for task in TASKS {
        env.let_go(task);
    }
    wait_until_all_left(&env);
    // What was committed landed; the rest is saved on top of it.
    assert_eq!(shown(&env, Path::new("."), "main:staged.txt").unwrap(), b"staged\r\n");
    assert_kept(&env, &made);
}

#[test]
fn what_worktrees_without_a_record_hold_is_kept() {
    let env = world("none");
    let (running, made) = at_work(&env);
    end_all(&env, running);
    for folder in ["tasks", "attempts"] {
        fs::remove_dir_all(env.path(".reconciler").join(folder)).unwrap();
    }
    delete_all(&env);
    let _running = env.start_loop_when_free();
    wait_until_all_left(&env);
    assert_kept(&env, &made);
}

#[test]
fn what_is_not_saved_moves_with_a_task_to_another_worker() {
    let env = world("none");
    let (_running, made) = at_work(&env);
    env.write_object("workers/second", "Worker", &json!({"agent": "shell", "replicas": 7}));
    env.commit("second");
    let drained = env.reconciler(&["drain", "codegen", "--grace", "1s"]).output().unwrap();
    assert!(drained.status.success(), "{drained:?}");
    for task in TASKS {
        env.wait_for_start(task, 2);
    }
    delete_all(&env);
    wait_until_all_left(&env);
    assert_kept(&env, &made);
}

#[test]
fn a_full_disk_removes_nothing_and_all_is_kept_when_there_is_room() {
    let Some((env, disk)) = crate::lives::on_a_small_disk(world("none")) else {
        return eprintln!("skipped: no disk can be mounted here");
    };
    let (running, made) = at_work(&env);
    end_all(&env, running);
    delete_all(&env);
    let filler = fill(&disk);
    let running = env.start_loop_when_free();
    env.wait_until("the loop to be refused room", || {
        let said = fs::read_to_string(env.out("loop.stdout")).unwrap();
        said.contains("could not save unsaved work of plain")
    });
    for (task, works) in &made {
        assert!(is_there(&env.worktree(task)), "{task} went unsaved");
        for work in works {
            if let Work::Inside(file, bytes) | Work::Trashed(file, bytes) = work {
                assert_eq!(&fs::read(env.worktree(task).join(file)).unwrap(), bytes, "{file}");
            }
            if let Work::Saved(file, _) = work {
                let there = is_there(&env.worktree(task).join(file)) || *task == "aside";
                assert!(there, "{task}: {file}");
            }
        }
    }
    drop(running);
    fs::remove_file(filler).unwrap();
    let _running = env.start_loop_when_free();
    wait_until_all_left(&env);
    assert_kept(&env, &made);
}

/// Takes all the room of a disk.
fn fill(disk: &SmallDisk) -> PathBuf {
    use std::io::Write as _;
    let path = disk.path().join("filler");
    let mut file = fs::File::create(&path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
    path
}

#[test]
fn a_loop_killed_over_and_over_while_tasks_leave_loses_nothing() {
    let env = world("none");
    let (running, made) = at_work(&env);
    end_all(&env, running);
    delete_all(&env);
    let count = || {
        let refs = env.git(&["for-each-ref", "--format=%(refname)", "refs/reconciler/rescue"]);
        let trash: usize = TASKS.iter().map(|task| env.trash(task).len()).sum();
        let left = TASKS.iter().filter(|task| env.branch_of(task).is_some()).count();
        (refs.lines().count(), trash, left)
    };
    loop {
        let before = count();
        if before.2 == 0 {
            break;
        }
        let running = env.start_loop_when_free();
        env.wait_until("a step", || count() != before);
        running.kill();
    }
    let _running = env.start_loop_when_free();
    wait_until_all_left(&env);
    assert_kept(&env, &made);
}
