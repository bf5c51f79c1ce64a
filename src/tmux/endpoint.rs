//! Where the server is, whether it is there, and how a connection to it is made without harm to it.
//! It never starts a server to look at it.
//!
//! A control client that has said what it is, but not yet all of it, is deadly to a tmux server (3.2
//! to 3.6 at least; tmux/tmux#4980 and #5004): the server crashes when that client ends, or when
//! there is news for it. So only one of us attaches at a time, only to a server that just answered,
//! nobody of us makes or ends a session meanwhile, and the client is not killed before it came
//! through. Sessions that end by themselves in those milliseconds remain a danger.

use super::connection::Connection;
use super::{Error, KEEPER, ServerConfig};
use crate::fault;
use crate::process::spawn::{self, Call};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// How long to wait before asking for the turn again: attaching takes some milliseconds.
const TURN_AGAIN: Duration = Duration::from_millis(1);

/// What to do where no server is.
#[derive(Debug, Clone, Copy)]
pub(super) enum IfAbsent {
    Leave,
    Start,
}

/// The place of one server.
#[derive(Debug)]
pub(super) struct Endpoint {
    config: ServerConfig,
}

impl Endpoint {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self { config }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.config.deadline
    }

    /// Opens a connection; `None` where no server is and none is wanted.
    ///
    /// # Errors
    /// When it could not be seen whether a server is there, or it does not answer.
    pub(super) async fn open(
        &self,
        if_absent: IfAbsent,
        wakes: &watch::Sender<u64>,
    ) -> Result<Option<Connection>, Error> {
        match (self.is_served().await?, if_absent) {
            (true, IfAbsent::Leave | IfAbsent::Start) => {}
            (false, IfAbsent::Start) => crate::disk::make_folder(&self.folder())?,
            (false, IfAbsent::Leave) => return Ok(None),
        }
        let turn = self.turn(File::try_lock).await?;
        let call = match (self.is_served().await?, if_absent) {
            (true, IfAbsent::Leave | IfAbsent::Start) => {
                self.see_it_answer().await?;
                self.client().arg("-N")
            }
            (false, IfAbsent::Start) => self.client(),
            (false, IfAbsent::Leave) => return Ok(None),
        };
        // Creates the keeper where there is none and attaches to it, in one step.
        let call = call.args(["-C", "new-session", "-A", "-s", KEEPER]);
        // Two words: one alone would be given to the shell of the user, whatever that is.
        let call = call.args(["-f", "no-output,ignore-size", "--", "cat", "-"]);
        fault::during("tmux connect");
        let connection = Connection::open(call, turn, wakes.clone()).map(Some);
        fault::during("tmux connect");
        connection
    }

    /// Lists all panes by a plain client; `None` where no server is.
    ///
    /// # Errors
    /// When the server could not be asked.
    pub(super) async fn list_once(&self, format: &str) -> Result<Option<String>, Error> {
        if !self.is_served().await? {
            return Ok(None);
        }
        match self.client().args(["-N", "list-panes", "-a", "-F", format]).run().await {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(&answer).into_owned())),
            // A server that answers and has not one session: a client that hangs keeps it.
            Err(error) if error.stderr() == "no current target" => Ok(Some(String::new())),
            // It ended between the two questions.
            Err(spawn::Error::Failed { .. }) if !self.is_served().await? => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the options of tmux by which a person reaches this server.
    pub(super) fn options(&self) -> [String; 2] {
        match &self.config.tmux_tmpdir {
            None => ["-L".to_owned(), self.config.socket_name.clone()],
            // The person's shell may have another TMUX_TMPDIR than we had.
            Some(_) => ["-S".to_owned(), self.socket().display().to_string()],
        }
    }

    /// Refuses a socket whose path no system call takes.
    pub(super) fn check_socket(&self) -> Result<(), Error> {
        let socket = self.socket();
        match std::os::unix::net::SocketAddr::from_pathname(&socket) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::TooDeep(socket)),
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder().join(&self.config.socket_name)
    }

    /// Returns the folder of the socket.
    fn folder(&self) -> PathBuf {
        let user = rustix::process::getuid().as_raw();
        self.tmpdir().unwrap_or_else(|| PathBuf::from("/tmp")).join(format!("tmux-{user}"))
    }

    /// Returns the whole path of `TMUX_TMPDIR`; like tmux, nothing where there is no such place.
    fn tmpdir(&self) -> Option<PathBuf> {
        self.config.tmux_tmpdir.as_ref().and_then(|path| path.canonicalize().ok())
    }

    /// Returns whether a server listens. Only two things mean that there is none: no socket, or
    /// nobody behind it.
    async fn is_served(&self) -> Result<bool, Error> {
        self.check_socket()?;
        let socket = self.socket();
        let Err(source) = UnixStream::connect(&socket).await else { return Ok(true) };
        if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
            return Ok(false);
        }
        Err(Error::Unreachable { socket, source })
    }

    /// Waits until no other of our programs attaches, and keeps them from it while the file is held:
    /// for commands that make news.
    ///
    /// # Errors
    /// When the folder of the socket cannot be locked.
    pub(super) async fn calm(&self) -> Result<File, Error> {
        self.turn(File::try_lock_shared).await
    }

    /// Waits for the lock on the folder of the socket; it needs no file of its own.
    async fn turn(&self, lock: fn(&File) -> Result<(), TryLockError>) -> Result<File, Error> {
        let fail = |source| Error::Unreachable { socket: self.socket(), source };
        let folder = File::open(self.folder()).map_err(fail)?;
        loop {
            match lock(&folder) {
                Ok(()) => return Ok(folder),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(TURN_AGAIN).await,
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            }
        }
    }

    /// Asks by a plain client, which may be killed at any time, so that no control client waits at
    /// a server that is stopped.
    async fn see_it_answer(&self) -> Result<(), Error> {
        match self.client().args(["-N", "start-server"]).run().await {
            Ok(_) => Ok(()),
            Err(spawn::Error::Deadline { after, .. }) => Err(Error::Deadline { after }),
            Err(error) => Err(error.into()),
        }
    }

    fn client(&self) -> Call {
        let call = Call::new("tmux", self.config.deadline);
        // A server started here stays in the directory and the environment of its first client.
        let call = call.directory(Path::new("/")).without("TMUX").without("TMUX_PANE");
        let call = match self.tmpdir() {
            Some(path) => call.env("TMUX_TMPDIR", path),
            None => call.without("TMUX_TMPDIR"),
        };
        call.args(["-u", "-L", &self.config.socket_name, "-f", "/dev/null"])
    }
}
