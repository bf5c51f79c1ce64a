//! The handle on the server: what the rest of the program asks of it, as command lines. It never
//! touches a session without comparing its mark.

use super::connection::Connection;
use super::endpoint::{Endpoint, IfAbsent};
use super::protocol::Block;
use super::{Error, NewSession, Session, SessionId, format, line};
use crate::api::name::Owner;
use crate::fault::{self, Verdict};
use crate::process::spawn;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// The session that keeps the server alive between tasks, and to which our connections attach.
pub const KEEPER: &str = "_keeper";

/// The usual deadline of one command.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Where the server is, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The name of its socket, as for `tmux -L`.
    pub socket_name: String,
    /// The value of `TMUX_TMPDIR`.
    pub tmux_tmpdir: Option<PathBuf>,
    /// How long one command may take, usually [`DEADLINE`]; connecting may take as long again.
    pub deadline: Duration,
}

/// The handle on one private tmux server.
///
/// It connects when first asked and again after a connection is lost. Commands of many callers share
/// the connection and do not wait for each other.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    connection: Mutex<Option<Arc<Connection>>>,
    wakes: watch::Sender<u64>,
}

impl Server {
    /// Returns a handle; reads nothing and starts nothing.
    pub fn new(config: ServerConfig) -> Self {
        Self {
            endpoint: Endpoint::new(config),
            connection: Mutex::new(None),
            wakes: watch::Sender::new(0),
        }
    }

    /// Looks whether a server could be started here, and starts none.
    ///
    /// # Errors
    /// When none can: the message says what is to be done first.
    pub async fn check(&self) -> Result<(), Error> {
        self.endpoint.check_socket()?;
        let version = match super::version(self.endpoint.deadline()).await {
            Err(Error::Program(spawn::Error::Start { source, .. }))
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(Error::NotInstalled);
            }
            other => other?,
        };
        if version.is_supported() { Ok(()) } else { Err(Error::TooOld(version)) }
    }

    /// Returns every session but the keeper, ours and others, by their ids. Where no server is there
    /// are none, and none is started.
    ///
    /// # Errors
    /// When the sessions could not be seen: they are unknown, act on none of them.
    pub async fn list(&self) -> Result<Vec<Session>, Error> {
        let Some(connection) = self.connect(IfAbsent::Leave).await? else { return Ok(Vec::new()) };
        let question = format!("list-panes -a -F '{}'", format::FORMAT);
        let blocks = self.ask(&connection, &question).await?;
        let panes = format::sessions(&blocks);
        // We are attached to the keeper: a list without it is not the whole list.
        let Some(mut sessions) = panes.filter(|all| all.iter().any(|one| one.name == KEEPER))
        else {
            connection.close();
            return Err(Error::Garbled { answer: format!("{blocks:?}") });
        };
        sessions.retain(|session| session.name != KEEPER);
        Ok(sessions)
    }

    /// Returns what [`Self::list`] does by one plain command: for whoever looks once and goes. Such a
    /// client does the server no harm, whenever it comes and goes.
    ///
    /// # Errors
    /// When the sessions could not be seen: they are unknown.
    pub async fn glance(&self) -> Result<Vec<Session>, Error> {
        let Some(answer) = self.endpoint.list_once(format::FORMAT).await? else {
            return Ok(Vec::new());
        };
        let lines = answer.lines().map(|line| format::session(line).ok_or(line));
        let sessions: Result<Vec<_>, &str> = lines.collect();
        let mut sessions = sessions.map_err(|line| Error::Garbled { answer: line.to_owned() })?;
        sessions.retain(|session| session.name != KEEPER);
        sessions.dedup_by_key(|session| session.id);
        Ok(sessions)
    }

    /// Makes a session with its mark, in one step: there is no moment in which it is without. Starts
    /// the server where there is none.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Unquotable`] and [`Error::NoArgument`] when nothing was made.
    /// After any other it may have been made: look with [`Self::list`].
    pub async fn new_session(&self, new: &NewSession) -> Result<Session, Error> {
        let line = line::new_session(new)?;
        let connection = self.connect(IfAbsent::Start).await?.ok_or(Error::Lost)?;
        let calm = self.in_time(self.endpoint.calm()).await?;
        let answer = self.change(&connection, ("tmux new-session", &line)).await;
        drop(calm);
        let blocks = match answer {
            Err(Error::Refused { said }) if said.starts_with("duplicate session") => {
                return Err(Error::Exists { name: new.name() });
            }
            other => other?,
        };
        let printed = blocks.first().and_then(|block| block.lines.first());
        let made = printed.and_then(|line| format::session(line));
        let Some(made) = made else {
            connection.close();
            return Err(Error::Garbled { answer: format!("{blocks:?}") });
        };
        // It was printed before it was marked.
        let (owner, attempt) = (Some(new.owner.clone()), Some(new.attempt));
        Ok(Session { owner, attempt, seat: new.seat.clone(), ..made })
    }

    /// Runs the command of a session in one that a seat keeps, in its pane and below what was written
    /// there before; the marks are set before it starts. `kept` is the session as it was seen, when
    /// the caller knew that the process in it had ended. Returns the pid of the new one, and `None`
    /// when the session is gone or another process is in it by now: then nothing was changed.
    ///
    /// # Errors
    /// [`Error::Unquotable`] and [`Error::NoArgument`] when nothing was changed. After any other it
    /// may run: look with [`Self::list`].
    pub async fn respawn(&self, kept: &Session, new: &NewSession) -> Result<Option<u32>, Error> {
        let line = line::respawn(kept, new)?;
        let Some(connection) = self.connect(IfAbsent::Leave).await? else { return Ok(None) };
        let calm = self.in_time(self.endpoint.calm()).await?;
        let answer = self.change(&connection, ("tmux respawn-pane", &line)).await;
        drop(calm);
        let blocks = answer?;
        let mut lines = blocks.iter().flat_map(|block| &block.lines);
        Ok(lines.find_map(|line| line.strip_prefix("respawned ")?.parse().ok()))
    }

    /// Ends a session that a seat kept. `kept` is as in [`Self::respawn`]. Returns `false` when the
    /// session is gone or another process is in it by now.
    ///
    /// # Errors
    /// When it is unknown whether the session was ended.
    pub async fn end_kept(&self, kept: &Session) -> Result<bool, Error> {
        let Some(connection) = self.connect(IfAbsent::Leave).await? else { return Ok(false) };
        let line = line::end_kept(kept);
        let calm = self.in_time(self.endpoint.calm()).await?;
        let answer = self.change(&connection, ("tmux kill-session", &line)).await;
        drop(calm);
        Ok(answer?.iter().any(|block| block.lines == ["killed"]))
    }

    /// Ends a session if it still bears this mark. The server compares and ends in one step. Returns
    /// `false` when the session is gone or another's.
    ///
    /// # Errors
    /// When it is unknown whether the session was ended. The processes in it may live on after
    /// either answer: look for them by their own mark.
    pub async fn kill_session(&self, id: SessionId, only_if: &Owner) -> Result<bool, Error> {
        let Some(connection) = self.connect(IfAbsent::Leave).await? else { return Ok(false) };
        let line = line::kill_session(id, only_if);
        let calm = self.in_time(self.endpoint.calm()).await?;
        let answer = self.change(&connection, ("tmux kill-session", &line)).await;
        drop(calm);
        Ok(answer?.iter().any(|block| block.lines == ["killed"]))
    }

    /// Returns the command with which a person attaches to a session, as words; quote them for the
    /// shell it is shown to (zsh expands a leading `=`).
    pub fn attach_command(&self, session: &str) -> Vec<String> {
        let mut words = vec!["tmux".to_owned(), "-N".to_owned()];
        words.extend(self.endpoint.options());
        words.extend(["attach-session".to_owned(), "-t".to_owned(), format!("={session}")]);
        words
    }

    /// Returns a counter that changes when sessions came or went or the server ended, as far as
    /// there is a connection. A hint only: look with [`Self::list`].
    pub fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes.subscribe()
    }

    /// Ends the server if no session but the keeper is left; else leaves it as it is and detaches.
    ///
    /// # Errors
    /// When it is unknown whether the server ended; it harms nobody if it did not.
    pub async fn shut_down(&self) -> Result<(), Error> {
        let sessions = self.list().await?;
        let Some(connection) = self.connection.lock().await.take() else { return Ok(()) };
        if sessions.is_empty() {
            // Only the keeper: if a session was made meanwhile, the server stays for it.
            let line = format!("kill-session -t '={KEEPER}'");
            fault::during("tmux shut down");
            self.in_time(async {
                // The server may end before it answers.
                drop(connection.ask(&line).await);
                connection.ended().await;
                Ok(())
            })
            .await?;
        }
        connection.close();
        Ok(())
    }

    /// Returns the connection, or opens one; `None` where no server is and none is wanted.
    async fn connect(&self, if_absent: IfAbsent) -> Result<Option<Arc<Connection>>, Error> {
        self.in_time(async {
            let mut held = self.connection.lock().await;
            // One that has not come through yet is waited for by everyone.
            if held.as_ref().is_none_or(|connection| !connection.is_open()) {
                let opened = Box::pin(self.endpoint.open(if_absent, &self.wakes)).await?;
                *held = opened.map(Arc::new);
            }
            let Some(connection) = held.clone() else { return Ok(None) };
            drop(held);
            connection.through().await?;
            Ok(Some(connection))
        })
        .await
    }

    async fn ask(&self, connection: &Connection, line: &str) -> Result<Vec<Block>, Error> {
        let blocks =
            self.in_time(connection.ask(line)).await.inspect_err(|_| connection.close())?;
        match blocks.iter().find(|block| block.failed) {
            Some(block) => Err(Error::Refused { said: block.lines.join(" / ") }),
            None => Ok(blocks),
        }
    }

    /// Asks for something that changes the server.
    async fn change(
        &self,
        connection: &Connection,
        (name, line): (&str, &str),
    ) -> Result<Vec<Block>, Error> {
        match fault::before(name).ok().ok_or(Error::Lost)? {
            Verdict::Do => {}
            Verdict::Pretend => return Ok(Vec::new()),
        }
        let blocks = self.ask(connection, line).await?;
        fault::after(name).ok().ok_or(Error::Lost)?;
        Ok(blocks)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let after = self.endpoint.deadline();
        timeout(after, work).await.unwrap_or(Err(Error::Deadline { after }))
    }
}
