//! Context: the flags every verb has and what the environment says, read once. Nothing else in the
//! program reads the environment.

use super::exit::Failure;
use crate::client::{Client, Environment};
use crate::fault;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The flags every verb has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Flags of every verb")]
pub(super) struct Global {
    /// Look at the repository of this directory.
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    #[arg(hide_default_value = true)]
    repo: PathBuf,
    /// What to print: tables for people, JSON for programs, names for scripts.
    #[arg(short, long, global = true, value_enum, default_value = "table", value_name = "FORMAT")]
    #[arg(
        hide_possible_values = true,
        help = "Print as table, wide, json or name [default: table]"
    )]
    #[arg(hide_default_value = true)]
    output: Output,
    /// Use colours: auto, always or never.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    #[arg(hide_possible_values = true)]
    color: Color,
    /// Use ASCII only, as in a locale without UTF-8.
    #[arg(long, global = true)]
    ascii: bool,
    /// Leave out notes and hints.
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more on stderr; twice for still more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Never ask; fail instead. So it is without a terminal.
    #[arg(long, global = true)]
    no_input: bool,
}

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Table,
    Wide,
    Json,
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Where a verb runs and how it prints.
#[derive(Debug, Clone)]
pub(super) struct Context {
    /// Where to look for the repository.
    pub(super) directory: PathBuf,
    /// What to print.
    pub(super) output: Output,
    /// How it looks.
    pub(super) look: Look,
    /// Whether notes and hints are left out.
    pub(super) quiet: bool,
    /// How much to log: 0 is warnings only.
    pub(super) verbosity: u8,
    /// Whether a person can be asked, or handed the terminal.
    pub(super) interactive: bool,
    /// What the terminal is.
    pub(super) terminal: Terminal,
    /// Where a day begins.
    pub(super) zone: TimeZone,
    /// What the client takes from the environment.
    pub(super) environment: Environment,
}

/// What a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terminal {
    /// Nothing special.
    Plain,
    /// A pane of tmux already.
    Tmux,
}

/// How what is printed looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// The columns of the terminal; `None` in a pipe, where nothing is cut.
    pub(super) width: Option<u16>,
    /// The lines of the terminal; `None` in a pipe.
    pub(super) height: Option<u16>,
    /// Which colours.
    pub(super) paint: Paint,
    /// Which characters.
    pub(super) charset: Charset,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Colored,
}

/// Which characters may be printed for decoration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Unicode,
    Ascii,
}

impl Context {
    /// Gathers it from the flags, the environment and the terminal.
    pub(super) fn new(global: Global) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colored = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && wants_color(),
        };
        let size = if terminal { size() } else { None };
        let look = Look {
            width: size.map(|(columns, _)| columns),
            height: size.map(|(_, lines)| lines),
            paint: if colored { Paint::Colored } else { Paint::Plain },
            charset: if global.ascii || !has_utf8() { Charset::Ascii } else { Charset::Unicode },
        };
        Self {
            directory: global.repo,
            output: global.output,
            look,
            quiet: global.quiet,
            verbosity: global.verbose,
            interactive: terminal && std::io::stdin().is_terminal() && !global.no_input,
            terminal: variable("TMUX").map_or(Terminal::Plain, |_| Terminal::Tmux),
            zone: TimeZone::system(),
            environment: environment(),
        }
    }

    /// Arms this process with the fault that a test wants, if any.
    pub(super) fn arm_faults(&self, who: &str) {
        if let Some(text) = self.environment.variables.get(fault::VARIABLE) {
            fault::arm(who, text);
        }
    }

    /// Opens the repository for a verb that changes who holds what; a test may arm it with a fault.
    pub(super) async fn holder(&self) -> Result<Client, Failure> {
        self.arm_faults("claim");
        self.client().await
    }

    /// Opens the repository.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::open(&self.directory, self.environment.clone()).await?)
    }

    /// Runs the asynchronous part of a verb; verbs without one start faster.
    pub(super) fn block_on<T>(
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
    }
}

/// Returns what the client takes from the environment.
pub(super) fn environment() -> Environment {
    Environment { program: std::env::current_exe().unwrap_or_default(), variables: variables() }
}

/// Returns a variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the variables that are text; no other is handed to anybody.
fn variables() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

fn wants_color() -> bool {
    variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb")
}

fn has_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let locale = locale.to_string_lossy().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Returns the columns and lines of the terminal, if it says them.
fn size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some((size.ws_col, size.ws_row)).filter(|(columns, lines)| *columns > 0 && *lines > 0)
}
