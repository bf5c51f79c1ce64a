//! Processes that are killed, stopped for a while, or started twice.

use super::Done;
use crate::common::said;
use crate::world::{World, signal};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(6);

fn is_shim(_: &str, line: &str) -> bool {
    line.contains("reconciler shim ")
}

fn is_agent(_: &str, line: &str) -> bool {
    line.contains("/agent.sh ")
}

fn is_tmux(name: &str, _: &str) -> bool {
    name == "tmux: server"
}

/// One of these processes, or some of them.
fn some(world: &mut World, is_so: fn(&str, &str) -> bool) -> Vec<u32> {
    let all = world.pids(is_so);
    if all.is_empty() {
        return all;
    }
    let count = if world.rng.below(3) == 0 { 5 } else { 1 };
    (0..count).map(|_| *world.rng.pick(&all)).collect()
}

fn kill(world: &mut World, is_so: fn(&str, &str) -> bool) -> Done {
    let pids = some(world, is_so);
    for pid in &pids {
        signal(*pid, Signal::KILL);
    }
    (!pids.is_empty()).then(|| format!("{pids:?}"))
}

fn stop(world: &mut World, pids: Vec<u32>) -> Done {
    let time = world.rng.time(LONG);
    for pid in &pids {
        signal(*pid, Signal::STOP);
    }
    let told = (!pids.is_empty()).then(|| format!("{pids:?} for {time:?}"));
    world.later(time, move |_| pids.into_iter().for_each(|pid| signal(pid, Signal::CONT)));
    told
}

pub(super) fn kill_the_loop(world: &mut World) -> Done {
    let pid = world.loop_pid()?;
    let pause = world.rng.time(Duration::from_secs(2));
    world.end_the_loop(Signal::KILL, pause);
    Some(format!("{pid}, again after {pause:?}"))
}

pub(super) fn end_the_loop(world: &mut World) -> Done {
    let pid = world.loop_pid()?;
    // One that is stopped does not end.
    signal(pid, Signal::CONT);
    world.end_the_loop(Signal::TERM, Duration::ZERO);
    Some(pid.to_string())
}

pub(super) fn stop_the_loop(world: &mut World) -> Done {
    let pids = world.loop_pid().into_iter().collect();
    stop(world, pids)
}

pub(super) fn second_loop(world: &mut World) -> Done {
    let first = world.loop_pid()?;
    let mut command = world.env.command("timeout");
    let said =
        said(command.args(["-s", "KILL", "20", env!("CARGO_BIN_EXE_reconciler"), "run", "--once"]));
    // The first may not have come to take the guard.
    if !matches!(said.status.code(), Some(0 | 3)) && !world.folder_was_closed {
        world.break_property(format!("a second loop beside {first}: {said:?}"));
    }
    Some(format!("beside {first}: {}", said.status))
}

pub(super) fn kill_shims(world: &mut World) -> Done {
    kill(world, is_shim)
}

pub(super) fn stop_shims(world: &mut World) -> Done {
    let pids = some(world, is_shim);
    stop(world, pids)
}

pub(super) fn kill_agents(world: &mut World) -> Done {
    kill(world, is_agent)
}

pub(super) fn stop_agents(world: &mut World) -> Done {
    let pids = some(world, is_agent);
    stop(world, pids)
}

pub(super) fn kill_tmux(world: &mut World) -> Done {
    kill(world, is_tmux)
}

pub(super) fn stop_tmux(world: &mut World) -> Done {
    let pids = some(world, is_tmux);
    stop(world, pids)
}

/// Asks tmux, which may be stopped.
fn tmux(world: &World, arguments: &[&str]) -> Option<String> {
    let sockets = crate::world::list(&world.env.base().join("t"));
    let socket = crate::world::list(sockets.first()?).into_iter().next()?;
    let mut command = world.env.command("timeout");
    command.args(["1", "tmux", "-f", "/dev/null", "-S"]).arg(socket).args(arguments);
    let said = said(&mut command);
    said.status.success().then_some(said.stdout)
}

fn a_session(world: &mut World) -> Option<String> {
    let all = tmux(world, &["list-sessions", "-F", "#{session_name}"])?;
    let all: Vec<&str> = all.lines().filter(|name| !name.starts_with('_')).collect();
    (!all.is_empty()).then(|| (*world.rng.pick(&all)).to_owned())
}

pub(super) fn kill_a_session(world: &mut World) -> Done {
    let name = a_session(world)?;
    tmux(world, &["kill-session", "-t", &format!("={name}")])?;
    Some(name)
}

pub(super) fn rename_a_session(world: &mut World) -> Done {
    let name = a_session(world)?;
    let new = format!("renamed-{}", world.fresh_number());
    tmux(world, &["rename-session", "-t", &format!("={name}"), &new])?;
    Some(format!("{name} to {new}"))
}

pub(super) fn kill_git(world: &mut World) -> Done {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        if let Some(told) = kill(world, |name, _| name == "git") {
            return Some(told);
        }
    }
    None
}

pub(super) fn a_busy_machine(world: &mut World) -> Done {
    let mut command = world.env.command("timeout");
    let mut child = command.args(["3", "sh", "-c", "while :; do :; done"]).spawn().ok()?;
    world.later(Duration::from_secs(4), move |_| {
        // It takes along what it started.
        signal(child.id(), Signal::TERM);
        child.wait().ok();
    });
    Some("for 3 s".to_owned())
}
