//! How an attempt ended, from how its programs ended. Pure.

use crate::api::attempt::ExitReason;
use crate::api::report::{Outcome, Report};

/// How one program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// It exited by itself.
    Exited(i32),
    /// A signal ended it that was not ours.
    Signalled(i32),
    /// It could not be started.
    NotStarted(String),
    /// It was ended by us.
    Cut(ExitReason),
    /// It said that it failed.
    SaidFailed {
        /// Why.
        message: String,
        /// Whether another try may succeed.
        retryable: bool,
    },
    /// It exited with 0 without a word, where only its word counts.
    Unreported,
}

/// So much of its own words is kept in the record of an end, in characters.
const MESSAGE_MAX: usize = 300;

impl Ended {
    /// Returns how the program ended when its own word counts more than its exit. One that was cut
    /// off by us is done only if nothing is to be verified any more.
    pub(super) fn by_its_word(self, report: Option<Report>, verify: Option<&Vec<String>>) -> Self {
        let Some(report) = report else { return self };
        match report.outcome {
            Outcome::Failed { retryable } => {
                let message = report.summary.chars().take(MESSAGE_MAX).collect();
                Self::SaidFailed { message, retryable }
            }
            Outcome::Completed => match self {
                Self::Cut(reason) if verify.is_some() => Self::Cut(reason),
                Self::Exited(_)
                | Self::Signalled(_)
                | Self::NotStarted(_)
                | Self::Cut(_)
                | Self::SaidFailed { .. }
                | Self::Unreported => Self::Exited(0),
            },
        }
    }

    /// Returns whether it failed by itself.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Exited(status) => *status != 0,
            Self::Signalled(_)
            | Self::NotStarted(_)
            | Self::SaidFailed { .. }
            | Self::Unreported => true,
            Self::Cut(_) => false,
        }
    }

    /// Returns how the attempt ended, if this was its program.
    pub(super) fn reason(self) -> ExitReason {
        match self {
            Self::Exited(0) => ExitReason::Succeeded,
            Self::Exited(status) => ExitReason::Failed { status },
            Self::Signalled(signal) => ExitReason::Signalled { signal },
            Self::NotStarted(message) => ExitReason::NotStarted { message },
            Self::Cut(reason) => reason,
            Self::SaidFailed { message, retryable } => {
                ExitReason::SaidFailed { message, retryable }
            }
            Self::Unreported => ExitReason::Unreported,
        }
    }

    /// Returns how the attempt ended, if this was the verification of a program that succeeded.
    pub(super) fn verified(self) -> ExitReason {
        match self {
            Self::Exited(status) if status != 0 => ExitReason::VerifyFailed { status },
            Self::Exited(_)
            | Self::Signalled(_)
            | Self::NotStarted(_)
            | Self::Cut(_)
            | Self::SaidFailed { .. }
            | Self::Unreported => self.reason(),
        }
    }
}

/// Returns the exit status of the shim, as shells would give it.
pub(super) fn code(reason: &ExitReason) -> i32 {
    match reason {
        ExitReason::Succeeded => 0,
        ExitReason::Failed { status } | ExitReason::VerifyFailed { status } => *status,
        ExitReason::TimedOut { .. } => 124,
        ExitReason::NotStarted { .. } => 127,
        ExitReason::Signalled { signal } => 128 + signal,
        ExitReason::HungUp => 129,
        ExitReason::Stopped { .. } => 143,
        ExitReason::SaidFailed { .. } | ExitReason::Unreported | ExitReason::Lost => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ends_as_its_program_or_its_verification_does() {
        let failed = Ended::Exited(3);
        assert_eq!(failed.clone().reason(), ExitReason::Failed { status: 3 });
        assert_eq!(failed.verified(), ExitReason::VerifyFailed { status: 3 });
        assert_eq!(Ended::Exited(0).reason(), ExitReason::Succeeded);
        assert_eq!(Ended::Exited(0).verified(), ExitReason::Succeeded);
        assert_eq!(Ended::Signalled(9).verified(), ExitReason::Signalled { signal: 9 });
        let cut = Ended::Cut(ExitReason::TimedOut { after_seconds: 1 });
        assert_eq!(code(&cut.verified()), 124);
    }
}
