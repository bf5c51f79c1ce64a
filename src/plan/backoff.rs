//! How long to wait after an attempt or an effect that did not work: pure arithmetic, with jitter
//! taken from the uid, so that the same history always gives the same wait.

use crate::api::attempt::{Exit, ExitReason, FailureClass};
use crate::api::hash;
use crate::api::name::Uid;
use crate::api::policy::{Restart, Retry};
use crate::plan::report::Reason;
use jiff::{SignedDuration, Timestamp};

/// The longest wait after a failed effect, in seconds.
const EFFECT_CAP_SECONDS: u32 = 60;

/// The first wait after an attempt that something outside kept from its work, in seconds.
const OUTSIDE_SECONDS: u32 = 30;

/// What the ended attempts of a task, all of what it runs as committed, mean for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The next attempt may start.
    Due,
    /// The next attempt may start later.
    Wait {
        /// When.
        until: Timestamp,
        /// Why it waits.
        reason: Reason,
        /// How many such ends there were.
        count: u32,
    },
    /// The last attempt succeeded.
    Succeeded,
    /// The attempts are used up.
    UsedUp {
        /// How many failed.
        failures: u32,
    },
}

/// Judges the ended attempts, oldest first.
pub fn judge(
    ended: &[&Exit],
    retries: u32,
    (retry, restart): (Retry, Restart),
    (uid, now): (&Uid, Timestamp),
) -> Verdict {
    let Some(last) = ended.last() else { return Verdict::Due };
    let count = |test: &dyn Fn(&Exit) -> bool| -> u32 {
        u32::try_from(ended.iter().filter(|exit| test(exit)).count()).unwrap_or(u32::MAX)
    };
    if last.reason == ExitReason::Succeeded {
        return Verdict::Succeeded;
    }
    let failures = count(&Exit::is_failure);
    let gave_up = matches!(last.reason, ExitReason::SaidFailed { retryable: false, .. });
    if failures > retries || gave_up {
        return Verdict::UsedUp { failures };
    }
    if let Some(class) = last.class.filter(|_| last.is_outside()) {
        let in_row = ended.iter().rev().take_while(|exit| exit.class == Some(class)).count();
        let count = u32::try_from(in_row).unwrap_or(u32::MAX);
        let wait =
            exponential(retry.base_seconds.max(OUTSIDE_SECONDS), retry.cap_seconds, count, uid);
        return later(last.ended_at, wait, (outside(class), count), now);
    }
    if last.is_failure() {
        let wait = exponential(retry.base_seconds, retry.cap_seconds, failures, uid);
        return later(last.ended_at, wait, (Reason::RetryBackOff, failures), now);
    }
    if !last.reason.is_interruption() {
        return Verdict::Due;
    }
    let window = SignedDuration::from_secs(restart.window_seconds.into());
    let restarts = count(&|exit| {
        exit.reason.is_interruption() && last.ended_at.duration_since(exit.ended_at) < window
    });
    let (wait, reason) = if restarts > restart.budget {
        (jittered(restart.cap_seconds, restarts, uid), Reason::CrashLoop)
    } else {
        let wait = exponential(restart.base_seconds, restart.cap_seconds, restarts - 1, uid);
        (wait, Reason::RestartBackOff)
    };
    later(last.ended_at, wait, (reason, restarts), now)
}

/// Returns when an effect that failed `count` times in a row is tried again.
pub fn effect_retry_at(failed_at: Timestamp, count: u32, name: &str) -> Timestamp {
    let uid = Uid::derive(0, name);
    failed_at.saturating_add(exponential(1, EFFECT_CAP_SECONDS, count, &uid)).unwrap_or(failed_at)
}

fn outside(class: FailureClass) -> Reason {
    match class {
        FailureClass::AgentMissing => Reason::AgentMissing,
        FailureClass::NotLoggedIn => Reason::NotLoggedIn,
        FailureClass::RateLimited => Reason::RateLimited,
        // It is a failure of the work: judged before.
        FailureClass::RefusedByLock => Reason::RetryBackOff,
    }
}

fn later(
    ended_at: Timestamp,
    wait: SignedDuration,
    (reason, count): (Reason, u32),
    now: Timestamp,
) -> Verdict {
    let until = ended_at.saturating_add(wait).unwrap_or(now);
    // An end in the future means that the clock was set back: then nobody waits for it.
    if until <= now || ended_at > now {
        Verdict::Due
    } else {
        Verdict::Wait { until, reason, count }
    }
}

/// `base * 2^(count - 1)`, at most `cap`, less up to a quarter; nothing for a count of 0.
fn exponential(base: u32, cap: u32, count: u32, uid: &Uid) -> SignedDuration {
    let Some(doublings) = count.checked_sub(1) else { return SignedDuration::ZERO };
    let factor = 1_u64.checked_shl(doublings.min(32)).unwrap_or(u64::MAX);
    let seconds = u64::from(base).saturating_mul(factor).min(cap.into());
    jittered(u32::try_from(seconds).unwrap_or(cap), count, uid)
}

fn jittered(seconds: u32, count: u32, uid: &Uid) -> SignedDuration {
    let digest = hash::digest(&[uid.as_str().as_bytes(), &count.to_be_bytes()]);
    let draw = i64::from_str_radix(digest.get(..4).unwrap_or("0"), 16).unwrap_or(0);
    let millis = i64::from(seconds) * 1000;
    SignedDuration::from_millis(millis - millis * draw / (4 * 0x1_0000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(at: i64, reason: ExitReason) -> Exit {
        Exit {
            started_at: None,
            ended_at: Timestamp::from_second(at).unwrap(),
            reason,
            class: None,
        }
    }

    fn judged(ends: &[Exit], now: i64) -> Verdict {
        let retry = Retry { base_seconds: 10, cap_seconds: 60 };
        let restart = Restart { budget: 3, window_seconds: 600, base_seconds: 4, cap_seconds: 300 };
        let now = Timestamp::from_second(now).unwrap();
        let uid = Uid::derive(1, "t");
        judge(&ends.iter().collect::<Vec<_>>(), 2, (retry, restart), (&uid, now))
    }

    #[test]
    fn the_first_revival_is_immediate_and_the_next_ones_wait_longer() {
        let ends: Vec<Exit> = (0..5).map(|n| exit(100 + n, ExitReason::Lost)).collect();
        assert_eq!(judged(&ends[..1], 100), Verdict::Due);
        let wait = |count: usize| {
            let Verdict::Wait { until, reason, .. } = judged(&ends[..count], 104) else {
                panic!("it waits");
            };
            (until.as_second() - ends[count - 1].ended_at.as_second(), reason)
        };
        let (second, reason) = wait(2);
        assert!((2..4).contains(&second) && reason == Reason::RestartBackOff, "{second}");
        assert!((5..8).contains(&wait(3).0));
        let (looping, reason) = wait(4);
        assert!((224..300).contains(&looping) && reason == Reason::CrashLoop, "{looping}");
    }

    #[test]
    fn revivals_of_long_ago_do_not_count() {
        let mut ends: Vec<Exit> = (0..4).map(|n| exit(n, ExitReason::Lost)).collect();
        ends.push(exit(10_000, ExitReason::HungUp));
        assert_eq!(judged(&ends, 10_000), Verdict::Due);
    }

    #[test]
    fn failures_use_up_the_attempts_and_interruptions_do_not() {
        let failed = |at| exit(at, ExitReason::Failed { status: 1 });
        let ends = [failed(1), exit(2, ExitReason::Lost), failed(3)];
        assert!(matches!(judged(&ends, 3), Verdict::Wait { reason: Reason::RetryBackOff, .. }));
        let ends = [failed(1), exit(2, ExitReason::Lost), failed(3), failed(4)];
        assert_eq!(judged(&ends, 4), Verdict::UsedUp { failures: 3 });
    }

    #[test]
    fn what_keeps_an_agent_from_its_work_uses_up_no_attempt_and_waits_longer_each_time() {
        let limited = |at| Exit {
            class: Some(FailureClass::RateLimited),
            ..exit(at, ExitReason::Failed { status: 1 })
        };
        let ends: Vec<Exit> = (0..9).map(|n| limited(100 + n)).collect();
        for (count, at_least) in [(1, 22), (2, 45), (9, 45)] {
            let Verdict::Wait { until, reason, .. } =
                judged(&ends[..count], 99 + i64::try_from(count).unwrap())
            else {
                panic!("it waits");
            };
            assert_eq!(reason, Reason::RateLimited);
            let wait = until.as_second() - ends[count - 1].ended_at.as_second();
            assert!((at_least..=60).contains(&wait), "{count}: {wait}");
        }
        let failed = exit(200, ExitReason::Failed { status: 1 });
        let ends = [&ends[..], &[failed]].concat();
        let judged = judged(&ends, 200);
        assert!(matches!(judged, Verdict::Wait { reason: Reason::RetryBackOff, count: 1, .. }));
    }

    #[test]
    fn an_agent_that_says_that_no_other_try_can_succeed_is_believed() {
        let said = |retryable| {
            let message = "there is no such file".to_owned();
            [exit(1, ExitReason::SaidFailed { message, retryable })]
        };
        assert_eq!(judged(&said(false), 1), Verdict::UsedUp { failures: 1 });
        assert!(matches!(judged(&said(true), 1), Verdict::Wait { .. }));
    }

    #[test]
    fn a_clock_set_back_keeps_nobody_waiting() {
        assert_eq!(judged(&[exit(5000, ExitReason::Failed { status: 1 })], 100), Verdict::Due);
    }
}
