//! Exit: from an error to an exit code, a sentence and a hint. The only place that knows them.

use crate::client;
use std::any::Any;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The exit codes, as `reconciler help` documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// It is as asked.
    Success = 0,
    /// It failed, or what was waited for can no longer come.
    Failed = 1,
    /// The command was not understood.
    Usage = 2,
    /// Another loop runs on this repository.
    Held = 3,
    /// The agents are not approved on this machine.
    NotTrusted = 5,
    /// Somebody else holds it.
    Conflict = 6,
    /// It is still pending.
    Pending = 8,
    /// The time was up.
    TimedOut = 124,
    /// Somebody interrupted it.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure of a verb.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { code: Code::Failed, message: message.into(), hint: None }
    }

    /// Makes a failure to understand the command line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, ..Self::new(message) }
    }

    /// Makes a failure with a code of its own.
    pub(super) fn coded(code: Code, message: impl Into<String>) -> Self {
        Self { code, ..Self::new(message) }
    }

    /// Ends with another exit code.
    #[must_use]
    pub(super) fn with(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says it on stderr and returns the exit code.
    pub(super) fn report(self) -> ExitCode {
        if self.code != Code::Success {
            let hint = self.hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
            // Nobody is left to complain to when this fails.
            write!(io::stderr(), "error: {}\n{hint}", self.message).ok();
        }
        self.code.into()
    }

    fn of_client(error: &client::Error) -> Self {
        let failure = Self::new(chain(error));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        if let Some(error) = any.downcast_ref::<client::Error>() {
            return Self::of_client(error);
        }
        if let Some(client::RunError::Held(_)) = any.downcast_ref::<client::RunError>() {
            let hint = "one loop per repository; see what it does: reconciler status";
            return Self::coded(Code::Held, chain(&error)).hint(hint);
        }
        let gone = any.downcast_ref::<io::Error>().map(io::Error::kind);
        if gone == Some(io::ErrorKind::BrokenPipe) {
            // The reader has seen enough: `reconciler get tasks | head -1`.
            return Self::coded(Code::Success, "");
        }
        Self::new(chain(&error))
    }
}

/// Returns an error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.code, Code::Success);
        assert_eq!(Failure::from(io::Error::other("disk full")).code, Code::Failed);
    }
}
