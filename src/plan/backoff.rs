//! How long to wait after an attempt or an effect that did not work: pure arithmetic, with jitter
//! taken from the uid, so that the same history always gives the same wait.

use crate::api::attempt::{Exit, ExitReason};
use crate::api::hash;
use crate::api::name::Uid;
use crate::api::policy::{Restart, Retry};
use crate::plan::report::Reason;
use jiff::{SignedDuration, Timestamp};

/// The longest wait after a failed effect, in seconds.
const EFFECT_CAP_SECONDS: u32 = 60;

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
    let failures = count(&|exit| exit.reason.is_failure());
    if failures > retries {
        return Verdict::UsedUp { failures };
    }
    if last.reason.is_failure() {
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
        Exit { started_at: None, ended_at: Timestamp::from_second(at).unwrap(), reason }
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
    fn a_clock_set_back_keeps_nobody_waiting() {
        assert_eq!(judged(&[exit(5000, ExitReason::Failed { status: 1 })], 100), Verdict::Due);
    }
}
