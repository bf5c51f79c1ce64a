//! `reconciler attach`: hands the terminal to the tmux session of a task, or to the one that a seat
//! keeps. It grabs no key, and never nests one tmux in another.

use super::context::{Context, Terminal};
use super::exit::Failure;
use super::logs;
use super::print::printable;
use crate::client::Snapshot;
use crate::client::view::worker::workers;
use clap::Args;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Open the terminal of a running task, or the one that a worker keeps.
#[derive(Debug, Args)]
#[command(after_help = "\
Detach with Ctrl-b d; the task goes on. Inside tmux, a new window is opened.

Examples:
  reconciler attach fix-login
  reconciler attach codegen-1   of a worker with `session: worker`: task after task")]
pub(super) struct Attach {
    /// The task, or the seat.
    name: String,
}

impl Attach {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let argv = Context::block_on(async {
            let client = context.client().await?;
            let session = session(&client.snapshot().await, &self.name)?;
            Ok(command(&self.name, client.attach_argv(&session), context.terminal))
        })?;
        if !context.interactive {
            let shown = shown(&argv);
            return Err(Failure::new("attach needs a terminal, and a person at it")
                .hint(format!("in a terminal: {shown}")));
        }
        writeln!(io::stderr(), "detach: Ctrl-b d")?;
        Err(exec(&argv, |_| {}))
    }
}

/// Returns the session of a task, or that of a seat when no task is called so.
fn session(snapshot: &Snapshot, name: &str) -> Result<String, Failure> {
    let task = match logs::find(snapshot, name) {
        Ok(task) => task,
        Err(unknown) => return of_seat(snapshot, name).ok_or(unknown),
    };
    task.status.session.ok_or_else(|| {
        let (name, why) = (&task.metadata.name, printable(&task.status.message));
        Failure::new(format!("{name} has no session: {why}"))
            .hint(format!("what it wrote: reconciler logs {name}"))
    })
}

fn of_seat(snapshot: &Snapshot, name: &str) -> Option<String> {
    let name = name.strip_prefix("worker/").unwrap_or(name);
    let workers = workers(snapshot);
    let mut seats = workers.iter().flat_map(|worker| &worker.status.seats);
    seats.find(|seat| seat.name == name)?.session.clone()
}

/// Returns the command that shows the session: inside tmux one that opens a window for it, with
/// tmux's variable taken away, because tmux refuses to nest.
fn command(name: &str, attach: Vec<String>, terminal: Terminal) -> Vec<String> {
    match terminal {
        Terminal::Plain => attach,
        Terminal::Tmux => {
            let window = ["tmux", "new-window", "-n", name, "--", "env", "-u", "TMUX"];
            window.into_iter().map(str::to_owned).chain(attach).collect()
        }
    }
}

/// Returns a command as a person can type it into any shell.
fn shown(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@".contains(c);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            return word.clone();
        }
        format!("'{}'", word.replace('\'', r"'\''"))
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Becomes the command; returns only when that failed.
#[expect(
    clippy::disallowed_methods,
    reason = "it replaces this process, which is no child of ours"
)]
pub(super) fn exec(argv: &[String], prepare: impl FnOnce(&mut Command)) -> Failure {
    let Some((program, arguments)) = argv.split_first() else {
        return Failure::new("there is no command to start");
    };
    let mut command = Command::new(program);
    prepare(command.args(arguments));
    let error = command.exec();
    Failure::new(format!("cannot start {program}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_tmux_a_window_is_opened() {
        let attach = ["tmux", "-L", "reconciler-5f2c", "attach-session", "-t", "=fix-login"];
        let attach = || attach.map(str::to_owned).to_vec();
        assert_eq!(
            shown(&command("fix-login", attach(), Terminal::Plain)),
            "tmux -L reconciler-5f2c attach-session -t '=fix-login'"
        );
        assert_eq!(
            shown(&command("fix-login", attach(), Terminal::Tmux)),
            "tmux new-window -n fix-login -- env -u TMUX \
             tmux -L reconciler-5f2c attach-session -t '=fix-login'"
        );
    }
}
