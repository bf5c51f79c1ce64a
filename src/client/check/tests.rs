//! Scenes: files -> what is said of them together.

use super::judge;
use crate::api::path::Case;
use crate::store::Draft;
use serde_json::{Value, json};

fn file(kind: &str, name: &str, spec: &Value) -> (String, Vec<u8>) {
    let object = json!({
        "apiVersion": "reconciler.dev/v1alpha1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    });
    (format!("state/{}s/{name}.json", kind.to_lowercase()), format!("{object:#}").into_bytes())
}

fn task(name: &str, spec: &Value) -> (String, Vec<u8>) {
    let mut whole = json!({ "command": "true" });
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    file("Task", name, &whole)
}

fn shell() -> (String, Vec<u8>) {
    file("Worker", "shell", &json!({ "agent": "shell" }))
}

fn told(files: Vec<(String, Vec<u8>)>) -> Vec<String> {
    told_where(Case::Sensitive, files)
}

fn told_where(case: Case, files: Vec<(String, Vec<u8>)>) -> Vec<String> {
    let mut draft = Draft::default();
    for (path, bytes) in files {
        draft.note(&path, || Some(Ok(bytes)));
    }
    judge(&draft, case, None).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn good_files_are_passed_in_silence() {
    let files = vec![shell(), task("a", &json!({})), task("b", &json!({ "dependencies": ["a"] }))];
    assert_eq!(told(files), [""; 0]);
}

#[test]
fn a_name_of_nothing_is_pointed_at_with_the_nearest_one() {
    let files = vec![
        file("Worker", "shell", &json!({ "agent": "shel" })),
        task("build", &json!({ "assignedTo": "shell" })),
        task("test", &json!({ "dependencies": ["bulid"], "assignedTo": "zebra" })),
    ];
    let told = told(files);
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].starts_with("state/tasks/build.json:") && told[0].contains("warning"));
    assert!(told[1].contains("state/tasks/test.json:10:7: error: there is no task `bulid`"));
    assert!(told[1].ends_with("did you mean `build`?"), "{}", told[1]);
    assert!(told[2].contains("no worker `zebra`") && told[2].contains("state/workers/zebra.json"));
    assert!(told[3].contains("no agent `shel`") && told[3].ends_with("did you mean `shell`?"));
}

#[test]
fn a_circle_is_told_once_with_every_link_of_it() {
    let files = vec![
        shell(),
        task("a", &json!({ "dependencies": ["b"] })),
        task("b", &json!({ "dependencies": ["c"] })),
        task("c", &json!({ "dependencies": ["b"] })),
    ];
    let told = told(files);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("these tasks wait for each other: b -> c -> b"), "{}", told[0]);
    assert!(told[0].contains("`c` in state/tasks/b.json:10, `b` in state/tasks/c.json:10"));
}

#[test]
fn tasks_that_can_change_one_file_are_told_unless_they_run_in_a_row_anyway() {
    let files = |dependencies: Value| {
        vec![
            shell(),
            task("a", &json!({ "files": ["src/**"] })),
            task("b", &json!({ "dependencies": ["a"] })),
            task("c", &json!({ "files": ["src/auth/**"], "dependencies": dependencies })),
        ]
    };
    let free = told(files(json!([])));
    assert_eq!(free.len(), 1, "{free:#?}");
    assert!(free[0].contains("warning: `src/auth/**` and `src/**` of task `a`"), "{}", free[0]);
    assert_eq!(told(files(json!(["b"]))), [""; 0]);
}

#[test]
fn a_task_that_no_worker_could_take_is_told() {
    let files = vec![
        shell(),
        task("a", &json!({ "requiredSkills": ["rust"], "dependencies": ["b"] })),
        file("Task", "b", &json!({ "prompt": "do it" })),
    ];
    let told = told(files);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("warning: no worker fits: class execution, skill rust"));
    assert!(told[1].contains("agent shell of worker shell needs spec.command"), "{}", told[1]);
}

#[test]
fn files_that_differ_in_case_alone_are_told_where_that_does_not_count() {
    let files = || {
        vec![
            shell(),
            task("a", &json!({ "files": ["Src/**"] })),
            task("b", &json!({ "files": ["src/a.rs"] })),
        ]
    };
    assert_eq!(told_where(Case::Sensitive, files()), [""; 0]);
    let said = told_where(Case::Insensitive, files());
    assert!(
        said.concat().contains("`src/a.rs` and `Src/**` of task `a` can both change"),
        "{said:?}"
    );
}
