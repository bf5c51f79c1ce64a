//! What people do: work in worktrees, commit, delete, make mistakes and tidy up.

use super::Done;
use crate::agents;
use crate::world::{World, signal};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn git(world: &World, directory: &Path, arguments: &[&str]) -> bool {
    let mut command = world.env.command("git");
    command.current_dir(directory).args(arguments);
    crate::common::said(&mut command).status.success()
}

pub(super) fn edits(world: &mut World) -> Done {
    let (task, path) = world.a_worktree()?;
    let ignored = if world.rng.below(3) == 0 { ".ignored" } else { "" };
    let file = format!("person.{}{ignored}", world.fresh_number());
    let mark = format!("mark {task} {file}");
    fs::write(path.join(&file), format!("{mark}\n")).ok()?;
    world.fresh.push((Instant::now(), path.join(&file), mark));
    Some(format!("{task}: {file}"))
}

pub(super) fn commits(world: &mut World) -> Done {
    let told = edits(world)?;
    let (task, path) = world.a_worktree()?;
    git(world, &path, &["add", "-A"]).then_some(())?;
    git(world, &path, &["commit", "-qm", "by a person"]).then_some(())?;
    Some(format!("{told}; all of {task}"))
}

pub(super) fn checks_out(world: &mut World) -> Done {
    let (task, path) = world.a_worktree()?;
    let branch = format!("person-{}", world.fresh_number());
    let how: &[&str] = match world.rng.below(2) {
        0 => &["checkout", "-q", "--detach"],
        _ => &["checkout", "-q", "-b", &branch],
    };
    git(world, &path, how).then_some(())?;
    Some(format!("{task}: {how:?}"))
}

pub(super) fn removes_a_worktree(world: &mut World) -> Done {
    let (task, path) = world.a_worktree()?;
    let ours = world.env.try_git(&["worktree", "list", "--porcelain"])?;
    let place = format!("worktree {}\n", path.display());
    let is_locked =
        ours.split("\n\n").any(|one| one.starts_with(&place) && one.contains("\nlocked"));
    let path = path.to_str()?;
    let gone = world.env.try_git(&["worktree", "remove", "--force", path]).is_some();
    if gone && is_locked {
        world.break_property(format!("git removed the worktree of {task} when asked to"));
    }
    world.env.try_git(&["worktree", "prune"]);
    Some(format!("{task}: {}", if gone { "done" } else { "refused" }))
}

pub(super) fn deletes_a_folder(world: &mut World) -> Done {
    let (task, path) = world.a_worktree()?;
    let removed = fs::remove_dir_all(&path).is_ok();
    // What was in it was destroyed by the person, whatever is written in the next moment included.
    let of_it = format!("mark {task} ");
    let name = task.clone();
    excuse(world, &of_it);
    world.later(Duration::from_secs(1), move |world| excuse(world, &format!("mark {name} ")));
    Some(format!("{task}, {}", if removed { "all of it" } else { "not all of it" }))
}

fn excuse(world: &mut World, of_it: &str) {
    world.fresh.retain(|(_, _, mark)| !mark.starts_with(of_it));
    let marks = world.read("marks");
    let of_it = marks.lines().filter(|mark| mark.starts_with(of_it)).map(str::to_owned);
    world.excused.extend(of_it);
}

/// Adds tasks, and commits.
pub(crate) fn add(world: &mut World, count: u64) -> String {
    let mut names = Vec::new();
    for _ in 0..count {
        let name = format!("t{}", world.fresh_number());
        let spec = agents::draw(world);
        world.env.write_task(&name, &spec);
        names.push(name);
    }
    commit(world, &format!("{names:?}"))
}

fn commit(world: &World, what: &str) -> String {
    let committed = world.commit(what);
    format!("{what}{}", if committed { "" } else { " (not committed yet)" })
}

pub(super) fn adds_tasks(world: &mut World) -> Done {
    // A finished world is kept small.
    let room = (world.setting.workers * 2).saturating_sub(world.tasks().len());
    let count = (world.rng.below(5) + 1).min(room as u64);
    (count > 0).then(|| add(world, count))
}

fn change(world: &mut World, how: impl FnOnce(&mut World, &mut Value)) -> Done {
    let name = world.a_task()?;
    let mut spec = world.tasks().remove(&name)?;
    how(world, &mut spec);
    world.env.write_task(&name, &spec);
    Some(commit(world, &format!("{name}: {spec}")))
}

pub(super) fn changes_a_task(world: &mut World) -> Done {
    change(world, |world, spec| *spec = agents::draw(world))
}

pub(super) fn changes_a_priority(world: &mut World) -> Done {
    change(world, |world, spec| spec["priority"] = json!(world.rng.below(5) + 1))
}

pub(super) fn suspends_or_resumes(world: &mut World) -> Done {
    change(world, |_, spec| spec["suspend"] = json!(spec["suspend"] != json!(true)))
}

pub(super) fn deletes_a_task(world: &mut World) -> Done {
    let name = world.a_task()?;
    fs::remove_file(world.env.path(&format!("state/tasks/{name}.json"))).ok()?;
    Some(commit(world, &name))
}

pub(super) fn makes_anew(world: &mut World) -> Done {
    let name = world.a_task()?;
    fs::remove_file(world.env.path(&format!("state/tasks/{name}.json"))).ok()?;
    world.commit("delete").then_some(())?;
    let pause = world.rng.time(Duration::from_secs(3));
    let again = name.clone();
    world.later(pause, move |world| {
        let spec = agents::draw(world);
        world.env.write_task(&again, &spec);
        world.commit("anew");
    });
    Some(format!("{name}, after {pause:?}"))
}

pub(super) fn breaks_a_file(world: &mut World) -> Done {
    let name = world.a_task()?;
    let bad = ["", "{", "null", "{\"kind\": \"Task\"}", "\u{feff}{}", "{\"a\":1,\"a\":2}"];
    let text = *world.rng.pick(&bad);
    let path = format!("tasks/{name}.json");
    let before = fs::read_to_string(world.env.path(&format!("state/{path}"))).ok()?;
    world.env.write_state(&path, text);
    // Half of them stay as they are until the next period.
    if world.rng.below(2) == 0 {
        let pause = world.rng.time(Duration::from_secs(5));
        world.later(pause, move |world| {
            world.env.write_state(&path, &before);
            world.commit("mend the file");
        });
    }
    Some(commit(world, &format!("{name}: {text:?}")))
}

pub(super) fn resets_the_branch(world: &mut World) -> Done {
    let ours = world.env.try_git(&["rev-list", "--count", "base..HEAD"])?;
    let back = world.rng.below(4).min(ours.parse().ok()?);
    world.env.try_git(&["reset", "-q", "--hard", &format!("HEAD~{back}")])?;
    Some(format!("{back} commits back"))
}

pub(super) fn tidies_git(world: &mut World) -> Done {
    let all = "for i in 1 2 3 4 5 6 7 8; do git pack-refs --all; git gc -q; git worktree prune; sleep 0.3; done";
    let mut child = world.env.command("timeout");
    // What it says of refs that move meanwhile is told to nobody.
    let mut child = child.args(["8", "sh", "-c", all]).stderr(Stdio::null()).spawn().ok()?;
    world.later(Duration::from_secs(9), move |_| {
        // It takes along what it started.
        signal(child.id(), Signal::TERM);
        child.wait().ok();
    });
    Some("over and over".to_owned())
}
