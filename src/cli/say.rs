//! Say: how a verb speaks: data on stdout, remarks and questions on stderr. It decides nothing.

use super::exit::Failure;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;

/// What a verb comes to.
pub(super) type Done = Result<ExitCode, Failure>;

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
