//! Turn after turn: the loop turns while it makes progress, then waits for a hint, for the time its
//! plan named, or for the next resync. It never turns hot: what makes no progress waits longer.

use super::{Tick, tick};
use crate::plan::Plan;
use crate::plan::report::Reason;
use crate::world::World;
use jiff::Timestamp;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::Notify;

/// How many subjects are worked on at once.
const PARALLEL: usize = 16;
/// The first wait after a turn that changed nothing although something was planned, or that could
/// not see everything: what hid it, as a tmux server that just dies, gives no hint when it is over.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest such wait.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// When the loop ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// When there is nothing to do at the moment; workers go on.
    Once,
    /// When nothing runs any more, and nothing will without somebody's doing.
    Settled,
}

/// Runs the loop until it is to end, or `stop` is done. `told` is given every turn.
pub async fn run<W: World>(
    world: &W,
    wake: &Notify,
    until: Until,
    stop: impl Future<Output = ()>,
    mut told: impl FnMut(&Tick),
) {
    let mut stop = pin!(stop);
    let mut pause = PAUSE_MIN;
    loop {
        // A turn is never cut: effects that have begun are finished.
        let turn = tick(world, PARALLEL).await;
        told(&turn);
        if turn.made_progress() {
            pause = PAUSE_MIN;
            if has_come(&mut stop).await {
                return;
            }
            continue;
        }
        let idle = turn.plan.actions.is_empty();
        let over = match until {
            Until::Stopped => false,
            Until::Once => true,
            Until::Settled => idle && is_settled(&turn.plan),
        };
        if over {
            return;
        }
        let mut wait = longest_wait(&turn);
        if !idle || turn.look.is_partial() {
            wait = wait.min(pause);
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        } else {
            pause = PAUSE_MIN;
            if until == Until::Stopped {
                world.rest(&turn.look);
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
            () = &mut stop => return,
        }
    }
}

/// Returns whether a future is ready, without waiting for it.
async fn has_come(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::select! {
        biased;
        () = future => true,
        () = std::future::ready(()) => false,
    }
}

/// Returns whether nothing runs, and nothing will without somebody's doing.
pub fn is_settled(plan: &Plan) -> bool {
    plan.actions.is_empty()
        && plan.report.tasks.values().all(|task| match task.reason {
            // These may lapse by themselves.
            Reason::Paused => task.wake_at.is_none(),
            Reason::WorkersHeld => plan.report.held.values().all(|held| held.until.is_none()),
            Reason::Starting
            | Reason::Running
            | Reason::NeedsInput
            | Reason::Stalled
            | Reason::Idle
            | Reason::RateLimited
            | Reason::Stopping
            | Reason::Ending
            | Reason::Landing
            | Reason::RetryBackOff
            | Reason::RestartBackOff
            | Reason::EffectFailed
            | Reason::Unknown
            | Reason::MachineBusy
            | Reason::ClaimUnsure
            | Reason::Deleting => false,
            Reason::Succeeded
            | Reason::AttemptsUsedUp
            | Reason::CrashLoop
            | Reason::AgentMissing
            | Reason::NotLoggedIn
            | Reason::DependencyPending
            | Reason::DependencyUnmet
            | Reason::DependencyCycle
            | Reason::FilesHeld
            | Reason::NoWorker
            | Reason::WorkersBusy
            | Reason::HeldByPerson
            | Reason::LimitReached
            | Reason::NotTrusted
            | Reason::HeldElsewhere
            | Reason::Suspended
            | Reason::Invalid
            | Reason::PlaceTaken
            | Reason::Damaged
            | Reason::OnHold => true,
        })
}

/// Returns how long the loop may sleep if nothing wakes it.
fn longest_wait(turn: &Tick) -> Duration {
    let desired = turn.look.desired.known();
    let intervals = desired.map(|desired| desired.policy().intervals).unwrap_or_default();
    let resync = intervals.resync_seconds;
    let resync = Duration::from_secs(resync.into());
    let until = |at: Timestamp| {
        Duration::try_from(at.duration_since(turn.look.observed.now)).unwrap_or(Duration::ZERO)
    };
    turn.plan.wake_at.map_or(resync, |at| until(at).max(PAUSE_MIN).min(resync))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::action::Action;
    use crate::plan::observed::{EmptyState, Leftovers, Observed, Places, Sighting};
    use crate::process::clock;
    use crate::world::{ActionError, Look, Outcome};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A world without anything, whose sessions are hidden at the first look.
    #[derive(Default)]
    struct Hidden {
        looks: AtomicU32,
        seen: Notify,
    }

    impl World for Hidden {
        async fn observe(&self) -> Look {
            let sessions = if self.looks.fetch_add(1, Ordering::Relaxed) == 0 {
                Sighting::Unknown("the server just dies".to_owned())
            } else {
                self.seen.notify_one();
                Sighting::Known(Vec::new())
            };
            let observed = Observed {
                now: clock::now(),
                nonce: 1,
                node: "here".to_owned(),
                boot: crate::api::claim::BootTime { boot_id: "boot".to_owned(), boot_millis: 0 },
                awake_since: 0,
                places: Places { root: "/r".into() },
                tasks: Sighting::Known(BTreeMap::new()),
                claims: Sighting::Known(BTreeMap::new()),
                generations: BTreeMap::new(),
                sessions,
                worktrees: Sighting::Known(Vec::new()),
                branches: Sighting::Known(BTreeMap::new()),
                rescues: Sighting::Known(BTreeSet::new()),
                trusted: Sighting::Known(BTreeSet::new()),
                leftovers: Sighting::Known(Leftovers::default()),
                issues: Sighting::Known(BTreeMap::new()),
                holds: Sighting::Known(crate::api::hold::Holds::default()),
                machine: crate::plan::observed::Machine::idle(),
                empty_state: EmptyState::Doubted,
            };
            Look { desired: Sighting::Unknown("not asked".to_owned()), observed }
        }

        async fn perform(&self, _action: &Action) -> Result<Outcome, ActionError> {
            Ok(Outcome::Done)
        }
    }

    #[tokio::test]
    async fn a_look_that_did_not_see_everything_is_repeated_long_before_the_next_resync() {
        let world = Hidden::default();
        let (no_hint, seen) = (Notify::new(), world.seen.notified());
        let again = run(&world, &no_hint, Until::Stopped, seen, |_| {});
        tokio::time::timeout(Duration::from_secs(10), again).await.expect("it looks again soon");
    }
}
