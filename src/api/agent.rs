//! Agent: the program of a worker, as data, so that a new agent is a file and not code.

use super::attempt::FailureClass;
use super::task::is_false;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A program that workers run, and how it is started and stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 200))]
    pub description: String,
    /// The program and its arguments; no shell reads them. `{command}`, `{prompt}`, `{title}`,
    /// `{task}`, `{worker}`, `{branch}`, `{attempt}`, `{folder}` (where `files` are),
    /// `{conversation}` (a fresh UUID) and `{reconciler}` (our own program) are replaced; an
    /// argument that is just `{argv}` becomes all arguments of the task. A task that lacks what is
    /// named here cannot be taken.
    #[schemars(length(min = 1, max = 1000))]
    pub argv: Vec<String>,
    /// The program and its arguments to go on with the conversation of an attempt that was
    /// interrupted; `{conversation}` names it. Without this, an agent begins anew, and its prompt
    /// tells what came of the attempts before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub resume: Vec<String>,
    /// How the prompt reaches the agent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prompt_via: PromptVia,
    /// Files that are written for each attempt before the start, by name: text, or JSON. The same
    /// words are replaced in them; `{folder}` is where they are. So an agent gets its settings
    /// without a change of the user's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<FileName, serde_json::Value>,
    /// A pattern in the output of an agent that is ready for its prompt, for `promptVia: paste`.
    /// Without one it is when it has written something and then waits for a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Pattern>,
    /// What is typed to make an agent end that has said that it is done, as `/exit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub quit: Option<String>,
    /// Whether `reconciler send` may type messages while the agent works. Always so for
    /// `promptVia: paste`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub listens: bool,
    /// Whether the exit of the agent says nothing: only `reconciler complete`, its tool, its hook or
    /// the end marker says that the task is done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub must_report: bool,
    /// A pattern in the output whose first group names the conversation, for agents that choose the
    /// name themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Pattern>,
    /// What the end of the output of a failed attempt tells of the reason; the first that is found
    /// counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub signs: Vec<Sign>,
    /// After so many seconds without output, progress or a changed file the agent counts as stalled,
    /// which is shown and stops nothing; 0 is never.
    #[serde(default = "default_stall", skip_serializing_if = "is_default_stall")]
    pub stall_seconds: u32,
    /// Variables set for the program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Names of variables handed on from the environment of `reconciler run`. The program gets no
    /// others but `PATH`, `HOME`, `USER`, `SHELL`, `LANG`, `LC_ALL`, `TZ`, `TERM` and `TMPDIR`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub env_allow: Vec<String>,
    /// Like `envAllow`, for secrets: their values are masked in logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub secret_env: Vec<String>,
    /// How long the program has between SIGTERM and SIGKILL, in seconds.
    #[serde(default = "default_grace")]
    #[schemars(range(max = 600))]
    pub stop_grace_seconds: u32,
}

fn default_grace() -> u32 {
    10
}

fn default_stall() -> u32 {
    900
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default_stall(value: &u32) -> bool {
    *value == default_stall()
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_default(via: &PromptVia) -> bool {
    *via == PromptVia::default()
}

/// How a prompt reaches an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptVia {
    /// By `{prompt}` in its arguments or files.
    #[default]
    Argument,
    /// On its standard input, which ends there.
    Stdin,
    /// Typed into its terminal when it is ready, as a bracketed paste where it knows that.
    Paste,
}

/// What a text in an agent's output means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sign {
    /// The text.
    pub pattern: Pattern,
    /// What it means.
    pub means: FailureClass,
}

/// A regular expression, as the `regex` crate has it. It is matched against text without escape
/// sequences.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Regex::new(&text) {
            Ok(_) => Ok(Self(text)),
            Err(why) => Err(format!("`{text}` is no regular expression: {why}")),
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// The name of a file in the folder of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.starts_with("agent") && text.chars().all(is_plain) && text.len() <= 100 {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` does not begin with `agent`, or has more than letters, digits, `-`, `_` and `.`"
            ))
        }
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 1000 })
    }
}

impl JsonSchema for FileName {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "FileName".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^agent[-A-Za-z0-9_.]{0,95}$" })
    }
}
