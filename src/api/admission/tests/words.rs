//! Bad files and what is said of them, word for word. It says nothing of files that are good.

use super::{PATH, task, told};

/// Fields of a task, and what is said after `PATH:6:`.
const TASKS: &[(&str, &[&str])] = &[
    (
        r#""retries": -0"#,
        &["16: error: expected a whole number from 0 to 100, found -0 (/spec/retries)"],
    ),
    (
        r#""priorty": 5"#,
        &["5: error: unknown field `priorty` in spec (/spec/priorty); did you mean `priority`?"],
    ),
    (
        r#""required_skills": []"#,
        &[
            "5: error: unknown field `required_skills` in spec (/spec/required_skills); did you mean `requiredSkills`?",
        ],
    ),
    (
        r#""name": "x""#,
        &["5: error: unknown field `name` in spec (/spec/name); it belongs in `metadata`"],
    ),
    (r#""status": {}"#, &["5: error: `status` is written by reconciler (/spec/status); remove it"]),
    (
        r#""priority": "high""#,
        &[r#"17: error: expected a whole number from 1 to 5, found "high" (/spec/priority)"#],
    ),
    (
        r#""priority": "4""#,
        &[
            r#"17: error: expected a whole number from 1 to 5, found "4" (/spec/priority); write 4 without quotes"#,
        ],
    ),
    (
        r#""priority": 6"#,
        &["17: error: expected a whole number from 1 to 5, found 6 (/spec/priority)"],
    ),
    (
        r#""priority": 3.0"#,
        &["17: error: expected a whole number from 1 to 5, found 3.0 (/spec/priority); write 3"],
    ),
    (
        r#""priority": 2.5"#,
        &["17: error: expected a whole number from 1 to 5, found 2.5 (/spec/priority)"],
    ),
    (
        r#""priority": null"#,
        &[
            "17: error: expected a whole number from 1 to 5, found null (/spec/priority); leave the field out",
        ],
    ),
    (
        r#""issueNumber": 99999999999999999999999"#,
        &[
            "20: error: expected a whole number from 0 to 9007199254740991, found 99999999999999999999999 (/spec/issueNumber)",
        ],
    ),
    (
        r#""timeoutSeconds": -1"#,
        &[
            "23: error: expected a whole number from 0 to 4294967295, found -1 (/spec/timeoutSeconds)",
        ],
    ),
    (
        r#""timeoutSeconds": 4294967296"#,
        &[
            "23: error: expected a whole number from 0 to 4294967295, found 4294967296 (/spec/timeoutSeconds)",
        ],
    ),
    (
        r#""retries": 1e1"#,
        &["16: error: expected a whole number from 0 to 100, found 1e1 (/spec/retries)"],
    ),
    (
        r#""suspend": "true""#,
        &[
            r#"16: error: expected true or false, found "true" (/spec/suspend); write true without quotes"#,
        ],
    ),
    (r#""suspend": 1"#, &["16: error: expected true or false, found 1 (/spec/suspend)"]),
    (
        r#""type": "bug""#,
        &[
            r#"13: error: expected "issue", "pr", "fix", "feat", "refactor", "test", "doc" or "chore", found "bug" (/spec/type)"#,
        ],
    ),
    (
        r#""type": "Fix""#,
        &[
            r#"13: error: expected "issue", "pr", "fix", "feat", "refactor", "test", "doc" or "chore", found "Fix" (/spec/type); did you mean "fix"?"#,
        ],
    ),
    (
        r#""type": 5"#,
        &[
            r#"13: error: expected "issue", "pr", "fix", "feat", "refactor", "test", "doc" or "chore", found 5 (/spec/type)"#,
        ],
    ),
    (
        r#""class": "decison""#,
        &[
            r#"14: error: expected "execution" or "decision", found "decison" (/spec/class); did you mean "decision"?"#,
        ],
    ),
    (
        r#""files": "src/**""#,
        &[r#"14: error: expected a list, found "src/**" (/spec/files); write ["src/**"]"#],
    ),
    (
        r#""files": ["/src"]"#,
        &[
            "15: error: `/src` is not a path pattern: write it from the root of the repository, without a leading `/` (/spec/files/0)",
        ],
    ),
    (
        r#""files": ["src/[a"]"#,
        &["15: error: `src/[a` is not a path pattern: `[` has no `]` (/spec/files/0)"],
    ),
    (
        r#""files": ["ok", "", 5]"#,
        &[
            "21: error: expected 1 to 300 characters, found 0 (/spec/files/1)",
            r#"25: error: expected text, found 5 (/spec/files/2); write "5""#,
        ],
    ),
    (
        r#""dependencies": ["Migrate DB"]"#,
        &[
            r#"22: error: expected a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit), found "Migrate DB" (/spec/dependencies/0); did you mean "migrate-db"?"#,
        ],
    ),
    (
        r#""dependencies": ["fix-login"]"#,
        &["22: error: a task cannot wait for itself (/spec/dependencies/0); remove it"],
    ),
    (
        r#""dependencies": ["a", "b", "a"]"#,
        &["32: error: `a` is here a second time (/spec/dependencies/2); remove it"],
    ),
    (r#""title": 5"#, &[r#"14: error: expected text, found 5 (/spec/title); write "5""#]),
    (
        r#""title": "two\nlines""#,
        &["14: error: expected one line without control characters (/spec/title)"],
    ),
    (
        r#""title": "a\u0000b""#,
        &[r"14: error: text must not hold a NUL character (`\u0000`) (/spec/title); remove it"],
    ),
    (r#""title": {}"#, &["14: error: expected text, found an object (/spec/title)"]),
    (
        r#""assignedTo": "a\n""#,
        &[
            r#"19: error: expected a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit), found "a\n" (/spec/assignedTo); did you mean "a"?"#,
        ],
    ),
    (r#""argv": {}"#, &["13: error: expected a list, found an object (/spec/argv)"]),
    (
        r#""priority": 1, "priority": 2"#,
        &[
            "20: error: `priority` is here a second time; the first is in line 6 (/spec/priority); remove it",
        ],
    ),
    (
        r#""command": "make", "argv": ["make"]"#,
        &[
            "24: error: `command` and `argv` exclude each other (/spec/argv); keep `command` for a shell, or `argv` for a program without one",
        ],
    ),
    (
        r#""class": "decision", "files": ["a"]"#,
        &[
            r#"26: error: a decision changes no files (/spec/files); remove `files`, or write "class": "execution""#,
        ],
    ),
    (
        r#""assignedTo": "-x-""#,
        &[
            r#"19: error: expected a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit), found "-x-" (/spec/assignedTo); did you mean "x"?"#,
        ],
    ),
    (
        r#""requiredSkills": ["c++"]"#,
        &[
            r#"24: error: expected a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit), found "c++" (/spec/requiredSkills/0); did you mean "c"?"#,
        ],
    ),
];

/// Objects in one line each, with their path, and what is said after `PATH:1:`.
const OBJECTS: &[(&str, &str, &[&str])] = &[
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task", "metadata": {"name": "fix-login", "zebra": 1, "a\u001b[2J": 1}, "spec": {"prompt": "x"}}"#,
        &[
            "93: error: unknown field `zebra` in metadata (/metadata/zebra); fields here: name, labels, annotations",
            r"105: error: unknown field `a\u{1b}[2J` in metadata (/metadata/a\u{1b}[2J); fields here: name, labels, annotations",
        ],
    ),
    (
        "state/tasks/fix-login.json",
        "{}",
        &[
            r#"1: error: missing field `apiVersion` at the top level (/apiVersion); add "apiVersion": "reconciler.dev/v1alpha1""#,
            r#"1: error: missing field `kind` at the top level (/kind); add "kind": "Task""#,
            r#"1: error: missing field `metadata` at the top level (/metadata); add "metadata": {...}"#,
            r#"1: error: missing field `spec` at the top level (/spec); add "spec": {...}"#,
        ],
    ),
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "v1", "kind": "task", "metadata": {}, "spec": {}, "prompt": "x", "status": {}}"#,
        &[
            r#"16: error: expected "reconciler.dev/v1alpha1", found "v1" (/apiVersion); write "reconciler.dev/v1alpha1""#,
            r#"30: error: expected "Task", found "task" (/kind); write "Task""#,
            r#"38: error: missing field `name` in metadata (/metadata/name); add "name": "...""#,
            "66: error: unknown field `prompt` at the top level (/prompt); it belongs in `spec`",
            "81: error: `status` is written by reconciler (/status); remove it",
        ],
    ),
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "x"}, "spec": {}}"#,
        &[
            r#"51: error: expected "Task" in `state/tasks/`, found "Worker" (/kind); move the file to `state/workers/fix-login.json`, or write "Task""#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task", "metadata": {"name": "x"}, "spec": {}}"#,
        &[
            r#"51: error: expected "Policy" in `state/policy.json`, found "Task" (/kind); move the file to `state/tasks/policy.json`, or write "Policy""#,
        ],
    ),
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task", "metadata": {"name": "fix-logn"}, "spec": {}}"#,
        &[
            r#"80: error: expected the file's name "fix-login", found "fix-logn" (/metadata/name); write "fix-login", or call the file `state/tasks/fix-logn.json`"#,
            "93: error: the task says nothing to do (/spec); add `prompt` for an AI agent, `command` for a shell, or `argv` for a program",
        ],
    ),
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task", "metadata": "fix-login", "spec": {"prompt": "x"}}"#,
        &[r#"71: error: expected an object, found "fix-login" (/metadata)"#],
    ),
    (
        "state/tasks/fix-login.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task", "metadata": {"name": "fix-login", "labels": {"a/b": 1}}, "spec": {"prompt": "x"}}"#,
        &[r#"111: error: expected text, found 1 (/metadata/labels/a~1b); write "1""#],
    ),
    (
        "state/workers/codegen.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "codegen"}, "spec": {}}"#,
        &[
            r#"94: error: missing field `agent` in spec (/spec/agent); add the name of a file in `state/agents/`, or `shell` or `exec`, or write "type": "human""#,
        ],
    ),
    (
        "state/workers/codegen.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "codegen"}, "spec": {"type": "human", "agent": "claude", "githubUsername": "a b", "role": "planer", "maxConcurrentTasks": 0}}"#,
        &[
            r#"157: error: expected a GitHub user name, found "a b" (/spec/githubUsername)"#,
            r#"172: error: expected "coordinator", "codegen" or "review", found "planer" (/spec/role)"#,
            "204: error: expected a whole number from 1 to 100, found 0 (/spec/maxConcurrentTasks)",
        ],
    ),
    (
        "state/workers/codegen.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "codegen"}, "spec": {"type": "human", "agent": "claude"}}"#,
        &[
            r#"120: error: a person has no agent (/spec/agent); remove `agent`, or write "type": "ai_agent""#,
        ],
    ),
    (
        "state/workers/codegen.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "codegen"}, "spec": {"agent": "shell", "session": "worker", "maxConcurrentTasks": 2}}"#,
        &[
            r#"132: error: one session does one task at a time, and `maxConcurrentTasks` is 2 (/spec/session); write "maxConcurrentTasks": 1 and more `replicas`, or "session": "task""#,
        ],
    ),
    (
        "state/workers/codegen.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Worker", "metadata": {"name": "codegen"}, "spec": {"type": "human", "session": "worker"}}"#,
        &[
            "120: error: a person has no session (/spec/session); remove `session`: a person works in a terminal of their own",
        ],
    ),
    (
        "state/agents/claude.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Agent", "metadata": {"name": "claude"}, "spec": {"argv": []}}"#,
        &["109: error: expected 1 to 1000 entries, found 0 (/spec/argv)"],
    ),
    (
        "state/agents/claude.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Agent", "metadata": {"name": "claude"}, "spec": {"argv": ["", "{promt}", "x{argv}", "{zebra}"], "env": {"A-B": "1", "RECONCILER_X": "1"}, "envAllow": ["1A"]}}"#,
        &[
            "110: error: expected the name of a program, found an empty text (/spec/argv/0)",
            "114: error: unknown placeholder `{promt}` (/spec/argv/1); did you mean `{prompt}`?",
            r#"125: error: `{argv}` stands for several arguments (/spec/argv/2); make it an argument of its own: "{argv}""#,
            "136: error: unknown placeholder `{zebra}` (/spec/argv/3); known here: {command}, {prompt}, {title}, {task}, {worker}, {branch}, {attempt}, {folder}, {conversation}, {reconciler}, {argv}",
            r#"156: error: expected the name of a variable: letters, digits and `_`, found "A-B" (/spec/env/A-B)"#,
            "168: error: `RECONCILER_` variables are set by reconciler (/spec/env/RECONCILER_X)",
            r#"203: error: expected the name of a variable: letters, digits and `_`, found "1A" (/spec/envAllow/0)"#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "main"}, "spec": {"branchFormat": "{type}/{issu}", "retry": {"baseSeconds": 500}}}"#,
        &[
            r#"82: error: expected the file's name "policy", found "main" (/metadata/name); write "policy""#,
            "116: error: unknown placeholder `{issu}` (/spec/branchFormat); did you mean `{issue}`?",
            "116: error: expected `{task}` in it: without, tasks would share a branch (/spec/branchFormat)",
            "158: error: the first wait, 500 s, is longer than the longest, 300 s (/spec/retry/baseSeconds); make `baseSeconds` at most `capSeconds`",
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"branchFormat": "/{task}..{issue}"}}"#,
        &[
            "118: error: it makes branches that git refuses: `/fix-login..12` is not a branch name (/spec/branchFormat)",
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"stateRef": "main", "sharedFiles": ["{a"], "limits": {"maxConcurentTasks": 5}, "locks": {"expirySeconds": 5}}}"#,
        &[
            r#"114: error: expected a full ref as "refs/heads/main", found "main" (/spec/stateRef); did you mean "refs/heads/main"?"#,
            "138: error: `{a` is not a path pattern: `{` has no `}` (/spec/sharedFiles/0)",
            "156: error: unknown field `maxConcurentTasks` in spec.limits (/spec/limits/maxConcurentTasks); did you mean `maxConcurrentTasks`?",
            "208: error: expected a whole number from 60 to 604800, found 5 (/spec/locks/expirySeconds)",
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"merge": {"by": "pullRequest"}}}"#,
        &[
            r#"118: error: a pull request needs a remote to be pushed to, and its repository on GitHub (/spec/merge/by); add `"remote": "origin"` here, and `"github": { "repository": "owner/name" }` in spec"#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"merge": {"by": "pullRequest", "remote": "origin"}}}"#,
        &[
            r#"118: error: a pull request needs its repository on GitHub (/spec/merge/by); add `"github": { "repository": "owner/name" }` in spec"#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"merge": {"by": "pullRequest"}, "github": {"repository": "acme/shop"}}}"#,
        &[
            r#"118: error: a pull request needs a remote to be pushed to (/spec/merge/by); add `"remote": "origin"` here"#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"merge": {"checks": "all"}}}"#,
        &[
            r#"122: error: what the loop pushes itself has no checks (/spec/merge/checks); write `"by": "pullRequest"` beside it, or remove `checks`"#,
        ],
    ),
    (
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"}, "spec": {"merge": {"by": "pullRequest", "remote": "origin", "checks": "green"}, "github": {"repository": "acme/shop"}}}"#,
        &[r#"163: error: expected "required" or "all", found "green" (/spec/merge/checks)"#],
    ),
];

#[test]
fn every_wrong_field_of_a_task_is_told_at_once() {
    for (fields, expected) in TASKS {
        let expected: Vec<String> = expected.iter().map(|e| format!("{PATH}:6:{e}")).collect();
        assert_eq!(told(PATH, task(fields).as_bytes()), expected);
    }
}

#[test]
fn every_kind_is_judged_by_its_folder_its_schema_and_its_sense() {
    for (path, text, expected) in OBJECTS {
        let expected: Vec<String> = expected.iter().map(|e| format!("{path}:1:{e}")).collect();
        assert_eq!(told(path, text.as_bytes()), expected);
    }
}
