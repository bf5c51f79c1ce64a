//! Races: real processes contend for overlapping claims, and some are killed on the way. Each race
//! has exactly one winner of what overlaps, whole or not at all. `make races` runs all, the tests some.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]
#![expect(clippy::print_stdout, reason = "all races take minutes: they tell as they go")]

#[expect(dead_code, reason = "it serves other test programs as well")]
mod common;
#[path = "races/contender.rs"]
mod contender;
#[path = "races/judge.rs"]
mod judge;

use common::TestEnvironment;
use contender::{Contender, Ended, Random, run_all};
use judge::{Judge, Tally};

/// How many races `cargo test` runs.
const SAMPLE: u64 = 25;

/// No command passes more effects than this.
const POINTS: u64 = 100;

/// The tasks that are contended for, and their files.
const TASKS: [(&str, &[&str]); 5] = [
    ("hot", &["hot/"]),
    ("hotter", &["hot/a.rs", "docs/"]),
    ("docs", &["docs/**/*.md"]),
    ("wide", &["**/a.rs"]),
    ("free", &["free/"]),
];

/// Paths to acquire, which meet each other and the tasks' or do not.
const PATHS: [&str; 9] = [
    "hot/",
    "hot/a.rs",
    "hot/b.rs",
    "docs/",
    "docs/*.md",
    "docs/a.md",
    "free/x",
    "lonely.txt",
    "Cargo.toml",
];

fn environment() -> TestEnvironment {
    let env = TestEnvironment::new();
    for (task, files) in TASKS {
        env.write_task(task, &serde_json::json!({ "command": "true", "files": files }));
    }
    env.commit("tasks");
    env
}

/// Runs so many races one after the other in one repository, so that its history is one.
fn races(first: u64, count: u64) -> Tally {
    let env = environment();
    let mut judge = Judge::new(&env);
    for seed in first..first + count {
        let told = format!("SEED={seed} make races RACES=1");
        let mut random = Random::new(seed);
        let contenders = contenders(&mut random);
        let ended = run_all(&env, &contenders, &mut random);
        judge.after_race(&contenders, &ended, &told);
        // Giving back races as well, and is cut off as well.
        let mut left = judge.held();
        while !left.is_empty() {
            let releases: Vec<Contender> = left.iter().map(|one| Contender::release(one)).collect();
            run_all(&env, &releases, &mut random);
            judge.after_release(&told);
            left = judge.held();
        }
        if seed % 50 == 0 {
            println!("{told}: {:?}", judge.tally);
        }
    }
    judge.history();
    judge.tally
}

/// Draws 2 to 16 contenders; of every second race all meet each other.
fn contenders(random: &mut Random) -> Vec<Contender> {
    let all_meet = random.below(2) == 0;
    let draw = |number: u64, random: &mut Random| {
        let person = format!("p{number}");
        if all_meet {
            let ways: [&[&str]; 4] =
                [&["hot/"], &["hot/", "lonely.txt"], &["docs/", "hot/a.rs"], &["hot/*.rs"]];
            return match random.below(6) {
                0 => Contender::claim(&person, "hot", &["hot/"]),
                1 => Contender::claim(&person, "wide", &["**/a.rs"]),
                way => Contender::acquire(&person, ways[usize::try_from(way - 2).unwrap()]),
            };
        }
        if random.below(2) == 0 {
            let (task, files) = random.one_of(&TASKS);
            return Contender::claim(&person, task, files);
        }
        let many = 1 + random.below(3);
        let paths: Vec<&str> = (0..many).map(|_| *random.one_of(&PATHS)).collect();
        Contender::acquire(&person, &paths)
    };
    let count = 2 + random.below(15);
    let drawn: Vec<Contender> = (0..count).map(|number| draw(number, random)).collect();
    assert!(!all_meet || judge::all_meet(&drawn), "the races are drawn wrongly");
    drawn
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn of_those_who_contend_for_what_overlaps_exactly_one_wins_all_of_it() {
    let tally = races(number("SEED").unwrap_or(1), SAMPLE);
    assert!(tally.won > 0 && tally.refused > 0 && tally.killed > 0, "{tally:?}");
}

#[test]
#[ignore = "some minutes: make races"]
fn all_races() {
    let (first, count) = (number("SEED").unwrap_or(1), number("RACES").unwrap_or(500));
    let tally = races(first, count);
    println!("races {count} from SEED={first}: {tally:?}");
    if count > SAMPLE {
        assert!(tally.won > 0 && tally.refused > 0 && tally.killed > 0, "{tally:?}");
    }
}

#[test]
fn a_contender_who_is_killed_at_any_effect_holds_all_or_nothing_and_the_next_goes_on() {
    let env = environment();
    let mut judge = Judge::new(&env);
    let claim = || Contender::acquire("ada", &["hot/", "lonely.txt"]);
    for point in 1.. {
        let taken = claim().killed_at(point).run(&env);
        judge.after_race(&[claim()], &[taken], &format!("a claim, killed at {point}"));
        let held = judge.held();
        let back: Vec<Ended> =
            held.iter().map(|one| Contender::release(one).killed_at(point).run(&env)).collect();
        judge.after_release(&format!("a release, killed at {point}"));
        for one in judge.held() {
            assert_eq!(Contender::release(&one).run(&env), Ended::Done);
        }
        judge.after_release(&format!("after a release that was killed at {point}"));
        if taken == Ended::Done && back == [Ended::Done] {
            assert!(point > 8, "there are more points than {point}");
            break;
        }
    }
    judge.history();
}

#[test]
fn a_generation_is_not_used_again_whoever_of_holder_and_releaser_was_killed() {
    let env = environment();
    let mut judge = Judge::new(&env);
    let claim = |who: &str| Contender::claim(who, "hot", &["hot/"]);
    // The effect at which a holder dies whose claim is in its file and not in the ledger.
    let unrecorded = (1..POINTS).find(|&point| {
        assert_eq!(claim("ada").killed_at(point).run(&env), Ended::Killed, "at {point}");
        let held = judge.look("a claim that is cut off");
        let found = held.iter().any(|one| !judge.is_recorded(one));
        if !held.is_empty() {
            Contender::release("hot").run(&env);
        }
        found
    });
    for point in 1.. {
        assert_eq!(claim("ada").killed_at(unrecorded.unwrap()).run(&env), Ended::Killed);
        assert_eq!(judge.look("before the release").len(), 1);
        let released = Contender::release("hot").killed_at(point).run(&env);
        if claim("eve").run(&env) == Ended::Done {
            assert_eq!(judge.look("after the release").len(), 1);
        }
        assert_eq!(Contender::release("hot").run(&env), Ended::Done);
        if released == Ended::Done {
            break;
        }
    }
    judge.history();
}
