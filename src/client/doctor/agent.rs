//! What an agent needs to start: its program, its key, its approval and a worker. It starts nothing,
//! and shows no secret.

use super::{Findings, REPOSITORY};
use crate::agents;
use crate::api::agent::{AgentSpec, PromptVia};
use crate::api::name::AgentName;
use crate::client::{Client, Environment, Finding};
use crate::plan::desired::{Desired, Entry};
use crate::plan::observed::Sighting;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const AGENT: &str = "Agent";

/// Looks at everything that one agent needs.
pub async fn examine_agent(
    name: &AgentName,
    directory: &Path,
    environment: Environment,
) -> Vec<Finding> {
    let mut found = Findings::default();
    match Client::open(directory, environment).await {
        Err(error) => {
            let fix = "run it in a repository, or name one: `reconciler -C DIR doctor`";
            found.fail(REPOSITORY, error.to_string(), fix);
        }
        Ok(client) => match client.visitor.desired().await {
            Sighting::Known(desired) => client.agent_health(&mut found, name, &desired),
            Sighting::Unknown(why) => {
                let text = format!("nothing can be read from {}: {why}", client.state_ref);
                found.fail(REPOSITORY, text, "`reconciler doctor` says more");
            }
        },
    }
    found.0
}

impl Client {
    fn agent_health(&self, found: &mut Findings, name: &AgentName, desired: &Desired) {
        let Some(spec) = desired.agent(name) else {
            let names = agents::built_in().iter().map(|(name, _)| name);
            let names: Vec<&str> =
                names.chain(desired.agents.keys()).map(AgentName::as_str).collect();
            let fix =
                format!("these are there: {}; others: state/agents/NAME.json", names.join(" "));
            return found.fail(AGENT, format!("there is no agent {name}"), fix);
        };
        program(found, AGENT, (name, spec), &self.environment);
        key(found, spec, &self.environment);
        match self.visitor.trust().read() {
            Ok(approved) if approved.contains(&Desired::trust_digest(name, spec)) => {
                found.ok(AGENT, "it is approved on this machine");
            }
            Ok(_) => {
                let fix = "`reconciler trust` shows what it runs and asks";
                found.fail(AGENT, "it is not approved on this machine", fix);
            }
            Err(error) => found.fail(AGENT, error.to_string(), "mend what is said"),
        }
        let runs = |entry: &Entry<crate::api::worker::WorkerSpec>| {
            entry.spec.as_ref().is_some_and(|spec| spec.agent.as_ref() == Some(name))
        };
        let workers = desired.workers.iter().filter(|(_, entry)| runs(entry));
        let workers: Vec<&str> = workers.map(|(worker, _)| worker.as_str()).collect();
        if workers.is_empty() {
            let fix =
                format!("commit state/workers/NAME.json with the spec {{\"agent\": \"{name}\"}}");
            found.warn(AGENT, "no worker runs it", fix);
        } else {
            found.ok(AGENT, format!("workers that run it: {}", workers.join(" ")));
        }
        found.ok(AGENT, abilities(spec));
    }
}

/// Looks for the program of an agent.
pub(super) fn program(
    found: &mut Findings,
    section: &'static str,
    (name, spec): (&AgentName, &AgentSpec),
    environment: &Environment,
) {
    let Some(program) = started(name, spec).filter(|program| !program.contains('{')) else {
        return;
    };
    match on_path(program, environment) {
        Some(path) => found.ok(section, format!("{program} is {}", path.display())),
        None => found.fail(
            section,
            format!("there is no program `{program}` on the PATH"),
            "install it, or mend the PATH where `reconciler run` starts",
        ),
    }
}

/// Returns the program that an agent needs: the first word of its argv, or, where that is a shell with
/// a script, what in it is called as the agent is.
fn started<'a>(name: &'a AgentName, spec: &'a AgentSpec) -> Option<&'a str> {
    let first = spec.argv.first()?.as_str();
    let script = match spec.argv.get(1..3) {
        Some([flag, script]) if flag == "-c" => script.as_str(),
        Some(_) | None => return Some(first),
    };
    let is_named = script.split_whitespace().any(|word| word == name.as_str());
    Some(if is_named { name.as_str() } else { first })
}

fn key(found: &mut Findings, spec: &AgentSpec, environment: &Environment) {
    let names = &spec.secret_env;
    let is_set =
        |name: &&String| environment.variables.get(*name).is_some_and(|value| !value.is_empty());
    let set: Vec<&str> = names.iter().filter(is_set).map(String::as_str).collect();
    if !set.is_empty() {
        found.ok(AGENT, format!("it is handed {}, masked in its log", set.join(" ")));
    } else if !names.is_empty() {
        found.warn(
            AGENT,
            format!("none of these is set here: {}", names.join(" ")),
            "log in with the program itself, or set one where `reconciler run` starts",
        );
    }
}

/// Returns what can be expected of an agent, in one line.
fn abilities(spec: &AgentSpec) -> String {
    let prompt = match spec.prompt_via {
        PromptVia::Argument => "gets its prompt by its arguments",
        PromptVia::Stdin => "gets its prompt on its standard input",
        PromptVia::Paste => "gets its prompt typed",
    };
    let resumes = if spec.resume.is_empty() {
        "begins anew after an interruption"
    } else {
        "goes on with its conversation after an interruption"
    };
    let ends =
        if spec.must_report { "is done when it says so" } else { "is done when it exits with 0" };
    format!("it {prompt}, {resumes}, {ends}")
}

/// Returns where a program is that a shell would find.
fn on_path(program: &str, environment: &Environment) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(is_program);
    }
    let path = environment.variables.get("PATH")?;
    std::env::split_paths(path).map(|folder| folder.join(program)).find(is_program)
}
