//! Many tasks: a thin count here, `ODD_TASKS=10000 ODD_AT_ONCE=200` for the whole.

use crate::common::{TestEnvironment, said};
use serde_json::json;

fn count(name: &str, thin: usize) -> usize {
    std::env::var(name).map_or(thin, |text| text.parse().unwrap())
}

#[test]
fn among_very_many_tasks_one_that_is_ready_runs_and_every_verb_answers() {
    let env = TestEnvironment::new();
    for number in 0..count("ODD_TASKS", 400) {
        let task = json!({"command": "true", "suspend": true});
        env.write_task(&format!("t{number}"), &task);
    }
    env.commit_task("a", &crate::working(&env, "a"));
    for verb in [&["init"][..], &["check"], &["status"], &["get", "tasks"]] {
        let told = said(&mut env.reconciler(verb));
        assert!(told.status.success(), "{verb:?}: {told:?}");
    }
    crate::runs(&env);
}

#[test]
fn many_tasks_at_once_all_come_to_their_end() {
    let env = TestEnvironment::new();
    let count = count("ODD_AT_ONCE", 24);
    env.write_object("policy", "Policy", &json!({"limits": {"workersMax": count}}));
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": count}));
    let names: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    for name in &names {
        env.write_task(name, &env.committing(name));
    }
    env.commit("all");
    let told = env.run_until_settled();
    assert!(told.status.success(), "{told:?}");
    for name in &names {
        assert_eq!(env.starts(name).len(), 1, "{name}");
        assert_eq!(env.git(&["show", &format!("main:{name}.txt")]), *name);
    }
}
