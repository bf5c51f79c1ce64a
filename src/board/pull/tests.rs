//! What is done next with proposed work, from one read.

use super::*;

fn id(digit: char) -> CommitId {
    digit.to_string().repeat(40).try_into().unwrap()
}

fn pull(merge: MergeState) -> PullRequest {
    PullRequest {
        id: "PR_1".to_owned(),
        number: 1,
        url: "https://x/1".to_owned(),
        state: PullState::Open,
        head: id('a'),
        merge,
        checks: None,
        review: None,
        is_automatic: false,
        may_be_automatic: false,
        is_queued: false,
        body: mark(&Uid::derive(7, "login")),
    }
}

/// What is done next about work at `a`.
fn of(found: &[PullRequest], known: &Pull) -> Step {
    let (uid, target) = (Uid::derive(7, "login"), "main".to_owned().try_into().unwrap());
    next(&Proposal { uid: &uid, tip: &id('a'), target: &target, known, found })
}

fn alone(pull: &PullRequest) -> Step {
    of(std::slice::from_ref(pull), &Pull::default())
}

fn said(step: &Step) -> &str {
    let Step::Wait(Some(1), said) = step else { panic!("{step:?}") };
    said
}

#[test]
fn what_is_nowhere_is_opened_and_what_is_open_is_merged_when_it_is_clean() {
    assert_eq!(of(&[], &Pull::default()), Step::Open);
    let clean = pull(MergeState::Clean);
    assert_eq!(alone(&clean), Step::Merge(clean.clone()));
    let other = PullRequest { head: id('b'), ..clean };
    assert_eq!(alone(&other), Step::Push(other.clone()));
}

#[test]
fn what_is_blocked_is_merged_later_if_that_is_allowed_and_else_says_what_it_lacks() {
    let blocked = PullRequest {
        review: Some("REVIEW_REQUIRED".to_owned()),
        checks: Some(Checks::Pending),
        ..pull(MergeState::Blocked)
    };
    let what = "its checks, which are not done and a review";
    assert_eq!(
        said(&alone(&blocked)),
        format!("pull request #1 (https://x/1) waits for {what}")
    );
    let may = PullRequest { may_be_automatic: true, ..blocked };
    assert_eq!(alone(&may), Step::MergeLater(may.clone()));
    let automatic = PullRequest { is_automatic: true, ..may };
    assert!(said(&alone(&automatic)).contains("as soon as it has"));
    for (state, word) in [
        (MergeState::Unstable, "waits for"),
        (MergeState::Draft, "is a draft"),
        (MergeState::Unknown, "GitHub looks"),
        (MergeState::Behind, "update it"),
    ] {
        assert!(said(&alone(&pull(state))).contains(word));
    }
    let queued = PullRequest { is_queued: true, ..pull(MergeState::Clean) };
    assert!(said(&alone(&queued)).contains("merge queue"));
}

#[test]
fn what_is_behind_is_joined_with_the_target_only_where_github_then_merges_it() {
    let behind = PullRequest { may_be_automatic: true, ..pull(MergeState::Behind) };
    assert_eq!(alone(&behind), Step::MergeLater(behind.clone()));
    let automatic = PullRequest { is_automatic: true, ..behind };
    assert_eq!(alone(&automatic), Step::Update(automatic.clone()));
    let joined = PullRequest { head: id('b'), merge: MergeState::Blocked, ..automatic };
    let known = Pull { number: Some(1), updated: Some(id('a')), ..Pull::default() };
    assert!(said(&of(std::slice::from_ref(&joined), &known)).contains("has main in it now"));
    // Of a tip before it nothing was asked.
    let known = Pull { updated: Some(id('c')), ..known };
    assert_eq!(of(std::slice::from_ref(&joined), &known), Step::Push(joined));
}

#[test]
fn a_conflict_goes_back_and_what_a_person_closed_is_not_opened_again() {
    let dirty = pull(MergeState::Dirty);
    assert_eq!(alone(&dirty), Step::Conflict(dirty.clone()));
    let closed = PullRequest { state: PullState::Closed, ..dirty };
    assert!(said(&alone(&closed)).contains("was closed"));
    // It was about an earlier task of that name.
    let body = mark(&Uid::derive(8, "login"));
    assert_eq!(alone(&PullRequest { body, ..closed }), Step::Open);
}

#[test]
fn what_was_merged_has_landed_if_it_is_the_work_that_is_done() {
    let merged =
        PullRequest { state: PullState::Merged(Some(id('e'))), ..pull(MergeState::Unknown) };
    assert_eq!(alone(&merged), Step::Landed(1, id('e')));
    let other = PullRequest { head: id('b'), ..merged };
    assert_eq!(alone(&other), Step::Open);
    let known = Pull { number: Some(1), updated: Some(id('a')), ..Pull::default() };
    assert_eq!(of(&[other], &known), Step::Landed(1, id('e')));
}

#[test]
fn a_text_closes_its_issue_alone_and_bears_whose_it_is() {
    let spec = serde_json::json!({ "prompt": "fix it\n```\n@all", "issueNumber": 7 });
    let spec: TaskSpec = serde_json::from_value(spec).unwrap();
    let uid = Uid::derive(7, "login");
    let text = body(&"login".parse().unwrap(), &uid, &spec);
    assert!(text.contains("\n````text\nfix it\n```\n@all\n````\n"), "{text}");
    assert!(text.contains("\n\nCloses #7\n"), "{text}");
    assert_eq!(marked(&text), Some(uid));
}
