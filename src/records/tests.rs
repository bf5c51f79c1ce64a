//! What the records hold, on a real disk.

use super::*;
use crate::api::attempt::{
    Attempt, AttemptId, Beginning, Dialogue, Exit, ExitReason, Program, ShimRecord,
};
use crate::api::event::{Event, EventKind};
use crate::api::hold::{Hold, HoldKind, Retrial, Target};
use crate::api::name::Uid;
use crate::api::report::{Message, Question};
use crate::api::task::Class;
use crate::process::{clock, identity};
use std::fs;
use std::sync::Arc;

struct Scene {
    folder: tempfile::TempDir,
    records: Records,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let records = Records::at(folder.path());
    Scene { folder, records }
}

impl Scene {
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(".reconciler").join(path)
    }
}

fn owner(nonce: u128) -> Owner {
    Owner { task: "fix-login".parse().unwrap(), uid: Uid::derive(nonce, "fix-login") }
}

fn task(nonce: u128) -> TaskRecord {
    let Owner { task, uid } = owner(nonce);
    TaskRecord { task, uid, created_at: clock::now(), branch: None }
}

fn attempt(number: u32) -> Attempt {
    Attempt {
        id: AttemptId { owner: owner(1), number },
        seat: "codegen-1".to_owned().try_into().unwrap(),
        session: crate::api::worker::SessionOf::Task,
        class: Class::Execution,
        run_hash: "abc".to_owned(),
        prepared_at: clock::now(),
        directory: "/".into(),
        program: Program {
            argv: vec!["true".to_owned()],
            verify: None,
            env: BTreeMap::new(),
            env_allow: Vec::new(),
            secret_env: Vec::new(),
            timeout_seconds: 0,
            stop_grace_seconds: 1,
            limits: crate::api::worker::ResourceLimits::default(),
            dialogue: Dialogue::default(),
        },
        heartbeat_seconds: 30,
        lease_seconds: 3600,
        beginning: Beginning::default(),
        verifies: None,
    }
}

fn exit(reason: ExitReason) -> Exit {
    Exit { started_at: None, ended_at: clock::now(), reason, class: None }
}

fn event(message: &str) -> Event {
    Event {
        time: clock::now(),
        object: "task/fix-login".to_owned(),
        kind: EventKind::Normal,
        reason: "Started".to_owned(),
        message: message.to_owned(),
    }
}

#[test]
fn an_empty_repository_has_no_records_and_looking_makes_none() {
    let scene = scene();
    assert!(scene.records.tasks().unwrap().is_empty());
    assert!(scene.records.failures().unwrap().is_empty());
    assert!(scene.records.attempts_of(&owner(1)).unwrap().is_empty());
    assert!(scene.records.events().unwrap().is_empty());
    assert!(!scene.path("").try_exists().unwrap());
}

#[test]
fn the_first_record_of_a_task_stands_and_git_does_not_see_it() {
    let scene = scene();
    assert_eq!(scene.records.register(&task(1)).unwrap(), Published::New);
    assert_eq!(scene.records.register(&task(2)).unwrap(), Published::Existed);
    let tasks = scene.records.tasks().unwrap();
    assert_eq!(tasks[&owner(1).task].as_ref().unwrap().uid, owner(1).uid);
    assert_eq!(fs::read_to_string(scene.path(".gitignore")).unwrap(), "*\n");
}

fn failure(count: u32) -> Failure {
    let (action, message) = ("add worktree".to_owned(), "no space".to_owned());
    Failure { action, message, count, at: clock::now() }
}

#[test]
fn the_failure_of_an_earlier_task_is_not_that_of_a_new_one() {
    let scene = scene();
    scene.records.record_failure(&owner(1).task, &failure(1)).unwrap();
    assert_eq!(scene.records.register(&task(1)).unwrap(), Published::New);
    assert!(scene.records.failures().unwrap().is_empty());
    scene.records.record_failure(&owner(1).task, &failure(1)).unwrap();
    assert_eq!(scene.records.register(&task(2)).unwrap(), Published::Existed);
    assert_eq!(scene.records.failures().unwrap().len(), 1);
}

#[test]
fn no_attempt_is_numbered_before_one_that_exists() {
    let scene = scene();
    assert_eq!(scene.records.prepare(&attempt(2)).unwrap(), Published::New);
    assert_eq!(scene.records.prepare(&attempt(1)).unwrap(), Published::Existed);
    assert_eq!(scene.records.prepare(&attempt(3)).unwrap(), Published::New);
}

#[test]
fn a_task_is_forgotten_by_its_own_uid_only() {
    let scene = scene();
    assert_eq!(scene.records.register(&task(1)).unwrap(), Published::New);
    scene.records.record_failure(&owner(1).task, &failure(1)).unwrap();
    assert!(!scene.records.forget(&owner(2)).unwrap());
    assert_eq!(scene.records.tasks().unwrap().len(), 1);
    assert_eq!(scene.records.failures().unwrap().len(), 1);
    assert!(scene.records.forget(&owner(1)).unwrap());
    assert!(scene.records.failures().unwrap().is_empty());
    assert!(scene.records.tasks().unwrap().is_empty());
}

#[test]
fn a_record_that_cannot_be_understood_is_damage() {
    let scene = scene();
    fs::create_dir_all(scene.path("tasks/folder.json")).unwrap();
    fs::write(scene.path("tasks/empty.json"), "").unwrap();
    fs::write(scene.path("tasks/torn.json"), r#"{"version":1,"task":"to"#).unwrap();
    let good = String::from_utf8(file::bytes(&task(1))).unwrap();
    fs::write(scene.path("tasks/other-name.json"), &good).unwrap();
    let foreign = good.replace("\"version\": 1", "\"version\": 2");
    fs::write(scene.path("tasks/fix-login.json"), foreign).unwrap();
    fs::write(scene.path("tasks/NOTES.txt"), "not ours").unwrap();
    let tasks = scene.records.tasks().unwrap();
    let damaged: Vec<&str> = tasks.keys().map(TaskName::as_str).collect();
    assert_eq!(damaged, ["empty", "fix-login", "folder", "other-name", "torn"]);
    assert!(tasks.values().all(Result::is_err), "{tasks:?}");
    let damage = tasks[&owner(1).task].as_ref().unwrap_err();
    assert!(damage.message.contains("version is 2"), "{damage}");
    scene.records.forget(&owner(1)).unwrap_err();
}

#[test]
fn a_failure_is_replaced_and_cleared() {
    let scene = scene();
    let name = owner(1).task;
    for count in [1, 2] {
        scene.records.record_failure(&name, &failure(count)).unwrap();
        let failures = scene.records.failures().unwrap();
        assert_eq!(failures[&name].as_ref().unwrap().count, count);
    }
    scene.records.clear_failure(&name).unwrap();
    scene.records.clear_failure(&name).unwrap();
    assert!(scene.records.failures().unwrap().is_empty());
}

#[test]
fn attempts_are_listed_by_number_with_their_flags() {
    let scene = scene();
    for number in [9, 10] {
        assert_eq!(scene.records.prepare(&attempt(number)).unwrap(), Published::New);
    }
    let id = attempt(9).id;
    let shim = ShimRecord { process: identity::own().unwrap(), started_at: clock::now() };
    assert_eq!(scene.records.take(&id, &shim).unwrap(), Published::New);
    assert_eq!(scene.records.take(&id, &shim).unwrap(), Published::Existed);
    let attempts = scene.records.attempts_of(&owner(1)).unwrap();
    let numbers: Vec<u32> = attempts.iter().map(|files| files.number).collect();
    assert_eq!(numbers, [9, 10]);
    assert_eq!(attempts[0].shim, Some(Ok(shim)));
    assert_eq!((attempts[1].shim.as_ref(), attempts[1].exit.as_ref()), (None, None));
}

#[test]
fn the_first_exit_record_stands() {
    let scene = scene();
    let id = attempt(1).id;
    assert_eq!(scene.records.prepare(&attempt(1)).unwrap(), Published::New);
    assert_eq!(scene.records.close(&id, &exit(ExitReason::Lost)).unwrap(), Published::New);
    let late = scene.records.close(&id, &exit(ExitReason::Succeeded)).unwrap();
    assert_eq!(late, Published::Existed);
    let files = scene.records.attempt(&id).unwrap().unwrap();
    assert_eq!(files.exit.unwrap().unwrap().reason, ExitReason::Lost);
}

#[test]
fn a_finished_attempt_is_read_once_and_gone_with_its_folder() {
    let scene = scene();
    for number in [1, 2] {
        assert_eq!(scene.records.prepare(&attempt(number)).unwrap(), Published::New);
    }
    let closed = scene.records.close(&attempt(1).id, &exit(ExitReason::Lost)).unwrap();
    assert_eq!(closed, Published::New);
    let first = scene.records.attempts_of(&owner(1)).unwrap();
    let second = scene.records.attempts_of(&owner(1)).unwrap();
    assert!(Arc::ptr_eq(&first[0], &second[0]));
    assert!(!Arc::ptr_eq(&first[1], &second[1]));
    let folder = scene.path("attempts").join(AttemptId::folder(&owner(1)));
    fs::remove_dir_all(folder.join("1")).unwrap();
    assert_eq!(scene.records.attempts_of(&owner(1)).unwrap().len(), 1);
}

#[test]
fn a_folder_without_records_is_no_attempt_and_a_lone_flag_is_damage() {
    let scene = scene();
    let folder = scene.path("attempts").join(AttemptId::folder(&owner(1)));
    fs::create_dir_all(folder.join("1")).unwrap();
    fs::create_dir_all(folder.join("2")).unwrap();
    fs::write(folder.join("2/shim.json"), "{}").unwrap();
    let attempts = scene.records.attempts_of(&owner(1)).unwrap();
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].attempt.is_err());
}

#[test]
fn temporary_files_of_dead_writers_go_and_those_of_living_ones_stay() {
    let scene = scene();
    assert_eq!(scene.records.register(&task(1)).unwrap(), Published::New);
    // No pid is so high.
    let dead = scene.path("tasks/.tmp-2000000000-x");
    let living = scene.path(&format!("tasks/.tmp-{}-x", std::process::id()));
    fs::write(&dead, "").unwrap();
    fs::write(&living, "").unwrap();
    assert_eq!(scene.records.tasks().unwrap().len(), 1);
    assert_eq!((dead.try_exists().unwrap(), living.try_exists().unwrap()), (false, true));
}

#[test]
fn a_shim_finds_the_records_around_its_attempt_and_no_others() {
    let scene = scene();
    let attempt = attempt(1);
    assert_eq!(scene.records.prepare(&attempt).unwrap(), Published::New);
    let folder = scene.path("attempts").join(AttemptId::folder(&owner(1)));
    let (records, found) = Records::around(&folder.join("1")).unwrap();
    assert_eq!((records.log_path(&found), found), (scene.records.log_path(&attempt), attempt));
    fs::rename(folder.join("1"), folder.join("2")).unwrap();
    Records::around(&folder.join("2")).unwrap_err();
    Records::around(&folder.join("1")).unwrap_err();
}

#[test]
fn a_heartbeat_moves_on() {
    let scene = scene();
    let id = attempt(1).id;
    assert_eq!(scene.records.prepare(&attempt(1)).unwrap(), Published::New);
    assert_eq!(scene.records.last_beat(&id).unwrap(), None);
    let before = clock::now();
    scene.records.beat(&id).unwrap();
    assert!(scene.records.last_beat(&id).unwrap().unwrap() >= before);
}

#[test]
fn sweeping_removes_the_attempts_and_logs_of_one_task_alone() {
    let scene = scene();
    let mut other = attempt(1);
    other.id.owner.uid = owner(2).uid;
    for one in [&attempt(1), &other] {
        assert_eq!(scene.records.prepare(one).unwrap(), Published::New);
        let log = scene.records.log_path(one);
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, "text").unwrap();
    }
    fs::create_dir_all(scene.path("attempts/not ours")).unwrap();
    let folders = scene.records.attempts_folders().unwrap();
    assert_eq!(folders.len(), 2);
    let first = folders.iter().find(|f| f.uid_short == owner(1).uid.short()).unwrap();
    scene.records.sweep(first).unwrap();
    scene.records.sweep(first).unwrap();
    assert_eq!(scene.records.attempts_folders().unwrap().len(), 1);
    assert!(!scene.records.log_path(&attempt(1)).try_exists().unwrap());
    assert!(scene.records.log_path(&other).try_exists().unwrap());
}

#[test]
fn events_read_back_around_a_torn_line() {
    let scene = scene();
    scene.records.append(&event("one")).unwrap();
    let path = scene.path("events.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
    scene.records.append(&event("two")).unwrap();
    let events = scene.records.events().unwrap();
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(messages, ["one", "two"]);
}

#[test]
fn a_long_journal_is_set_aside_and_still_read() {
    let scene = scene();
    let long = "x".repeat(1024 * 1024);
    for _ in 0..9 {
        scene.records.append(&event(&long)).unwrap();
    }
    assert_eq!(scene.records.events().unwrap().len(), 9);
    assert!(fs::metadata(scene.path("events.jsonl")).unwrap().len() < 3 * 1024 * 1024);
}

fn pause() -> Hold {
    let (by, reason) = ("ada".to_owned(), "quota".to_owned());
    Hold { kind: HoldKind::Pause, by, since: clock::now(), until: None, reason }
}

#[test]
fn a_hold_is_written_found_and_lifted_and_each_target_has_its_own() {
    let Scene { folder: _folder, records } = scene();
    let all = [
        Target::All,
        Target::Task("all".parse().unwrap()),
        Target::Worker("fix-login".parse().unwrap()),
    ];
    assert_eq!(records.holds().unwrap(), crate::api::hold::Holds::default());
    for target in &all {
        records.set_hold(target, &pause()).unwrap();
    }
    let found = records.holds().unwrap();
    assert_eq!(found.iter().map(|(target, _)| target).collect::<Vec<_>>(), all);
    assert!(records.is_paused(&attempt(1)));
    records.lift_hold(&Target::All).unwrap();
    assert!(records.holds().unwrap().all.is_none());
    assert!(!records.is_paused(&attempt(1)), "only a worker and a task of other names are");
}

#[test]
fn a_hold_that_is_half_a_file_holds() {
    let scene = scene();
    let target = Target::Worker("codegen".parse().unwrap());
    scene.records.set_hold(&target, &pause()).unwrap();
    fs::write(scene.path("holds/worker.codegen.json"), "{").unwrap();
    let found = scene.records.holds().unwrap();
    assert!(found.on(&target).is_some_and(Result::is_err), "{found:?}");
    assert!(scene.records.is_paused(&attempt(1)));
}

#[test]
fn a_pause_that_lapsed_and_a_cordon_let_messages_be_typed() {
    let Scene { folder: _folder, records } = scene();
    let target = Target::Worker("codegen".parse().unwrap());
    records.set_hold(&target, &Hold { until: Some(clock::now()), ..pause() }).unwrap();
    assert!(!records.is_paused(&attempt(1)));
    records.set_hold(&target, &Hold { kind: HoldKind::Cordon, ..pause() }).unwrap();
    assert!(!records.is_paused(&attempt(1)));
}

#[test]
fn that_a_task_may_try_anew_goes_with_its_record() {
    let Scene { folder: _folder, records } = scene();
    let Owner { task: name, uid } = owner(1);
    let (by, at) = ("ada".to_owned(), clock::now());
    let retrial = Retrial { uid, after: 3, by, at, reason: String::new() };
    assert_eq!(records.register(&task(1)).unwrap(), Published::New);
    records.set_retrial(&name, &retrial).unwrap();
    assert_eq!(records.retrials().unwrap()[&name], Ok(retrial));
    assert!(records.forget(&owner(1)).unwrap());
    assert!(records.retrials().unwrap().is_empty());
}

fn said(text: &str) -> Message {
    Message { at: clock::now(), by: "ada".to_owned(), text: text.to_owned() }
}

fn texts(records: &Records, number: u32) -> Vec<String> {
    let queued = records.queued(&attempt(number).id).unwrap();
    queued.into_iter().map(|(_, message)| message.text).collect()
}

#[test]
fn what_no_attempt_has_heard_the_next_one_gets_once_and_in_order() {
    let Scene { folder: _folder, records } = scene();
    for number in 1..=4 {
        assert_eq!(records.prepare(&attempt(number)).unwrap(), Published::New);
    }
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| attempt(number).id);
    let question = Question { at: clock::now(), text: "which?".to_owned(), options: Vec::new() };
    assert_eq!(records.ask(&one, &question).unwrap(), 1);
    let (heard, answer, late) = (said("heard"), said("this one"), said("late"));
    assert_eq!(records.answer(&one, 1, &answer).unwrap(), Published::New);
    for message in [&heard, &answer] {
        records.send(&one, message).unwrap();
    }
    assert_eq!(records.deliver(&one, 1).unwrap(), Published::New);
    // The second attempt began nothing.
    records.send(&two, &late).unwrap();
    records.take_over(&three).unwrap();
    let all = ["You had asked: which?\nThe answer: this one", "late"];
    assert_eq!(texts(&records, 3), all);
    records.take_over(&three).unwrap();
    assert_eq!(texts(&records, 3), all);
    assert_eq!(records.deliver(&three, 1).unwrap(), Published::New);
    records.take_over(&four).unwrap();
    assert_eq!(texts(&records, 4), ["late"]);
    assert_eq!(texts(&records, 2), ["late"], "nothing is taken away");
}

#[test]
fn what_was_said_before_a_success_is_history() {
    let Scene { folder: _folder, records } = scene();
    for number in 1..=2 {
        assert_eq!(records.prepare(&attempt(number)).unwrap(), Published::New);
    }
    records.send(&attempt(1).id, &said("too late")).unwrap();
    let closed = records.close(&attempt(1).id, &exit(ExitReason::Succeeded)).unwrap();
    assert_eq!(closed, Published::New);
    records.take_over(&attempt(2).id).unwrap();
    assert_eq!(texts(&records, 2), Vec::<String>::new());
}
