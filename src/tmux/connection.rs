//! One control-mode connection to the server: commands go in at one end, answers come out by their
//! token. It never waits for one answer before it sends the next, and never lets tmux wait for us.

use super::Error;
use super::protocol::{Block, Event, Parser};
use crate::process::spawn::Call;
use std::collections::BTreeMap;
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

/// The connection. Its tasks and its tmux client end when it is closed or dropped.
#[derive(Debug)]
pub(super) struct Connection {
    commands: mpsc::Sender<String>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
}

impl Connection {
    /// Starts the client. Whether it came through shows the first answer.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn open(client: Call, wakes: watch::Sender<u64>) -> Result<Self, Error> {
        let mut child = client.converse()?;
        let stdin = child.stdin.take().expect("a conversation has both pipes");
        let stdout = child.stdout.take().expect("a conversation has both pipes");
        let waiting = Arc::new(Waiting::default());
        let (commands, queue) = mpsc::channel(QUEUE);
        let reader = Reader {
            parser: Parser::default(),
            blocks: Vec::new(),
            is_through: false,
            waiting: Arc::clone(&waiting),
            wakes,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(write(stdin, queue));
        tasks.spawn(reader.run(child, stdout));
        Ok(Self { commands, waiting, next: AtomicU64::new(0), tasks: Mutex::new(tasks) })
    }

    /// Sends command lines and returns tmux's answers to them.
    ///
    /// # Errors
    /// [`Error::Lost`] when the connection ends first: whether the lines were executed is unknown.
    pub(super) async fn ask(&self, lines: &str) -> Result<Vec<Block>, Error> {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let answer = self.waiting.add(token).ok_or(Error::Lost)?;
        // Whole in one piece: a caller who gives up must not leave half a line behind.
        let text = format!("{lines}\ndisplay-message -p '{DONE}{token}'\n");
        if self.commands.send(text).await.is_err() {
            return Err(Error::Lost);
        }
        answer.await.ok().ok_or(Error::Lost)
    }

    /// Returns whether answers may still come.
    pub(super) fn is_open(&self) -> bool {
        self.waiting.lock().is_some()
    }

    /// Ends it: everyone who waits gets [`Error::Lost`].
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
    while let Some(text) = queue.recv().await {
        if stdin.write_all(text.as_bytes()).await.is_err() {
            // The reader sees the end of the connection and tells everyone.
            return;
        }
    }
}

/// Reads all that tmux says and hands it on.
struct Reader {
    parser: Parser,
    /// The answers since the last token.
    blocks: Vec<Block>,
    /// Whether tmux answered yet. Before that an end is no news of the server.
    is_through: bool,
    waiting: Arc<Waiting>,
    wakes: watch::Sender<u64>,
}

impl Reader {
    /// Reads to the end. The child is held for it: dropped, it is killed.
    async fn run(mut self, child: Child, stdout: ChildStdout) {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while matches!(stdout.read_until(b'\n', &mut line).await, Ok(1..)) {
            // A line without its end was cut off.
            let Some(text) = line.strip_suffix(b"\n") else { break };
            if self.take(&String::from_utf8_lossy(text)).is_none() {
                break;
            }
            line.clear();
        }
        self.waiting.close();
        drop(child);
        if self.is_through {
            self.wake();
        }
    }

    /// Takes a line; `None` when nothing after it can be believed.
    fn take(&mut self, line: &str) -> Option<()> {
        match self.parser.line(line) {
            None => {}
            Some(Event::News(word)) => match word.as_str() {
                "%exit" => return None,
                "%sessions-changed" | "%unlinked-window-close" => self.wake(),
                _ => {}
            },
            Some(Event::Answer(block)) => match token(&block) {
                None => self.blocks.push(block),
                Some(token) => {
                    let blocks = std::mem::take(&mut self.blocks);
                    self.is_through = true;
                    // The caller may have given up.
                    drop(self.waiting.take(token)?.send(blocks));
                }
            },
        }
        Some(())
    }

    fn wake(&self) {
        self.wakes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Returns the token of the command whose answers end with this block.
fn token(block: &Block) -> Option<u64> {
    match block.lines.as_slice() {
        [line] if !block.failed => line.strip_prefix(DONE)?.parse().ok(),
        _ => None,
    }
}
