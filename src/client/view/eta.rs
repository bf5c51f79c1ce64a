//! How long a running attempt will still take, by how long those of its agent took that succeeded.
//! It never guesses from fewer than `SAMPLES_MIN`.

use super::Snapshot;
use crate::api::attempt::{Attempt, Exit, ExitReason};
use crate::api::name::AgentName;
use crate::api::report::Progress;
use crate::plan::observed::{AttemptSighting, AttemptState};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// From so many samples on there is an estimate.
const SAMPLES_MIN: usize = 5;

/// How long a running attempt will still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Eta {
    /// The estimate, in seconds; below 0 it should be over already.
    pub remaining_seconds: i64,
    /// The median of the samples, in seconds.
    pub median_seconds: i64,
    /// How many attempts of the same agent the estimate is from.
    pub samples: usize,
}

impl fmt::Display for Eta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = |seconds: i64| (seconds + 59) / 60;
        if self.remaining_seconds < 0 {
            write!(f, "late {}m", minutes(-self.remaining_seconds))
        } else {
            write!(f, "~{}m", minutes(self.remaining_seconds))
        }
    }
}

/// Returns the estimate for a running attempt: the median time of its agent's successes, less what
/// it took so far; of an attempt with a list of steps, the median for the steps that are left.
/// `None` when it does not run, or there are too few samples.
pub(super) fn of(snapshot: &Snapshot, one: &AttemptSighting) -> Option<Eta> {
    let AttemptState::Running { started_at, .. } = &one.state else { return None };
    let agent = agent_of(snapshot, one.attempt.as_ref().ok()?)?;
    let tasks = snapshot.observed.tasks.known()?;
    let all = tasks.values().flat_map(|task| &task.attempts);
    let mut times: Vec<i64> = all
        .filter(|other| {
            let attempt = other.attempt.as_ref().ok();
            attempt.and_then(|attempt| agent_of(snapshot, attempt)) == Some(agent)
        })
        .filter_map(time_of)
        .collect();
    if times.len() < SAMPLES_MIN {
        return None;
    }
    times.sort_unstable();
    let median = *times.get(times.len() / 2)?;
    let elapsed = seconds_between(*started_at, snapshot.now());
    let remaining_seconds = match one.said.progress.as_ref().and_then(left) {
        Some((left, total)) => median.saturating_mul(left) / total,
        None => median - elapsed,
    };
    Some(Eta { remaining_seconds, median_seconds: median, samples: times.len() })
}

/// Returns how many steps are left, of how many.
fn left(progress: &Progress) -> Option<(i64, i64)> {
    let (done, total) = (progress.steps_completed?, progress.total_steps?);
    Some((total.saturating_sub(done).into(), i64::from(total.max(1))))
}

/// Returns the agent that does an attempt; none verifies.
fn agent_of<'a>(snapshot: &'a Snapshot, attempt: &Attempt) -> Option<&'a AgentName> {
    if attempt.verifies.is_some() {
        return None;
    }
    let worker = snapshot.desired()?.workers.get(&attempt.seat.worker)?;
    worker.spec.as_ref()?.agent.as_ref()
}

fn time_of(one: &AttemptSighting) -> Option<i64> {
    match &one.state {
        AttemptState::Ended(Exit {
            started_at: Some(from),
            ended_at,
            reason: ExitReason::Succeeded,
            ..
        }) => Some(seconds_between(*from, *ended_at)),
        AttemptState::Ended(_)
        | AttemptState::Prepared
        | AttemptState::Running { .. }
        | AttemptState::Ending { .. }
        | AttemptState::Lost { .. }
        | AttemptState::Unknown(_)
        | AttemptState::Damaged(_) => None,
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::view::scene::Scene;
    use serde_json::json;

    #[test]
    fn an_estimate_comes_from_five_successes_of_the_same_agent() {
        let mut scene = Scene::new().worker("builder", json!({ "agent": "shell", "replicas": 9 }));
        for number in 0..4 {
            let name = format!("done-{number}");
            scene = scene.task(&name, json!({ "command": "x" })).seen(&name, 60);
            scene = scene.started(&name, 50).ended(&name, ExitReason::Succeeded, 40 - number);
        }
        scene = scene.task("runs", json!({ "command": "x" })).seen("runs", 9).started("runs", 4);
        let eta = |scene: &Scene| {
            let snapshot = scene.snapshot();
            let tasks = snapshot.observed.tasks.known().unwrap();
            of(&snapshot, &tasks[&"runs".parse().unwrap()].attempts[0])
        };
        assert_eq!(eta(&scene), None);
        scene = scene.task("done-5", json!({ "command": "x" })).seen("done-5", 60);
        scene = scene.started("done-5", 50).ended("done-5", ExitReason::Succeeded, 40);
        let found = eta(&scene).unwrap();
        assert_eq!((found.samples, found.median_seconds), (5, 11 * 60));
        assert_eq!(found.remaining_seconds, 7 * 60);
    }

    #[test]
    fn an_estimate_says_minutes_and_whether_it_is_late() {
        let eta = |remaining_seconds| Eta { remaining_seconds, median_seconds: 60, samples: 5 };
        assert_eq!(eta(0).to_string(), "~0m");
        assert_eq!(eta(61).to_string(), "~2m");
        assert_eq!(eta(-480).to_string(), "late 8m");
    }
}
