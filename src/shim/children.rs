//! The processes below the shim. As child subreaper it inherits every orphan of the program, so
//! "no children" means that nothing of the attempt lives; it never signals any other process.

use super::ending::Ended;
use crate::api::attempt::ProcessId;
use crate::process::identity;
use crate::process::signal::{self, Ask};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::signal::unix::Signal;

/// What the program left behind has so long between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// Processes may fork while they are killed: how often to look again.
const ROUND: Duration = Duration::from_millis(50);

/// Waits for the program to end, and buries the orphans that end meanwhile.
pub(super) async fn ended(program: Pid, died: &mut Signal) -> Ended {
    loop {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == program {
                return outcome(status);
            }
        }
        died.recv().await;
    }
}

fn outcome(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Ended::Exited(status),
        (None, Some(signal)) => Ended::Signalled(signal),
        // Only stopped and continued processes are neither, and those were not asked for.
        (None, None) => Ended::Signalled(0),
    }
}

/// Ends every process below this one, and returns when none is left.
pub(super) async fn sweep(died: &mut Signal) {
    let (mut asked, mut ask) = (BTreeSet::new(), Ask::Terminate);
    let mut grace = pin!(tokio::time::sleep(GRACE));
    while bury() == Left::Some {
        // What cannot be seen or signalled now is tried again in the next round.
        for process in descendants().unwrap_or_default() {
            if ask == Ask::Kill || asked.insert(process.clone()) {
                signal::send(&process, ask).ok();
            }
        }
        tokio::select! {
            _ = died.recv() => {}
            () = &mut grace, if ask == Ask::Terminate => ask = Ask::Kill,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

#[derive(PartialEq, Eq)]
enum Left {
    Some,
    None,
}

/// Takes the exit statuses of all dead children.
fn bury() -> Left {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Left::Some,
            Err(_) => return Left::None,
        }
    }
}

fn descendants() -> io::Result<Vec<ProcessId>> {
    let mut found = Vec::new();
    for pid in pids_below(std::process::id(), &parents()?) {
        found.extend(identity::of(pid)?);
    }
    // A pid that changed hands before its identity was taken is not below us any more.
    let still: BTreeSet<u32> = pids_below(std::process::id(), &parents()?).into_iter().collect();
    found.retain(|process| still.contains(&process.pid));
    Ok(found)
}

/// Returns whether there are processes below this one and all of them are stopped, by SIGSTOP or a
/// debugger: then nothing of the attempt can go on.
pub(super) fn stand_still() -> io::Result<bool> {
    let below = pids_below(std::process::id(), &parents()?);
    let of = |pid: &u32| state(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
    let live: Vec<char> = below.iter().filter_map(of).filter(|one| !"ZX".contains(*one)).collect();
    Ok(!live.is_empty() && live.iter().all(|one| "Tt".contains(*one)))
}

/// Reads field 3 of `/proc/PID/stat`.
pub(super) fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Returns the parent of every process. `/proc/PID/task/TID/children` would be shorter; not every
/// kernel has it.
fn parents() -> io::Result<BTreeMap<u32, u32>> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It ended meanwhile.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        parents.extend(parent(&stat).map(|parent| (pid, parent)));
    }
    Ok(parents)
}

/// Reads field 4; the command in field 2 may hold spaces and brackets (see proc(5)).
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

fn pids_below(root: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| **parent == above).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_every_depth_and_nobody_else() {
        let parents = BTreeMap::from([(2, 1), (3, 1), (10, 2), (11, 10), (12, 11), (13, 3)]);
        assert_eq!(pids_below(2, &parents), [10, 11, 12]);
        assert_eq!(pids_below(13, &parents), Vec::<u32>::new());
    }

    #[test]
    fn a_command_with_brackets_and_spaces_is_read_past() {
        assert_eq!(parent("7 (a) b) (c) S 42 2 3"), Some(42));
        assert_eq!(state("7 (a) b) (c) T 42 2 3"), Some('T'));
    }
}
