//! One program on a terminal of its own, from its start until nothing of it lives. It starts no
//! shell, and hands nothing to the program that the attempt does not name.

use super::ending::Ended;
use super::log::Log;
use super::pane::{self, Screen};
use super::{Shim, Signals, children, stop_reason};
use crate::api::attempt::{Attempt, ExitReason, StopReason};
use crate::disk;
use crate::fault::{self, Verdict};
use crate::process::clock;
use crate::records::Records;
use pty_process::{OwnedReadPty, OwnedWritePty, Pty};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};
use std::convert::Infallible;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::signal::unix;
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Sleep, timeout};

/// How long the last output of a program that is gone may take to reach log and pane.
const LAST_OUTPUT: Duration = Duration::from_secs(2);
/// A terminal never gives more at once.
const READ_MAX: usize = 4096;

/// Runs a program until neither it nor anything it started lives.
pub(super) async fn run(shim: &mut Shim<'_>, argv: &[String]) -> Ended {
    let Running { pty, child, leader, terminal } = match start(shim, argv) {
        Ok(running) => running,
        Err(message) => return Ended::NotStarted(message),
    };
    shim.started_at.get_or_insert_with(clock::now);
    let (records, attempt) = (shim.records, shim.attempt);
    let Signals { died, resized, hung_up, terminated, .. } = &mut shim.signals;
    let (limit, fenced) = (shim.limit.as_mut(), shim.fenced);
    let cut = Cut { hung_up, terminated, limit, fenced, records, attempt };
    let (output, input) = pty.into_split();
    let mut life = pin!(live(leader, died, cut));
    let mut show = pin!(show(output, &mut shim.log, &mut shim.pane.screen));
    let mut feed = pin!(feed(input, &mut shim.pane.keys));
    let mut follow = pin!(follow_size(terminal, resized));
    let mut silent = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut life => break ended,
            () = &mut show, if !silent => silent = true,
            never = &mut feed => match never {},
            never = &mut follow => match never {},
        }
    };
    if !silent {
        // Nobody holds the terminal any more: what is in it comes, and then its end.
        timeout(LAST_OUTPUT, show).await.ok();
    }
    // Kept until here: dropped earlier, its runtime would take the exit status.
    drop(child);
    ended
}

struct Running {
    pty: Pty,
    child: Child,
    leader: Pid,
    terminal: OwnedFd,
}

fn start(shim: &Shim<'_>, argv: &[String]) -> Result<Running, String> {
    let directory = &shim.attempt.directory;
    let (program, arguments) = argv.split_first().ok_or("no program is named")?;
    let fail = |error: &dyn std::fmt::Display| match disk::is_there(directory) {
        Ok(false) => format!("cannot start `{program}`: there is no {}", directory.display()),
        Ok(true) | Err(_) => {
            format!("cannot start `{program}` in {}: {error}", directory.display())
        }
    };
    let (pty, inside) = pty_process::open().map_err(|error| fail(&error))?;
    pty.resize(pane::size()).map_err(|error| fail(&error))?;
    let terminal = pty.as_fd().try_clone_to_owned().map_err(|error| fail(&error))?;
    match fault::before("start agent").map_err(|error| fail(&error))? {
        Verdict::Do | Verdict::Pretend => {}
    }
    let child = pty_process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&shim.environment)
        .current_dir(directory)
        .spawn(inside)
        .map_err(|error| fail(&error))?;
    fault::during("start agent");
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    let leader = pid.expect("a child nobody waited for has its pid");
    Ok(Running { pty, child, leader, terminal })
}

/// What ends a program before its time.
struct Cut<'a> {
    hung_up: &'a mut unix::Signal,
    terminated: &'a mut unix::Signal,
    limit: Option<&'a mut Pin<Box<Sleep>>>,
    fenced: &'a Notify,
    records: &'a Records,
    attempt: &'a Attempt,
}

impl Cut<'_> {
    async fn comes(&mut self) -> ExitReason {
        let stopped = || stop_reason(self.records, &self.attempt.id);
        let limit = async {
            match &mut self.limit {
                Some(limit) => limit.as_mut().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminated.recv() => {
                stopped().unwrap_or(ExitReason::Signalled { signal: Signal::TERM.as_raw() })
            }
            // The loop may end the session right after it asked.
            _ = self.hung_up.recv() => stopped().unwrap_or(ExitReason::HungUp),
            () = self.fenced.notified() => ExitReason::Stopped { why: StopReason::TakenOver },
            () = limit => {
                ExitReason::TimedOut { after_seconds: self.attempt.program.timeout_seconds }
            }
        }
    }
}

async fn live(leader: Pid, died: &mut unix::Signal, mut cut: Cut<'_>) -> Ended {
    let early = tokio::select! {
        biased;
        ended = children::ended(leader, died) => Err(ended),
        reason = cut.comes() => Ok(reason),
    };
    let ended = match early {
        Err(ended) => ended,
        Ok(reason) => {
            let grace = cut.attempt.program.stop_grace_seconds;
            end(leader, died, Duration::from_secs(grace.into())).await;
            Ended::Cut(reason)
        }
    };
    fault::during("sweep children");
    children::sweep(died).await;
    fault::during("sweep children");
    ended
}

/// Ends the program and its process group. Its pid is its own until its exit status is taken.
async fn end(leader: Pid, died: &mut unix::Signal, grace: Duration) {
    fault::during("stop agent");
    // A stopped program must go on to end; one that is gone needs neither.
    kill_process_group(leader, Signal::TERM).ok();
    kill_process_group(leader, Signal::CONT).ok();
    if timeout(grace, children::ended(leader, died)).await.is_err() {
        kill_process_group(leader, Signal::KILL).ok();
        children::ended(leader, died).await;
    }
}

/// Shows and logs what the program writes, until nobody holds its terminal.
async fn show(mut output: OwnedReadPty, log: &mut Log, screen: &mut Screen) {
    let mut buffer = vec![0; READ_MAX];
    while let Ok(length) = output.read(&mut buffer).await {
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            return;
        }
        log.write(piece);
        screen.show(piece).await;
    }
}

/// Hands what is typed to the program.
async fn feed(mut input: OwnedWritePty, keys: &mut Receiver<Vec<u8>>) -> Infallible {
    while let Some(typed) = keys.recv().await {
        // A program whose terminal is closed reads nothing any more.
        input.write_all(&typed).await.ok();
    }
    std::future::pending().await
}

/// Gives the inner terminal the size of the outer one whenever that changes.
async fn follow_size(terminal: OwnedFd, resized: &mut unix::Signal) -> Infallible {
    while resized.recv().await.is_some() {
        tcsetwinsize(&terminal, Winsize::from(pane::size())).ok();
    }
    std::future::pending().await
}
