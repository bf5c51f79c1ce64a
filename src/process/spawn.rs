//! The door to other programs: argv without a shell, a deadline on each, and nobody left behind
//! when we stop waiting.

use crate::fault::{self, Verdict};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;

/// How long what an ended program wrote is read, where somebody else still holds its pipes.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Why a program gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It was not done in time, and was killed; what it did is unknown.
    #[error("{program} did not answer within {} s", after.as_secs())]
    Deadline {
        /// The program and what it was asked.
        program: String,
        /// The deadline.
        after: Duration,
    },
    /// It ended with another status than 0.
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        /// The program and what it was asked.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said, on one line.
        stderr: String,
    },
}

impl Error {
    /// Returns the exit status, if the program ended by itself.
    pub fn status(&self) -> Option<i32> {
        match self {
            Self::Failed { status, .. } => status.code(),
            Self::Start { .. } | Self::Deadline { .. } => None,
        }
    }

    /// Returns what the program said before it failed.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Failed { stderr, .. } => stderr,
            Self::Start { .. } | Self::Deadline { .. } => "",
        }
    }
}

/// One call of a program.
#[derive(Debug)]
pub struct Call {
    command: tokio::process::Command,
    program: String,
    deadline: Duration,
    input: Input,
    changes: Changes,
}

/// Whether a call changes the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changes {
    Nothing,
    Something,
}

#[derive(Debug)]
enum Input {
    None,
    Bytes(Vec<u8>),
}

impl Call {
    /// Prepares a call of `program` with no arguments and no input.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new(program: &str, deadline: Duration) -> Self {
        let mut command = tokio::process::Command::new(program);
        command.kill_on_drop(true).process_group(0).stdin(Stdio::null());
        Self {
            command,
            program: program.to_owned(),
            deadline,
            input: Input::None,
            changes: Changes::Nothing,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Writes these bytes to its standard input, then closes it.
    #[must_use]
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Input::Bytes(bytes);
        self
    }

    /// Says that it changes the world: tests may inject faults before, during and after it.
    #[must_use]
    pub fn effect(mut self) -> Self {
        self.changes = Changes::Something;
        self
    }

    /// Hands it an open file as its standard input. A guard handed on so stays locked until the
    /// program ends, also when we are killed before it.
    #[must_use]
    pub fn holding(mut self, file: File) -> Self {
        self.command.stdin(Stdio::from(file));
        self
    }

    /// Runs it to its end and returns what it printed, whatever its exit status.
    ///
    /// # Errors
    /// When it cannot be started or misses its deadline; then its whole process group is killed.
    pub async fn output(mut self) -> Result<Output, Error> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let effect = self.effect_name();
        let start = |source| Error::Start { program: self.program.clone(), source };
        if let Some(name) = &effect {
            match fault::before(name).map_err(start)? {
                Verdict::Do => {}
                Verdict::Pretend => return Ok(nothing_said()),
            }
        }
        let mut child = self.command.spawn().map_err(start)?;
        if let Some(name) = &effect {
            fault::during(name);
        }
        let group = child.id();
        let stdin = child.stdin.take();
        let feed = async {
            if let (Some(mut stdin), Input::Bytes(bytes)) = (stdin, &self.input) {
                // A program that stops reading says why in its exit status.
                drop(stdin.write_all(bytes).await);
            }
        };
        let run = async { tokio::join!(feed, output_of(&mut child)).1 };
        if let Ok(output) = tokio::time::timeout(self.deadline, run).await {
            if let Some(name) = &effect {
                fault::after(name).map_err(start)?;
            }
            return output.map_err(start);
        }
        if let Some(group) = group {
            super::signal::kill_group(group);
        }
        Err(Error::Deadline { program: self.describe(), after: self.deadline })
    }

    /// Runs it to its end and returns what it printed on standard output.
    ///
    /// # Errors
    /// Also when its exit status is not 0; the error holds what it said.
    pub async fn run(self) -> Result<Vec<u8>, Error> {
        let program = self.describe();
        let output = self.output().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let stderr = last_words(&output.stderr);
        Err(Error::Failed { program, status: output.status, stderr })
    }

    /// Starts it with pipes to its standard input and output, for a conversation. It is killed when
    /// the child is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn converse(mut self) -> Result<Child, Error> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let program = self.program;
        self.command.spawn().map_err(|source| Error::Start { program, source })
    }

    /// Returns what an effect is called: the program and the first word that is no option.
    fn effect_name(&self) -> Option<String> {
        if self.changes == Changes::Nothing || !fault::is_armed() {
            return None;
        }
        let args: Vec<_> = self.command.as_std().get_args().map(OsStr::to_string_lossy).collect();
        let mut words = args.iter().map(AsRef::<str>::as_ref);
        while let Some(word) = words.next() {
            match word {
                "-c" | "-C" | "--git-dir" | "-L" | "-f" => drop(words.next()),
                option if option.starts_with('-') => {}
                verb => return Some(format!("{} {verb}", self.program)),
            }
        }
        Some(self.program.clone())
    }

    fn describe(&self) -> String {
        let args = self.command.as_std().get_args().map(OsStr::to_string_lossy);
        let mut words = vec![self.program.clone().into()];
        words.extend(args);
        let mut text = words.join(" ");
        if text.len() > 300 {
            text.truncate(text.floor_char_boundary(300));
            text.push('…');
        }
        text
    }
}

fn nothing_said() -> Output {
    Output { status: ExitStatus::default(), stdout: Vec::new(), stderr: Vec::new() }
}

/// Waits for the end of a program and returns what it said. Pipes that it left to somebody else, as
/// a hook of git does that starts a service, are not waited for.
async fn output_of(child: &mut Child) -> io::Result<Output> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = {
        let read = async { tokio::join!(read_into(out, &mut stdout), read_into(err, &mut stderr)) };
        tokio::pin!(read);
        tokio::select! {
            biased;
            _ = &mut read => child.wait().await?,
            status = child.wait() => {
                // What it wrote itself lies in the pipes by now.
                drop(tokio::time::timeout(LAST_WORDS, &mut read).await);
                status?
            }
        }
    };
    Ok(Output { status, stdout, stderr })
}

async fn read_into(pipe: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    // An error ends it as the end does: the exit status says what it was worth.
    drop(pipe.read_to_end(bytes).await);
}

/// Returns the end of a program's complaint on one line, fit for a message.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.as_slice() {
        // What it was about stands first, how it ended last.
        [first, .., a, b, c] if lines.len() > 5 => [*first, "…", *a, *b, *c].join(" / "),
        all => all.join(" / "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_misses_its_deadline_is_killed_with_its_children() {
        let call =
            Call::new("sh", Duration::from_millis(100)).args(["-c", "sleep 60 & echo $!; wait"]);
        let error = call.output().await.unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
    }

    #[tokio::test]
    async fn pipes_that_a_program_leaves_to_another_are_not_waited_for() {
        let script = "sleep 1000 & echo $!; echo said >&2";
        let call = Call::new("sh", Duration::from_mins(1)).args(["-c", script]);
        let output = call.output().await.unwrap();
        assert_eq!(output.stderr, b"said\n");
        let other = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let other = crate::process::identity::of(other).unwrap().expect("it is left alone");
        crate::process::signal::send(&other, crate::process::signal::Ask::Kill).unwrap();
    }

    #[tokio::test]
    async fn a_failure_says_what_the_program_said() {
        let call = Call::new("sh", Duration::from_secs(10)).args(["-c", "echo no >&2; exit 3"]);
        let error = call.run().await.unwrap_err();
        assert_eq!((error.status(), error.stderr()), (Some(3), "no"));
    }

    #[tokio::test]
    async fn input_is_fed_whatever_its_length() {
        let call = Call::new("cat", Duration::from_secs(10)).input(vec![b'x'; 1_000_000]);
        assert_eq!(call.run().await.unwrap().len(), 1_000_000);
    }
}
