//! The seat that a task gets is the one that a slow look at every seat finds.

use super::super::index::Index;
use super::super::{Scene, seats::Seats};
use super::scene::scene;
use crate::api::name::Seat;
use crate::api::task::TaskSpec;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn slowly(
    scene: Scene<'_>,
    taken: &BTreeMap<Seat, u32>,
    (spec, wished): (&TaskSpec, Option<&Seat>),
) -> Option<Seat> {
    let mut free = Vec::new();
    for (name, entry) in &scene.desired.workers {
        let Some(worker) = &entry.spec else { continue };
        let assigned = spec.assigned_to.as_ref().is_none_or(|one| one == name);
        let skilled = spec.required_skills.iter().all(|skill| worker.skills.contains(skill));
        for replica in 1..=worker.replicas {
            let seat = Seat { worker: name.clone(), replica };
            let load = taken.get(&seat).copied().unwrap_or(0);
            if assigned && skilled && !worker.suspend && load < worker.max_concurrent_tasks {
                free.push((Some(&seat) != wished, load, seat));
            }
        }
    }
    free.into_iter().min().map(|(_, _, seat)| seat)
}

/// Draws numbers that are the same at every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }

    fn skills(&mut self, rarity: u64) -> Value {
        ["rust", "web"].into_iter().filter(|_| self.below(rarity) == 0).collect()
    }

    fn worker(&mut self) -> Value {
        json!({
            "agent": "shell", "replicas": self.below(3), "maxConcurrentTasks": 1 + self.below(3),
            "skills": self.skills(2), "suspend": self.below(5) == 0,
        })
    }

    fn task(&mut self) -> TaskSpec {
        let mut task = json!({ "command": "make", "requiredSkills": self.skills(3) });
        if self.below(4) == 0 {
            task["assignedTo"] = json!(format!("w{}", self.below(5)));
        }
        serde_json::from_value(task).unwrap()
    }
}

#[test]
fn the_seat_is_the_one_that_a_look_at_every_seat_finds() {
    let mut draw = Draw(7);
    for _ in 0..300 {
        let worker =
            |world: super::scene::Scene, number| world.worker(&format!("w{number}"), draw.worker());
        let world = (0..4).fold(scene(), worker);
        let tasks: Vec<TaskSpec> = (0..12).map(|_| draw.task()).collect();
        let (desired, observed) = (&world.desired, &world.observed);
        let policy = desired.policy();
        let index = Index::of(desired, observed, policy);
        let scene = Scene { desired, observed, policy, index: &index };
        let mut taken = BTreeMap::new();
        let mut seats = Seats::new(scene, std::iter::empty());
        for spec in &tasks {
            let worker = format!("w{}", draw.below(4)).parse().unwrap();
            let wished = Seat { worker, replica: 1 + u32::from(draw.below(2) == 0) };
            let wished = (draw.below(3) == 0).then_some(&wished);
            let expected = slowly(scene, &taken, (spec, wished));
            assert_eq!(seats.take(scene, spec, wished).ok(), expected);
            if let Some(seat) = expected {
                *taken.entry(seat).or_default() += 1;
            }
        }
    }
}
