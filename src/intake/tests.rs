//! Scenes of issues and their claims, and what is done; nothing is asked.

use super::*;
use crate::api::issue::{Lease, ProgressNotes};
use std::collections::BTreeSet;

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn issue(labels: &[&str]) -> Issue {
    Issue {
        number: 7,
        title: "t".to_owned(),
        body: String::new(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect::<BTreeSet<_>>(),
        assignees: Vec::new(),
        author: "ada".to_owned(),
        is_by_member: true,
        is_open: true,
        url: String::new(),
    }
}

fn lease(state: LeaseState) -> Lease {
    let (worker, node) = ("cc01".parse().unwrap(), "here".to_owned());
    Lease { worker, node, nonce: "n".to_owned(), state, expires_at: at(60) }
}

fn taken(stage: Stage) -> Taken {
    Taken {
        ticket: Ticket { issue: 7, label: "cc01".to_owned() },
        worker: "cc01".parse().unwrap(),
        nonce: "n".to_owned(),
        commit: "c".to_owned(),
        moving: None,
        expires_at: at(60),
        sure: None,
        since: at(0),
        stage,
        proposed: false,
        saying: None,
        progress: ProgressNotes::default(),
    }
}

fn steps(taken: &Taken, work: &Work, issue: Option<&Issue>, minute: i64) -> String {
    let sight = issue.map_or(Sight::NotLooked, |issue| Sight::There(issue.clone()));
    steps_at(taken, work, &sight, minute)
}

fn steps_at(taken: &Taken, work: &Work, issue: &Sight, minute: i64) -> String {
    let lease = SignedDuration::from_mins(60);
    let steps = decide(Scene { taken, issue, work, lease, now: at(minute) });
    let told = |step: Step| match step {
        Step::Say(remark) => format!("say {}", remark.word()),
        Step::Label(label) => format!("+{label}"),
        Step::Unlabel(label) => format!("-{label}"),
        Step::Settle(stage) => format!("settle {stage:?}"),
        Step::Suspend(_) => "suspend".to_owned(),
        Step::Propose
        | Step::Renew
        | Step::Assign
        | Step::Progress
        | Step::Release
        | Step::Decline => format!("{step:?}").to_lowercase(),
    };
    steps.into_iter().map(told).collect::<Vec<_>>().join(", ")
}

fn open() -> Work {
    Work::Open { step: None }
}

#[test]
fn an_issue_is_free_while_nobody_has_it_and_again_when_who_had_it_is_silent() {
    let held = Seen::Lease(lease(LeaseState::Held));
    let free = issue(&["cc01"]);
    let of = |claim: &Seen, minute| chance(&free, claim, Others::None, at(minute));
    assert_eq!(of(&Seen::Nothing, 0), Chance::Free);
    assert_eq!(of(&held, 60), Chance::Taken);
    assert_eq!(of(&held, 65), Chance::Taken);
    assert_eq!(of(&held, 66), Chance::Lapsed);
    for state in [LeaseState::Completed, LeaseState::Failed] {
        assert_eq!(of(&Seen::Lease(lease(state)), 9999), Chance::Taken);
    }
    // What cannot be understood is held.
    assert_eq!(of(&Seen::Foreign, 9999), Chance::Taken);
}

#[test]
fn an_issue_that_somebody_without_claims_works_on_is_left_alone() {
    for label in [IN_PROGRESS, COMPLETED, FAILED] {
        let issue = issue(&["cc01", label]);
        assert_eq!(chance(&issue, &Seen::Nothing, Others::None, at(0)), Chance::Taken);
        // Another label of it is worked: that is what it says.
        assert_eq!(chance(&issue, &Seen::Nothing, Others::Some, at(0)), Chance::Free);
    }
}

#[test]
fn the_life_of_an_issue_is_the_founding_one() {
    let begun = "+in-progress, assign, say claimed, settle Told";
    let proof = Work::Completed(Proof::default());
    for (stage, work, expected) in [
        (Stage::Claiming, &open(), ""),
        (Stage::Claimed, &Work::Absent, "propose"),
        (Stage::Claimed, &Work::Proposed, "propose"),
        (Stage::Claimed, &open(), begun),
        (Stage::Claimed, &proof, begun),
        (Stage::Told, &open(), ""),
        (Stage::Told, &Work::Unknown, ""),
        (
            Stage::Told,
            &proof,
            "say completed, +completed, +ready-for-review, -in-progress, settle Completed",
        ),
        (
            Stage::Told,
            &Work::Failed("no".to_owned()),
            "say failed, +failed, -in-progress, settle Failed",
        ),
        (Stage::Completed, &proof, ""),
        (Stage::Failed, &Work::Failed("no".to_owned()), ""),
        (Stage::Failed, &open(), "-failed, +in-progress, settle Told"),
    ] {
        assert_eq!(steps(&taken(stage), work, None, 0), expected, "{stage:?} {work:?}");
    }
}

#[test]
fn what_a_person_rejects_or_deletes_is_not_taken_again() {
    let proposed = |stage| Taken { proposed: true, ..taken(stage) };
    assert_eq!(steps(&proposed(Stage::Claimed), &Work::Proposed, None, 0), "");
    assert_eq!(steps(&proposed(Stage::Claimed), &Work::Absent, None, 0), "decline");
    assert_eq!(steps(&proposed(Stage::Told), &Work::Absent, None, 0), "-in-progress, decline");
}

#[test]
fn an_issue_that_people_close_or_unlabel_is_stopped_without_a_word() {
    let unlabelled = issue(&[IN_PROGRESS]);
    let closed = Issue { is_open: false, ..issue(&["cc01", IN_PROGRESS]) };
    let told = taken(Stage::Told);
    assert_eq!(steps(&told, &open(), Some(&unlabelled), 0), "suspend, -in-progress, release");
    assert_eq!(steps(&told, &open(), Some(&closed), 0), "suspend, release");
    assert_eq!(steps(&told, &Work::Unknown, Some(&closed), 0), "");
    let over = taken(Stage::Completed);
    assert_eq!(steps(&over, &Work::Completed(Proof::default()), Some(&closed), 0), "release");
    assert_eq!(steps(&told, &open(), Some(&issue(&["cc01"])), 0), "");
    assert_eq!(steps_at(&told, &open(), &Sight::Gone, 0), "suspend, release");
    assert_eq!(steps_at(&told, &Work::Unknown, &Sight::Gone, 0), "");
}

#[test]
fn a_claim_is_renewed_after_a_third_of_its_time_and_not_when_it_is_over() {
    let told = taken(Stage::Told);
    assert_eq!(steps(&told, &open(), None, 19), "");
    assert_eq!(steps(&told, &open(), None, 20), "renew");
    assert_eq!(steps(&taken(Stage::Failed), &Work::Failed(String::new()), None, 50), "");
}

#[test]
fn progress_is_one_comment_that_is_not_written_often() {
    let work = |step: &str| Work::Open { step: Some(step.to_owned()) };
    let mut told = taken(Stage::Told);
    for step in ["a", "a", "b"] {
        note(&mut told, &work(step));
    }
    assert_eq!(told.progress.lines, ["a", "b"]);
    assert_eq!(steps(&told, &work("b"), None, 0), "progress");
    told.progress = ProgressNotes { written: 2, at: Some(at(0)), ..told.progress };
    assert_eq!(steps(&told, &work("b"), None, 15), "");
    note(&mut told, &work("c"));
    assert_eq!(steps(&told, &work("c"), None, 9), "");
    assert_eq!(steps(&told, &work("c"), None, 10), "progress");
}
