//! What runs in each tmux pane: it starts the program of one attempt, writes its log and heartbeat,
//! keeps its claim, and records its end when nothing of it lives. It never starts an attempt that another shim took
//! or that the loop closed, and never decides whether to try again.

mod children;
mod confine;
mod ear;
mod ending;
mod environment;
mod errand;
mod lease;
mod log;
mod mask;
mod pane;
mod program;
mod pulse;
#[cfg(test)]
mod recorded;
pub mod scope;
mod stall;
mod talk;
pub mod view;

pub use mask::masked;

/// What the fuzz targets try, which nobody else needs.
pub mod door {
    pub use super::ear::is_marked;
    pub use super::talk::{Pastes, keys};
}

use crate::api::attempt::{
    Attempt, AttemptId, Exit, ExitReason, FailureClass, OWN_PROGRAM, ShimRecord,
};
use crate::api::worker::SessionOf;
use crate::disk::{self, Published};
use crate::locks::Claims;
use crate::process::{clock, identity};
use crate::records::{self, Records};
use ending::Ended;
use environment::Environment;
use jiff::Timestamp;
use lease::{Holder, Lease};
use log::Log;
use pane::Pane;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Sleep;

/// The waits between two tries to write the exit record.
const CLOSE_WAIT: Duration = Duration::from_millis(100);
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(30);

/// So deep below the root of the repository are the folders of attempts.
const FOLDER_DEPTH: usize = 4;

/// Notes what the attempt with this folder runs without. It runs all the same: what cannot be noted
/// shows in `doctor` only.
pub fn note_lack(folder: &Path, lack: &str) {
    if let Ok((records, attempt)) = Records::around(folder) {
        records.note_lack(&attempt.id, lack).ok();
    }
}

/// Why a shim started nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The attempt could not be read or taken.
    #[error(transparent)]
    Records(#[from] records::Error),
    /// The system refused what a shim needs before it may take an attempt.
    #[error("cannot prepare for {attempt}")]
    System {
        /// Which attempt.
        attempt: AttemptId,
        /// What the system said.
        source: io::Error,
    },
    /// Another shim was first.
    #[error("{0} is taken by another shim")]
    Taken(AttemptId),
    /// The loop has closed the attempt.
    #[error("{0} is closed already")]
    Closed(AttemptId),
}

/// Runs the attempt in this folder to its end and returns the exit status for the pane, while it
/// keeps the claim in the repository with this common git directory. It needs a current-thread runtime with signals, time and I/O, and the process for itself.
///
/// # Errors
/// When nothing was started, and there is nothing to clean up: show the error and exit.
pub async fn run(folder: &Path, common_dir: &Path) -> Result<i32, Error> {
    let (records, attempt) = Records::around(folder)?;
    let fail = |source| Error::System { attempt: attempt.id.clone(), source };
    // Before the attempt is taken: whoever reads who took it may signal at once.
    let signals = Signals::listen().map_err(fail)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|errno| fail(errno.into()))?;
    let process = identity::own().map_err(fail)?;
    let shim = ShimRecord { process: process.clone(), started_at: clock::now() };
    take(&records, &attempt.id, &shim)?;
    let root = folder.ancestors().nth(FOLDER_DEPTH).unwrap_or(folder);
    let (claims, common_dir) = (Claims::at(root), common_dir.to_owned());
    let lease = Lease { attempt: &attempt, process, claims, common_dir };
    let fenced = Notify::new();
    tokio::select! {
        biased;
        reason = see_through(&records, &lease, (signals, &fenced)) => Ok(ending::code(&reason)),
        never = beat(&records, &lease, &fenced) => match never {},
    }
}

/// Sets our flag, then looks at the loop's; the loop does it the other way round. So at least one
/// of the two sees the other, and no attempt runs that the loop has given up.
fn take(records: &Records, id: &AttemptId, shim: &ShimRecord) -> Result<(), Error> {
    if records.take(id, shim)? == Published::Existed {
        return Err(Error::Taken(id.clone()));
    }
    let closed = records.attempt(id)?.is_none_or(|files| files.exit.is_some());
    if closed { Err(Error::Closed(id.clone())) } else { Ok(()) }
}

async fn see_through(records: &Records, lease: &Lease<'_>, told: (Signals, &Notify)) -> ExitReason {
    let attempt = lease.attempt;
    let (started_at, (reason, class)) = match stop_reason(records, &attempt.id) {
        Some(reason) => (None, (reason, None)),
        None => work(records, lease, told).await,
    };
    let exit = Exit { started_at, ended_at: clock::now(), reason, class };
    close(records, &attempt.id, &exit).await;
    exit.reason
}

async fn work(
    records: &Records,
    lease: &Lease<'_>,
    told: (Signals, &Notify),
) -> (Option<Timestamp>, (ExitReason, Option<FailureClass>)) {
    let mut shim = match Shim::new(records, lease, told) {
        Ok(shim) => shim,
        Err(error) => {
            let message = format!("cannot open the terminal: {error}");
            return (None, (ExitReason::NotStarted { message }, None));
        }
    };
    let ended = shim.work().await;
    shim.log.finish();
    if lease.attempt.session == SessionOf::Worker {
        shim.hand_over(&ended.0).await;
    }
    shim.pane.close().await;
    (shim.started_at, ended)
}

/// Writes the exit record, however long the disk refuses it: without it, the end is lost.
async fn close(records: &Records, id: &AttemptId, exit: &Exit) {
    let mut wait = CLOSE_WAIT;
    while records.close(id, exit).is_err() {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(CLOSE_WAIT_MAX);
    }
}

/// Shows that the shim lives, and keeps the claim; says so when that is somebody else's by now.
async fn beat(records: &Records, lease: &Lease<'_>, fenced: &Notify) -> Infallible {
    let pause = Duration::from_secs(lease.attempt.heartbeat_seconds.max(1).into());
    loop {
        // One that fails is made up for by the next.
        records.beat(&lease.attempt.id).ok();
        if lease.keep().await == Holder::Another {
            fenced.notify_one();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Returns how an attempt ends that the loop asked to stop; `None` when it did not.
fn stop_reason(records: &Records, id: &AttemptId) -> Option<ExitReason> {
    let stop = records.attempt(id).ok()??.stop?;
    Some(match stop {
        Ok(stop) => ExitReason::Stopped { why: stop.why },
        // Asked for a reason that cannot be read: an end from outside.
        Err(_) => ExitReason::Signalled { signal: rustix::process::Signal::TERM.as_raw() },
    })
}

/// One attempt at work.
struct Shim<'a> {
    records: &'a Records,
    attempt: &'a Attempt,
    common_dir: &'a Path,
    /// Our own program, as it was called at the start: an upgrade takes the same place.
    own_program: PathBuf,
    environment: Environment,
    /// What holds the program to its limits.
    scope: scope::Scope,
    signals: Signals,
    fenced: &'a Notify,
    pane: Pane,
    log: Log,
    limit: Option<Pin<Box<Sleep>>>,
    started_at: Option<Timestamp>,
}

impl<'a> Shim<'a> {
    fn new(
        records: &'a Records,
        lease: &'a Lease<'_>,
        (signals, fenced): (Signals, &'a Notify),
    ) -> io::Result<Self> {
        let attempt = lease.attempt;
        let own: Environment = std::env::vars_os().collect();
        let secrets = environment::secrets(&attempt.program, &own);
        let limit = attempt.program.timeout_seconds;
        let own_program = records.folder(&attempt.id).join(OWN_PROGRAM);
        let bin = own_program.parent().unwrap_or(&own_program).to_owned();
        Ok(Self {
            records,
            attempt,
            common_dir: &lease.common_dir,
            own_program: std::env::current_exe().unwrap_or_else(|_| "reconciler".into()),
            environment: environment::of(&attempt.program, &own, &bin),
            scope: scope::Scope::default(),
            signals,
            fenced,
            pane: Pane::open()?,
            log: Log::new(records.log_path(attempt), &secrets),
            limit: (limit > 0)
                .then(|| Box::pin(tokio::time::sleep(Duration::from_secs(limit.into())))),
            started_at: None,
        })
    }

    /// Runs the program, and its verification if it succeeded.
    async fn work(&mut self) -> (ExitReason, Option<FailureClass>) {
        let attempt = self.attempt;
        if let Err(error) = self.write_files() {
            let message = format!("its files cannot be written: {error}");
            return (ExitReason::NotStarted { message }, None);
        }
        self.scope = confine::prepare(self).await;
        if let Err(error) = self.records.take_over(&attempt.id) {
            self.say(&format!("what was said to the attempts before is not all here: {error}"))
                .await;
        }
        let (ended, class) = program::work(self).await;
        let reason = match &attempt.program.verify {
            Some(verify) if ended == Ended::Exited(0) => {
                self.say(&format!("verifying: {}", verify.join(" "))).await;
                program::verify(self, verify).await.verified()
            }
            Some(_) | None => ended.reason(),
        };
        (reason, class)
    }

    /// Writes the files that the agent is started with.
    fn write_files(&self) -> Result<(), disk::Error> {
        let folder = self.records.folder(&self.attempt.id);
        let own = folder.join(OWN_PROGRAM);
        disk::link(&own, &self.own_program)?;
        for (name, text) in &self.attempt.program.dialogue.files {
            disk::replace(&folder.join(name), text.as_bytes())?;
        }
        Ok(())
    }

    /// Moves what the session shows into its history, where the next task does not clear it away.
    async fn hand_over(&mut self, reason: &ExitReason) {
        let line = format!(
            "{}{} {reason}; {} waits for its next task\r\n",
            pane::INTO_HISTORY,
            self.attempt.id,
            self.attempt.seat
        );
        self.pane.screen.show(line.as_bytes()).await;
    }

    async fn say(&mut self, text: &str) {
        let line = format!("\r\nreconciler: {text}\r\n");
        self.log.write(line.as_bytes());
        self.pane.screen.show(line.as_bytes()).await;
    }
}

/// The signals a shim takes. Those for the keyboard are ignored: keys are the program's.
struct Signals {
    hung_up: Signal,
    terminated: Signal,
    died: Signal,
    resized: Signal,
    /// Something was written down for the program, or by it.
    told: Signal,
    _ignored: [Signal; 2],
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hung_up: signal(SignalKind::hangup())?,
            terminated: signal(SignalKind::terminate())?,
            died: signal(SignalKind::child())?,
            resized: signal(SignalKind::window_change())?,
            told: signal(SignalKind::user_defined1())?,
            _ignored: [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?],
        })
    }
}
