//! What there is at the end, as lines that are the same whenever the end is the same: paths, names
//! with a time or an id in them, and idle time's spare worktree are left out, nothing else.

use crate::common::TestEnvironment;
use std::fs;
use std::path::Path;

/// The ref that tells who holds what.
const LOCKS: &str = "refs/reconciler/locks";

/// Returns the end state of a world.
pub(crate) fn digest(env: &TestEnvironment) -> Vec<String> {
    let mut lines = Vec::new();
    for (task, report) in &env.snapshot().plan.report.tasks {
        lines.push(format!("task {task} {} {}", report.state, report.reason));
    }
    lines.extend(env.sessions().iter().map(|session| format!("session {session}")));
    lines.extend(worktrees(env));
    lines.extend(refs(env));
    lines.extend(trash(env));
    for folder in [".task-locks", ".reconciler/tasks"] {
        files(&env.path(folder), &mut |path| {
            lines.push(format!("file {folder}/{}", path.file_name().unwrap().display()));
        });
    }
    files(&env.path(".git"), &mut |path| {
        if path.extension().is_some_and(|end| end == "lock") {
            lines.push(format!("left over {}", path.display()));
        }
    });
    files(&env.path(".reconciler"), &mut |path| {
        if path.file_name().unwrap().to_str().unwrap().starts_with(".tmp-") {
            lines.push(format!("left over {}", path.display()));
        }
    });
    lines.push(format!("status {:?}", env.git(&["status", "--porcelain"])));
    let base = env.base().display().to_string();
    let mut lines: Vec<String> = lines.iter().map(|line| line.replace(&base, "BASE")).collect();
    lines.sort();
    lines
}

/// The linked worktrees that have a branch, and what lies in them that is not in their commit.
fn worktrees(env: &TestEnvironment) -> Vec<String> {
    let list = env.git(&["worktree", "list", "--porcelain"]);
    let mut lines = Vec::new();
    for block in list.split("\n\n").skip(1) {
        let field =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let (Some(path), Some(branch)) = (field("worktree "), field("branch ")) else { continue };
        lines.push(format!(
            "worktree {path} {} locked={}",
            named(&branch),
            field("locked").is_some()
        ));
        let changed = env.git(&["-C", &path, "status", "--porcelain"]);
        for line in changed.lines() {
            let file = line.split_whitespace().next_back().unwrap();
            let text = fs::read_to_string(Path::new(&path).join(file)).unwrap_or_default();
            lines.push(format!("in {path} {line} {text:?}"));
        }
    }
    lines
}

/// The branches of tasks and the rescues, each with all files of its tree but `state/`, in which
/// the path of this world stands.
fn refs(env: &TestEnvironment) -> Vec<String> {
    let all = env.git(&["for-each-ref", "--format=%(refname)"]);
    let mut lines = Vec::new();
    for name in all.lines() {
        if name == LOCKS {
            lines.extend(ledger(env));
            continue;
        }
        let tree = env.git(&["ls-tree", "-r", name]);
        let tree: Vec<&str> = tree.lines().filter(|line| !line.contains("\tstate/")).collect();
        lines.push(format!("ref {} {}", named(name), tree.join(", ")));
    }
    lines
}

/// Who holds something, and who held it last. How often a claim was taken is the fault's to say.
fn ledger(env: &TestEnvironment) -> Vec<String> {
    let names = env.git(&["ls-tree", "--name-only", LOCKS]);
    let line = |name: &str| {
        let text = env.git(&["cat-file", "blob", &format!("{LOCKS}:{name}")]);
        let released = text.contains("\"releasedAt\"");
        format!("ledger {name} {}", if released { "released" } else { "held" })
    };
    names.lines().map(line).collect()
}

/// The retired worktrees by the name of their task, with their files.
fn trash(env: &TestEnvironment) -> Vec<String> {
    let mut lines = Vec::new();
    let folder = env.path(".reconciler/trash");
    let Ok(entries) = fs::read_dir(folder) else { return lines };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        let task = name.split('.').next().unwrap().to_owned();
        lines.push(format!("trash {task}"));
        files(&entry, &mut |path| {
            let inside = path.strip_prefix(&entry).unwrap();
            // The link to the entry bears the entry's name; `state/` the path of this world.
            if inside != Path::new(".git") && !inside.starts_with("state") {
                let text = fs::read(path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                lines.push(format!("trash {task} {} {text:?}", inside.display()));
            }
        });
    }
    lines
}

/// A name without the part that is another in each world: the uid, the attempt and the time.
fn named(name: &str) -> String {
    let keep = if name.contains("/reconciler/rescue/") { 4 } else { 3 };
    name.split('/').take(keep).collect::<Vec<_>>().join("/")
}

fn files(folder: &Path, found: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}
