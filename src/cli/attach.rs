//! `reconciler attach`: hands the terminal to the tmux session of a task. It grabs no key, and never
//! nests one tmux in another.

use super::context::{Context, Terminal};
use super::exit::Failure;
use super::logs;
use super::print::printable;
use crate::api::name::TaskName;
use clap::Args;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Open the terminal of a running task.
#[derive(Debug, Args)]
#[command(after_help = "\
Detach with Ctrl-b d; the task goes on. Inside tmux, a new window is opened.

Example:
  reconciler attach fix-login")]
pub(super) struct Attach {
    /// The task.
    name: String,
}

impl Attach {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let argv = Context::block_on(async {
            let client = context.client().await?;
            let task = logs::find(&client.snapshot().await, &self.name)?;
            let name: TaskName = task.metadata.name.parse()?;
            if task.status.session.is_none() {
                let why = printable(&task.status.message);
                return Err(Failure::new(format!("{name} has no session: {why}"))
                    .hint(format!("what it wrote: reconciler logs {name}")));
            }
            Ok(command(&name, client.attach_argv(&name), context.terminal))
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

/// Returns the command that shows the session: inside tmux one that opens a window for it, with
/// tmux's variable taken away, because tmux refuses to nest.
fn command(name: &TaskName, attach: Vec<String>, terminal: Terminal) -> Vec<String> {
    match terminal {
        Terminal::Plain => attach,
        Terminal::Tmux => {
            let window = ["tmux", "new-window", "-n", name.as_str(), "--", "env", "-u", "TMUX"];
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
        let name: TaskName = "fix-login".parse().unwrap();
        assert_eq!(
            shown(&command(&name, attach(), Terminal::Plain)),
            "tmux -L reconciler-5f2c attach-session -t '=fix-login'"
        );
        assert_eq!(
            shown(&command(&name, attach(), Terminal::Tmux)),
            "tmux new-window -n fix-login -- env -u TMUX \
             tmux -L reconciler-5f2c attach-session -t '=fix-login'"
        );
    }
}
