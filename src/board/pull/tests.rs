//! What is done next with proposed work, from one read.

use super::*;
use crate::api::pull::{Checks, Review, Rollup};

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
        commits: vec![id('a')],
        merge,
        checks: None,
        review: None,
        order: None,
        may_be_automatic: false,
        has_queue: false,
        body: mark(&Uid::derive(7, "login")),
    }
}

fn checks(rollup: Rollup, failed: &[&str], pending: &[&str]) -> Checks {
    let names = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    Checks { rollup, failed: names(failed), pending: names(pending) }
}

fn look<T>(
    (found, known): (&[PullRequest], &Pull),
    checks: RequiredChecks,
    judge: impl Fn(&Proposal<'_>) -> T,
) -> T {
    let (uid, target) = (Uid::derive(7, "login"), "main".to_owned().try_into().unwrap());
    judge(&Proposal { uid: &uid, tip: &id('a'), target: &target, checks, known, found })
}

/// What is done next about work at `a`.
fn of(found: &[PullRequest], known: &Pull) -> Step {
    look((found, known), RequiredChecks::Required, next)
}

fn alone(pull: &PullRequest) -> Step {
    of(std::slice::from_ref(pull), &Pull::default())
}

/// The same where the policy asks for all checks.
fn strict(pull: &PullRequest) -> Step {
    look((std::slice::from_ref(pull), &Pull::default()), RequiredChecks::All, next)
}

fn said(step: &Step) -> &str {
    let Step::Wait(Some(1), said) = step else { panic!("{step:?}") };
    said
}

/// What is remembered when GitHub was told to do something by itself.
fn told(order: Order, state: OrderState, times: u32) -> Pull {
    let ordered = Ordered { order, head: id('a'), times, state };
    Pull { number: Some(1), ordered: Some(ordered), ..Pull::default() }
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
        review: Some(Review::Required),
        checks: Some(checks(Rollup::Pending, &[], &["e2e"])),
        ..pull(MergeState::Blocked)
    };
    let what = "its checks, which are not done (e2e) and a review";
    assert_eq!(said(&alone(&blocked)), format!("pull request #1 (https://x/1) waits for {what}"));
    let may = PullRequest { may_be_automatic: true, ..blocked };
    assert_eq!(alone(&may), Step::Order(may.clone(), Order::AutoMerge));
    let automatic = PullRequest { order: Some(Order::AutoMerge), ..may };
    assert!(said(&alone(&automatic)).contains("as soon as it has"));
    for (state, word) in [
        (MergeState::Draft, "is a draft"),
        (MergeState::Unknown, "GitHub looks"),
        (MergeState::Behind, "update it"),
    ] {
        assert!(said(&alone(&pull(state))).contains(word));
    }
}

#[test]
fn a_check_that_nobody_requires_is_waited_for_and_lets_it_be_merged_when_it_failed() {
    let of = |checks| PullRequest { checks: Some(checks), ..pull(MergeState::Unstable) };
    let pending = of(checks(Rollup::Pending, &[], &["e2e"]));
    assert!(said(&alone(&pending)).contains("waits for its checks, which are not done (e2e)"));
    // One failed, and another one is still at it.
    let both = of(checks(Rollup::Failed, &["lint"], &["e2e"]));
    assert!(said(&alone(&both)).contains("not done (e2e)"));
    let failed = of(checks(Rollup::Failed, &["lint"], &[]));
    assert_eq!(alone(&failed), Step::Merge(failed.clone()));
    assert!(said(&alone(&pull(MergeState::Unstable))).contains("let the token read checks"));
}

#[test]
fn where_all_checks_are_asked_for_only_success_is_merged_and_never_by_auto_merge() {
    let of = |merge, checks| PullRequest { checks, may_be_automatic: true, ..pull(merge) };
    for merge in [MergeState::Clean, MergeState::Unstable] {
        let passed = of(merge, Some(checks(Rollup::Passed, &[], &[])));
        assert_eq!(strict(&passed), Step::Merge(passed.clone()));
        assert!(said(&strict(&of(merge, None))).contains("has no checks at aaaaaaa"));
        let failed = strict(&of(merge, Some(checks(Rollup::Failed, &["lint"], &[]))));
        assert!(said(&failed).contains("failed (lint)"), "{failed:?}");
        let pending = strict(&of(merge, Some(checks(Rollup::Pending, &[], &[]))));
        assert!(said(&pending).contains("not done"), "{pending:?}");
    }
    let blocked = of(MergeState::Blocked, Some(checks(Rollup::Passed, &[], &[])));
    let blocked = PullRequest { review: Some(Review::Required), ..blocked };
    assert!(said(&strict(&blocked)).contains("waits for a review"));
    // It was told to while the policy was another.
    let automatic = PullRequest { order: Some(Order::AutoMerge), ..blocked };
    let known = told(Order::AutoMerge, OrderState::Stands, 1);
    let found = (std::slice::from_ref(&automatic), &known);
    let step = look(found, RequiredChecks::All, next);
    assert_eq!(step, Step::Withdraw(automatic.clone(), Order::AutoMerge));
    // A person told it there: that is theirs.
    assert!(said(&strict(&automatic)).contains("is merged by GitHub as soon as"));
}

#[test]
fn what_is_behind_is_joined_with_the_target_only_where_github_then_merges_it() {
    let behind = PullRequest { may_be_automatic: true, ..pull(MergeState::Behind) };
    assert_eq!(alone(&behind), Step::Order(behind.clone(), Order::AutoMerge));
    let automatic = PullRequest { order: Some(Order::AutoMerge), ..behind };
    assert_eq!(alone(&automatic), Step::Update(automatic.clone()));
    let joined = PullRequest { head: id('b'), merge: MergeState::Blocked, ..automatic };
    let known = Pull { number: Some(1), updated: Some(id('a')), ..Pull::default() };
    assert!(said(&of(std::slice::from_ref(&joined), &known)).contains("has main in it now"));
    // Of a tip before it nothing was asked.
    let known = Pull { updated: Some(id('c')), ..known };
    assert_eq!(of(std::slice::from_ref(&joined), &known), Step::Push(joined.clone()));
    // It must not land by itself, for it is not what is done.
    let known = Pull { updated: Some(id('c')), ..told(Order::AutoMerge, OrderState::Stands, 1) };
    let step = of(std::slice::from_ref(&joined), &known);
    assert_eq!(step, Step::Withdraw(joined, Order::AutoMerge));
}

#[test]
fn a_merge_queue_is_entered_and_waited_for_and_entered_again_only_once() {
    let clean = PullRequest { has_queue: true, ..pull(MergeState::Clean) };
    assert_eq!(alone(&clean), Step::Order(clean.clone(), Order::Queue));
    // GitHub may call blocked what only waits to be put there.
    let blocked = PullRequest { merge: MergeState::Blocked, ..clean.clone() };
    assert_eq!(alone(&blocked), Step::Order(blocked.clone(), Order::Queue));
    let reviewed = PullRequest { review: Some(Review::Required), ..blocked };
    assert!(said(&alone(&reviewed)).contains("waits for a review"));
    let queued = PullRequest { order: Some(Order::Queue), ..clean.clone() };
    assert!(said(&alone(&queued)).contains("is in GitHub's merge queue"));
    let found = std::slice::from_ref(&clean);
    let once = told(Order::Queue, OrderState::Over, 1);
    assert_eq!(of(found, &once), Step::Order(clean.clone(), Order::Queue));
    let twice = told(Order::Queue, OrderState::Over, 2);
    assert!(said(&of(found, &twice)).contains("left GitHub's merge queue"));
    // It was about another commit.
    let mut other = twice;
    other.ordered.as_mut().unwrap().head = id('c');
    assert_eq!(of(found, &other), Step::Order(clean.clone(), Order::Queue));
}

#[test]
fn what_a_person_switched_off_at_github_is_told_and_not_switched_on_again() {
    let may = PullRequest { may_be_automatic: true, ..pull(MergeState::Blocked) };
    let automatic = PullRequest { order: Some(Order::AutoMerge), ..may.clone() };
    let learn = |pull: &PullRequest, known: &Pull| {
        look((std::slice::from_ref(pull), known), RequiredChecks::Required, learned)
    };
    let state = |known: &Pull| known.ordered.as_ref().map(|one| one.state);
    let given = told(Order::AutoMerge, OrderState::Given, 1);
    // It is not seen yet, or was never done: it is told again.
    let unseen = learn(&may, &given);
    assert_eq!(state(&unseen), Some(OrderState::Given));
    let step = of(std::slice::from_ref(&may), &unseen);
    assert_eq!(step, Step::Order(may.clone(), Order::AutoMerge));
    let stands = learn(&automatic, &given);
    assert_eq!(state(&stands), Some(OrderState::Stands));
    let over = learn(&may, &stands);
    assert_eq!(state(&over), Some(OrderState::Over));
    for merge in [MergeState::Blocked, MergeState::Clean, MergeState::Behind] {
        let off = PullRequest { merge, ..may.clone() };
        assert!(said(&of(std::slice::from_ref(&off), &over)).contains("switched that off there"));
    }
    assert_eq!(state(&learn(&automatic, &over)), Some(OrderState::Stands));
    // What was taken back from here is told anew, and so is other work.
    let leaving = told(Order::AutoMerge, OrderState::Leaving, 1);
    assert_eq!(state(&learn(&automatic, &leaving)), Some(OrderState::Leaving));
    assert_eq!(state(&learn(&may, &leaving)), None);
    let mut other = over;
    other.ordered.as_mut().unwrap().head = id('c');
    assert_eq!(state(&learn(&may, &other)), None);
    let merged = PullRequest { state: PullState::Merged(None), ..automatic };
    assert_eq!(state(&learn(&merged, &stands)), None);
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
fn what_was_merged_has_landed_if_it_has_the_work_that_is_done() {
    let merged =
        PullRequest { state: PullState::Merged(Some(id('e'))), ..pull(MergeState::Unknown) };
    assert_eq!(alone(&merged), Step::Landed(1, id('e')));
    // Somebody joined the target to it, or added to it.
    let more = PullRequest { head: id('b'), commits: vec![id('a'), id('b')], ..merged };
    assert_eq!(alone(&more), Step::Landed(1, id('e')));
    let other = PullRequest { commits: vec![id('b')], ..more };
    assert_eq!(alone(&other), Step::Open);
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
