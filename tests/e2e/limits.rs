//! Limits of a worker on a machine whose systemd refuses them, from the committed file to what is told.

use crate::agents::command;
use crate::common::TestEnvironment;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_worker_whose_limits_nobody_holds_works_and_task_and_doctor_say_so() {
    let mut env = TestEnvironment::new();
    let bin = env.home().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("systemd-run"), "#!/bin/sh\necho 'no bus' >&2\nexit 1\n").unwrap();
    fs::set_permissions(bin.join("systemd-run"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    env.odd.insert("PATH".to_owned(), Some(path));
    let worker = json!({ "agent": "shell", "limits": { "memoryMegabytes": 64 } });
    env.write_object("workers/codegen", "Worker", &worker);
    env.commit("a limit");
    env.commit_task("a", &json!({ "command": "sleep 600" }));
    let running = env.start_loop();
    env.wait_for_reason("a", Reason::Running);
    let why = "without its limits (64 MB): systemd-run: no bus";
    env.wait_until("what it lacks", || {
        env.report("a").is_some_and(|report| report.message.ends_with(why))
    });
    let said = command(&env, &["doctor"]);
    let why = "workers are not held to 64 MB: systemd-run: no bus";
    assert!(said.stdout.contains(why), "{said:?}");
    drop(running);
}
