//! One program on a terminal of its own, from its start until nothing of it lives. It starts no
//! shell, and hands nothing to the program that the attempt does not name.

use super::ear::{Ear, Heard};
use super::ending::Ended;
use super::log::Log;
use super::pane::{self, Screen};
use super::talk::Talk;
use super::{Shim, Signals, children, stop_reason};
use crate::api::attempt::{Attempt, Dialogue, ExitReason, FailureClass, StopReason};
use crate::api::report::Source;
use crate::disk;
use crate::fault::{self, Verdict};
use crate::process::clock;
use crate::records::Records;
use pty_process::{OwnedReadPty, OwnedWritePty, Pty};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};
use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::signal::unix;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, UnboundedReceiver};
use tokio::time::{Sleep, timeout};

/// How long the last output of a program that is gone may take to reach log and pane.
const LAST_OUTPUT: Duration = Duration::from_secs(2);
/// How long a program that has said that it is done may take for its last words, before it is ended.
const LAST_WORDS: Duration = Duration::from_mins(1);
/// A terminal never gives more at once.
const READ_MAX: usize = 4096;

/// Runs the agent of an attempt, and talks with it. Returns how it ended, by its own word if it gave
/// one, and what is known of the reason of a failure.
pub(super) async fn work(shim: &mut Shim<'_>) -> (Ended, Option<FailureClass>) {
    let (records, attempt) = (shim.records, shim.attempt);
    let program = &attempt.program;
    let mut ear = Ear::new(&program.dialogue);
    let ended = match run(shim, &program.argv, Some(&mut ear)).await {
        Ok(ended) => ended,
        Err(NotStarted { message, class }) => return (Ended::NotStarted(message), class),
    };
    let report = records.reported(&attempt.id).ok().flatten();
    let is_silent = report.is_none() && ended == Ended::Exited(0);
    let ended = if is_silent && program.dialogue.must_report {
        Ended::Unreported
    } else {
        ended.by_its_word(report, program.verify.as_ref())
    };
    let class = ear.trouble().filter(|_| ended.is_failure());
    (ended, class)
}

/// Runs the verification of an attempt.
pub(super) async fn verify(shim: &mut Shim<'_>, argv: &[String]) -> Ended {
    run(shim, argv, None).await.unwrap_or_else(|not| Ended::NotStarted(not.message))
}

/// Runs a program until neither it nor anything it started lives.
async fn run(
    shim: &mut Shim<'_>,
    argv: &[String],
    ear: Option<&mut Ear>,
) -> Result<Ended, NotStarted> {
    let dialogue = ear.is_some().then_some(&shim.attempt.program.dialogue);
    let Running { pty, child, leader, terminal } = start(shim, argv, dialogue)?;
    shim.started_at.get_or_insert_with(clock::now);
    let (records, attempt) = (shim.records, shim.attempt);
    let Signals { died, resized, hung_up, terminated, told, .. } = &mut shim.signals;
    let (limit, fenced) = (shim.limit.as_mut(), shim.fenced);
    let cut = Cut { hung_up, terminated, limit, fenced, records, attempt };
    let (output, input) = pty.into_split();
    let (heard, word) = (Heard::nothing(), Notify::new());
    let (keys, typed) = mpsc::unbounded_channel();
    let talk = dialogue.map(|dialogue| Talk { records, attempt, dialogue, heard: &heard, keys });
    let mut life = pin!(live(leader, died, cut, (talk.as_ref(), &word)));
    let mut show = pin!(show(output, &mut shim.log, &mut shim.pane.screen, (ear, &heard)));
    let mut feed = pin!(feed(input, &mut shim.pane.keys, typed));
    let mut talking = pin!(async {
        match &talk {
            Some(talk) => talk.go_on(told, &word).await,
            None => std::future::pending().await,
        }
    });
    let mut follow = pin!(follow_size(terminal, resized));
    let mut silent = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut life => break ended,
            () = &mut show, if !silent => silent = true,
            never = &mut feed => match never {},
            never = &mut follow => match never {},
            never = &mut talking => match never {},
        }
    };
    if !silent {
        // Nobody holds the terminal any more: what is in it comes, and then its end.
        timeout(LAST_OUTPUT, show).await.ok();
    }
    if let Some(talk) = &talk {
        talk.note_conversation();
    }
    // Kept until here: dropped earlier, its runtime would take the exit status.
    drop(child);
    Ok(ended)
}

/// A program that could not be started.
struct NotStarted {
    message: String,
    class: Option<FailureClass>,
}

struct Running {
    pty: Pty,
    child: Child,
    leader: Pid,
    terminal: OwnedFd,
}

fn start(
    shim: &Shim<'_>,
    argv: &[String],
    dialogue: Option<&Dialogue>,
) -> Result<Running, NotStarted> {
    let directory = &shim.attempt.directory;
    let Some((program, arguments)) = argv.split_first() else {
        return Err(NotStarted { message: "no program is named".to_owned(), class: None });
    };
    let fail = |error: pty_process::Error| not_started((program, directory), &error);
    let system = |error: io::Error| fail(error.into());
    let (pty, inside) = pty_process::open().map_err(fail)?;
    pty.resize(pane::size()).map_err(fail)?;
    let terminal = pty.as_fd().try_clone_to_owned().map_err(system)?;
    match fault::before("start agent").map_err(system)? {
        Verdict::Do | Verdict::Pretend => {}
    }
    let mut command = pty_process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&shim.environment)
        .current_dir(directory);
    if let Some(text) = dialogue.and_then(|dialogue| dialogue.stdin.as_ref()) {
        command = command.stdin(Stdio::from(disk::nameless(text.as_bytes()).map_err(system)?));
    }
    let child = command.spawn(inside).map_err(fail)?;
    fault::during("start agent");
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    let leader = pid.expect("a child nobody waited for has its pid");
    Ok(Running { pty, child, leader, terminal })
}

fn not_started((program, directory): (&str, &Path), error: &pty_process::Error) -> NotStarted {
    let (message, class) = match (disk::is_there(directory), error) {
        (Ok(false), _) => {
            (format!("cannot start `{program}`: there is no {}", directory.display()), None)
        }
        (Ok(true), pty_process::Error::Io(io)) if io.kind() == io::ErrorKind::NotFound => {
            (format!("there is no program `{program}`"), Some(FailureClass::AgentMissing))
        }
        (Ok(true) | Err(_), _) => {
            (format!("cannot start `{program}` in {}: {error}", directory.display()), None)
        }
    };
    NotStarted { message, class }
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

/// What comes first in the life of a program.
enum First {
    Ended(Ended),
    Cut(ExitReason),
    /// It said that it is done, or failed.
    Word,
}

async fn live(
    leader: Pid,
    died: &mut unix::Signal,
    mut cut: Cut<'_>,
    (talk, word): (Option<&Talk<'_>>, &Notify),
) -> Ended {
    let mut first = tokio::select! {
        biased;
        ended = children::ended(leader, died) => First::Ended(ended),
        reason = cut.comes() => First::Cut(reason),
        () = word.notified() => First::Word,
    };
    let grace = Duration::from_secs(cut.attempt.program.stop_grace_seconds.into());
    if let (First::Word, Some(talk)) = (&first, talk) {
        let last_words = async {
            talk.say_goodbye().await;
            let by_marker = talk.report().is_some_and(|report| report.by == Source::Marker);
            // The marker is its last line; anything else is said while it still works.
            tokio::time::sleep(if by_marker { LAST_OUTPUT } else { LAST_WORDS }).await;
        };
        first = tokio::select! {
            biased;
            ended = children::ended(leader, died) => First::Ended(ended),
            reason = cut.comes() => First::Cut(reason),
            () = last_words => First::Word,
        };
    }
    let ended = match first {
        First::Ended(ended) => ended,
        First::Cut(reason) => {
            end(leader, died, grace).await;
            Ended::Cut(reason)
        }
        First::Word => {
            end(leader, died, grace).await;
            // Its word says how.
            Ended::Exited(0)
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
async fn show(
    mut output: OwnedReadPty,
    log: &mut Log,
    screen: &mut Screen,
    (mut ear, heard): (Option<&mut Ear>, &Heard),
) {
    let mut buffer = vec![0; READ_MAX];
    while let Ok(length) = output.read(&mut buffer).await {
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            return;
        }
        log.write(piece);
        if let Some(ear) = &mut ear {
            ear.hear(piece, heard);
        }
        screen.show(piece).await;
    }
}

/// Hands what is typed to the program, by a person or by us.
async fn feed(
    mut input: OwnedWritePty,
    keys: &mut Receiver<Vec<u8>>,
    mut ours: UnboundedReceiver<Vec<u8>>,
) -> Infallible {
    loop {
        let typed = tokio::select! {
            Some(typed) = ours.recv() => typed,
            Some(typed) = keys.recv() => typed,
            else => return std::future::pending().await,
        };
        // A program whose terminal is closed reads nothing any more.
        input.write_all(&typed).await.ok();
    }
}

/// Gives the inner terminal the size of the outer one whenever that changes.
async fn follow_size(terminal: OwnedFd, resized: &mut unix::Signal) -> Infallible {
    while resized.recv().await.is_some() {
        tcsetwinsize(&terminal, Winsize::from(pane::size())).ok();
    }
    std::future::pending().await
}
