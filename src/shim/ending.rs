//! How an attempt ended, from how its programs ended. Pure.

use crate::api::attempt::ExitReason;

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
}

impl Ended {
    /// Returns how the attempt ended, if this was its program.
    pub(super) fn reason(self) -> ExitReason {
        match self {
            Self::Exited(0) => ExitReason::Succeeded,
            Self::Exited(status) => ExitReason::Failed { status },
            Self::Signalled(signal) => ExitReason::Signalled { signal },
            Self::NotStarted(message) => ExitReason::NotStarted { message },
            Self::Cut(reason) => reason,
        }
    }

    /// Returns how the attempt ended, if this was the verification of a program that succeeded.
    pub(super) fn verified(self) -> ExitReason {
        match self {
            Self::Exited(status) if status != 0 => ExitReason::VerifyFailed { status },
            Self::Exited(_) | Self::Signalled(_) | Self::NotStarted(_) | Self::Cut(_) => {
                self.reason()
            }
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
        ExitReason::Lost => 1,
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
