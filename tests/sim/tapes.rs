//! Tapes of histories that once went wrong: each is a file, named for what went wrong, and must pass
//! now. And the canary: a planted bug must be found, made small and told.

use crate::history::{History, LeavesOut, block_on};
use crate::{judge, shrink};
use reconciler::plan::action::Action;
use reconciler::world::sim::{Fault, Rng, Tape};
use std::path::Path;

/// Reads a tape.
pub(crate) fn read(file: &Path) -> Tape {
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

/// Keeps a tape where cargo keeps what tests make, and returns where.
pub(crate) fn keep(name: &str, note: &str, tape: &Tape) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join(format!("{name}.tape"));
    std::fs::write(&file, format!("# {note}\n{tape}")).unwrap();
    file.display().to_string()
}

#[test]
fn histories_that_once_went_wrong_go_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/tapes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let end = judge(&mut History::new(Rng::replay(read(&file))));
        assert_eq!(end, Ok(()), "{}", file.display());
        count += 1;
    }
    assert!(count > 0, "there are tapes");
}

/// The canary: a loop that takes killing for done is caught, by one fault that is left of many.
#[test]
fn a_planted_bug_is_found_made_small_and_told() {
    let bug: LeavesOut = |action| matches!(action, Action::KillProcesses { .. });
    let play = |rng| {
        let mut history = History::new(rng).careless(bug).telling();
        let end = block_on(history.play());
        (history, end)
    };
    let mut seeds = (0..500).map(|seed| play(Rng::new(seed)));
    let (drawn, what) = seeds.find_map(|(one, end)| Some((one, end.err()?))).unwrap();
    let small = shrink::shrink(&drawn.tape(), &what, |tape| play(Rng::replay(tape)));

    let (history, end) = play(Rng::replay(small.to_string().parse().unwrap()));
    let what = end.unwrap_err();
    let told = history.told();
    assert!(what.contains("L0"), "{what}");
    let struck = history.struck();
    let only_killing_helps =
        [Fault::ShimKilled, Fault::Stubborn, Fault::Lingering, Fault::ShimPaused];
    let one = struck.iter().find(|one| struck.len() <= 2 && only_killing_helps.contains(one));
    assert!(one.is_some_and(|one| told.contains(&format!("fault: {one:?}"))), "{told}");
    // Without an end the claim is renewed now and then.
    let storm = told.split("--- no more faults").next().unwrap();
    assert!(history.commits.len() <= 3 && storm.matches("step").count() <= 8, "{told}");
    assert!(told.contains("start session"), "{told}");
}
