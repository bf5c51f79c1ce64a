//! Say: where a verb runs and how it speaks: data on stdout, remarks on stderr, questions only
//! where somebody can answer. It decides nothing.

use crate::client::{Client, Environment, Error};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// What a verb comes to.
pub(super) type Done = Result<ExitCode, Box<dyn std::error::Error>>;

/// Where a verb runs and how it speaks.
#[derive(Debug)]
pub(super) struct Say {
    /// Where the repository is looked for.
    pub(super) directory: PathBuf,
    /// What the program was started with.
    pub(super) environment: Environment,
}

impl Say {
    /// Gathers it.
    pub(super) fn new(directory: PathBuf) -> io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = std::env::vars_os().filter_map(text).collect();
        let environment = Environment { program: std::env::current_exe()?, variables };
        Ok(Self { directory: std::path::absolute(directory)?, environment })
    }

    /// Opens the repository.
    pub(super) async fn client(&self) -> Result<Client, Error> {
        Client::open(&self.directory, self.environment.clone()).await
    }

    /// Returns a variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns whether stdout is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal() && self.variable("TERM") != Some("dumb")
    }

    /// Returns whether somebody is there to answer.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal()
            && io::stderr().is_terminal()
            && self.variable("RECONCILER").is_none()
    }
}

/// Writes a line of data.
pub(super) fn out(line: impl AsRef<str>) -> io::Result<()> {
    writeln!(io::stdout(), "{}", line.as_ref())
}

/// Writes a remark.
pub(super) fn note(line: impl AsRef<str>) {
    // The answer of a verb is on stdout; nothing depends on this.
    writeln!(io::stderr(), "{}", line.as_ref()).ok();
}

/// Asks a question; only `y` and `yes` are a yes.
pub(super) fn ask(question: &str) -> io::Result<bool> {
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
