//! One private tmux server: its sessions are seen, made and ended over one held connection. It never
//! touches a session without our mark, and never takes "could not see" for "not there".

mod connection;
mod endpoint;
mod format;
mod line;
mod protocol;
mod quote;
mod server;
mod version;

pub use server::{DEADLINE, KEEPER, Server, ServerConfig};
pub use version::{Version, version};

use crate::api::name::{Owner, Seat};
use crate::process::spawn;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why tmux did not do or show something. Unless a variant says otherwise, what it did is unknown:
/// look again before acting on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tmux program could not be started or gave no usable answer.
    #[error(transparent)]
    Program(#[from] spawn::Error),
    /// There is no tmux.
    #[error("tmux is not installed, or not in PATH: install tmux 3.2 or newer")]
    NotInstalled,
    /// tmux lacks what is needed here.
    #[error("tmux {0} is too old: 3.2 or newer is needed")]
    TooOld(Version),
    /// The system has no room for the path of the socket.
    #[error(
        "the path of the tmux socket is too long for the system, {}: set TMUX_TMPDIR to a shorter \
         folder", .0.display()
    )]
    TooDeep(PathBuf),
    /// The folder of the socket could not be made.
    #[error(transparent)]
    Disk(#[from] crate::disk::Error),
    /// Whether there is a server could not be seen.
    #[error("cannot reach the tmux server at {}", socket.display())]
    Unreachable {
        /// The socket of the server.
        socket: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection ended before the answer.
    #[error("the connection to the tmux server ended before it answered")]
    Lost,
    /// The server did not answer in time; the connection was dropped.
    #[error("the tmux server did not answer within {} ms", after.as_millis())]
    Deadline {
        /// The deadline.
        after: Duration,
    },
    /// The answer is not of the form that was asked for; the connection was dropped.
    #[error("cannot read the answer of the tmux server: `{answer}`")]
    Garbled {
        /// The answer.
        answer: String,
    },
    /// tmux answered with an error.
    #[error("tmux refused: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
    /// There is a session of this name; nothing was changed.
    #[error("there is a tmux session `{name}` already")]
    Exists {
        /// The name.
        name: String,
    },
    /// A text that no command line can carry; nothing was changed.
    #[error("cannot give `{text}` to tmux: use UTF-8 without line ends and NUL")]
    Unquotable {
        /// The text, escaped.
        text: String,
    },
    /// A command of one word, which tmux would give to a shell; nothing was changed.
    #[error("cannot give the command {command:?} to tmux: it needs a program and an argument")]
    NoArgument {
        /// The command.
        command: Vec<String>,
    },
}

/// The id of a session, written `$3`; never reused while the server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u32);

impl SessionId {
    /// Reads an id; `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.strip_prefix('$')?.parse().ok().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

/// The id of a pane, written `%3`; never reused while the server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PaneId(u32);

impl fmt::Display for PaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// A session as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id, by which it is ended.
    pub id: SessionId,
    /// The name.
    pub name: String,
    /// Whose it is; `None` when it bears no mark of ours.
    pub owner: Option<Owner>,
    /// Which attempt it was made for, or was last used for.
    pub attempt: Option<u32>,
    /// Which seat keeps it; `None` is a session of one attempt.
    pub seat: Option<Seat>,
    /// The oldest pane.
    pub pane: PaneId,
    /// The process that the pane was started with. A pid alone is nobody: compare its start time.
    pub pane_pid: u32,
    /// Whether tmux knows that this process ended. `false` is no proof of life.
    pub pane_dead: bool,
    /// When it was made, by the server's clock, in whole seconds.
    pub created: Timestamp,
    /// How many people look at it.
    pub attached: u32,
}

/// A session to make. It is called as the owner's task, or as the seat that keeps it.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The mark.
    pub owner: Owner,
    /// The number of the attempt.
    pub attempt: u32,
    /// The seat that keeps the session when the command has ended.
    pub seat: Option<Seat>,
    /// The working directory.
    pub directory: PathBuf,
    /// Variables for the command, besides those of the server.
    pub environment: BTreeMap<String, String>,
    /// The program and at least one argument; no shell reads them.
    pub command: Vec<String>,
}

impl NewSession {
    /// Returns how it is called.
    pub fn name(&self) -> String {
        self.seat.as_ref().map_or_else(|| self.owner.task.to_string(), Seat::session)
    }
}

#[cfg(test)]
mod tests;
