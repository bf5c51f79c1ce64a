//! `reconciler logs`: what a task's attempt wrote. Only `--raw` lets through what steers a terminal.

use super::context::Context;
use super::exit::{Code, Failure};
use super::print::printable;
use super::reference::{self, Type};
use super::strip::Stripper;
use super::watch;
use crate::api::name::TaskName;
use crate::client::view::attempt::Phase;
use crate::client::view::task::{TaskView, tasks};
use crate::client::{Client, Snapshot};
use clap::Args;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How often a followed log is read.
const INTERVAL: Duration = Duration::from_millis(200);
/// After how many readings it is seen whether the attempt is over: a look at the world costs more.
const READINGS: u32 = 5;

/// Show what the last attempt of a task wrote.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler logs fix-login -f             stay until the attempt is over
  reconciler logs fix-login --attempt 1    what the first attempt wrote")]
pub(super) struct Logs {
    /// The task.
    name: String,
    /// Stay until the attempt is over, and show what it writes.
    #[arg(short, long)]
    follow: bool,
    /// Which attempt; the last one unless given.
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Only the last lines.
    #[arg(long, value_name = "N")]
    tail: Option<usize>,
    /// Every byte as it was written; it may steer the terminal.
    #[arg(long)]
    raw: bool,
}

impl Logs {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        Context::block_on(async {
            let client = context.client().await?;
            let snapshot = client.snapshot().await;
            watch::say_notices(&snapshot, context);
            let task = find(&snapshot, &self.name)?;
            let (number, path) = self.place(&client, &task)?;
            let mut reader = Reader::new(&path, self.stripper(context));
            let Some(text) = reader.read()? else {
                let hint = format!("see why: reconciler describe task {}", self.name);
                return Err(nothing(&task, number).hint(hint));
            };
            write(last_lines(&text, self.tail))?;
            if self.follow {
                follow(&client, &mut reader, (&self.name, number)).await?;
            }
            write(&reader.rest())?;
            Ok(Code::Success.into())
        })
    }

    fn stripper(&self, context: &Context) -> Option<Stripper> {
        (!self.raw).then(|| Stripper::new(context.look.paint))
    }

    /// Returns which attempt is meant, and where its log is.
    fn place(&self, client: &Client, task: &TaskView) -> Result<(u32, PathBuf), Failure> {
        let name: TaskName = task.metadata.name.parse()?;
        let paths = client.logs(&name)?;
        let Some(wanted) = self.attempt else {
            return paths.into_iter().max_by_key(|(number, _)| *number).ok_or_else(|| {
                let why = printable(&task.status.message);
                Failure::new(format!("{name} has no log yet, it was never started: {why}"))
            });
        };
        let numbers: Vec<String> = paths.iter().map(|(number, _)| number.to_string()).collect();
        paths.into_iter().find(|(number, _)| *number == wanted).ok_or_else(|| {
            let known = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
            Failure::new(format!("{name} has no attempt {wanted}; it has {known}"))
        })
    }
}

/// Returns a task by name, also written `task/NAME`.
pub(super) fn find(snapshot: &Snapshot, name: &str) -> Result<TaskView, Failure> {
    let name = name.strip_prefix("task/").unwrap_or(name);
    let all = tasks(snapshot);
    if let Some(task) = all.iter().find(|task| task.metadata.name == name) {
        return Ok(task.clone());
    }
    let known: Vec<&str> = all.iter().map(|task| task.metadata.name.as_str()).collect();
    Err(reference::unknown(Type::Task, name, &known, snapshot))
}

fn nothing(task: &TaskView, number: u32) -> Failure {
    let why = printable(&task.status.message);
    Failure::new(format!("attempt {number} of {} wrote nothing yet: {why}", task.metadata.name))
}

/// Prints what an attempt writes until it is over.
async fn follow(
    client: &Client,
    reader: &mut Reader,
    (name, number): (&str, u32),
) -> Result<(), Failure> {
    let mut clock = tokio::time::interval(INTERVAL);
    for reading in 0_u32.. {
        clock.tick().await;
        let is_over = reading % READINGS == 0 && is_over(&client.snapshot().await, name, number);
        // What it wrote last is read after it was seen to be over.
        write(&reader.read()?.unwrap_or_default())?;
        if is_over {
            break;
        }
    }
    Ok(())
}

fn is_over(snapshot: &Snapshot, name: &str, number: u32) -> bool {
    let Ok(task) = find(snapshot, name) else { return true };
    let attempt = task.status.attempts.iter().find(|one| one.number == number);
    attempt.is_none_or(|one| matches!(one.phase, Phase::Ended | Phase::Ending))
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    Ok(stdout.flush()?)
}

/// Returns the last lines of a text; all of it without a number.
fn last_lines(text: &[u8], count: Option<usize>) -> &[u8] {
    let Some(count) = count else { return text };
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match (count, ends.map(|(at, _)| at).nth(count.saturating_sub(1))) {
        (0, _) => &[],
        (_, Some(at)) => text.get(at + 1..).unwrap_or_default(),
        (_, None) => text,
    }
}

/// Reads a log that is still being written.
struct Reader {
    path: PathBuf,
    file: Option<File>,
    stripper: Option<Stripper>,
}

impl Reader {
    fn new(path: &Path, stripper: Option<Stripper>) -> Self {
        Self { path: path.to_owned(), file: None, stripper }
    }

    /// Returns what was written since the last time; `None` while there is no log.
    fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    return Err(Failure::new(format!(
                        "cannot read {}: {error}",
                        self.path.display()
                    )));
                }
            }
        }
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut bytes)?;
        }
        Ok(Some(match &mut self.stripper {
            Some(stripper) => stripper.strip(&bytes),
            None => bytes,
        }))
    }

    /// Returns what ends the text: colours of a log do not go on after it.
    fn rest(&self) -> Vec<u8> {
        self.stripper.as_ref().map(Stripper::end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Paint;
    use super::*;

    #[test]
    fn the_last_lines_are_whole_lines() {
        for (text, count, expected) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 9, "a\nb\n"),
            ("a\nb\n", 0, ""),
            ("", 1, ""),
        ] {
            let found = last_lines(text.as_bytes(), Some(count));
            assert_eq!(std::str::from_utf8(found).unwrap(), expected, "{text:?} {count}");
        }
    }

    #[test]
    fn a_log_is_read_on_from_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.log");
        let mut reader = Reader::new(&path, Some(Stripper::new(Paint::Plain)));
        assert!(reader.read().unwrap().is_none());
        std::fs::write(&path, "one \u{1b}[3").unwrap();
        assert_eq!(reader.read().unwrap().unwrap(), b"one ");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"1mtwo\r\n").unwrap();
        assert_eq!(reader.read().unwrap().unwrap(), b"two\n");
    }
}
