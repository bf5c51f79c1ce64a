//! One history: a world, the loop in it, what people commit, and what is seen of it all. It says
//! what went wrong first, with the name of the property before the colon.

use crate::wanted;
use jiff::SignedDuration;
use reconciler::engine::{self, Deed, Tick};
use reconciler::plan::action::Action;
use reconciler::plan::desired::Desired;
use reconciler::plan::report::Reason;
use reconciler::world::sim::{Fault, Faults, Rng, SimWorld, Tape, violations};
use reconciler::world::{ActionError, Look, Outcome, World};
use serde_json::json;
use std::collections::BTreeMap;

/// Steps with faults, at least.
const STORM: usize = 60;
/// A step of time is shorter than this, in seconds.
const STRIDE: u64 = 8;
/// Turns within which a healed world must be as wanted.
const CALM: usize = 400;
/// Turns for which the end must stay as it is, mostly.
const REST: usize = 20;

/// What the loop takes for done without doing it.
pub(crate) type LeavesOut = fn(&Action) -> bool;

pub(crate) struct History {
    pub(crate) world: SimWorld,
    leaves_out: LeavesOut,
    /// Turns for which the end must stay as it is.
    pub(crate) rest: usize,
    /// A step of the storm is shorter than this, in seconds.
    stride: u64,
    /// How long the storm lasts, at least.
    storm: SignedDuration,
    pub(crate) first: Desired,
    /// What was committed in each step of the storm, by people or by a fault.
    pub(crate) commits: Vec<Option<Desired>>,
    /// How often each kind of effect was done.
    pub(crate) done: BTreeMap<&'static str, usize>,
    /// The last turn.
    pub(crate) last: Option<Tick>,
    /// The lines of each step.
    told: Option<Vec<Vec<String>>>,
}

impl History {
    /// Begins a history whose every decision the source takes.
    pub(crate) fn new(mut rng: Rng) -> Self {
        let faults = Faults::swarm(&mut rng);
        let first = wanted::first(&mut rng);
        Self::of(rng, faults, first)
    }

    pub(crate) fn of(rng: Rng, faults: Faults, first: Desired) -> Self {
        Self {
            world: SimWorld::new(rng, faults, first.clone()),
            leaves_out: |_| false,
            rest: REST,
            stride: STRIDE,
            storm: SignedDuration::ZERO,
            first,
            commits: Vec::new(),
            done: BTreeMap::new(),
            last: None,
            told: None,
        }
    }

    /// Lets the storm last, in longer steps.
    pub(crate) fn lasting(self, storm: SignedDuration, stride: u64) -> Self {
        Self { stride, storm, ..self }
    }

    /// Plants a bug.
    pub(crate) fn careless(self, leaves_out: LeavesOut) -> Self {
        Self { leaves_out, ..self }
    }

    /// Tells every step.
    pub(crate) fn telling(self) -> Self {
        self.world.tell();
        Self { told: Some(vec![Vec::new()]), ..self }
    }

    /// Returns what was told, with steps that only repeat each other told once.
    pub(crate) fn told(&self) -> String {
        let steps = self.told.as_deref().unwrap_or_default();
        let same = steps.chunk_by(|one, next| one == next).map(|same| match same {
            [step] => step.join("\n"),
            [step, more @ ..] => {
                format!("{}\n  ({} steps more like it)", step.join("\n"), more.len())
            }
            [] => String::new(),
        });
        same.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn tape(&self) -> Tape {
        self.world.decide(|rng| rng.tape())
    }

    pub(crate) fn struck(&self) -> Vec<Fault> {
        self.world.struck()
    }

    /// Plays it to its end.
    pub(crate) async fn play(&mut self) -> Result<(), String> {
        self.tell_wanted(&self.first.clone());
        // The tape says when the storm is over; a seed never does before its time.
        while self.is_stormy() && self.next_step(|rng| rng.one_in(1)) {
            let commits = self.world.decide(|rng| rng.one_in(10));
            let before = self.world.desired();
            if commits {
                self.change();
            }
            self.step().await?;
            let after = self.world.desired();
            self.commits.push((before != after).then(|| (*after).clone()));
        }
        self.settle().await
    }

    fn is_stormy(&self) -> bool {
        self.commits.len() < STORM || self.world.passed() < self.storm
    }

    async fn step(&mut self) -> Result<(), String> {
        self.world.pass_time(self.stride);
        if self.world.has_crashed() && !self.world.decide(|rng| rng.one_in(2)) {
            self.world.restart_loop();
        }
        // Events are lost: the loop does not look every time something happens.
        if !self.world.decide(|rng| rng.one_in(3)) {
            self.turn().await?;
        }
        // Or is told twice of the same.
        if self.world.decide(|rng| rng.one_in(8)) {
            self.turn().await?;
        }
        Ok(())
    }

    /// Plays what people did in another history, without what went wrong in it.
    pub(crate) async fn follow(&mut self, other: &Self) -> Result<(), String> {
        for commit in &other.commits {
            if let Some(desired) = commit {
                self.world.commit(|now, _| *now = desired.clone());
            }
            self.world.pass_time(STRIDE);
            self.turn().await?;
        }
        // What was put back when all was healed.
        let last = other.world.desired();
        self.world.commit(|now, _| *now = (*last).clone());
        self.settle().await
    }

    fn change(&mut self) {
        let mut committed = None;
        self.world.commit(|desired, rng| {
            wanted::change(desired, rng);
            committed = Some(desired.clone());
        });
        self.tell_wanted(&committed.unwrap());
    }

    /// Ends the faults: what is wanted must be reached, and kept.
    async fn settle(&mut self) -> Result<(), String> {
        self.world.heal();
        // A worker that a person took away would leave its tasks waiting for good reason.
        self.world.commit(|desired, _| {
            wanted::set_worker(desired, json!({ "agent": "shell", "replicas": 2 }));
        });
        self.say(|| "--- no more faults; two workers".to_owned());
        self.reach().await?;
        for _ in 0..self.rest {
            let left = self.calm_turn().await?;
            if left.is_empty() {
                continue;
            }
            if self.world.poisoned().is_none() && !self.wait_their_time(&left) {
                return Err(format!("L0 reached and lost again: {left:?}"));
            }
            // A task that cannot start takes and leaves its seat for ever: others wait for it, but
            // never for long.
            self.reach().await?;
        }
        Ok(())
    }

    /// Returns whether all that is left waits its time, or for another that does.
    fn wait_their_time(&self, left: &[String]) -> bool {
        let others = [Reason::LimitReached, Reason::WorkersBusy, Reason::FilesHeld];
        let waits_for = |one: &String| {
            others.iter().any(|reason| one.contains(&format!("is not done: {reason}: ")))
        };
        left.iter().any(|one| self.waits_its_time(one))
            && left.iter().all(|one| self.waits_its_time(one) || waits_for(one))
    }

    /// Returns whether what is left is only to wait, and for what went wrong before: for a retry of an
    /// effect that a fault made fail and that was not due since, or for a back-off that began in the
    /// future of a clock that was set back.
    fn waits_its_time(&self, left: &str) -> bool {
        let struck = self.struck();
        let back_off = [Reason::RetryBackOff, Reason::RestartBackOff, Reason::CrashLoop];
        let waits = |reason: &Reason| left.contains(&format!("is not done: {reason}: "));
        struck.contains(&Fault::ErrorBefore) && waits(&Reason::EffectFailed)
            || struck.contains(&Fault::ClockJump) && back_off.iter().any(waits)
    }

    /// Goes on until nothing is left to do.
    async fn reach(&mut self) -> Result<(), String> {
        let mut left = Vec::new();
        for _ in 0..CALM {
            left = self.calm_turn().await?;
            if left.is_empty() {
                return Ok(());
            }
        }
        Err(format!("L0 not reached: {left:?}"))
    }

    async fn calm_turn(&mut self) -> Result<Vec<String>, String> {
        self.next_step(|_| ());
        self.world.pass_time(STRIDE);
        self.turn().await
    }

    /// Begins a step of the tape.
    fn next_step<T>(&mut self, decision: impl FnOnce(&mut Rng) -> T) -> T {
        self.hear();
        self.told.iter_mut().for_each(|steps| steps.push(vec!["step".to_owned()]));
        self.world.decide(|rng| {
            rng.next_step();
            decision(rng)
        })
    }

    /// One turn of the loop; returns how the world still differs from what is wanted.
    pub(crate) async fn turn(&mut self) -> Result<Vec<String>, String> {
        let loop_ = Loop { world: &self.world, leaves_out: self.leaves_out };
        let tick = engine::tick(&loop_, 8).await;
        self.hear();
        for deed in &tick.deeds {
            if matches!(deed.result, Ok(Outcome::Done)) {
                *self.done.entry(deed.action.reason()).or_default() += 1;
            }
            self.say(|| format!("  {}: {}: {:?}", deed.subject, deed.action, deed.result));
        }
        if let Some(broken) = tick.broken.first() {
            return Err(broken.to_string());
        }
        if let Some(worst) = violations(&self.world).first() {
            return Err(worst.clone());
        }
        if let Some(next) = gone_on(&tick.deeds) {
            return Err(format!("S7 the row went on after a failure: {}", next.action));
        }
        let left = self.world.unsettled(&tick.plan);
        self.last = Some(tick);
        Ok(left)
    }

    fn tell_wanted(&mut self, desired: &Desired) {
        for (name, entry) in &desired.workers {
            self.say(|| format!("  wanted worker {name}: {}", json!(entry.spec)));
        }
        for (name, entry) in &desired.tasks {
            self.say(|| format!("  wanted task {name}: {}", json!(entry.spec)));
        }
    }

    fn hear(&mut self) {
        for line in self.world.told() {
            self.say(|| line);
        }
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(step) = self.told.as_mut().and_then(|steps| steps.last_mut()) {
            step.push(line());
        }
    }
}

/// Returns what was tried of a row although what stands before it was not done.
fn gone_on(deeds: &[Deed]) -> Option<&Deed> {
    let is_note =
        |one: &Action| matches!(one, Action::NoteFailure { .. } | Action::ClearFailure(_));
    let mut pairs = deeds.iter().zip(deeds.iter().skip(1));
    let went_on = |(one, next): &(&Deed, &Deed)| {
        let done = matches!(one.result, Ok(Outcome::Done | Outcome::AlreadySo));
        one.subject == next.subject && !done && !is_note(&next.action)
    };
    pairs.find(went_on).map(|(_, next)| next)
}

/// The world of a loop that may leave something out.
struct Loop<'a> {
    world: &'a SimWorld,
    leaves_out: LeavesOut,
}

impl World for Loop<'_> {
    async fn observe(&self) -> Look {
        self.world.observe().await
    }

    async fn perform(&self, action: &Action) -> Result<Outcome, ActionError> {
        if (self.leaves_out)(action) {
            return Ok(Outcome::Done);
        }
        self.world.perform(action).await
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
