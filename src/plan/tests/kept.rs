//! Workers that keep their sessions: what runs there, what does not, and when a session ends.

use super::scene::{Scene, name, scene};
use crate::api::attempt::{Attempt, ExitReason};
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::check;
use crate::plan::observed::{EmptyState, Session, Sighting};
use crate::plan::plan;
use serde_json::{Value, json};

/// One worker with a seat that keeps its session.
fn keeping() -> Scene {
    scene().worker("codegen", json!({ "agent": "shell", "session": "worker" }))
}

impl Scene {
    /// The session that `codegen-1` keeps, last used by this task, waits.
    fn kept(self, task: &str) -> Self {
        let mut scene = self.kept_busy(task);
        scene.last_session().is_idle = true;
        scene
    }

    /// The same, and something runs in it.
    fn kept_busy(self, task: &str) -> Self {
        let mut scene = self.session(task);
        let session = scene.last_session();
        session.name = "worker/codegen-1".to_owned();
        session.seat = Some("codegen-1".to_owned().try_into().unwrap());
        scene
    }

    fn last_session(&mut self) -> &mut Session {
        match &mut self.observed.sessions {
            Sighting::Known(sessions) => sessions.last_mut().unwrap(),
            Sighting::Unknown(why) => panic!("{why}"),
        }
    }

    /// The last attempt of the task was one in the session that its seat keeps.
    fn in_kept(mut self, task: &str) -> Self {
        self.last_attempt(task).session = SessionOf::Worker;
        self
    }

    fn last_attempt(&mut self, task: &str) -> &mut Attempt {
        let Sighting::Known(tasks) = &mut self.observed.tasks else { panic!("no tasks") };
        let attempts = &mut tasks.get_mut(&name(task)).unwrap().attempts;
        attempts.last_mut().unwrap().attempt.as_mut().unwrap()
    }

    /// Returns the attempt that is prepared.
    #[track_caller]
    fn prepares(&self) -> Attempt {
        let plan = self.plan();
        for action in &plan.actions {
            if let Action::PrepareAttempt(attempt) = action {
                return attempt.clone();
            }
        }
        panic!("{plan:?}");
    }

    /// Returns the laws that the plan breaks when it does this too.
    fn breaks(&self, action: Action) -> Vec<&'static str> {
        let mut plan = plan(&Sighting::Known(&self.desired), &self.observed);
        plan.actions.push(action);
        let broken = check::laws(&self.desired, &self.observed, &plan);
        broken.into_iter().map(|one| one.law).collect()
    }
}

fn finished(task: &str) -> Scene {
    keeping()
        .task(task, json!({}))
        .registered(task, 60)
        .ended(task, 1, ExitReason::Succeeded)
        .in_kept(task)
        .kept(task)
}

#[test]
fn the_session_of_a_seat_outlives_its_task() {
    finished("login").plans(&[]);
    let deleted = finished("login").with(|desired, _| {
        desired.tasks.clear();
    });
    deleted.plans(&["forget login"]);
}

#[test]
fn the_next_task_begins_in_the_session_that_waits() {
    let scene = finished("login").task("logout", json!({ "class": "decision" }));
    let scene = scene
        .worker("codegen", json!({ "agent": "shell", "session": "worker", "class": "decision" }));
    assert_eq!(scene.prepares().session, SessionOf::Worker);
    scene.says("logout", "pending Starting: attempt 1 starts on codegen-1");
}

#[test]
fn a_seat_whose_session_is_not_free_gets_no_task() {
    let task = |scene: Scene| scene.task("login", json!({}));
    // What runs there is of a task that is over in the same plan, or of nobody that is known.
    let busy = task(keeping()).kept_busy("other");
    busy.plans(&["register login as a1b34339", "remove session other"]);
    let stranger = task(keeping()).kept_busy("other").with(|_, observed| {
        let Sighting::Known(sessions) = &mut observed.sessions else { return };
        sessions[0].owner = None;
        sessions[0].seat = None;
    });
    stranger.says("login", "pending WorkersBusy: every seat of codegen is taken");
    let notice =
        "tmux session worker/codegen-1 is not ours, so codegen-1 gets no task: rename it or end it";
    assert!(stranger.plan().report.notices.iter().any(|one| one == notice));
}

#[test]
fn a_session_of_a_task_that_runs_is_treated_as_any_other() {
    let running = keeping().task("login", json!({})).registered("login", 60).worktree("login");
    let running = running.claim("login", &[]).running("login").in_kept("login");
    running.plans(&[]);
    let ended = keeping().task("login", json!({})).registered("login", 60);
    let ended = ended.ended("login", 1, ExitReason::Succeeded).kept_busy("login");
    ended.plans(&["remove session login"]);
}

#[test]
fn an_attempt_whose_session_waits_was_never_begun() {
    let prepared = keeping().task("login", json!({ "suspend": true })).registered("login", 60);
    let prepared = prepared.attempt("login", crate::plan::observed::AttemptState::Prepared);
    prepared.kept("login").plans(&["close attempt 1: it was never started"]);
}

#[test]
fn a_session_ends_when_its_seat_is_not_wanted() {
    let ends = ["end session worker/codegen-1"];
    let with = |spec: Value| finished("login").worker("codegen", spec);
    with(json!({ "agent": "shell", "session": "worker", "replicas": 0 })).plans(&ends);
    with(json!({ "agent": "shell", "session": "worker", "suspend": true })).plans(&ends);
    with(json!({ "agent": "shell" })).plans(&ends);
    finished("login").with(|desired, _| desired.workers.clear()).plans(&ends);
    // What its file says now is not known.
    let unclear = finished("login").with(|desired, _| {
        desired.workers.values_mut().for_each(|entry| entry.spec = None);
    });
    unclear.plans(&[]);
}

#[test]
fn an_empty_state_ends_no_session_unless_it_is_meant() {
    let empty = || {
        finished("login").with(|desired, _| {
            desired.workers.clear();
            desired.tasks.clear();
        })
    };
    empty().plans(&[]);
    let meant = empty().with(|_, observed| observed.empty_state = EmptyState::Meant);
    meant.plans(&["forget login", "end session worker/codegen-1"]);
}

#[test]
fn a_session_that_lost_the_record_of_its_task_is_not_ended_before_that_is_made_anew() {
    let scene = keeping().task("login", json!({})).kept_busy("login").claim("login", &[]);
    assert_eq!(scene.registers().uid, Scene::owner("login").uid);
    scene.plans(&["register login as 2d6ce8ed"]);
}

#[test]
fn a_session_that_waits_gives_a_new_task_no_uid() {
    let scene = keeping().task("login", json!({})).kept("login");
    assert_ne!(scene.registers().uid, Scene::owner("login").uid);
}

#[test]
fn the_laws_know_sessions_that_wait() {
    let seat = || "codegen-1".to_owned().try_into().unwrap();
    let end = || Action::EndSession { session: "$1".to_owned(), seat: seat() };
    assert_eq!(finished("login").breaks(end()), ["only absence deletes"]);
    let unwanted = finished("login").with(|desired, _| desired.workers.clear());
    assert!(unwanted.breaks(end()).is_empty());
    let other = Action::EndSession { session: "$7".to_owned(), seat: seat() };
    assert!(unwanted.breaks(other).contains(&"nothing foreign is touched"));
    let kill = Action::KillSession { session: "$1".to_owned(), owner: Scene::owner("login") };
    assert_eq!(finished("login").breaks(kill), ["nothing foreign is touched"]);
    let busy = finished("login").kept_busy("other").task("logout", json!({}));
    let attempt = next(ExitReason::Succeeded).prepares();
    assert!(busy.breaks(Action::PrepareAttempt(attempt)).contains(&"limits hold"));
    let live = keeping().with(|desired, _| desired.workers.clear()).kept_busy("login");
    assert!(live.breaks(end()).contains(&"nothing alive is removed"));
    let unseen = finished("login").with(|desired, observed| {
        desired.workers.clear();
        observed.sessions = Sighting::Unknown("no answer".to_owned());
    });
    assert!(unseen.breaks(end()).contains(&"nothing is done unseen"));
}

/// A seat of an agent that talks, on which `login` was done, and now the first attempt of `logout`.
fn next(end: ExitReason) -> Scene {
    let agent = json!({
        "argv": ["talk", "{prompt}"], "resume": ["talk", "--resume", "{conversation}", "{prompt}"],
        "resumesAnywhere": true,
    });
    let mut scene = keeping()
        .worker("codegen", json!({ "agent": "talk", "session": "worker" }))
        .with(|desired, observed| {
            let (name, spec) = ("talk".parse().unwrap(), serde_json::from_value(agent).unwrap());
            let digest = crate::plan::desired::Desired::trust_digest(&name, &spec);
            observed.trusted = Sighting::Known([digest].into());
            desired.agents.insert(name, crate::plan::desired::Entry::valid(spec));
        })
        .task("login", json!({ "prompt": "log in", "retries": 0 }))
        .registered("login", 60)
        .ended("login", 1, end)
        .in_kept("login")
        .kept("login")
        .task("logout", json!({ "prompt": "log out" }))
        .registered("logout", 50)
        .worktree("logout");
    let attempt = scene.last_attempt("login");
    attempt.beginning.agent = Some("talk".parse().unwrap());
    attempt.beginning.conversation = "talk-1".to_owned();
    scene
}

#[test]
fn the_conversation_goes_on_with_the_next_task_of_the_seat() {
    let attempt = next(ExitReason::Succeeded).prepares();
    assert_eq!(attempt.id.owner.task, name("logout"));
    let told = "log out\n\nThis is another task than the one before, in another directory: look at \
                what you need there anew.";
    assert_eq!(attempt.program.argv, ["talk", "--resume", "talk-1", told]);
    assert_eq!(attempt.beginning.conversation, "talk-1");
    // One that is seen for the first time is told the same.
    let mut fresh = next(ExitReason::Succeeded);
    let Sighting::Known(tasks) = &mut fresh.observed.tasks else { panic!("no tasks") };
    tasks.remove(&name("logout"));
    fresh.observed.worktrees = Sighting::Known(Vec::new());
    assert_eq!(fresh.prepares().beginning, attempt.beginning);
}

#[test]
fn a_conversation_that_cannot_go_on_begins_anew_with_a_line_of_what_was_before() {
    let told = |scene: Scene| scene.prepares().program.argv.join(" ");
    let fresh = |how: &str| {
        format!(
            "talk log out\n\nBefore this task, codegen-1 worked on task login, elsewhere: attempt 1 {how}."
        )
    };
    let elsewhere = next(ExitReason::Succeeded).with(|desired, _| {
        desired.agents.values_mut().for_each(|entry| {
            entry.spec.as_mut().unwrap().resumes_anywhere = false;
        });
    });
    assert_eq!(told(elsewhere), fresh("succeeded"));
    // One that failed is not asked again, and one that was cut off is its own task's.
    assert_eq!(told(next(ExitReason::Failed { status: 3 })), fresh("exited with 3"));
    let cut = next(ExitReason::HungUp).task("login", json!({ "prompt": "x", "suspend": true }));
    assert_eq!(told(cut), fresh("lost its terminal"));
    let mut other = next(ExitReason::Succeeded);
    other.last_attempt("login").beginning.agent = Some("mute".parse().unwrap());
    assert_eq!(told(other), fresh("succeeded"));
}

#[test]
fn a_worker_without_sessions_of_its_own_begins_each_task_afresh() {
    let scene = next(ExitReason::Succeeded).worker("codegen", json!({ "agent": "talk" }));
    let attempt = scene.prepares();
    assert_eq!(attempt.session, SessionOf::Task);
    assert_eq!(attempt.program.argv, ["talk", "log out"]);
}
