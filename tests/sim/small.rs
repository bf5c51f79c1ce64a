//! Small worlds, all of their histories: every decision taken otherwise once, and every two of
//! those that cut an effect short. All must end as if nothing had happened.

use crate::history::{History, block_on};
use crate::twin;
use crate::wanted;
use reconciler::plan::desired::Desired;
use reconciler::world::sim::{Fault, Faults, Rng, Tape};
use serde_json::json;

/// Steps in which anything may be otherwise.
const STEPS: usize = 5;
/// What cuts an effect short.
const CUTS: [Fault; 5] =
    [Fault::CrashBefore, Fault::CrashAfter, Fault::ErrorBefore, Fault::ErrorAfter, Fault::Torn];

struct Small {
    desired: Desired,
    kinds: &'static [Fault],
    twin: History,
    played: usize,
}

impl Small {
    /// A world with one seat, and tasks with the files they want.
    fn of(tasks: &[(&str, &str)], kinds: &'static [Fault]) -> Self {
        let policy = json!({ "restart": { "baseSeconds": 1, "capSeconds": 20 } });
        let mut desired = wanted::desired(json!({ "agent": "shell" }), policy);
        for (name, files) in tasks {
            let task = json!({ "command": "make", "files": [files] });
            desired.tasks.insert(name.parse().unwrap(), wanted::spec(task));
        }
        let quiet = Rng::replay(Tape::default());
        let mut twin = History::of(quiet, Faults::none(), desired.clone());
        block_on(twin.play()).unwrap();
        Self { desired, kinds, twin, played: 0 }
    }

    /// Plays a tape, and all that differ from it in up to `depth` later decisions.
    fn explore(&mut self, tape: Vec<Vec<u64>>, after: (usize, usize), depth: usize) {
        let rng = Rng::replay(Tape::new(tape.clone()));
        let mut history = History::of(rng, Faults::of(self.kinds), self.desired.clone());
        history.rest = 2;
        let end = block_on(history.play()).and_then(|()| twin::alike(&history, &self.twin));
        assert_eq!(end, Ok(()), "# {}\n{}", self.played, Tape::new(tape));
        self.played += 1;
        // Of two decisions, the first is a cut.
        let cut = after == (0, 0) || !history.struck().is_empty();
        if depth == 0 || !cut {
            return;
        }
        let decided = history.world.decide(|rng| rng.decided());
        let places = decided
            .iter()
            .enumerate()
            .take(STEPS + 1)
            .flat_map(|(step, words)| (1..words.len()).map(move |word| (step, word)));
        for (step, word) in places.filter(|place| *place > after) {
            let mut other = decided.clone();
            *other.get_mut(step).unwrap().get_mut(word).unwrap() = 1;
            self.explore(other, (step, word), depth - 1);
        }
    }
}

fn all_of(tasks: &[(&str, &str)], kinds: &'static [Fault], depth: usize) -> usize {
    let mut small = Small::of(tasks, kinds);
    let storm = std::iter::once(Vec::new()).chain(std::iter::repeat_n(vec![1], STEPS));
    small.explore(storm.collect(), (0, 0), depth);
    small.played
}

#[test]
fn one_task_ends_alike_whatever_two_effects_are_cut_short() {
    let played = all_of(&[("alpha", "src/a/")], &CUTS, 2);
    assert!(played > 400, "{played} histories");
}

#[test]
fn two_tasks_with_one_file_end_alike_whatever_effect_is_cut_short() {
    let played = all_of(&[("alpha", "src/a/"), ("bravo", "src/a/x.rs")], &CUTS, 1);
    assert!(played > 80, "{played} histories");
}

#[test]
fn two_tasks_with_one_seat_end_alike_whatever_two_effects_fail() {
    let played = all_of(&[("alpha", "src/a/"), ("bravo", "docs/")], &[Fault::ErrorBefore], 2);
    assert!(played > 400, "{played} histories");
}
