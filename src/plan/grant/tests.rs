//! Scene -> grant; and whatever is asked, all paths or none.

use super::*;
use crate::api::claim::BootTime;
use crate::api::name::CommitId;
use crate::plan::desired::Entry;
use proptest::prelude::*;
use serde_json::json;

fn patterns(files: &[&str]) -> Vec<PathPattern> {
    files.iter().map(|one| PathPattern::parse(one).unwrap()).collect()
}

fn asked(task: &str, seat: &str, files: &[&str]) -> Asked {
    Asked {
        task: task.parse().unwrap(),
        uid: Uid::derive(1, task),
        seat: seat.to_owned().try_into().unwrap(),
        worker_type: WorkerType::Human,
        paths: patterns(files),
        branch: None,
    }
}

fn now(second: i64) -> Heartbeat {
    let boot_millis = u64::try_from(second * 1000).unwrap();
    let boot = BootTime { boot_id: "boot".to_owned(), boot_millis };
    Heartbeat { at: Timestamp::from_second(second).unwrap(), boot }
}

#[derive(Default)]
struct World {
    claims: BTreeMap<TaskName, ClaimSighting>,
    desired: Option<Desired>,
    last: u64,
    nonce: u128,
}

impl World {
    fn ask(&self, asked: &Asked) -> Grant {
        let Self { claims, desired, last, nonce } = self;
        let (desired, now) = (desired.as_ref(), now(1_000));
        grant(asked, Scene { claims, desired, last: *last, now: &now, nonce: *nonce, node: "here" })
    }

    /// Grants what is asked, and holds it.
    fn hold(&mut self, asked: &Asked) -> Claim {
        self.nonce += 1;
        let Grant::New(claim) = self.ask(asked) else { panic!("{asked:?} is refused") };
        self.claims.insert(claim.task.clone(), Ok(claim.clone()));
        claim
    }

    fn wants(&mut self, task: &str, files: &[&str]) {
        let commit: CommitId = "b".repeat(40).try_into().unwrap();
        let policy = Entry::valid(serde_json::from_value(json!({})).unwrap());
        let desired = self.desired.get_or_insert_with(|| Desired {
            state_ref: "refs/heads/main".to_owned(),
            revision: commit,
            policy,
            tasks: BTreeMap::new(),
            workers: BTreeMap::new(),
            agents: BTreeMap::new(),
            strays: Vec::new(),
        });
        let spec = serde_json::from_value(json!({ "command": "true", "files": files })).unwrap();
        desired.tasks.insert(task.parse().unwrap(), Entry::valid(spec));
    }

    fn tear(&mut self, task: &str) {
        self.claims.insert(task.parse().unwrap(), Err("half a file".to_owned()));
    }

    /// Says who stands in the way, in few words.
    fn refused(&self, asked: &Asked) -> Vec<String> {
        let Grant::Refused(conflicts) = self.ask(asked) else { return Vec::new() };
        let word = |one: Conflict| {
            let who = one.holder.map_or("nobody knows".to_owned(), |one| one.worker.to_string());
            let what = one.overlap.map(|o| format!("{} {} {}", o.asked, o.held, o.path));
            format!("{} {who}: {}", one.task, what.unwrap_or("itself".to_owned()))
        };
        conflicts.into_iter().map(word).collect()
    }
}

#[test]
fn free_paths_are_granted_after_the_last_generation_with_what_is_shared_of_them() {
    let world = World { last: 7, ..World::default() };
    let Grant::New(claim) = world.ask(&asked("a", "ada-1", &["src/", "Cargo.*"])) else {
        panic!("free")
    };
    assert_eq!(claim.generation, 8);
    assert_eq!(claim.locked_files, patterns(&["src/", "Cargo.*", "Cargo.toml", "Cargo.lock"]));
    assert_eq!(claim.expires_at, Timestamp::from_second(4_600).unwrap());
    assert_eq!((claim.claimed_at, claim.completed_at), (claim.heartbeat.at, None));
}

#[test]
fn who_holds_what_by_which_pattern_and_path_is_told_of_each_who_stands_in_the_way() {
    let mut world = World::default();
    world.hold(&asked("a", "ada-1", &["src/a/"]));
    world.hold(&asked("b", "bob-1", &["src/b/**", "docs/"]));
    world.hold(&asked("free", "bob-1", &["free/"]));
    let told = world.refused(&asked("c", "eve-1", &["src/"]));
    assert_eq!(told, ["a ada-1: src/ src/a/ src/a", "b bob-1: src/ src/b/** src/b"]);
    assert_eq!(world.refused(&asked("a", "eve-1", &["free/x"])).len(), 2, "the task, and a path");
}

#[test]
fn the_same_holder_renews_and_with_other_paths_begins_a_generation() {
    let mut world = World { last: 3, ..World::default() };
    let first = world.hold(&asked("a", "ada-1", &["src/"]));
    let Grant::Renewed(again) = world.ask(&asked("a", "ada-1", &["src/"])) else { panic!("held") };
    assert_eq!((again.generation, &again.nonce), (first.generation, &first.nonce));
    world.nonce += 1;
    let Grant::New(more) = world.ask(&asked("a", "ada-1", &["src/", "docs/"])) else {
        panic!("more")
    };
    assert_eq!(more.generation, first.generation + 1);
    assert_ne!(more.nonce, first.nonce);
}

#[test]
fn an_earlier_task_of_the_name_is_another_holder() {
    let mut world = World::default();
    world.hold(&asked("a", "ada-1", &["src/"]));
    let later = Asked { uid: Uid::derive(2, "a"), ..asked("a", "ada-1", &["src/"]) };
    assert_eq!(world.refused(&later), ["a ada-1: itself"]);
}

#[test]
fn a_lock_that_cannot_be_understood_holds_what_its_task_asks_for_or_everything() {
    let mut world = World::default();
    world.tear("torn");
    assert_eq!(
        world.refused(&asked("a", "ada-1", &["docs/"])),
        ["torn nobody knows: docs/ ** docs"]
    );
    assert_eq!(world.refused(&asked("torn", "ada-1", &[])), ["torn nobody knows: itself"]);
    assert_eq!(world.refused(&asked("a", "ada-1", &[])), [""; 0], "it wants nothing");
    world.wants("torn", &["src/"]);
    assert_eq!(world.refused(&asked("a", "ada-1", &["docs/"])), [""; 0]);
    assert_eq!(
        world.refused(&asked("a", "ada-1", &["src/x"])),
        ["torn nobody knows: src/x src/ src/x"]
    );
}

fn some_paths() -> impl Strategy<Value = Vec<PathPattern>> {
    let one = prop_oneof![
        Just("src/"),
        Just("src/a/"),
        Just("src/a/b.rs"),
        Just("**/b.rs"),
        Just("docs/*.md"),
        Just("docs/"),
        Just("{x,y}/z"),
        Just("Cargo.toml"),
    ];
    proptest::collection::vec(one, 0..4).prop_map(|files| patterns(&files))
}

proptest! {
    #[test]
    fn whatever_is_asked_all_of_it_is_granted_or_nothing(
        wishes in proptest::collection::vec((0_u8..6, 0_u8..3, some_paths()), 1..12),
        torn in proptest::option::of(0_u8..6),
    ) {
        let mut world = World::default();
        if let Some(torn) = torn {
            world.tear(&format!("t{torn}"));
        }
        for (task, seat, paths) in wishes {
            let asked = Asked { paths, ..asked(&format!("t{task}"), &format!("s-{seat}"), &[]) };
            world.nonce += 1;
            match world.ask(&asked) {
                Grant::New(claim) | Grant::Renewed(claim) => {
                    prop_assert!(asked.paths.iter().all(|one| claim.locked_files.contains(one)));
                    world.claims.insert(claim.task.clone(), Ok(claim));
                }
                Grant::Refused(conflicts) => {
                    prop_assert!(!conflicts.is_empty());
                    for overlap in conflicts.iter().filter_map(|one| one.overlap.as_ref()) {
                        prop_assert!(overlap.asked.covers(&overlap.path), "{overlap:?}");
                        prop_assert!(overlap.held.covers(&overlap.path), "{overlap:?}");
                    }
                }
            }
            let held: Vec<&Claim> = world.claims.values().filter_map(|c| c.as_ref().ok()).collect();
            for one in &held {
                for other in held.iter().filter(|other| other.task != one.task) {
                    prop_assert!(overlap(&one.locked_files, &other.locked_files).is_none());
                }
            }
        }
    }
}
