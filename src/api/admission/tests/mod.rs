//! The gate as a whole: good files go through, and no bytes at all make it panic. What is said of
//! each bad file stands in `words.rs` and `not_json.rs`.

use super::super::API_VERSION;
use super::*;
use proptest::prelude::*;

mod not_json;
mod words;

const PATH: &str = "state/tasks/fix-login.json";

/// Says what is wrong, one line each.
fn told(path: &str, bytes: &[u8]) -> Vec<String> {
    let problems = admit(path, bytes).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// A task whose `spec` goes on in line 6, column 5.
fn task(fields: &str) -> String {
    let head = r#""apiVersion": "reconciler.dev/v1alpha1",
  "kind": "Task",
  "metadata": { "name": "fix-login" },
  "spec": { "prompt": "x","#;
    format!("{{\n  {head}\n    {fields}\n  }}\n}}\n")
}

#[test]
fn what_is_too_much_is_refused_before_it_costs_anything() {
    let deep = "[".repeat(1000);
    let deeper = ["{\"a\":".repeat(100_000), "1".to_owned()].concat();
    let many = format!("[{}1]", "1,".repeat(300_000));
    let name = format!("{{\"{}\": 1}}", "x".repeat(200));
    let large = " ".repeat(SIZE_MAX + 1);
    for (text, expected) in [
        (deep, "1:17: error: nested deeper than 16 levels"),
        (deeper, "1:81: error: nested deeper than 16 levels"),
        (many, "1:20001: error: more than 10000 values in one file"),
        (name, "1:2: error: a field's name is longer than 128 bytes"),
        (
            large,
            "1:1: error: the file has 1048577 bytes; at most 1048576 are read; is this the right file?",
        ),
    ] {
        assert_eq!(told(PATH, text.as_bytes()), [format!("{PATH}:{expected}")]);
    }
}

#[test]
fn a_long_value_is_not_repeated() {
    let title = task(&format!("\"title\": \"{}\"", "x".repeat(201)));
    let name = task(&format!("\"assignedTo\": \"{}\"", "x".repeat(70)));
    let number = task(&format!("\"retries\": {}", "9".repeat(70)));
    for (text, expected) in [
        (title, "6:14: error: expected at most 200 characters, found 201 (/spec/title)"),
        (
            name,
            "6:19: error: expected a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit), found a longer text (/spec/assignedTo)",
        ),
        (
            number,
            "6:16: error: expected a whole number from 0 to 100, found a longer number (/spec/retries)",
        ),
    ] {
        assert_eq!(told(PATH, text.as_bytes()), [format!("{PATH}:{expected}")]);
    }
}

#[test]
fn labels_are_few() {
    let labels: Vec<String> = (0..65).map(|n| format!(r#""l{n}": """#)).collect();
    let labels = format!(r#"{{ "name": "fix-login", "labels": {{ {} }} }}"#, labels.join(", "));
    let text = task("\"retries\": 1").replace(r#"{ "name": "fix-login" }"#, &labels);
    let expected = "4:48: error: expected at most 64 entries, found 65 (/metadata/labels)";
    assert_eq!(told(PATH, text.as_bytes()), [format!("{PATH}:{expected}")]);
}

#[test]
fn labels_are_short_and_in_one_line() {
    let long = "l".repeat(64);
    let labels = format!(r#"{{ "name": "fix-login", "labels": {{ "{long}": "a\tb" }} }}"#);
    let text = task("\"retries\": 1").replace(r#"{ "name": "fix-login" }"#, &labels);
    assert_eq!(
        told(PATH, text.as_bytes()),
        [
            format!(
                "{PATH}:4:50: error: the name of this label has 64 characters, at most 63 are allowed (/metadata/labels/{long})"
            ),
            format!(
                "{PATH}:4:118: error: the value of this label has a control character (/metadata/labels/{long})"
            ),
        ]
    );
}

#[test]
fn columns_count_characters() {
    let told = told(PATH, task(r#""title": "日本語 é", "priority": 9"#).as_bytes());
    let expected = "6:35: error: expected a whole number from 1 to 5, found 9 (/spec/priority)";
    assert_eq!(told, [format!("{PATH}:{expected}")]);
}

#[test]
fn of_many_problems_the_first_twenty_are_told() {
    let fields: Vec<String> = (0..25).map(|n| format!("\"zebra{n:02}\": 1")).collect();
    let told = told(PATH, task(&fields.join(", ")).as_bytes());
    assert_eq!(told.len(), 21);
    assert!(told[19].contains("`zebra19`"), "{}", told[19]);
    assert_eq!(told[20], format!("{PATH}:6:285: error: and 5 more problems"));
}

#[test]
fn a_picture_shows_the_place() {
    let problems = admit(PATH, task("\"priorty\": 5").as_bytes()).unwrap_err();
    let picture = "\
error: unknown field `priorty` in spec
  --> state/tasks/fix-login.json:6:5
      \"priorty\": 5
      ^^^^^^^^^
  help: did you mean `priority`?";
    assert_eq!(problems[0].picture(), picture);
}

#[test]
fn a_good_file_of_each_kind_goes_through() {
    for (path, kind, name, spec) in [
        (PATH, "Task", "fix-login", r#"{"command": "make", "files": ["src/**"], "priority": 1}"#),
        ("state/workers/w.json", "Worker", "w", r#"{"agent": "shell"}"#),
        ("state/workers/ann.json", "Worker", "ann", r#"{"type": "human"}"#),
        (
            "state/agents/a.json",
            "Agent",
            "a",
            r#"{"argv": ["x", "{\"a\":{}}", "-p{prompt}", "{argv}"], "envAllow": ["A_1"]}"#,
        ),
        ("state/policy.json", "Policy", "policy", "{}"),
        ("state/policy.json", "Policy", "policy", r#"{"branchFormat": "{task}"}"#),
    ] {
        let text = format!(
            r#"{{"$schema": "schema/x.json", "apiVersion": "{API_VERSION}", "kind": "{kind}",
                "metadata": {{"name": "{name}", "labels": {{"a/b": ""}}}}, "spec": {spec}}}"#
        );
        assert_eq!(told(path, text.as_bytes()), Vec::<String>::new());
        assert!(admit(path, text.as_bytes()).is_ok());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        told(PATH, &bytes);
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"([\[\]{}:,"'/*\\ntu \n<0-9.eE+-]|é|\PC|"[a-z]{0,3}"){0,60}"#) {
        told(PATH, text.as_bytes());
        told(PATH, task(&text).as_bytes());
    }

    #[test]
    fn a_file_that_breaks_off_is_refused(at in 0_usize..100) {
        let whole = task("\"title\": \"日本\", \"files\": [\"a\"]");
        let at = at.min(whole.trim_end().len() - 1);
        prop_assert_eq!(told(PATH, &whole.as_bytes()[..at]).len(), 1);
    }

    #[test]
    fn no_value_in_a_field_makes_it_panic(
        field in "[a-zA-Z]{1,12}|priority|files|type|argv|dependencies|suspend|title",
        value in r#"-?[0-9]{1,30}(\.[0-9]{1,3})?|null|true|"\PC{0,9}"|\[("[a-z*\[{]{0,5}"|1|\{\})?\]|\{"a":1\}"#,
    ) {
        for problem in told(PATH, task(&format!("\"{field}\": {value}")).as_bytes()) {
            prop_assert!(problem.starts_with(&format!("{PATH}:6:")), "{}", problem);
            prop_assert!(!problem.contains("cannot be read"), "{}", problem);
        }
    }

    #[test]
    fn a_valid_task_comes_back_as_it_was(
        title in "[^\\p{C}]{0,50}",
        prompt in "[^\\x00]{1,50}",
        priority in 1_u8..=5,
        files in prop::collection::vec("[a-z]{1,5}(/[a-z*é]{1,5}){0,2}", 0..4),
        labels in prop::collection::btree_map("[a-z./~]{1,9}", "[^\\p{C}]{0,9}", 0..3),
        issue in prop::option::of(0_u64..1 << 53),
    ) {
        let Ok(Admitted::Task(mut task)) = admit(PATH, task("\"retries\": 1").as_bytes()) else {
            return Err(TestCaseError::fail("the task is valid"));
        };
        task.metadata.labels = labels;
        task.spec.title = title;
        task.spec.prompt = Some(prompt);
        task.spec.priority = priority;
        task.spec.files = files.iter().map(|file| PathPattern::parse(file).unwrap()).collect();
        task.spec.issue_number = issue;
        let text = serde_json::to_vec_pretty(&task).unwrap();
        prop_assert_eq!(admit(PATH, &text), Ok(Admitted::Task(task)));
    }
}
