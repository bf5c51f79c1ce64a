//! Tests of what people see: whole screens, drawn from hand-made worlds by way of the real planner.

use super::context::{Charset, Look, Paint};
use super::describe::draw_task;
use super::listing::{Columns, list};
use super::print::{Long, Row, Table, Tone, span};
use super::reference::Type;
use super::status;
use super::wait::{Condition, Verdict, verdict};
use crate::api::attempt::ExitReason;
use crate::client::view::scene::{Scene, shop};
use crate::client::view::task::{TaskView, tasks};
use crate::client::{Conflict, Snapshot};
use crate::plan::observed::Sighting;
use jiff::tz::TimeZone;

const PIPE: Look =
    Look { width: None, height: None, paint: Paint::Plain, charset: Charset::Unicode };

fn terminal(width: u16) -> Look {
    Look { width: Some(width), ..PIPE }
}

fn table(kind: Type, look: Look) -> String {
    list(kind, &shop().snapshot(), Columns::Few).unwrap().table().draw(look, Long::Cut, 0)
}

fn screen(snapshot: &Snapshot, look: Look) -> String {
    let view = crate::client::view::status::status(snapshot, &TimeZone::UTC);
    status::draw(&view, snapshot.now(), look)
}

fn task(snapshot: &Snapshot, name: &str) -> TaskView {
    tasks(snapshot).into_iter().find(|task| task.metadata.name == name).unwrap()
}

/// Compares whole screens, and shows the one that is, as it is.
#[track_caller]
fn shows(found: &str, expected: &str) {
    assert!(found == expected.trim_start_matches('\n'), "it is\n{found}");
}

#[test]
fn tasks_are_listed_those_that_need_a_person_first() {
    shows(
        &table(Type::Task, terminal(80)),
        "
NAME       STATUS          WORKER     SINCE  MESSAGE
ask-ai     NotTrusted      -          5m     agent claude is not approved on…
draw-logo  NotTrusted      -          5m     agent claude is not approved on…
flaky-ci   AttemptsUsedUp  codegen-1  2h59m  3 of 3 attempts failed; the last…
docs-api   Running         codegen-2  58m    attempt 1 runs on codegen-2
fix-login  Running         codegen-1  41m    attempt 1 runs on codegen-1
add-2fa    FilesHeld       -          22m    fix-login holds src/auth/** (both…
old-spike  Suspended       -          5d     suspended; its worktree and branch…
bump-deps  Succeeded       codegen-1  2h     done; its work is on branch…
",
    );
    let wide = table(Type::Task, PIPE);
    assert!(wide.contains("machine: `reconciler trust`\n"), "{wide}");
}

#[test]
fn other_types_have_tables_too() {
    let types = [Type::Worker, Type::Agent, Type::Event, Type::Attempt];
    let tables = types.map(|kind| table(kind, terminal(100))).join("\n");
    shows(
        &tables,
        "
NAME       STATE    AGENT   TASK       MESSAGE
alice      Idle     human   -
codegen-1  Working  shell   fix-login
codegen-2  Working  shell   docs-api
codegen-3  Idle     shell   -
codegen-4  Idle     shell   -
thinker-1  Idle     claude  -          agent claude is not approved on this machine: `reconciler…

NAME      TRUST        SOURCE                    WORKERS  COMMAND
aider     NotApproved  built-in                  -        /bin/sh -c before=$(git rev-parse HEAD) |…
claude    NotApproved  state/agents/claude.json  thinker  claude --print {prompt}
codex     NotApproved  built-in                  -        codex exec --sandbox danger-full-access -…
exec      NotApproved  built-in                  -        {argv}
gemini    NotApproved  built-in                  -        gemini --approval-mode yolo --skip-trust
opencode  NotApproved  built-in                  -        opencode run --format json
shell     Approved     built-in                  codegen  /bin/sh -c {command}

LAST  TYPE     OBJECT          REASON          MESSAGE
0s    Normal   task/fix-login  Claimed         claim fix-login for codegen-1
0s    Normal   task/fix-login  SessionStarted  start session fix-login for attempt 1
0s    Warning  task/add-2fa    EffectFailed    cannot \\u{1b}[2J add a worktree

TASK       ATTEMPT  STATE    WORKER     STARTED  TOOK  RESULT
bump-deps  1        Ended    codegen-1  2h10m    10m   succeeded
docs-api   1        Running  codegen-2  58m      58m
fix-login  1        Running  codegen-1  41m      41m
flaky-ci   1        Ended    codegen-1  3h20m    1m    exited with 1
flaky-ci   2        Ended    codegen-1  3h10m    1m    exited with 1
flaky-ci   3        Ended    codegen-1  3h       1m    exited with 1
",
    );
}

#[test]
fn locks_tell_who_holds_what_and_until_when() {
    let mut scene = shop();
    let Sighting::Known(claims) = &mut scene.observed.claims else { panic!("they are seen") };
    claims.insert("torn".parse().unwrap(), Err("torn.lock: EOF at line 1".to_owned()));
    let snapshot = scene.snapshot();
    let draw = |columns| list(Type::Lock, &snapshot, columns).unwrap().table();
    let tables = [Columns::Few, Columns::All];
    let tables = tables.map(|one| draw(one).draw(terminal(100), Long::Cut, 0)).join("\n");
    shows(
        &tables,
        "
TASK       WORKER     SINCE  LAPSES   PATHS
bump-deps  codegen-1  2h10m  overdue  Cargo.toml
docs-api   codegen-2  58m    2m       docs/
fix-login  codegen-1  41m    19m      src/auth/**
flaky-ci   codegen-1  3h20m  overdue  ci/
torn       ?          ?      ?        torn.lock: EOF at line 1

TASK       WORKER     NODE  GENERATION  SINCE  RENEWED  LAPSES   PATHS
bump-deps  codegen-1  here  1           2h10m  2h10m    overdue  Cargo.toml
docs-api   codegen-2  here  1           58m    58m      2m       docs/
fix-login  codegen-1  here  1           41m    41m      19m      src/auth/**
flaky-ci   codegen-1  here  1           3h20m  3h20m    overdue  ci/
torn       ?          ?     ?           ?      ?        ?        torn.lock: EOF at line 1
",
    );
}

#[test]
fn status_is_one_screen() {
    shows(
        &screen(&shop().snapshot(), terminal(80)),
        "
shop   refs/heads/main@3f2a9c1   reconciler up 2h14m (pid 4711)

NEEDS YOU
  ask-ai, draw-logo  agent claude is not approved on this machine: `reconciler
                     trust`
  flaky-ci           3 of 3 attempts failed; the last one exited with 1
                     => reconciler logs flaky-ci

WORKER     STATE    AGENT   TASK       MESSAGE
alice      Idle     human   -
codegen-1  Working  shell   fix-login
codegen-2  Working  shell   docs-api
codegen-3  Idle     shell   -
codegen-4  Idle     shell   -
thinker-1  Idle     claude  -          agent claude is not approved on this…

TASKS   pending 4   in_progress 2   completed 1   failed 1   (completed today: 1)
1 task waits for files of others: reconciler locks forecast
",
    );
}

#[test]
fn branches_in_conflict_are_on_the_screen() {
    let mut snapshot = shop().snapshot();
    let conflict = |first: &str, second: &str, paths: &[&str]| Conflict {
        tasks: [first.parse().unwrap(), second.parse().unwrap()],
        branches: ["fix/one", "fix/two"].map(|name| name.to_owned().try_into().unwrap()),
        paths: paths.iter().map(|&path| path.to_owned()).collect(),
    };
    snapshot.conflicts = vec![
        conflict("docs-api", "fix-login", &["a", "b", "c", "d\u{1b}[2J"]),
        conflict("x", "y", &["a"]),
        conflict("x", "z", &["a"]),
        conflict("y", "z", &["a"]),
    ];
    let screen = screen(&snapshot, terminal(100));
    let expected = "
BRANCHES IN CONFLICT
  docs-api, fix-login  a, b, c, 1 more
                       => land one on main, then rebase the other: git -C .worktrees/fix-login
                       rebase main
  x, y                 a
";
    assert!(screen.contains(expected), "{screen}");
    assert!(screen.contains("  and 1 more: reconciler locks forecast\n"), "{screen}");
}

#[test]
fn a_new_repository_says_what_to_do_first() {
    shows(
        &screen(&Scene::new().snapshot(), terminal(80)),
        "
shop   refs/heads/main@3f2a9c1   reconciler up 2h14m (pid 4711)

no tasks; make one: reconciler new task NAME
no workers; make one: reconciler new worker NAME
",
    );
}

#[test]
fn a_task_is_described_with_its_events_last() {
    let snapshot = shop().snapshot();
    shows(
        &draw_task(&task(&snapshot, "fix-login"), &snapshot, terminal(80)),
        "
Name:         fix-login
Title:        Fix login redirect loop
Source:       state/tasks/fix-login.json at refs/heads/main@3f2a9c1
Status:       Running (in_progress) since 41m
Message:      attempt 1 runs on codegen-1
Runs:         make login (and one more line)
Verified by:  make test
Priority:     3 of 5, class execution
Tries:        3, at most 1h each
Files:        src/auth/**
Worker:       codegen-1
Branch:       fix/12-fix-login-fix-login-redirect-loop
Worktree:     /home/alice/shop/.worktrees/fix-login
Session:      reconciler attach fix-login
Lock:         src/auth/**, held by codegen-1, lapses in 19m unless renewed
Conditions:
  TYPE       STATUS  SINCE  REASON   MESSAGE
  Accepted   True    -      -
  Scheduled  True    -      -
  Running    True    41m    Running  attempt 1 runs on codegen-1
  Complete   False   -      -
Attempts:
  ATTEMPT  STATE    WORKER     STARTED  TOOK
  1        Running  codegen-1  41m      41m
Events:
  LAST  TYPE    REASON          MESSAGE
  0s    Normal  Claimed         claim fix-login for codegen-1
  0s    Normal  SessionStarted  start session fix-login for attempt 1
",
    );
}

#[test]
fn idle_seats_are_gathered() {
    let worker = serde_json::json!({ "agent": "shell", "replicas": 50 });
    let scene = Scene::new().worker("codegen", worker);
    let screen = screen(&scene.snapshot(), terminal(80));
    assert!(screen.contains("codegen  50 Idle  shell  -\n"), "{screen}");
}

#[test]
fn what_cannot_be_seen_is_said_to_be_unknown() {
    let mut scene = shop();
    scene.observed.tasks = Sighting::Unknown("permission denied".to_owned());
    let snapshot = scene.snapshot();
    assert_eq!(snapshot.why_blind(), Some("permission denied"));
    let status = task(&snapshot, "fix-login").status;
    assert!(status.is_called("unknown"), "{status:?}");
    assert!(status.message.contains("permission denied"), "{status:?}");
    let workers = list(Type::Worker, &snapshot, Columns::Few).unwrap().items;
    let codegen = workers.iter().find(|worker| worker.name == "codegen").unwrap();
    assert_eq!(codegen.rows[0].cells[1], "Unknown");
}

#[test]
fn a_task_as_json_has_the_shape_of_kubernetes() {
    let json = serde_json::to_value(task(&shop().snapshot(), "flaky-ci")).unwrap();
    for (pointer, expected) in [
        ("/apiVersion", "reconciler.dev/v1alpha1"),
        ("/kind", "Task"),
        ("/metadata/name", "flaky-ci"),
        ("/metadata/creationTimestamp", "2026-01-14T08:40:00Z"),
        ("/spec/class", "execution"),
        ("/status/state", "failed"),
        ("/status/reason", "AttemptsUsedUp"),
        ("/status/conditions/3/type", "Complete"),
        ("/status/attempts/0/result/kind", "failed"),
        ("/status/attempts/2/endedAt", "2026-01-14T09:01:00Z"),
        ("/status/worker", "codegen-1"),
    ] {
        assert_eq!(json.pointer(pointer).and_then(|one| one.as_str()), Some(expected), "{pointer}");
    }
    assert_eq!(json.pointer("/spec/timeoutSeconds").unwrap(), 3600);
}

#[test]
fn colours_and_cuts_follow_the_terminal() {
    let row = |tone, text: &str| Row { tone, cells: vec!["a".to_owned(), text.to_owned()] };
    let rows = vec![row(Tone::Alarm, "漢字 is wide and is cut"), row(Tone::Plain, "\u{1b}[2J")];
    let table = Table { header: vec!["NAME", "MESSAGE"], rows };
    let look = Look { paint: Paint::Colored, charset: Charset::Ascii, ..terminal(26) };
    shows(
        &table.draw(look, Long::Cut, 0),
        "\u{1b}[2mNAME  MESSAGE\u{1b}[0m\n\u{1b}[31ma     漢字 is wide and ...\u{1b}[0m\na     \\u{1b}[2J\n",
    );
}

#[test]
fn a_length_of_time_is_short() {
    let spans = [0, 59, 60, 2460, 3600, 4320, 86_400, 100_000, 900_000].map(span);
    assert_eq!(spans, ["0s", "59s", "1m", "41m", "1h", "1h12m", "1d", "1d3h", "10d"]);
}

#[test]
fn a_wait_ends_when_what_is_asked_can_no_longer_come() {
    let snapshot = shop().snapshot();
    let judge = |name: &str, text: &str| {
        let conditions: Vec<Condition> = text.split(',').map(|one| one.parse().unwrap()).collect();
        verdict(&conditions, Some(&task(&snapshot, name).status))
    };
    assert_eq!(judge("fix-login", "running"), Verdict::Met);
    assert_eq!(judge("fix-login", "done"), Verdict::NotYet);
    assert_eq!(judge("bump-deps", "done"), Verdict::Met);
    assert_eq!(judge("bump-deps", "state=completed,delete"), Verdict::Met);
    assert_eq!(judge("bump-deps", "delete"), Verdict::NotYet);
    assert_eq!(judge("flaky-ci", "running"), Verdict::Missed);
    assert_eq!(judge("old-spike", "state=suspended"), Verdict::Met);
    assert_eq!(verdict(&[Condition::Deleted], None), Verdict::Met);
    assert_eq!(verdict(&[Condition::Done], None), Verdict::Missed);
}

#[test]
fn all_is_well_when_all_is_done() {
    let done = Scene::new()
        .worker("codegen", serde_json::json!({ "agent": "shell" }))
        .task("a", serde_json::json!({ "command": "make" }))
        .started("a", 9)
        .ended("a", ExitReason::Succeeded, 5);
    let view = crate::client::view::status::status(&done.snapshot(), &TimeZone::UTC);
    assert_eq!(serde_json::to_value(&view).unwrap()["health"], "Healthy");
    assert_eq!(view.completed_today, 1);
}
