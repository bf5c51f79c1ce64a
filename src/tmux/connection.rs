//! One control-mode connection to the server: commands go in at one end, answers come out by their
//! token. It never waits for one answer before it sends the next, and never lets tmux wait for us.

use super::Error;
use super::protocol::{Block, Event, Parser};
use crate::process::spawn::Call;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How many commands wait to be written before the next caller waits.
const QUEUE: usize = 256;
/// What is printed after each command, with the command's token: all answers before it are the
/// command's. Counting them would be wrong for a line that stops at its first error.
const DONE: &str = "reconciler-done ";

/// The server's options, said at each connection. History is the server's memory: 2,000 full lines
/// are 2 MiB a session. Names must stay as they are because people attach by them.
const OPTIONS: &str = "\
set-option -s exit-empty on
set-option -s escape-time 10
set-option -g history-limit 2000
set-option -g mouse on
set-option -g status-left-length 60
set-option -g status-left '#S '
set-option -wg remain-on-exit off
set-option -wg automatic-rename off
set-option -wg allow-rename off";

/// The token of the options, which are the first command.
const FIRST: u64 = 0;

/// The connection. Its tasks and its tmux client end when it is closed or dropped.
#[derive(Debug)]
pub(super) struct Connection {
    commands: mpsc::Sender<String>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    through: watch::Receiver<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Connection {
    /// Starts the client. It keeps the turn until it came through.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn open(call: Call, turn: File, wakes: watch::Sender<u64>) -> Result<Self, Error> {
        let mut child = call.converse()?;
        let stdin = child.stdin.take().expect("a conversation has both pipes");
        let stdout = child.stdout.take().expect("a conversation has both pipes");
        let waiting = Arc::new(Waiting::default());
        let (commands, queue) = mpsc::channel(QUEUE);
        let (is_through, through) = watch::channel(false);
        let reader = Reader {
            parser: Parser::default(),
            blocks: Vec::new(),
            turn: Some(turn),
            is_attached: false,
            has_options: false,
            is_through,
            waiting: Arc::clone(&waiting),
            wakes,
            client: Some((child, BufReader::new(stdout))),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(write(stdin, queue));
        tasks.spawn(reader.run());
        let next = AtomicU64::new(FIRST + 1);
        Ok(Self { commands, waiting, next, through, tasks: Mutex::new(tasks) })
    }

    /// Waits until it is attached and the options are set.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ends before.
    pub(super) async fn through(&self) -> Result<(), Error> {
        let mut through = self.through.clone();
        through.wait_for(|is_through| *is_through).await.ok().map(drop).ok_or(Error::Lost)
    }

    /// Sends command lines and returns tmux's answers to them.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ends first: whether the lines were executed is unknown.
    pub(super) async fn ask(&self, lines: &str) -> Result<Vec<Block>, Error> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self.waiting.add(token).ok_or(Error::Lost)?;
        // Whole in one piece: a caller who gives up must not leave half a line behind.
        if self.commands.send(with_token(lines, token)).await.is_err() {
            return Err(Error::Lost);
        }
        answer.await.ok().ok_or(Error::Lost)
    }

    /// Returns whether answers may still come.
    pub(super) fn is_open(&self) -> bool {
        self.waiting.lock().is_some()
    }

    /// Ends it, once it came through: everyone who waits gets [`Error::Lost`].
    pub(super) fn close(&self) {
        self.waiting.close();
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// Waits until tmux has ended it.
    pub(super) async fn ended(&self) {
        // Nobody answers this token: it ends with the connection.
        if let Some(answer) = self.waiting.add(u64::MAX) {
            drop(answer.await);
        }
    }
}

/// Who waits for an answer, by token; `None` once no more answers can come.
#[derive(Debug)]
struct Waiting(Mutex<Option<BTreeMap<u64, oneshot::Sender<Vec<Block>>>>>);

impl Default for Waiting {
    fn default() -> Self {
        Self(Mutex::new(Some(BTreeMap::new())))
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<u64, oneshot::Sender<Vec<Block>>>>> {
        // The map is whole after each statement, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, token: u64) -> Option<oneshot::Receiver<Vec<Block>>> {
        let (sender, receiver) = oneshot::channel();
        self.lock().as_mut()?.insert(token, sender);
        Some(receiver)
    }

    fn take(&self, token: u64) -> Option<oneshot::Sender<Vec<Block>>> {
        self.lock().as_mut()?.remove(&token)
    }

    fn close(&self) {
        drop(self.lock().take());
    }
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<String>) {
    let mut next = Some(with_token(OPTIONS, FIRST));
    while let Some(text) = next {
        if stdin.write_all(text.as_bytes()).await.is_err() {
            // The reader sees the end of the connection and tells everyone.
            return;
        }
        next = queue.recv().await;
    }
}

/// Reads all that tmux says and hands it on.
struct Reader {
    parser: Parser,
    /// The answers since the last token.
    blocks: Vec<Block>,
    turn: Option<File>,
    is_attached: bool,
    has_options: bool,
    is_through: watch::Sender<bool>,
    waiting: Arc<Waiting>,
    wakes: watch::Sender<u64>,
    /// The process and its output. Dropped, it is killed.
    client: Option<(Child, BufReader<ChildStdout>)>,
}

impl Reader {
    /// Reads to the end.
    async fn run(mut self) {
        while let Some(line) = self.next_line().await {
            if self.take(&line).is_none() {
                break;
            }
        }
        drop(self.client.take());
        self.waiting.close();
        if *self.is_through.borrow() {
            self.wake();
        }
    }

    async fn next_line(&mut self) -> Option<String> {
        let (_, stdout) = self.client.as_mut()?;
        let mut line = Vec::new();
        stdout.read_until(b'\n', &mut line).await.ok()?;
        // A line without its end was cut off.
        Some(String::from_utf8_lossy(line.strip_suffix(b"\n")?).into_owned())
    }

    /// Takes a line; `None` when nothing after it can be believed.
    fn take(&mut self, line: &str) -> Option<()> {
        let Some(event) = self.parser.line(line) else { return Some(()) };
        match event {
            Event::News(word) => match word.as_str() {
                "%exit" => return None,
                // Our lines may be executed before the attaching itself.
                "%session-changed" => {
                    self.is_attached = true;
                    self.come_through();
                }
                "%sessions-changed" | "%unlinked-window-close" => self.wake(),
                _ => {}
            },
            Event::Answer(block) => match token(&block) {
                None => self.blocks.push(block),
                Some(FIRST) => {
                    self.has_options = true;
                    for refused in self.blocks.drain(..).filter(|block| block.failed) {
                        tracing::warn!(said = refused.lines.join(" "), "tmux refused an option");
                    }
                    self.come_through();
                }
                Some(token) => {
                    let blocks = std::mem::take(&mut self.blocks);
                    // The caller may have given up.
                    drop(self.waiting.take(token)?.send(blocks));
                }
            },
        }
        Some(())
    }

    fn come_through(&mut self) {
        if self.is_attached && self.has_options {
            self.turn = None;
            self.is_through.send_replace(true);
        }
    }

    fn wake(&self) {
        self.wakes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.waiting.close();
        let client = self.client.take();
        if !*self.is_through.borrow() {
            // Killed now, it could take the server with it. It ends by itself when it finds its
            // input closed, if there is still somebody to take its last words.
            std::mem::forget(client);
        }
    }
}

/// Returns command lines as they are sent.
fn with_token(lines: &str, token: u64) -> String {
    format!("{lines}\ndisplay-message -p '{DONE}{token}'\n")
}

/// Returns the token of the command whose answers end with this block.
fn token(block: &Block) -> Option<u64> {
    match block.lines.as_slice() {
        [line] if !block.failed => line.strip_prefix(DONE)?.parse().ok(),
        _ => None,
    }
}
