//! Pulse: whether a program that lives could answer at all: whether it is stopped, and whether it reads
//! what is typed. It asks the system alone, types nothing, and takes nothing that is the program's.

use super::children;
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;

/// Where the pulse of one program is felt.
#[derive(Debug)]
pub(super) struct Pulse<'a> {
    leader: Pid,
    terminal: &'a OwnedFd,
    /// The program's own side of the terminal; `None` when it cannot be told.
    inside: Option<CString>,
}

impl<'a> Pulse<'a> {
    /// Returns that of the program with this pid on this terminal.
    pub(super) fn new(leader: Pid, terminal: &'a OwnedFd) -> Self {
        let inside = rustix::pty::ptsname(terminal, Vec::new()).ok();
        Self { leader, terminal, inside }
    }

    /// Returns whether the program, or what it runs in the foreground of its terminal, is stopped by a
    /// signal or a debugger.
    pub(super) fn is_stopped(&self) -> bool {
        let front = rustix::termios::tcgetpgrp(self.terminal).ok();
        let is_stopped = |pid: Pid| {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            stat.is_ok_and(|stat| children::state(&stat).is_some_and(|one| "Tt".contains(one)))
        };
        [Some(self.leader), front].into_iter().flatten().any(is_stopped)
    }

    /// Returns whether something was typed that nobody has read. What cannot be seen is read.
    pub(super) fn has_unread(&self) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |path: &CString| rustix::fs::open(path.as_c_str(), flags, Mode::empty()).ok();
        let terminal = self.inside.as_ref().and_then(open);
        terminal
            .is_some_and(|inside| rustix::io::ioctl_fionread(inside).is_ok_and(|count| count > 0))
    }
}
