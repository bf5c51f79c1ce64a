//! Init: prepares a repository. What would change is a value that is shown first; it writes only
//! what is missing, and commits nothing.

mod agents_md;
mod examples;

use super::{Client, Error, HookStep, HooksMode, REF_KEY};
use crate::agents::{self, PLAIN};
use crate::api::key::{Key, STATE_FOLDER};
use crate::api::name::BranchName;
use crate::api::{Kind, Policy, schema};
use crate::disk;
use crate::plan::desired::Desired;
use crate::store::Draft;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a repository is to be prepared with.
#[derive(Debug, Clone, Default)]
pub struct InitOptions {
    /// The ref to read from, in full or as a branch; else the recorded one, the policy's, or the
    /// branch that is checked out.
    pub state_ref: Option<String>,
    /// Which hooks are installed.
    pub hooks: InitHooks,
    /// Whether agents are told in AGENTS.md how to work here.
    pub tells_agents: bool,
}

/// Which hooks are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitHooks {
    /// Those that were installed before, else the default ones.
    #[default]
    AsBefore,
    /// Those of this mode.
    Of(HooksMode),
    /// None; those that are there stay.
    Leave,
}

/// What would change.
#[derive(Debug, Clone)]
pub struct InitPlan {
    /// The root of the repository.
    pub root: PathBuf,
    /// The ref that desired state will be read from.
    pub state_ref: String,
    /// What is to be done, in this order.
    pub steps: Vec<Step>,
    /// What is there already.
    pub there: Vec<String>,
    /// What the person should know.
    pub notes: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes a file that is missing, a schema of an older version, or our section of AGENTS.md.
    Write {
        /// From the root of the repository.
        path: String,
        /// The whole file.
        text: String,
    },
    /// Records the ref in git's configuration of this clone.
    Pin(String),
    /// Approves the built-in agents on this machine.
    Approve(Vec<String>),
    /// Does a part of what installs the hooks.
    Hook(HookStep),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => write!(f, "add      {path}"),
            Self::Pin(name) => write!(f, "store    git config {REF_KEY} = {name}"),
            Self::Approve(_) => f.write_str(
                "approve  the agents shell and exec, which run what tasks say, on this machine",
            ),
            Self::Hook(step) => step.fmt(f),
        }
    }
}

impl Client {
    /// Says what preparing the repository would change. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be told from which ref to read: HEAD is detached and none was named.
    pub async fn plan_init(
        &self,
        directory: &Path,
        options: &InitOptions,
    ) -> Result<InitPlan, Error> {
        let root = self.root().to_owned();
        let state_ref = self.ref_to_pin(options.state_ref.as_deref()).await?;
        let (steps, there, notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = InitPlan { root, state_ref, steps, there, notes };
        if self.repository.is_bare() {
            let note = "this repository is bare: it has no files of its own, so none are written; \
                        commit state/ in a clone and push it here";
            plan.notes.push(note.to_owned());
        } else {
            self.plan_files(&mut plan)?;
            if options.tells_agents {
                plan_agents_md(&mut plan)?;
            }
            let here = self.repository.work_tree_of(directory).await?;
            if let Some(here) = here.filter(|here| *here != plan.root) {
                plan.notes.push(format!(
                    "{} is a linked worktree: files are written to the main one, {}",
                    here.display(),
                    plan.root.display()
                ));
            }
        }
        let pinned = self.repository.config_get(REF_KEY).await?;
        if pinned.as_deref() == Some(plan.state_ref.as_str()) {
            plan.there.push(format!("git config {REF_KEY} = {}", plan.state_ref));
        } else {
            plan.steps.push(Step::Pin(plan.state_ref.clone()));
        }
        self.plan_approval(&mut plan)?;
        let mode = match options.hooks {
            InitHooks::Leave => return Ok(plan),
            InitHooks::Of(mode) => mode,
            InitHooks::AsBefore => self.hooks_mode().await?.unwrap_or(HooksMode::Default),
        };
        let hooks = self.plan_hooks(mode).await?;
        if hooks.steps.is_empty() && hooks.notes.is_empty() {
            plan.there.push(format!("hooks ({})", mode.as_str()));
        }
        plan.steps.extend(hooks.steps.into_iter().map(Step::Hook));
        plan.notes.extend(hooks.notes);
        Ok(plan)
    }

    /// Does what was planned.
    ///
    /// # Errors
    /// When a step fails; those before it are done, and another run does the rest.
    pub async fn init(&self, plan: &InitPlan) -> Result<(), Error> {
        for step in &plan.steps {
            match step {
                Step::Write { path, text } => {
                    let path = plan.root.join(path);
                    disk::replace(&path, text.as_bytes())?;
                    let mode = std::fs::Permissions::from_mode(0o644);
                    set_mode(&path, mode)?;
                }
                Step::Pin(name) => self.repository.config_set(REF_KEY, name).await?,
                Step::Approve(digests) => self.approve(digests)?,
                Step::Hook(step) => self.apply_hook(step).await?,
            }
        }
        Ok(())
    }

    /// Returns the full name of the ref to read from.
    async fn ref_to_pin(&self, named: Option<&str>) -> Result<String, Error> {
        if let Some(named) = named {
            let full = if named.starts_with("refs/") {
                named.to_owned()
            } else {
                format!("refs/heads/{named}")
            };
            let branch = full.strip_prefix("refs/heads/").unwrap_or(named).to_owned();
            return match BranchName::try_from(branch) {
                Ok(_) => Ok(full),
                Err(why) => Err(Error::Refused {
                    what: format!("`{named}` names no branch: {why}"),
                    help: "name one, as `--ref main`".to_owned(),
                }),
            };
        }
        let recorded = self.repository.config_get(REF_KEY).await?;
        if let Some(found) = recorded.or_else(|| self.ref_of_policy()) {
            return Ok(found);
        }
        self.repository.head().await?.ok_or_else(|| Error::Refused {
            what: "HEAD is detached, so there is no branch to read state from".to_owned(),
            help: "name one: `reconciler init --ref main`".to_owned(),
        })
    }

    /// Returns the ref that the policy of the work tree is meant for.
    fn ref_of_policy(&self) -> Option<String> {
        let bytes = disk::read(&self.root().join(Key::Policy.path()), disk::RECORD_MAX).ok()??;
        serde_json::from_slice::<Policy>(&bytes).ok()?.spec.state_ref
    }

    /// Plans the files that are missing. Examples are for repositories that have nothing yet.
    fn plan_files(&self, plan: &mut InitPlan) -> Result<(), Error> {
        for (folder, example) in [("workers", examples::worker()), ("tasks", examples::task())] {
            let folder = format!("{STATE_FOLDER}/{folder}");
            let files = disk::list(&plan.root.join(&folder))?;
            let json = files.iter().filter(|name| name.strip_suffix(".json").is_some()).count();
            if json > 0 {
                plan.there
                    .push(format!("{folder}/ ({json} file{})", if json == 1 { "" } else { "s" }));
            } else {
                plan.steps.push(Step::Write { path: example.0, text: example.1 });
            }
        }
        let policy = Key::Policy.path();
        if disk::is_there(&plan.root.join(&policy))? {
            plan.there.push(policy);
            if let Some(meant) = self.ref_of_policy().filter(|meant| *meant != plan.state_ref) {
                plan.notes.push(format!(
                    "{} is meant for {meant}, this clone will read {}: nothing starts until they agree",
                    Key::Policy.path(),
                    plan.state_ref
                ));
            }
        } else {
            let text = examples::policy(&plan.state_ref);
            plan.steps.push(Step::Write { path: policy, text });
        }
        for kind in Kind::ALL {
            let path = format!("{STATE_FOLDER}/schema/{}", schema::file_name(kind));
            let text = schema::text_of(kind);
            let found = disk::read(&plan.root.join(&path), disk::RECORD_MAX)?;
            if found.as_deref() == Some(text.as_bytes()) {
                plan.there.push(path);
            } else {
                plan.steps.push(Step::Write { path, text });
            }
        }
        Ok(())
    }

    fn plan_approval(&self, plan: &mut InitPlan) -> Result<(), Error> {
        // The others are handed secrets: `reconciler trust` shows them first.
        let harmless = agents::built_in().iter().filter(|(name, _)| PLAIN.contains(&name.as_str()));
        let digest = |(name, spec): &(_, _)| Desired::trust_digest(name, spec);
        let digests: Vec<String> = harmless.map(digest).collect();
        let approved = self.visitor.trust().read()?;
        if self.environment.state_home().is_none() {
            return Err(crate::store::TrustError::NoPlace.into());
        }
        let draft = Draft::of_work_tree(&plan.root)?;
        if digests.iter().all(|digest| approved.contains(digest)) {
            plan.there.push("approval of the agents shell and exec".to_owned());
        } else if draft.files.is_empty() {
            plan.steps.push(Step::Approve(digests));
        } else {
            let note = "state/ has files already: look at what they run, then: reconciler trust";
            plan.notes.push(note.to_owned());
        }
        Ok(())
    }
}

/// Plans our section of AGENTS.md; a file that we do not understand is left to people.
fn plan_agents_md(plan: &mut InitPlan) -> Result<(), Error> {
    let file = plan.root.join(agents_md::PATH);
    let is_link = file.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let bytes = disk::read(&file, disk::RECORD_MAX)?.unwrap_or_default();
    let text = String::from_utf8(bytes).ok().filter(|_| !is_link);
    let path = agents_md::PATH.to_owned();
    match text.as_deref().and_then(|before| Some((before, agents_md::with_section(before)?))) {
        Some((before, after)) if before == after => plan.there.push(path),
        Some((_, text)) => plan.steps.push(Step::Write { path, text }),
        None => plan.notes.push(format!(
            "{path} is a link, no text, or has one mark of our section alone: mend that, and run this \
             again"
        )),
    }
    Ok(())
}

fn set_mode(path: &Path, mode: std::fs::Permissions) -> Result<(), disk::Error> {
    std::fs::set_permissions(path, mode)
        .map_err(|source| disk::Error::new("set the mode of", path, source))
}
