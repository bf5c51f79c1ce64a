//! Signals to processes that are certain to be the ones meant: by pidfd, after the identity was
//! compared, so that a reused pid is never hit.

use super::identity;
use crate::api::attempt::ProcessId;
use crate::fault::{self, Verdict};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;

/// What a signal can do to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// SIGTERM: end, please.
    Terminate,
    /// SIGKILL: end.
    Kill,
    /// SIGUSR1: something was written down for it.
    Look,
}

/// Sends a signal. Returns `false` when the process is gone already.
///
/// # Errors
/// When the system refuses; then it is unknown whether the process lives.
pub fn send(process: &ProcessId, ask: Ask) -> std::io::Result<bool> {
    let Some(handle) = open(process)? else { return Ok(false) };
    let signal = match ask {
        Ask::Terminate => Signal::TERM,
        Ask::Kill => Signal::KILL,
        Ask::Look => Signal::USR1,
    };
    match fault::before("signal")? {
        Verdict::Do => {}
        Verdict::Pretend => return Ok(true),
    }
    match pidfd_send_signal(&handle, signal) {
        Ok(()) => fault::after("signal").map(|()| true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens a handle that becomes readable when the process ends; `None` when it is gone.
///
/// # Errors
/// When the system refuses; then it is unknown whether the process lives.
pub fn open(process: &ProcessId) -> std::io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    let handle = match pidfd_open(pid, PidfdFlags::NONBLOCK) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Compared after the handle is open: the pid cannot change hands any more.
    Ok(identity::is_alive(process)?.then_some(handle))
}

/// Kills a process group of our own making, whose leader we have not waited for.
pub(super) fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // Nothing is left to kill when this fails.
        rustix::process::kill_process_group(pid, Signal::KILL).ok();
    }
}
