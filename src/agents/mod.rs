//! The catalogue of agents: the built-in ones, which are data like those in `state/agents/`, and
//! how an agent's argv is filled in for one task. It starts nothing.

use crate::api::agent::{AgentSpec, Pattern, PromptVia};
use crate::api::attempt::{Beginning, Dialogue, OWN_PROGRAM};
use crate::api::name::AgentName;
use crate::api::placeholder;
use crate::api::task::{Class, TaskSpec};
use crate::api::to_json;
use serde_json::Value;
use std::sync::LazyLock;

/// Every built-in agent: its name and its spec, as JSON.
const BUILT_IN: [(&str, &str); 7] = [
    ("shell", include_str!("shell.json")),
    ("exec", include_str!("exec.json")),
    ("claude", include_str!("claude.json")),
    ("codex", include_str!("codex.json")),
    ("gemini", include_str!("gemini.json")),
    ("opencode", include_str!("opencode.json")),
    ("aider", include_str!("aider.json")),
];

/// The built-in agents that run what tasks say and are handed no secret.
pub const PLAIN: [&str; 2] = ["shell", "exec"];

static PARSED: LazyLock<Vec<(AgentName, AgentSpec)>> = LazyLock::new(|| {
    let parse = |(name, spec): &(&str, &str)| {
        let name = name.parse().expect("built-in names are names");
        let spec: Value = serde_json::from_str(spec).expect("built-in specs are JSON");
        let spec = if cfg!(feature = "mcp") { spec } else { without_server(&spec) };
        (name, serde_json::from_value(spec).expect("built-in specs are specs"))
    };
    BUILT_IN.iter().map(parse).collect()
});

/// Returns a spec without all that names our MCP server, for a program that was built without it: words
/// of an argv, with the `-c` before them, files, and variables.
fn without_server(json: &Value) -> Value {
    let names = |text: &str| text.contains("mcp");
    let is_named = |json: &Value| json.as_str().is_some_and(names);
    match json {
        Value::Array(items) => {
            let next = items.iter().skip(1).map(Some).chain([None]);
            let before_it = |(item, next): &(&Value, Option<&Value>)| {
                item.as_str() == Some("-c") && next.is_some_and(is_named)
            };
            let kept = items.iter().zip(next).filter(|one| !is_named(one.0) && !before_it(one));
            kept.map(|(item, _)| without_server(item)).collect()
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, field)| !names(key) && !is_named(field));
            kept.map(|(key, field)| (key.clone(), without_server(field))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json.clone(),
    }
}

/// Returns the built-in agents.
pub fn built_in() -> &'static [(AgentName, AgentSpec)] {
    &PARSED
}

/// What one attempt puts in place of an agent's placeholders.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// `{task}`.
    pub task: &'a str,
    /// `{worker}`.
    pub worker: &'a str,
    /// `{branch}`; empty for decisions.
    pub branch: &'a str,
    /// `{attempt}`.
    pub attempt: u32,
    /// `{folder}`: that of the attempt.
    pub folder: &'a str,
    /// `{conversation}`, and what the prompt tells of the attempts before.
    pub beginning: &'a Beginning,
}

/// What an agent that goes on with a conversation is told first.
const GO_ON: &str = "Go on with your task where you stopped.";

/// What an agent that must report is told last.
const RULES: &str = "\
You are one of several workers on this repository. Work in this directory and on its branch alone: \
make no other branch or worktree, and push nothing. Commit what you change, in small commits, never \
with --no-verify. If a change is refused because somebody else holds the file, do what the message \
says. If only a person can decide something, `reconciler ask 'QUESTION'` waits for the answer and \
prints it. When everything is committed, run `reconciler complete 'WHAT YOU DID'`, and end; if it \
cannot be done, run `reconciler fail 'WHY'`.";

/// The same for a decision.
const DECISION_RULES: &str = "\
You are one of several workers on this repository. Look at it, and change nothing in it. If only a \
person can decide something, `reconciler ask 'QUESTION'` waits for the answer and prints it. When you \
are done, run `reconciler complete 'WHAT YOU DECIDED, AND WHY'`, and end; if you cannot decide, run \
`reconciler fail 'WHY'`.";

/// Returns the first field that the agent needs and the task lacks.
pub fn lacks(agent: &AgentSpec, task: &TaskSpec) -> Option<&'static str> {
    let in_files = agent.files.values().filter_map(|text| text.as_str());
    let texts: Vec<&str> = agent.argv.iter().map(String::as_str).chain(in_files).collect();
    let names = |word: &str| texts.iter().any(|arg| placeholder::words(arg).contains(&word));
    let missing = |word: &'static str, there: bool| (!there && names(word)).then_some(word);
    let prompts = agent.prompt_via != PromptVia::Argument;
    missing("command", task.command.is_some())
        .or_else(|| missing("prompt", task.prompt.is_some()))
        .or_else(|| (prompts && task.prompt.is_none()).then_some("prompt"))
        .or_else(|| missing("argv", !task.argv.is_empty()))
}

/// Returns the agent's argv for one attempt, and how to talk with it. What the task lacks becomes
/// empty: see [`lacks`].
pub fn fill(agent: &AgentSpec, task: &TaskSpec, occasion: Occasion<'_>) -> (Vec<String>, Dialogue) {
    let attempt = occasion.attempt.to_string();
    let prompt = prompt(agent, task, occasion.beginning);
    let reconciler = format!("{}/{OWN_PROGRAM}", occasion.folder);
    let value = |word: &str| match word {
        "command" => Some(task.command.as_deref().unwrap_or_default()),
        "prompt" => Some(prompt.as_str()),
        "title" => Some(task.title.as_str()),
        "task" => Some(occasion.task),
        "worker" => Some(occasion.worker),
        "branch" => Some(occasion.branch),
        "attempt" => Some(attempt.as_str()),
        "folder" => Some(occasion.folder),
        "conversation" => Some(occasion.beginning.conversation.as_str()),
        "reconciler" => Some(reconciler.as_str()),
        _ => None,
    };
    let template = if occasion.beginning.resumes { &agent.resume } else { &agent.argv };
    let mut argv = Vec::with_capacity(template.len());
    for arg in template {
        if arg == "{argv}" {
            argv.extend(task.argv.iter().cloned());
        } else {
            argv.push(placeholder::fill(arg, value));
        }
    }
    let text = |pattern: &Option<Pattern>| pattern.as_ref().map(|one| one.as_str().to_owned());
    let via = |way: PromptVia| (agent.prompt_via == way).then(|| prompt.clone());
    let dialogue = Dialogue {
        files: agent
            .files
            .iter()
            .map(|(name, one)| (name.as_str().to_owned(), file(one, value)))
            .collect(),
        stdin: via(PromptVia::Stdin),
        paste: via(PromptVia::Paste),
        listens: agent.listens || agent.prompt_via == PromptVia::Paste,
        ready: text(&agent.ready),
        quit: agent.quit.clone(),
        conversation: text(&agent.conversation),
        signs: agent.signs.clone(),
        marker: None,
        must_report: agent.must_report,
        stall_seconds: agent.stall_seconds,
    };
    (argv, dialogue)
}

/// Returns what the agent is told: the task's prompt with the history and the rules, or to go on.
fn prompt(agent: &AgentSpec, task: &TaskSpec, beginning: &Beginning) -> String {
    let rules = match task.class {
        _ if !agent.must_report => "",
        Class::Execution => RULES,
        Class::Decision => DECISION_RULES,
    };
    let prompt = task.prompt.as_deref().unwrap_or_default();
    // Who goes on with its task was told the rules when it began.
    let goes_on = beginning.resumes && !beginning.is_carried;
    let (what, rules) = if goes_on { (GO_ON, "") } else { (prompt, rules) };
    let parts = [what, &beginning.history, rules].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

/// Returns the content of a file: a text as it is, anything else as JSON, its texts filled in.
fn file<'v>(content: &Value, value: impl Copy + Fn(&str) -> Option<&'v str>) -> String {
    match content {
        Value::String(text) => placeholder::fill(text, value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            to_json(&filled(content, value))
        }
    }
}

fn filled<'v>(json: &Value, value: impl Copy + Fn(&str) -> Option<&'v str>) -> Value {
    match json {
        Value::String(text) => Value::String(placeholder::fill(text, value)),
        Value::Array(items) => items.iter().map(|item| filled(item, value)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), filled(field, value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: &str) -> TaskSpec {
        serde_json::from_str(json).unwrap()
    }

    fn agent(argv: &[&str]) -> AgentSpec {
        serde_json::from_value(serde_json::json!({ "argv": argv })).unwrap()
    }

    fn fill_in(
        agent: &AgentSpec,
        task: &TaskSpec,
        beginning: &Beginning,
    ) -> (Vec<String>, Dialogue) {
        let occasion = Occasion {
            task: "fix-login",
            worker: "codegen-1",
            branch: "fix/fix-login",
            attempt: 2,
            folder: "/r/a/2",
            beginning,
        };
        fill(agent, task, occasion)
    }

    fn argv(agent: &AgentSpec, task: &TaskSpec) -> Vec<String> {
        fill_in(agent, task, &Beginning::default()).0
    }

    #[test]
    fn a_text_put_in_is_not_read_for_placeholders() {
        let task = task(r#"{"command": "echo {task} {x}"}"#);
        let agent = agent(&["sh", "-c", "{command}; echo {attempt} {other} {", "{task}"]);
        let expected = ["sh", "-c", "echo {task} {x}; echo 2 {other} {", "fix-login"];
        assert_eq!(argv(&agent, &task), expected);
    }

    #[test]
    fn without_its_server_no_agent_names_it_and_all_else_stays() {
        for (name, spec) in BUILT_IN {
            let whole: Value = serde_json::from_str(spec).unwrap();
            let without = without_server(&whole);
            assert!(!without.to_string().contains("mcp"), "{without}");
            let parsed: AgentSpec = serde_json::from_value(without.clone()).unwrap();
            let flags = |argv: &[String]| argv.iter().filter(|word| *word == "-c").count();
            let values = |argv: &[String]| {
                argv.windows(2).filter(|two| two[0] == "-c" && two[1] != "-c").count()
            };
            assert_eq!(flags(&parsed.argv), values(&parsed.argv), "{name}");
            assert_eq!(spec.contains("mcp"), without != whole, "{name}");
        }
    }

    #[test]
    fn argv_becomes_all_arguments() {
        let task = task(r#"{"argv": ["make", "a b"]}"#);
        let (_, exec) = &built_in()[1];
        assert_eq!(argv(exec, &task), ["make", "a b"]);
        assert_eq!(lacks(exec, &task), None);
    }

    #[test]
    fn a_task_without_what_its_agent_needs_is_told_so() {
        let (_, shell) = &built_in()[0];
        assert_eq!(lacks(shell, &task(r#"{"prompt": "do"}"#)), Some("command"));
    }

    #[test]
    fn a_later_attempt_is_told_of_the_earlier_ones_or_goes_on() {
        let agent: AgentSpec = serde_json::from_value(serde_json::json!({
            "argv": ["a", "--id", "{conversation}", "{prompt}"],
            "resume": ["a", "--resume", "{conversation}", "{prompt}"],
        }))
        .unwrap();
        let task = task(r#"{"prompt": "do it"}"#);
        let mut beginning = Beginning {
            conversation: "id".to_owned(),
            resumes: false,
            history: "The last attempt failed.".to_owned(),
            ..Beginning::default()
        };
        let told = fill_in(&agent, &task, &beginning).0;
        assert_eq!(told, ["a", "--id", "id", "do it\n\nThe last attempt failed."]);
        beginning = Beginning { resumes: true, history: String::new(), ..beginning };
        assert_eq!(fill_in(&agent, &task, &beginning).0, ["a", "--resume", "id", GO_ON]);
    }

    #[test]
    fn who_goes_on_with_another_task_is_told_all_of_it() {
        let claude = &built_in().iter().find(|(name, _)| name.as_str() == "claude").unwrap().1;
        let beginning = Beginning {
            conversation: "id".to_owned(),
            resumes: true,
            is_carried: true,
            history: "This is another task.".to_owned(),
            ..Beginning::default()
        };
        let (argv, dialogue) = fill_in(claude, &task(r#"{"prompt": "do it"}"#), &beginning);
        assert!(argv.windows(2).any(|two| two == ["--resume", "id"]), "{argv:?}");
        let told = dialogue.stdin.unwrap();
        assert!(told.starts_with("do it\n\nThis is another task.\n\nYou are one of"), "{told}");
    }

    #[test]
    fn who_must_report_is_told_how() {
        let claude = &built_in().iter().find(|(name, _)| name.as_str() == "claude").unwrap().1;
        let mut beginning = Beginning::default();
        let prompt = |json: &str, beginning: &Beginning| {
            fill_in(claude, &task(json), beginning).1.stdin.unwrap()
        };
        let told = prompt(r#"{"prompt": "do it"}"#, &beginning);
        assert!(told.starts_with("do it\n\n") && told.contains("`reconciler complete"), "{told}");
        let told = prompt(r#"{"prompt": "is it?", "class": "decision"}"#, &beginning);
        assert!(told.contains("change nothing in it"), "{told}");
        beginning.resumes = true;
        assert_eq!(prompt(r#"{"prompt": "do it"}"#, &beginning), GO_ON);
    }

    #[test]
    fn a_prompt_goes_the_way_its_agent_reads_it_and_files_are_filled_in() {
        let agent: AgentSpec = serde_json::from_value(serde_json::json!({
            "argv": ["a", "{folder}/agent.json"],
            "promptVia": "stdin",
            "files": { "agent.json": { "hooks": ["{reconciler} hook", 1] }, "agent.txt": "{task}" },
        }))
        .unwrap();
        assert_eq!(lacks(&agent, &task(r#"{"command": "x"}"#)), Some("prompt"));
        let task = task(r#"{"prompt": "do {task}"}"#);
        let (argv, dialogue) = fill_in(&agent, &task, &Beginning::default());
        assert_eq!(argv, ["a", "/r/a/2/agent.json"]);
        assert_eq!(dialogue.stdin.as_deref(), Some("do {task}"));
        assert_eq!(dialogue.files["agent.txt"], "fix-login");
        assert!(dialogue.files["agent.json"].contains(r#""/r/a/2/bin/reconciler hook""#));
    }
}
