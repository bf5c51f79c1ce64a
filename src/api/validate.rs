//! Validation: what a schema cannot say of one object, because it is about several of its fields
//! or about words within a text. It looks at no other object.

use super::admission::Admitted;
use super::agent::AgentSpec;
use super::key::{Key, file_of};
use super::name::TaskName;
use super::placeholder::{self, IN_ARGV, IN_BRANCH};
use super::policy::{By, PolicySpec, RequiredChecks};
use super::position::child;
use super::problem::{Report, did_you_mean, steers};
use super::task::{Class, TaskSpec, TaskType};
use super::worker::{SessionOf, WorkerSpec, WorkerType};
use super::{Kind, Metadata};
use std::collections::BTreeSet;

/// The longest name or value of a label, in characters.
const LABEL_MAX: usize = 63;

/// Reports what is wrong with an object that its schema takes.
pub(super) fn check(key: &Key, object: &Admitted, report: &mut Report<'_>) {
    match object {
        Admitted::Task(task) => {
            metadata(key, &task.metadata, report);
            self::task(&task.metadata.name, &task.spec, report);
        }
        Admitted::Worker(worker) => {
            metadata(key, &worker.metadata, report);
            self::worker(&worker.spec, report);
        }
        Admitted::Agent(agent) => {
            metadata(key, &agent.metadata, report);
            self::agent(&agent.spec, report);
        }
        Admitted::Policy(policy) => {
            metadata(key, &policy.metadata, report);
            self::policy(&policy.spec, report);
        }
    }
}

fn metadata(key: &Key, metadata: &Metadata, report: &mut Report<'_>) {
    let name = &metadata.name;
    if name != key.name() {
        let help = match key.kind() {
            Kind::Policy => format!("write \"{}\"", key.name()),
            kind @ (Kind::Task | Kind::Worker | Kind::Agent) => {
                format!("write \"{}\", or call the file `{}`", key.name(), file_of(kind, name))
            }
        };
        let message = format!("expected the file's name \"{}\", found \"{name}\"", key.name());
        report.at_value("/metadata/name", message, Some(help));
    }
    for (label, value) in &metadata.labels {
        let pointer = child("/metadata/labels", label);
        if let Some(why) = not_a_label(label) {
            report.at_key(&pointer, format!("the name of this label {why}"), None);
        }
        if let Some(why) = not_a_label(value) {
            report.at_value(&pointer, format!("the value of this label {why}"), None);
        }
    }
}

fn not_a_label(text: &str) -> Option<String> {
    let count = text.chars().count();
    if count > LABEL_MAX {
        return Some(format!("has {count} characters, at most {LABEL_MAX} are allowed"));
    }
    text.chars().any(steers).then(|| "has a control character".to_owned())
}

fn one_line(pointer: &str, text: &str, report: &mut Report<'_>) {
    if text.chars().any(steers) {
        let message = "expected one line without control characters".to_owned();
        report.at_value(pointer, message, None);
    }
}

fn task(name: &str, spec: &TaskSpec, report: &mut Report<'_>) {
    one_line("/spec/title", &spec.title, report);
    if spec.prompt.is_none() && spec.command.is_none() && spec.argv.is_empty() {
        let message = "the task says nothing to do".to_owned();
        let help = "add `prompt` for an AI agent, `command` for a shell, or `argv` for a program";
        report.at_key("/spec", message, Some(help.to_owned()));
    }
    if spec.command.is_some() && !spec.argv.is_empty() {
        let message = "`command` and `argv` exclude each other".to_owned();
        let help = "keep `command` for a shell, or `argv` for a program without one".to_owned();
        report.at_key("/spec/argv", message, Some(help));
    }
    if spec.class == Class::Decision && !spec.files.is_empty() {
        let message = "a decision changes no files".to_owned();
        let help = "remove `files`, or write \"class\": \"execution\"".to_owned();
        report.at_key("/spec/files", message, Some(help));
    }
    let mut seen: BTreeSet<&TaskName> = BTreeSet::new();
    for (index, dependency) in spec.dependencies.iter().enumerate() {
        let pointer = format!("/spec/dependencies/{index}");
        if dependency.as_str() == name {
            let help = Some("remove it".to_owned());
            report.at_value(&pointer, "a task cannot wait for itself".to_owned(), help);
        } else if !seen.insert(dependency) {
            let help = Some("remove it".to_owned());
            report.at_value(&pointer, format!("`{dependency}` is here a second time"), help);
        }
    }
}

fn worker(spec: &WorkerSpec, report: &mut Report<'_>) {
    match (spec.kind, &spec.agent) {
        (WorkerType::AiAgent, None) => {
            let message = "missing field `agent` in spec".to_owned();
            let help = "add the name of a file in `state/agents/`, or `shell` or `exec`, or write \
                        \"type\": \"human\"";
            report.at_key("/spec/agent", message, Some(help.to_owned()));
        }
        (WorkerType::Human, Some(_)) => {
            let help = "remove `agent`, or write \"type\": \"ai_agent\"".to_owned();
            report.at_key("/spec/agent", "a person has no agent".to_owned(), Some(help));
        }
        (WorkerType::AiAgent, Some(_)) | (WorkerType::Human, None) => {}
    }
    if spec.session == SessionOf::Worker {
        session(spec, report);
    }
}

/// Reports what keeps the seats of a worker from keeping their sessions.
fn session(spec: &WorkerSpec, report: &mut Report<'_>) {
    if spec.kind == WorkerType::Human {
        let help = "remove `session`: a person works in a terminal of their own".to_owned();
        report.at_key("/spec/session", "a person has no session".to_owned(), Some(help));
    } else if spec.max_concurrent_tasks > 1 {
        let message = format!(
            "one session does one task at a time, and `maxConcurrentTasks` is {}",
            spec.max_concurrent_tasks
        );
        let help = "write \"maxConcurrentTasks\": 1 and more `replicas`, or \"session\": \"task\"";
        report.at_value("/spec/session", message, Some(help.to_owned()));
    }
}

fn agent(spec: &AgentSpec, report: &mut Report<'_>) {
    one_line("/spec/description", &spec.description, report);
    for (index, argument) in spec.argv.iter().enumerate() {
        let pointer = format!("/spec/argv/{index}");
        placeholders(&pointer, argument, &IN_ARGV, report);
        if argument != "{argv}" && placeholder::words(argument).contains(&"argv") {
            let message = "`{argv}` stands for several arguments".to_owned();
            let help = "make it an argument of its own: \"{argv}\"".to_owned();
            report.at_value(&pointer, message, Some(help));
        }
    }
    if spec.argv.first().is_some_and(String::is_empty) {
        let message = "expected the name of a program, found an empty text".to_owned();
        report.at_value("/spec/argv/0", message, None);
    }
    for name in spec.env.keys() {
        if let Some(why) = not_a_variable(name) {
            report.at_key(&child("/spec/env", name), why, None);
        }
    }
    for (list, names) in [("envAllow", &spec.env_allow), ("secretEnv", &spec.secret_env)] {
        for (index, name) in names.iter().enumerate() {
            if let Some(why) = not_a_variable(name) {
                report.at_value(&format!("/spec/{list}/{index}"), why, None);
            }
        }
    }
}

fn not_a_variable(name: &str) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(good)
    {
        let short: String = name.chars().take(LABEL_MAX).collect();
        return Some(format!(
            "expected the name of a variable: letters, digits and `_`, found \"{short}\""
        ));
    }
    name.starts_with("RECONCILER_")
        .then(|| "`RECONCILER_` variables are set by reconciler".to_owned())
}

fn placeholders(pointer: &str, text: &str, known: &[&str], report: &mut Report<'_>) {
    for word in placeholder::words(text).into_iter().filter(|word| !known.contains(word)) {
        let help = match did_you_mean(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{{{near}}}`?"),
            None => format!("known here: {{{}}}", known.join("}, {")),
        };
        report.at_value(pointer, format!("unknown placeholder `{{{word}}}`"), Some(help));
    }
}

fn policy(spec: &PolicySpec, report: &mut Report<'_>) {
    let format = &spec.branch_format;
    let pointer = "/spec/branchFormat";
    placeholders(pointer, format, &IN_BRANCH, report);
    if placeholder::words(format).contains(&"task") {
        branches(pointer, spec, report);
    } else {
        let message = "expected `{task}` in it: without, tasks would share a branch".to_owned();
        report.at_value(pointer, message, None);
    }
    lands_by(spec, report);
    let waits = [
        ("retry", spec.retry.base_seconds, spec.retry.cap_seconds),
        ("restart", spec.restart.base_seconds, spec.restart.cap_seconds),
    ];
    for (part, base, cap) in waits {
        if base > cap {
            let message = format!("the first wait, {base} s, is longer than the longest, {cap} s");
            let help = "make `baseSeconds` at most `capSeconds`".to_owned();
            report.at_value(&format!("/spec/{part}/baseSeconds"), message, Some(help));
        }
    }
}

/// A pull request is somewhere, and only it has checks.
fn lands_by(spec: &PolicySpec, report: &mut Report<'_>) {
    let merge = &spec.merge;
    if merge.by == By::Push {
        if merge.checks == RequiredChecks::All {
            let help = "write `\"by\": \"pullRequest\"` beside it, or remove `checks`".to_owned();
            let message = "what the loop pushes itself has no checks".to_owned();
            report.at_value("/spec/merge/checks", message, Some(help));
        }
        return;
    }
    let remote = ("a remote to be pushed to", "`\"remote\": \"origin\"` here");
    let repository =
        ("its repository on GitHub", "`\"github\": { \"repository\": \"owner/name\" }` in spec");
    let lacking = [
        merge.remote.is_none().then_some(remote),
        spec.github.repository.is_none().then_some(repository),
    ];
    let (what, help): (Vec<&str>, Vec<&str>) = lacking.into_iter().flatten().unzip();
    if !what.is_empty() {
        let message = format!("a pull request needs {}", what.join(", and "));
        let help = format!("add {}", help.join(", and "));
        report.at_value("/spec/merge/by", message, Some(help));
    }
}

/// Tries the format on a task with everything and on one with nothing.
fn branches(pointer: &str, spec: &PolicySpec, report: &mut Report<'_>) {
    let format = &spec.branch_format;
    let task = "fix-login".parse().expect("it is a name");
    let is_known = |word: &&str| IN_BRANCH.contains(word);
    if !placeholder::words(format).iter().all(is_known) {
        return;
    }
    for (issue, description) in [(Some(12), "redirect-loop"), (None, "")] {
        let made = placeholder::branch_name(format, TaskType::Fix, issue, &task, description);
        if let Err(why) = made {
            let message = format!("it makes branches that git refuses: {why}");
            return report.at_value(pointer, message, None);
        }
    }
}
