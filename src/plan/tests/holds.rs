//! What people hold back on this machine, and a machine that has no room.

use super::scene::{NOW, Scene, at, scene};
use crate::api::attempt::ExitReason;
use crate::api::hold::{Hold, HoldKind, Holds, Retrial, Target};
use crate::plan::observed::Sighting;
use serde_json::json;

impl Scene {
    /// A person of this name holds something back.
    pub(super) fn held(self, target: Target, kind: HoldKind, until: Option<i64>) -> Self {
        let hold = Hold {
            kind,
            by: "ada".to_owned(),
            since: at(0),
            until: until.map(at),
            reason: "quota".to_owned(),
        };
        self.with(|_, observed| match &mut observed.holds {
            Sighting::Known(holds) => holds.insert(target, Ok(hold)),
            Sighting::Unknown(why) => panic!("{why}"),
        })
    }

    /// A person says that a task may try anew, after this attempt.
    fn tried_anew(self, task: &str, after: u32) -> Self {
        let retrial = Retrial {
            uid: Self::owner(task).uid,
            after,
            by: "ada".to_owned(),
            at: at(NOW),
            reason: String::new(),
        };
        self.with(|_, observed| match &mut observed.tasks {
            Sighting::Known(tasks) => {
                tasks.get_mut(&super::scene::name(task)).unwrap().retrial = Some(Ok(retrial));
            }
            Sighting::Unknown(why) => panic!("{why}"),
        })
    }
}

fn task(text: &str) -> Target {
    Target::Task(super::scene::name(text))
}

fn worker(text: &str) -> Target {
    Target::Worker(text.parse().unwrap())
}

#[test]
fn a_paused_task_starts_nothing_until_it_lapses_by_itself() {
    let base = || scene().task("login", json!({})).registered("login", 9).task("other", json!({}));
    let paused = base().held(task("login"), HoldKind::Pause, Some(NOW + 60));
    paused.says(
        "login",
        "pending Paused: it is paused by ada since 1970-01-01T00:00:00Z until \
         1970-01-12T13:47:40Z: quota",
    );
    assert_eq!(paused.plan().wake_at, Some(at(NOW + 60)));
    paused.says("other", "pending Starting: attempt 1 starts on codegen-1");
    let lapsed = base().held(task("login"), HoldKind::Pause, Some(NOW));
    lapsed.says("login", "pending Starting: attempt 1 starts on codegen-1");
}

#[test]
fn what_runs_when_it_is_paused_runs_on_and_says_so() {
    let scene = scene()
        .task("login", json!({}))
        .registered("login", 9)
        .running("login")
        .claim("login", &[])
        .worktree("login")
        .held(Target::All, HoldKind::Pause, None)
        .task("other", json!({}))
        .registered("other", 5);
    scene.says(
        "login",
        "in_progress Running: attempt 1 runs on codegen-1; everything is paused by ada since \
         1970-01-01T00:00:00Z: quota",
    );
    scene.says(
        "other",
        "pending Paused: everything is paused by ada since 1970-01-01T00:00:00Z: quota",
    );
    scene.plans(&[]);
    let notices = scene.plan().report.notices;
    assert!(notices.iter().any(|one| one.ends_with("`reconciler unpause all`")), "{notices:?}");
}

#[test]
fn a_task_that_waits_for_its_next_attempt_is_paused_too() {
    let scene = scene()
        .task("login", json!({}))
        .registered("login", 9)
        .ended("login", 1, ExitReason::Failed { status: 1 })
        .held(task("login"), HoldKind::Pause, None);
    let plan = scene.plan();
    let report = &plan.report.tasks[&super::scene::name("login")];
    assert_eq!(report.reason, crate::plan::report::Reason::Paused);
}

#[test]
fn a_hold_that_cannot_be_understood_holds_and_unseen_holds_hold_everything() {
    let base = || scene().task("login", json!({})).registered("login", 9);
    let damaged = base().with(|_, observed| {
        let mut holds = Holds::default();
        holds.insert(task("login"), Err("half a file".to_owned()));
        observed.holds = Sighting::Known(holds);
    });
    damaged.says("login", "pending Paused: it is held, and its record is damaged: half a file");
    let unseen = base().with(|_, observed| observed.holds = Sighting::Unknown("EIO".to_owned()));
    unseen.says("login", "pending Unknown: whether it is paused cannot be seen: EIO");
    unseen.plans(&[]);
}

#[test]
fn a_cordoned_worker_finishes_what_it_has_and_takes_nothing_new() {
    let scene = scene()
        .task("login", json!({}))
        .registered("login", 9)
        .running("login")
        .claim("login", &[])
        .worktree("login")
        .held(worker("codegen"), HoldKind::Cordon, None)
        .task("other", json!({}))
        .registered("other", 5);
    scene.says("login", "in_progress Running: attempt 1 runs on codegen-1");
    scene.says(
        "other",
        "pending WorkersHeld: worker codegen is cordoned by ada since 1970-01-01T00:00:00Z: quota",
    );
    scene.plans(&[]);
    let more = scene.worker("second", json!({ "agent": "shell" }));
    more.says("other", "pending Starting: attempt 1 starts on second-1");
}

#[test]
fn a_drained_worker_is_asked_to_stop_when_its_time_is_over() {
    let drained = |stop_at| {
        let kind = HoldKind::Drain { stop_at: at(stop_at) };
        scene()
            .task("login", json!({}))
            .registered("login", 9)
            .running("login")
            .claim("login", &[])
            .worktree("login")
            .held(worker("codegen"), kind, None)
    };
    let before = drained(NOW + 60);
    before.plans(&[]);
    assert_eq!(before.plan().wake_at, Some(at(NOW + 60)));
    drained(NOW).plans(&["stop attempt 1: its worker is drained"]);
}

#[test]
fn a_drained_task_goes_on_with_another_worker_in_its_worktree() {
    let why = crate::api::attempt::StopReason::Drained;
    let scene = scene()
        .worker("second", json!({ "agent": "shell" }))
        .task("login", json!({}))
        .registered("login", 9)
        .ended("login", 1, ExitReason::Stopped { why })
        .claim("login", &[])
        .worktree("login")
        .held(worker("codegen"), HoldKind::Drain { stop_at: at(NOW) }, None);
    scene.plans(&[
        "claim login for second-1",
        "prepare attempt 2 on second-1",
        "start session login for attempt 2",
    ]);
}

#[test]
fn a_task_that_may_try_anew_has_all_its_attempts_again() {
    let failed = || {
        scene().task("login", json!({ "retries": 0 })).registered("login", 9).ended(
            "login",
            2,
            ExitReason::Failed { status: 1 },
        )
    };
    failed()
        .says("login", "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one exited with 1");
    let anew = failed().tried_anew("login", 1);
    anew.says("login", "pending Starting: attempt 2 starts on codegen-1");
    let again = anew.ended("login", 1, ExitReason::Failed { status: 3 });
    again
        .says("login", "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one exited with 3");
}

#[test]
fn that_a_task_may_try_anew_is_not_said_of_a_later_one_of_its_name() {
    let scene = scene()
        .task("login", json!({ "retries": 0 }))
        .registered("login", 9)
        .ended("login", 2, ExitReason::Failed { status: 1 })
        .tried_anew("login", 1)
        .with(|_, observed| {
            let Sighting::Known(tasks) = &mut observed.tasks else { return };
            let retrial = tasks.values_mut().find_map(|task| task.retrial.as_mut());
            retrial.unwrap().as_mut().unwrap().uid = crate::api::name::Uid::derive(1, "earlier");
        });
    scene
        .says("login", "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one exited with 1");
}

#[test]
fn a_word_that_it_may_try_anew_which_is_damaged_is_told_and_counts_as_not_said() {
    let scene = scene()
        .task("login", json!({ "retries": 0 }))
        .registered("login", 9)
        .ended("login", 1, ExitReason::Failed { status: 1 })
        .tried_anew("login", 1)
        .with(|_, observed| {
            let Sighting::Known(tasks) = &mut observed.tasks else { return };
            let task = tasks.values_mut().next().unwrap();
            task.retrial = Some(Err("half a file".to_owned()));
        });
    scene
        .says("login", "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one exited with 1");
    let notices = scene.plan().report.notices;
    assert!(notices.iter().any(|one| one.contains("`reconciler retry login`")), "{notices:?}");
}

#[test]
fn nothing_starts_on_a_machine_without_room_and_it_is_looked_at_again_soon() {
    let limits = json!({ "limits": { "maxLoadPercent": 150, "minFreeMemoryMegabytes": 1000 } });
    let base = || scene().policy(limits.clone()).task("login", json!({})).registered("login", 9);
    let loaded = base().with(|_, observed| observed.machine.load_percent = Sighting::Known(151));
    loaded.says(
        "login",
        "pending MachineBusy: this machine has no room: its load is 151 %, and 150 % is allowed",
    );
    assert_eq!(loaded.plan().wake_at, Some(at(NOW + 5)));
    let small =
        base().with(|_, observed| observed.machine.free_memory_megabytes = Sighting::Known(999));
    small.says(
        "login",
        "pending MachineBusy: this machine has no room: its free memory is 999 MB, and 1000 MB is \
         the least",
    );
    let limits = json!({ "limits": { "minFreeDiskMegabytes": 500 } });
    let full = scene().policy(limits).task("login", json!({})).registered("login", 9);
    full.with(|_, observed| observed.machine.free_disk_megabytes = Sighting::Known(499)).says(
        "login",
        "pending MachineBusy: this machine has no room: its free disk is 499 MB, and 500 MB is the \
         least",
    );
    let unseen = Sighting::Unknown("no such file".to_owned());
    base().with(|_, observed| observed.machine.load_percent = unseen).says(
        "login",
        "pending MachineBusy: this machine has no room: its load cannot be seen: no such file",
    );
}
