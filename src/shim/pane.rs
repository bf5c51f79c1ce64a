//! The outer terminal: the tmux pane the shim runs in, or pipes. Threads do the blocking, so that a
//! terminal that is stuck or gone never stops the shim.

use pty_process::Size;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

/// How long output waits for a terminal that takes nothing, before it is shown no more of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many pieces of output wait for the terminal.
const QUEUE: usize = 16;

/// Makes tmux move what is on the screen into the history of the pane, and shows an empty screen: off
/// the alternate screen, every attribute as it was, all of it cleared, and to its beginning.
pub(super) const INTO_HISTORY: &str = "\x1b[?1049l\x1b[r\x1b[m\x1b[2J\x1b[H";

/// The outer terminal.
#[derive(Debug)]
pub(super) struct Pane {
    /// What is typed.
    pub(super) keys: Receiver<Vec<u8>>,
    /// What is shown.
    pub(super) screen: Screen,
    _raw: Option<RawMode>,
}

impl Pane {
    /// Takes over standard input and output.
    pub(super) fn open() -> io::Result<Self> {
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        let raw = RawMode::enter(stdin.try_clone()?);
        let (typed, keys) = mpsc::channel(QUEUE);
        let (pieces, to_show) = mpsc::channel(QUEUE);
        let (end, shown) = oneshot::channel();
        std::thread::Builder::new().spawn(move || read_keys(stdin.into(), &typed))?;
        std::thread::Builder::new().spawn(move || show_all(stdout.into(), to_show, end))?;
        Ok(Self { keys, screen: Screen { pieces, shown, stuck: false }, _raw: raw })
    }

    /// Waits a moment for the terminal to show everything, and gives it back as it was.
    pub(super) async fn close(self) {
        drop(self.screen.pieces);
        // Told by dropping the sender; a stuck terminal is not waited for.
        drop(tokio::time::timeout(PATIENCE, self.screen.shown).await);
    }
}

/// Returns the size of the outer terminal, or that of the classic one.
pub(super) fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            Size::new_with_pixel(size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel)
        }
        Ok(_) | Err(_) => Size::new(24, 80),
    }
}

/// The showing half of the terminal.
#[derive(Debug)]
pub(super) struct Screen {
    pieces: Sender<Vec<u8>>,
    shown: oneshot::Receiver<()>,
    stuck: bool,
}

impl Screen {
    /// Shows bytes. A terminal that is slow slows the program down; one that is stuck does not.
    pub(super) async fn show(&mut self, bytes: &[u8]) {
        let piece = bytes.to_vec();
        self.stuck = if self.stuck {
            self.pieces.try_send(piece).is_err()
        } else {
            tokio::time::timeout(PATIENCE, self.pieces.send(piece)).await.is_err()
        };
    }
}

fn read_keys(mut stdin: File, typed: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length) = stdin.read(&mut buffer) {
        if length == 0 || typed.blocking_send(buffer[..length].to_vec()).is_err() {
            return;
        }
    }
}

fn show_all(mut stdout: File, mut pieces: Receiver<Vec<u8>>, end: oneshot::Sender<()>) {
    while let Some(piece) = pieces.blocking_recv() {
        // A terminal that is gone shows nothing; the program goes on.
        stdout.write_all(&piece).ok();
    }
    drop(end);
}

/// A terminal that passes every key on; it becomes again what it was when this is dropped.
#[derive(Debug)]
struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    fn enter(terminal: OwnedFd) -> Option<Self> {
        if !isatty(&terminal) {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &raw).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode.
        tcsetattr(&self.terminal, OptionalActions::Now, &self.before).ok();
    }
}
