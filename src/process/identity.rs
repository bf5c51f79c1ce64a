//! Who a process is: pid, start time and boot. A pid alone is nobody; a zombie is dead.

use crate::api::attempt::ProcessId;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

/// Returns the id of this boot.
///
/// # Errors
/// When the system does not tell it.
pub fn boot_id() -> io::Result<&'static str> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(id) = BOOT.get() {
        return Ok(id);
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BOOT.get_or_init(|| id.trim().to_owned()))
}

/// Returns what this machine calls itself; for people, and never to tell machines apart.
pub fn node() -> &'static str {
    static NODE: OnceLock<String> = OnceLock::new();
    NODE.get_or_init(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = name.trim();
        if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
    })
}

/// Returns the identity of a running process; `None` when there is none of this pid, or a zombie.
///
/// # Errors
/// When it cannot be seen.
pub fn of(pid: u32) -> io::Result<Option<ProcessId>> {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some((state, start_time)) = state_and_start(&stat) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat")));
    };
    let alive = !matches!(state, 'Z' | 'X');
    Ok(alive.then_some(ProcessId { pid, start_time, boot_id: boot_id()?.to_owned() }))
}

/// Returns the identity of this process.
///
/// # Errors
/// When the system does not tell it.
pub fn own() -> io::Result<ProcessId> {
    of(std::process::id())?.ok_or_else(|| io::Error::other("this process is not in /proc"))
}

/// Returns the process that started this one.
///
/// # Errors
/// When it cannot be seen, as when it is gone.
pub fn parent() -> io::Result<ProcessId> {
    let fail = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
    let parent = rustix::process::getppid().ok_or_else(|| fail("this process has no parent"))?;
    of(parent.as_raw_nonzero().get().unsigned_abs())?.ok_or_else(|| fail("it is gone"))
}

/// Returns the process that started the one that started this: of a program that a script runs, who
/// runs the script.
///
/// # Errors
/// When it cannot be seen, as when one of them is gone.
pub fn grandparent() -> io::Result<ProcessId> {
    let fail = |what: &str| io::Error::new(io::ErrorKind::NotFound, what.to_owned());
    let parent = rustix::process::getppid().ok_or_else(|| fail("this process has no parent"))?;
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat"))?;
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' '));
    let pid = fields.and_then(|mut fields| fields.nth(1)?.parse().ok());
    of(pid.ok_or_else(|| fail("its parent is not told"))?)?.ok_or_else(|| fail("it is gone"))
}

/// Returns when a process began, since boot, to a tick of the clock.
pub fn begun_at(process: &ProcessId) -> Duration {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(process.start_time.saturating_mul(1000) / ticks)
}

/// Returns whether this very process still runs.
///
/// # Errors
/// When it cannot be seen.
pub fn is_alive(process: &ProcessId) -> io::Result<bool> {
    Ok(process.boot_id == boot_id()? && of(process.pid)?.as_ref() == Some(process))
}

/// Returns the running processes, but this one, whose environment has the line `NAME=value`.
/// Processes of other users cannot be read and are not ours.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn with_mark(name: &str, value: &str) -> io::Result<Vec<ProcessId>> {
    Ok(by_marks([name])?.remove(&[value.as_bytes().to_owned()]).unwrap_or_default())
}

/// Returns the running processes, but this one, whose environment has a line `NAME=…` of each name,
/// by the values. Reads every process of the machine once.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn by_marks<const N: usize>(
    names: [&str; N],
) -> io::Result<BTreeMap<[Vec<u8>; N], Vec<ProcessId>>> {
    let lines = names.map(|name| format!("{name}=").into_bytes());
    let mut found: BTreeMap<[Vec<u8>; N], Vec<ProcessId>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { continue };
        let value = |line: &Vec<u8>| {
            let mut all = environment.split(|byte| *byte == 0);
            all.find_map(|one| one.strip_prefix(line.as_slice())).map(<[u8]>::to_owned)
        };
        let values = lines.each_ref().map(value);
        if pid != std::process::id()
            && values.iter().all(Option::is_some)
            && let Some(process) = of(pid)?
        {
            found.entry(values.map(Option::unwrap_or_default)).or_default().push(process);
        }
    }
    Ok(found)
}

/// Returns the running processes whose working directory is this folder or beneath it. Processes of
/// other users cannot be seen.
///
/// # Errors
/// When the list of processes cannot be read.
pub fn working_in(folder: &Path) -> io::Result<Vec<ProcessId>> {
    let folder = folder.canonicalize()?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let directory = std::fs::read_link(format!("/proc/{pid}/cwd"));
        if directory.is_ok_and(|directory| directory.starts_with(&folder)) {
            found.extend(of(pid)?);
        }
    }
    Ok(found)
}

/// Returns whether reading of a process failed because it has ended, or is ending.
pub(super) fn is_gone(error: &io::Error) -> bool {
    // Reading of a process that ends meanwhile gives ESRCH.
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3)
}

/// Reads fields 3 and 22; the command in field 2 may hold spaces and brackets (see proc(5)).
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_a_reused_pid_is_not() {
        let own = own().unwrap();
        assert!(is_alive(&own).unwrap());
        let other = ProcessId { start_time: own.start_time + 1, ..own.clone() };
        assert!(!is_alive(&other).unwrap());
        let earlier_boot = ProcessId { boot_id: "another".to_owned(), ..own };
        assert!(!is_alive(&earlier_boot).unwrap());
    }

    #[test]
    fn a_command_with_brackets_and_spaces_is_read_past() {
        let stat = "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(state_and_start(stat), Some(('S', 4242)));
    }
}
