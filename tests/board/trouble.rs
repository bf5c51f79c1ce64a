//! What may go wrong at GitHub while work lands by pull request: each is told, nothing is made twice, and
//! it lands when that is over.

use crate::github::{Fault, Moment, Store, When};
use crate::shop::Shop;
use reconciler::api::task::TaskState;

/// The branch of the task.
const BRANCH: &str = "fix/7-ours-write-it";

/// One trouble: what is done at GitHub before, what a person is told of it, and what they do then.
struct Trouble {
    what: &'static str,
    begins: fn(&Shop),
    told: &'static str,
    mends: fn(&Shop),
}

/// What ends by itself.
const fn passes(what: &'static str, told: &'static str, begins: fn(&Shop)) -> Trouble {
    Trouble { what, begins, told, mends: |_| {} }
}

fn fails(shop: &Shop, mutation: &'static str, kind: &'static str, message: &'static str) {
    shop.server().fault(When::Mutation(mutation), Fault::AliasFails(0, kind, message));
}

fn goes_wrong(shop: &Shop, mutation: &'static str, fault: Fault) {
    shop.server().fault(When::Mutation(mutation), fault);
}

fn meanwhile(shop: &Shop, mutation: &'static str, person: fn(&mut Store)) {
    goes_wrong(shop, mutation, Fault::meanwhile(person));
}

const OPEN: &str = "createPullRequest";
const MERGE: &str = "mergePullRequest";
const ENABLE: &str = "enablePullRequestAutoMerge";
const LOST: &str = "GitHub gave no answer that can be understood";

const LOST_ANSWERS: [Trouble; 12] = [
    passes("502 before it is opened", LOST, |shop| {
        goes_wrong(shop, OPEN, Fault::BadGateway(Moment::Before));
    }),
    passes("502 after it is opened", LOST, |shop| {
        goes_wrong(shop, OPEN, Fault::BadGateway(Moment::After));
    }),
    passes("connection dropped before it is opened", LOST, |shop| {
        goes_wrong(shop, OPEN, Fault::Dropped(Moment::Before));
    }),
    passes("connection dropped after it is opened", LOST, |shop| {
        goes_wrong(shop, OPEN, Fault::Dropped(Moment::After));
    }),
    passes("opened, and answered with nothing", LOST, |shop| {
        goes_wrong(shop, OPEN, Fault::AliasNull(0));
    }),
    passes("a page instead of an answer", LOST, |shop| {
        shop.server().fault(When::Operation("Pulls"), Fault::Html);
    }),
    passes("merged, and the answer is lost", LOST, |shop| {
        goes_wrong(shop, MERGE, Fault::Dropped(Moment::After));
    }),
    Trouble {
        what: "told to merge it later, and the answer is lost",
        begins: |shop| {
            shop.server().store().rules.pulls_open_as = Some("BLOCKED");
            goes_wrong(shop, ENABLE, Fault::BadGateway(Moment::After));
        },
        told: LOST,
        mends: |shop| shop.server().store().set_merge_state("shop", 1, "CLEAN"),
    },
    passes("401 in the middle", "does not accept the token", |shop| {
        goes_wrong(shop, MERGE, Fault::Unauthorized);
    }),
    passes("403 for want of a right", "the token may not do that", |shop| {
        fails(shop, OPEN, "FORBIDDEN", "Resource not accessible by personal access token");
    }),
    passes("403 for asking too much", "asks to wait for 7 s", |shop| {
        goes_wrong(shop, OPEN, Fault::RetryAfter(7));
    }),
    passes("the points of the hour are gone", "asks to wait for", |shop| {
        goes_wrong(shop, MERGE, Fault::RateLimited);
    }),
];

const CHANGES: [Trouble; 9] = [
    passes("405: it may not be merged just then", "", |shop| {
        fails(shop, MERGE, "UNPROCESSABLE", "Pull Request is not mergeable");
    }),
    passes("409: the target moved", "", |shop| {
        fails(
            shop,
            MERGE,
            "UNPROCESSABLE",
            "Base branch was modified. Review and try the merge again.",
        );
    }),
    passes("it is clean by the time it is to be merged later", "", |shop| {
        shop.server().store().rules.pulls_open_as = Some("BLOCKED");
        meanwhile(shop, ENABLE, |store| store.set_merge_state("shop", 1, "CLEAN"));
    }),
    passes("it is unstable by the time it is to be merged later", "", |shop| {
        shop.server().store().rules.pulls_open_as = Some("BLOCKED");
        meanwhile(shop, ENABLE, |store| {
            store.set_merge_state("shop", 1, "UNSTABLE");
            store.set_checks("shop", 1, Some("FAILURE"));
        });
    }),
    passes("somebody merges it first", "", |shop| {
        meanwhile(shop, MERGE, |store| store.merge_as_person("shop", 1, "SQUASH"));
    }),
    passes("somebody opens one of that branch first", "", |shop| {
        meanwhile(shop, OPEN, |store| {
            store.open_pull("shop", BRANCH, "main");
        });
    }),
    Trouble {
        what: "the repository is renamed",
        begins: |shop| meanwhile(shop, OPEN, |store| store.rename_repository("shop", "store")),
        told: "",
        mends: |shop| {
            let mut store = shop.server().store();
            let is_renamed = store.repositories.values().any(|one| one.name == "store");
            if is_renamed {
                store.rename_repository("store", "shop");
            }
        },
    },
    Trouble {
        what: "somebody pushes to it before it is merged",
        begins: |shop| meanwhile(shop, MERGE, push_more),
        told: "has commits that are not here: they are not replaced",
        mends: |shop| shop.server().store().merge_as_person("shop", 1, "MERGE"),
    },
    Trouble {
        what: "somebody closes it before it is merged",
        begins: |shop| meanwhile(shop, MERGE, |store| store.close_issue("shop", 1)),
        told: "was closed, and not merged",
        mends: Shop::reopen,
    },
];

/// Somebody adds a commit to the branch of the task.
fn push_more(store: &mut Store) {
    let id = store.repository_mut("shop").id.clone();
    let tip = store.tip("shop", BRANCH).expect("it was pushed");
    let tree = store.repository_mut("shop").commits[&tip].tree.clone();
    let more = store.create_commit(&id, "more", tree, vec![tip]).expect("it is made");
    store.move_branch("shop", BRANCH, Some(&more));
}

/// Runs the loop again and again, as one who looks now and then, until the task is told to be so; returns
/// all that was told.
fn run_until(shop: &Shop, what: &str, is_so: impl Fn(&str) -> bool) -> String {
    let mut told = String::new();
    shop.env().wait_until(what, || {
        told += &shop.env().run(&["run", "--once"]).stdout;
        let report = shop.env().report("ours");
        told += &report.as_ref().map(|one| format!("{}\n", one.message)).unwrap_or_default();
        is_so(&told) || report.is_some_and(|one| one.state == TaskState::Completed)
    });
    told
}

fn survive(trouble: &Trouble) {
    let Trouble { what, begins, told, mends } = trouble;
    let shop = Shop::new();
    begins(&shop);
    let said = run_until(&shop, what, |said| shop.server().faults_done() && said.contains(told));
    assert!(said.contains(told), "{what}: {said}");
    assert!(shop.server().faults_done(), "{what}: it never happened");
    mends(&shop);
    shop.env().wait_until(what, || {
        shop.env().run(&["run", "--once"]);
        shop.env().report("ours").is_some_and(|one| one.state == TaskState::Completed)
    });
    let pulls = shop.pulls();
    assert!(matches!(pulls.as_slice(), [(1, _, true)]), "{what}: {pulls:?}");
    assert_eq!(shop.there(&["show", "main:ours.txt"]), "ours", "{what}");
    let (here, there) =
        (shop.env().git(&["rev-parse", "main"]), shop.there(&["rev-parse", "main"]));
    assert_eq!(here, there, "{what}");
}

#[test]
fn an_answer_that_was_lost_or_refused_costs_nothing_and_makes_nothing_twice() {
    LOST_ANSWERS.iter().for_each(survive);
}

#[test]
fn what_people_do_between_a_look_and_a_step_is_looked_at_again() {
    CHANGES.iter().for_each(survive);
}
