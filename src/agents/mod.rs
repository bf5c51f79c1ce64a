//! The catalogue of agents: the built-in ones, which are data like those in `state/agents/`, and
//! how an agent's argv is filled in for one task. It starts nothing.

use crate::api::agent::AgentSpec;
use crate::api::name::AgentName;
use crate::api::placeholder;
use crate::api::task::TaskSpec;
use std::sync::LazyLock;

/// Every built-in agent: its name and its spec, as JSON.
const BUILT_IN: [(&str, &str); 2] =
    [("shell", include_str!("shell.json")), ("exec", include_str!("exec.json"))];

static PARSED: LazyLock<Vec<(AgentName, AgentSpec)>> = LazyLock::new(|| {
    let parse = |(name, spec): &(&str, &str)| {
        let name = name.parse().expect("built-in names are names");
        (name, serde_json::from_str(spec).expect("built-in specs are specs"))
    };
    BUILT_IN.iter().map(parse).collect()
});

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
}

/// Returns the first field that the agent needs and the task lacks.
pub fn lacks(agent: &AgentSpec, task: &TaskSpec) -> Option<&'static str> {
    let names = |word: &str| agent.argv.iter().any(|arg| placeholder::words(arg).contains(&word));
    let missing = |word: &'static str, there: bool| (!there && names(word)).then_some(word);
    missing("command", task.command.is_some())
        .or_else(|| missing("prompt", task.prompt.is_some()))
        .or_else(|| missing("argv", !task.argv.is_empty()))
}

/// Returns the agent's argv for one attempt. What the task lacks becomes empty: see [`lacks`].
pub fn argv(agent: &AgentSpec, task: &TaskSpec, occasion: Occasion<'_>) -> Vec<String> {
    let attempt = occasion.attempt.to_string();
    let value = |word: &str| match word {
        "command" => Some(task.command.as_deref().unwrap_or_default()),
        "prompt" => Some(task.prompt.as_deref().unwrap_or_default()),
        "title" => Some(task.title.as_str()),
        "task" => Some(occasion.task),
        "worker" => Some(occasion.worker),
        "branch" => Some(occasion.branch),
        "attempt" => Some(attempt.as_str()),
        _ => None,
    };
    let mut found = Vec::with_capacity(agent.argv.len());
    for arg in &agent.argv {
        if arg == "{argv}" {
            found.extend(task.argv.iter().cloned());
        } else {
            found.push(placeholder::fill(arg, value));
        }
    }
    found
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

    const OCCASION: Occasion<'_> =
        Occasion { task: "fix-login", worker: "codegen-1", branch: "fix/fix-login", attempt: 2 };

    #[test]
    fn a_text_put_in_is_not_read_for_placeholders() {
        let task = task(r#"{"command": "echo {task} {x}"}"#);
        let agent = agent(&["sh", "-c", "{command}; echo {attempt} {other} {", "{task}"]);
        let expected = ["sh", "-c", "echo {task} {x}; echo 2 {other} {", "fix-login"];
        assert_eq!(argv(&agent, &task, OCCASION), expected);
    }

    #[test]
    fn argv_becomes_all_arguments() {
        let task = task(r#"{"argv": ["make", "a b"]}"#);
        let (_, exec) = &built_in()[1];
        assert_eq!(argv(exec, &task, OCCASION), ["make", "a b"]);
        assert_eq!(lacks(exec, &task), None);
    }

    #[test]
    fn a_task_without_what_its_agent_needs_is_told_so() {
        let (_, shell) = &built_in()[0];
        assert_eq!(lacks(shell, &task(r#"{"prompt": "do"}"#)), Some("command"));
    }
}
