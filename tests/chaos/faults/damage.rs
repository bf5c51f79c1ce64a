//! Files that are left over, damaged, removed, or cannot be written for a while.

use super::Done;
use crate::common::{is_there, said};
use crate::world::{World, list};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lock of git in a place where it hurts, as a git that was killed leaves it.
fn a_lock(world: &mut World) -> Option<PathBuf> {
    let common = world.env.path(".git");
    let entry = |world: &mut World| {
        let all = list(&common.join("worktrees"));
        (!all.is_empty()).then(|| world.rng.pick(&all).clone())
    };
    let branch = |world: &mut World| {
        let all = list(&common.join("refs/heads/fix"));
        (!all.is_empty()).then(|| world.rng.pick(&all).clone())
    };
    Some(match world.rng.below(7) {
        0 => common.join("packed-refs.lock"),
        1 => common.join("config.lock"),
        2 => common.join("index.lock"),
        3 => common.join("refs/heads/main.lock"),
        4 => entry(world)?.join("index.lock"),
        5 => entry(world)?.join("HEAD.lock"),
        _ => PathBuf::from(format!("{}.lock", branch(world)?.display())),
    })
}

/// Returns the locks of git that the loop is to remove when nobody holds them.
pub(crate) fn locks(world: &World) -> impl Iterator<Item = PathBuf> {
    let common = world.env.path(".git");
    let fixed = ["packed-refs.lock", "config.lock", "refs/heads/main.lock"];
    let mut all: Vec<PathBuf> = fixed.map(|name| common.join(name)).to_vec();
    for entry in list(&common.join("worktrees")) {
        all.extend(["index.lock", "HEAD.lock"].map(|name| entry.join(name)));
    }
    let branches = list(&common.join("refs/heads/fix"));
    all.extend(branches.into_iter().filter(|path| path.extension() == Some("lock".as_ref())));
    all.into_iter().filter(|path| is_there(path))
}

fn make_lock(path: &Path) -> Option<()> {
    fs::File::create_new(path).ok().map(drop)
}

pub(super) fn a_lock_nobody_holds(world: &mut World) -> Done {
    let path = a_lock(world)?;
    make_lock(&path)?;
    let told = path.display().to_string();
    // The loop removes it, but for that of the person's own index: that one is the person's to remove.
    if path == world.env.path(".git/index.lock") {
        world.later(Duration::from_mins(1), move |_| drop(fs::remove_file(path)));
    }
    Some(told)
}

pub(super) fn a_lock_somebody_holds(world: &mut World) -> Done {
    let path = a_lock(world)?;
    make_lock(&path)?;
    let mut command = world.env.command("sh");
    let hold = "exec 3>>\"$1\"; sleep 2; rm -f \"$1\"";
    let mut child = command.args(["-c", hold, "git"]).arg(&path).spawn().ok()?;
    let told = path.display().to_string();
    world.later(Duration::from_secs(3), move |_| drop(child.wait()));
    Some(told)
}

/// Damages a file in one of the ways in which files are.
fn tear(world: &mut World, path: &Path) -> Option<&'static str> {
    let bytes = fs::read(path).ok()?;
    let (how, bytes) = match world.rng.below(3) {
        0 => ("empty", Vec::new()),
        1 => ("half", bytes[..bytes.len() / 2].to_vec()),
        _ => ("other bytes", vec![0xff; bytes.len()]),
    };
    fs::write(path, bytes).ok()?;
    Some(how)
}

pub(super) fn a_damaged_record(world: &mut World) -> Done {
    let task = world.a_task()?;
    let mut all = vec![world.env.path(&format!(".reconciler/tasks/{task}.json"))];
    let folders = list(&world.env.path(".reconciler/attempts"));
    let of_it = |path: &&PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.split_once('.').is_some_and(|(first, _)| first == task))
    };
    let last = folders.iter().filter(of_it).filter_map(|folder| list(folder).pop());
    all.extend(last.flat_map(|attempt| list(&attempt)));
    all.retain(|path| path.extension().is_some_and(|end| end == "json"));
    let path = world.rng.pick(&all).clone();
    let how = tear(world, &path)?;
    let told = format!("{task}: {} {how}", path.display());
    world.damaged.entry(task).or_default().insert(path);
    Some(told)
}

pub(super) fn a_damaged_claim(world: &mut World) -> Done {
    let path = a_claim(world)?;
    let task = path.file_stem()?.to_str()?.to_owned();
    let how = tear(world, &path)?;
    world.damaged.entry(task.clone()).or_default().insert(path);
    Some(format!("{task} {how}"))
}

fn a_claim(world: &mut World) -> Option<PathBuf> {
    let mut all = list(&world.env.path(".task-locks"));
    all.retain(|path| path.extension().is_some_and(|end| end == "lock"));
    (!all.is_empty()).then(|| world.rng.pick(&all).clone())
}

pub(super) fn a_removed_claim(world: &mut World) -> Done {
    let path = a_claim(world)?;
    fs::remove_file(&path).ok()?;
    world.claims_were_removed = true;
    Some(path.display().to_string())
}

/// Removes a part of what this machine knows; never the guard, and never the trash, which is work.
pub(super) fn removed_records(world: &mut World) -> Done {
    let folder = world.env.path(".reconciler");
    let part =
        *world.rng.pick(&["tasks", "logs", "failures", "events.jsonl", "A TASK", "ATTEMPTS"]);
    let path = match part {
        "A TASK" => folder.join(format!("tasks/{}.json", world.a_task()?)),
        "ATTEMPTS" => {
            let all = list(&folder.join("attempts"));
            (!all.is_empty()).then(|| world.rng.pick(&all).clone())?
        }
        part => folder.join(part),
    };
    let tasks = if part == "tasks" { list(&path) } else { vec![path.clone()] };
    if path.is_dir() {
        fs::remove_dir_all(&path).ok()?;
    } else {
        fs::remove_file(&path).ok()?;
    }
    for path in tasks {
        forget(world, &path);
    }
    Some(path.display().to_string())
}

/// Notes that a file was removed, if it was the record of a task.
fn forget(world: &mut World, path: &Path) {
    let is_record = path.parent() == Some(&world.env.path(".reconciler/tasks"));
    if let Some(task) = path.file_stem().and_then(|name| name.to_str()).filter(|_| is_record) {
        *world.forgotten.entry(task.to_owned()).or_default() += 1;
    }
}

/// Root may write everywhere; only the attribute keeps it from that. Others need just the mode.
pub(super) fn a_closed_folder(world: &mut World) -> Done {
    let folders: [&str; 4] =
        [".reconciler/tasks", ".reconciler/attempts", ".task-locks", ".worktrees"];
    let folder = *world.rng.pick(&folders);
    let path = world.env.path(folder);
    let chattr = |world: &World, how: &str, path: &Path| {
        let mut command = world.env.command("chattr");
        said(command.arg(how).arg(path)).status.success()
    };
    chattr(world, "+i", &path).then_some(())?;
    world.folder_was_closed = true;
    let time = world.rng.time(Duration::from_secs(5));
    let told = format!("{} for {time:?}", path.display());
    world.later(time, move |world| _ = chattr(world, "-i", &path));
    Some(told)
}

/// A person removes what is damaged, and what makes no sense without it.
pub(crate) fn mend(world: &mut World) {
    let damaged = std::mem::take(&mut world.damaged);
    let paths: BTreeSet<PathBuf> = damaged.into_values().flatten().collect();
    for path in paths {
        if fs::metadata(&path).is_err() {
            continue;
        }
        let is_of_attempt = path.to_string_lossy().contains("/.reconciler/attempts/");
        let folder = path.parent().filter(|_| is_of_attempt);
        match folder {
            Some(folder) => drop(fs::remove_dir_all(folder)),
            None => drop(fs::remove_file(&path)),
        }
        forget(world, &path);
        let what = format!("a person removes {}", folder.unwrap_or(&path).display());
        world.tell(&what);
    }
}
