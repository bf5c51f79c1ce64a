//! Doctor: everything that keeps tasks from running, each with what mends it. It changes nothing
//! but a file it writes to see whether it can, and removes at once.

mod agent;
mod confine;
#[cfg(feature = "github")]
mod github;

pub use agent::examine_agent;
#[cfg(feature = "github")]
pub use github::examine_github;

use super::check::judge;
use super::{
    Client, Environment, Error, HookState, HooksMode, LoopState, REF_KEY, Snapshot, Version,
};
use crate::api::problem::Severity;
use crate::plan::observed::{Observed, Sighting, WorktreeState};
use crate::tmux;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// How long tmux may take to say its version.
const DEADLINE: Duration = Duration::from_secs(10);
/// The free space below which work is at risk, in bytes.
const SPACE_MIN: u64 = 1 << 30;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// Something cannot work.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it belongs to.
    pub section: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub text: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Gathers what was found.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, section: &'static str, text: impl Into<String>) {
        self.0.push(Finding { section, health: Health::Ok, text: text.into(), fix: None });
    }

    fn warn(&mut self, section: &'static str, text: impl Into<String>, fix: impl Into<String>) {
        let (health, text, fix) = (Health::Warning, text.into(), Some(fix.into()));
        self.0.push(Finding { section, health, text, fix });
    }

    fn fail(&mut self, section: &'static str, text: impl Into<String>, fix: impl Into<String>) {
        let (health, text, fix) = (Health::Failure, text.into(), Some(fix.into()));
        self.0.push(Finding { section, health, text, fix });
    }
}

const REPOSITORY: &str = "Repository";
const STATE: &str = "State files";
const HOOKS: &str = "Hooks";
const MACHINE: &str = "Machine";
const WORK: &str = "Tasks, sessions and worktrees";

/// Looks at everything, also where there is no repository, or no git.
pub async fn examine(directory: &Path, environment: Environment) -> Vec<Finding> {
    let mut found = Findings::default();
    machine(&mut found, &environment).await;
    confine::view(&mut found, &environment).await;
    match Client::open(directory, environment).await {
        Err(error) => {
            let fix = "run it in a repository, or name one: `reconciler -C DIR doctor`";
            found.fail(REPOSITORY, error.to_string(), fix);
        }
        Ok(client) => {
            let snapshot = client.snapshot().await;
            client.repository_health(&mut found, &snapshot).await;
            client.state_health(&mut found).await;
            client.hooks_health(&mut found).await;
            client.trust_health(&mut found).await;
            client.disk_health(&mut found);
            confine::limits(&mut found, &snapshot).await;
            unseen(&mut found, &snapshot.observed);
            not_ours(&mut found, &snapshot.observed);
            damaged(&mut found, &snapshot);
        }
    }
    found.0.sort_by_key(|one| {
        [REPOSITORY, STATE, HOOKS, MACHINE, WORK].iter().position(|s| *s == one.section)
    });
    found.0
}

async fn machine(found: &mut Findings, environment: &Environment) {
    let install = "install tmux 3.2 or newer with the package manager of your system";
    match tmux::version(DEADLINE).await {
        Ok(version) if version.is_supported() => found.ok(MACHINE, format!("tmux {version}")),
        Ok(version) => {
            found.fail(
                MACHINE,
                format!("tmux {version} is too old: 3.2 or newer is needed"),
                install,
            );
        }
        Err(error) => found.fail(MACHINE, format!("tmux cannot be started: {error}"), install),
    }
    match environment.state_home() {
        Some(home) => found
            .ok(MACHINE, format!("approvals are kept in {}", home.join("reconciler").display())),
        None => found.fail(
            MACHINE,
            "there is no place for approvals, so no agent can be approved",
            "set HOME or XDG_STATE_HOME",
        ),
    }
}

impl Client {
    async fn repository_health(&self, found: &mut Findings, snapshot: &Snapshot) {
        let root = self.root().display();
        let kind = if self.repository.is_bare() { ", a bare repository" } else { "" };
        found.ok(REPOSITORY, format!("{root}{kind}; git is new enough"));
        let recorded = self.repository.config_get(REF_KEY).await;
        match (&snapshot.desired, &recorded) {
            (Sighting::Unknown(why), _) => found.fail(
                REPOSITORY,
                format!("nothing can be read from {}: {why}", self.state_ref),
                "commit state/ to that branch, or choose another: `reconciler init --ref BRANCH`",
            ),
            (Sighting::Known(desired), Ok(Some(_))) => {
                found.ok(
                    REPOSITORY,
                    format!(
                        "state is read from {} at {}",
                        self.state_ref,
                        desired.revision.short()
                    ),
                );
            }
            (Sighting::Known(_), Ok(None)) => found.warn(
                REPOSITORY,
                format!("no ref is recorded, so state is read from {}", self.state_ref),
                "`reconciler init` records it",
            ),
            (Sighting::Known(_), Err(error)) => {
                found.fail(REPOSITORY, error.to_string(), "mend the configuration of git");
            }
        }
        if let Ok(Some(head)) = self.repository.head().await
            && !self.repository.is_bare()
            && head != self.state_ref
        {
            found.warn(
                REPOSITORY,
                format!(
                    "the main work tree is on {head}; state is read from {}, not from here",
                    self.state_ref
                ),
                "nothing, if that is meant",
            );
        }
        match self.loop_state() {
            LoopState::Running { pid, .. } => {
                let pid = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
                found.ok(REPOSITORY, format!("reconciler is running{pid}"));
            }
            LoopState::NotRunning => {
                found.warn(
                    REPOSITORY,
                    "reconciler is not running: nothing starts",
                    "`reconciler run`",
                );
            }
            LoopState::Unknown(why) => found.fail(
                REPOSITORY,
                format!("whether reconciler runs cannot be seen: {why}"),
                "mend what is said, as the permissions of .reconciler/",
            ),
        }
    }

    async fn state_health(&self, found: &mut Findings) {
        let version = Version::Revision(self.state_ref.clone());
        let draft = match self.draft(self.root(), &version).await {
            Ok(draft) => draft,
            Err(Error::Git(_)) => return, // told with the ref
            Err(error) => {
                return found.fail(STATE, error.to_string(), "`reconciler check` says more");
            }
        };
        let checked = judge(&draft, self.repository.case(), None);
        let errors = checked.count(Severity::Error);
        if checked.files == 0 {
            found.warn(STATE, format!("there are none at {}", self.state_ref), "`reconciler init`");
        } else if errors == 0 {
            found.ok(STATE, format!("{} files at {}, all valid", checked.files, self.state_ref));
        }
        for problem in &checked.problems {
            let fix = "edit the file and commit it; `reconciler check` shows the place";
            match problem.severity {
                Severity::Error => found.fail(STATE, problem.to_string(), fix),
                Severity::Warning => {
                    found.warn(STATE, problem.to_string(), "nothing, if that is meant");
                }
            }
        }
    }

    async fn hooks_health(&self, found: &mut Findings) {
        let status = match self.hooks_status().await {
            Ok(status) => status,
            Err(error) => return found.fail(HOOKS, error.to_string(), "mend what is said"),
        };
        let Some(mode) = status.mode else {
            let text = "there are none of ours: a commit can change what a task holds";
            return found.warn(HOOKS, text, "`reconciler hooks install`");
        };
        let install = match mode {
            HooksMode::Default => "`reconciler hooks install`",
            HooksMode::Strict => "`reconciler hooks install --strict`",
        };
        for one in status.drifted() {
            let text = format!("{} {}", one.path.display(), one.state);
            match one.state {
                HookState::Outdated => found.warn(HOOKS, text, install),
                HookState::Disabled | HookState::Replaced | HookState::Missing => {
                    found.fail(HOOKS, text, install);
                }
                HookState::Ready | HookState::Behind => {}
            }
        }
        if status.drifted().next().is_none() {
            found.ok(HOOKS, format!("{} hooks stand in {}", mode.as_str(), status.place));
        }
        for path in &status.without {
            let text = format!("in {} git finds no hooks at all", path.display());
            found.warn(HOOKS, text, "do there what makes them, as `npm install` does for husky");
        }
    }

    async fn trust_health(&self, found: &mut Findings) {
        let agents = match self.agents().await {
            Ok(agents) => agents,
            Err(Error::Unknown(_)) => return, // told with the ref
            Err(error) => return found.fail(MACHINE, error.to_string(), "`reconciler trust`"),
        };
        for agent in agents.iter().filter(|one| !one.workers.is_empty()) {
            let name = &agent.name;
            agent::program(found, MACHINE, (name, &agent.spec), &self.environment);
            if agent.approved {
                found.ok(MACHINE, format!("agent {name} is approved"));
                continue;
            }
            let text = format!("agent {name} is not approved here, so its workers take nothing");
            found.fail(MACHINE, text, "`reconciler trust` shows what it runs and asks");
        }
    }

    fn disk_health(&self, found: &mut Findings) {
        // Without a name: git may be looking.
        let probe = tempfile::tempfile_in(self.root());
        if let Err(error) = probe {
            let text = format!("{} cannot be written: {error}", self.root().display());
            found.fail(MACHINE, text, "give yourself the permission, or mount it writable");
        }
        match crate::disk::free(self.root()) {
            Ok(free) => {
                let text = format!("{} MiB of disk are free", free >> 20);
                if free < SPACE_MIN {
                    found.warn(
                        MACHINE,
                        text,
                        "free some: under 1 GiB, worktrees and builds may fail",
                    );
                } else {
                    found.ok(MACHINE, text);
                }
            }
            Err(error) => {
                found.warn(MACHINE, error.to_string(), "nothing");
            }
        }
    }
}

/// Tells what could not be seen.
fn unseen(found: &mut Findings, observed: &Observed) {
    for (what, why) in [
        ("tmux sessions", observed.sessions.why_unknown()),
        ("worktrees", observed.worktrees.why_unknown()),
        ("branches", observed.branches.why_unknown()),
        ("the records of tasks", observed.tasks.why_unknown()),
        ("locks", observed.claims.why_unknown()),
    ] {
        if let Some(why) = why {
            found.fail(
                WORK,
                format!("{what} cannot be seen: {why}"),
                "mend what is said; until then nothing is done there",
            );
        }
    }
}

/// Tells what lies on our places without our mark, and what was left half done.
fn not_ours(found: &mut Findings, observed: &Observed) {
    for session in observed.sessions.known().into_iter().flatten() {
        if session.owner.is_none() && session.name != tmux::KEEPER {
            let text = format!(
                "tmux session {} on our server is not ours; it is left alone",
                session.name
            );
            found.warn(WORK, text, "end it yourself if nobody needs it");
        }
    }
    for worktree in observed.worktrees.known().into_iter().flatten() {
        let path = worktree.path.display();
        let ours = observed.places.is_ours(&worktree.path);
        match (worktree.state, &worktree.owner) {
            (_, None) if ours => found.warn(
                WORK,
                format!("worktree {path} has no mark of ours; it is left alone"),
                format!(
                    "move it away if a task is to be called so: `git worktree move {path} ...`"
                ),
            ),
            (WorktreeState::HalfMade | WorktreeState::Missing, Some(owner)) => found.warn(
                WORK,
                format!("the worktree of {} at {path} is not whole", owner.task),
                "`reconciler run` repairs it",
            ),
            (WorktreeState::Ready | WorktreeState::HalfMade | WorktreeState::Missing, _) => {}
        }
    }
}

/// Tells which records cannot be understood, and which tasks need a person.
fn damaged(found: &mut Findings, snapshot: &Snapshot) {
    let observed = &snapshot.observed;
    for (name, task) in observed.tasks.known().into_iter().flatten() {
        if let Err(damage) = &task.record {
            found.fail(
                WORK,
                format!("the record of {name} is damaged: {damage}"),
                "move that file away: what is left of the task is adopted",
            );
        }
    }
    for (name, claim) in observed.claims.known().into_iter().flatten() {
        if let Err(damage) = claim {
            found.fail(
                WORK,
                format!("the lock of {name} is damaged, so it is held: {damage}"),
                format!("once nobody works on it: reconciler release {name} --force --reason TEXT"),
            );
        }
    }
    let waiting = snapshot.plan.report.tasks.iter().filter(|(_, one)| one.reason.needs_person());
    for (name, report) in waiting {
        found.warn(
            WORK,
            format!("task {name} needs you: {}", report.message),
            format!("`reconciler describe task {name}`"),
        );
    }
}
