//! Layout: where git looks for the hooks of this repository, what stands there of ours, and
//! whether it is still as it was installed. It changes nothing.

use super::{HookName, HooksMode, MODE_KEY, script};
use crate::client::{Client, Error};
use crate::disk;
use crate::git::{HooksPath, Scope};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where git looks, and so how our hooks get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// In its own folder: a hook of ours takes the place of another, and runs it.
    Own,
    /// Where the repository says, as husky does: a hook there gets lines that call ours.
    Lines {
        /// The folder with the hooks that people write.
        folder: PathBuf,
        /// The folder that git is told of.
        called: PathBuf,
        /// How it is written.
        written: PathBuf,
    },
    /// Where the user or the system says for all repositories: ours cannot be there.
    Outside(PathBuf),
    /// Where the repository says, and nothing can be written: no folder, or one of others too.
    Closed(PathBuf),
    /// In a folder of ours, which runs those of the user or the system.
    Behind,
}

/// Where one hook is, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// The hook of ours.
    pub(super) gate: PathBuf,
    /// The hook of somebody else that calls it, if it is not called by git.
    pub(super) caller: Option<PathBuf>,
}

/// How one hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// As it was installed.
    Ready,
    /// Another hook manager put itself before it, and calls it.
    Behind,
    /// As another version, or at another place of the program, wrote it.
    Outdated,
    /// It may not be executed, so git leaves it out.
    Disabled,
    /// Something else stands where it should.
    Replaced,
    /// Nothing stands there.
    Missing,
}

impl fmt::Display for HookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "is ready",
            Self::Behind => "is ready, called by another hook manager",
            Self::Outdated => "is of another version or place of the program",
            Self::Disabled => "may not be executed, so git leaves it out",
            Self::Replaced => "is another hook, which does not call ours",
            Self::Missing => "is missing",
        })
    }
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which.
    pub hook: HookName,
    /// Where git finds it.
    pub path: PathBuf,
    /// How it stands.
    pub state: HookState,
}

/// How the hooks of a repository stand.
#[derive(Debug, Clone)]
pub struct HooksStatus {
    /// What was installed; none when nothing is to be.
    pub mode: Option<HooksMode>,
    /// Where git looks for hooks, and why there.
    pub place: String,
    /// Those that belong to the mode.
    pub hooks: Vec<Installed>,
    /// Linked worktrees in which git finds no hooks at all.
    pub without: Vec<PathBuf>,
}

impl HooksStatus {
    /// Returns the hooks that do not stand as they were installed.
    pub fn drifted(&self) -> impl Iterator<Item = &Installed> {
        let stands = |one: &&Installed| !matches!(one.state, HookState::Ready | HookState::Behind);
        self.hooks.iter().filter(stands)
    }
}

impl Client {
    /// Says how the hooks stand.
    ///
    /// # Errors
    /// When the configuration or the folders cannot be read.
    pub async fn hooks_status(&self) -> Result<HooksStatus, Error> {
        let (layout, mode) = (self.layout().await?, self.hooks_mode().await?);
        let wanted = mode.unwrap_or(HooksMode::Default);
        let mut hooks = Vec::new();
        for hook in HookName::ALL.into_iter().filter(|hook| wanted.has(*hook)) {
            let slot = self.slot(&layout, hook);
            let state = self.hook_state(hook, &slot, &layout)?;
            let path = slot.caller.unwrap_or(slot.gate);
            hooks.push(Installed { hook, path, state });
        }
        let (place, without) = (self.place_of(&layout), self.without_hooks(&layout)?);
        Ok(HooksStatus { mode, place, hooks, without })
    }

    /// Returns the linked worktrees that lack the folder that git is told of.
    fn without_hooks(&self, layout: &Layout) -> Result<Vec<PathBuf>, Error> {
        let Layout::Lines { written, .. } = layout else { return Ok(Vec::new()) };
        let mut without = Vec::new();
        if written.is_absolute() {
            return Ok(without);
        }
        for linked in self.repository.linked()?.into_iter().filter(|linked| !linked.missing) {
            if !disk::is_there(&linked.path.join(written))? {
                without.push(linked.path);
            }
        }
        Ok(without)
    }

    pub(in crate::client) async fn hooks_mode(&self) -> Result<Option<HooksMode>, Error> {
        Ok(self.repository.config_get(MODE_KEY).await?.as_deref().and_then(HooksMode::parse))
    }

    pub(super) async fn layout(&self) -> Result<Layout, Error> {
        let Some(HooksPath { path: written, scope }) = self.repository.hooks_path().await? else {
            return Ok(Layout::Own);
        };
        let called = self.root().join(&written);
        if called == self.own_folder() {
            return Ok(Layout::Own);
        }
        if called == self.gates() {
            return Ok(Layout::Behind);
        }
        if scope == Scope::Outside {
            return Ok(Layout::Outside(called));
        }
        let is_ours =
            [self.root(), self.repository.common_dir()].iter().any(|one| called.starts_with(one));
        let is_file = disk::is_there(&called)? && !is_folder(&called)?;
        // A submodule's work tree is not at its root, which is where a relative path begins.
        let is_adrift = written.is_relative() && self.root() == self.repository.common_dir();
        if is_file || is_adrift || !is_ours {
            return Ok(Layout::Closed(called));
        }
        // husky calls, from a folder of its own, the hooks that people write in the one above.
        let is_husky = called.file_name().is_some_and(|name| name == "_");
        let above = called.parent().filter(|_| is_husky);
        Ok(Layout::Lines { folder: above.unwrap_or(&called).to_owned(), called, written })
    }

    /// Returns git's own folder of hooks.
    pub(super) fn own_folder(&self) -> PathBuf {
        self.repository.common_dir().join("hooks")
    }

    /// Returns the folder for hooks that are not called by git from its own.
    pub(super) fn gates(&self) -> PathBuf {
        self.repository.common_dir().join("reconciler-hooks")
    }

    pub(super) fn slot(&self, layout: &Layout, hook: HookName) -> Slot {
        let gate = |folder: PathBuf| folder.join(hook.as_str());
        match layout {
            Layout::Own => Slot { gate: gate(self.own_folder()), caller: None },
            Layout::Outside(_) | Layout::Closed(_) | Layout::Behind => {
                Slot { gate: gate(self.gates()), caller: None }
            }
            Layout::Lines { folder, called, .. } => {
                // husky does not know it, so nothing there would call it.
                let is_strict = hook == HookName::ReferenceTransaction;
                let folder = if is_strict { called } else { folder };
                Slot { gate: gate(self.gates()), caller: Some(folder.join(hook.as_str())) }
            }
        }
    }

    fn place_of(&self, layout: &Layout) -> String {
        match layout {
            Layout::Own => self.own_folder().display().to_string(),
            Layout::Lines { folder, written, .. } => {
                format!(
                    "{} (core.hooksPath of this repository is {})",
                    folder.display(),
                    written.display()
                )
            }
            Layout::Outside(called) => format!(
                "{} (core.hooksPath of the user or the system, which is not ours to write to)",
                called.display()
            ),
            Layout::Closed(called) => format!(
                "{} (core.hooksPath of this repository), where nothing of ours can be",
                called.display()
            ),
            Layout::Behind => format!(
                "{} (it runs the hooks of core.hooksPath of the user or the system)",
                self.gates().display()
            ),
        }
    }

    fn hook_state(&self, hook: HookName, slot: &Slot, layout: &Layout) -> Result<HookState, Error> {
        let state = self.gate_state(hook, &slot.gate)?;
        let Some(caller) = &slot.caller else {
            let is_called = !matches!(layout, Layout::Outside(_) | Layout::Closed(_));
            return Ok(if is_called { state } else { HookState::Missing });
        };
        let text = disk::read(caller, disk::RECORD_MAX)?;
        let text = text.map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(match text {
            None => HookState::Missing,
            Some(text) if !script::has_lines(&text) => HookState::Replaced,
            Some(text) if !text.contains(&script::lines(hook)) => HookState::Outdated,
            Some(_) => state,
        })
    }

    fn gate_state(&self, hook: HookName, path: &Path) -> Result<HookState, Error> {
        let found = disk::read(path, disk::RECORD_MAX)?;
        let Some(found) = found else { return Ok(HookState::Missing) };
        if script::is_gate(hook, &found) {
            return Ok(if !is_executable(path)? {
                HookState::Disabled
            } else if found == script::gate(hook, &self.environment.program).as_bytes() {
                HookState::Ready
            } else {
                HookState::Outdated
            });
        }
        let legacy = beside(path, ".legacy");
        let behind = disk::read(&legacy, disk::RECORD_MAX)?;
        let is_behind = behind.is_some_and(|text| script::is_gate(hook, &text));
        let is_behind = is_behind && is_executable(&legacy)?;
        Ok(if is_behind { HookState::Behind } else { HookState::Replaced })
    }
}

/// Returns a file beside another, called as it is with something behind.
pub(super) fn beside(path: &Path, behind: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(behind);
    PathBuf::from(name)
}

fn is_folder(path: &Path) -> Result<bool, disk::Error> {
    let meta = path.metadata().map_err(|source| disk::Error::new("look at", path, source))?;
    Ok(meta.is_dir())
}

pub(super) fn is_executable(path: &Path) -> Result<bool, disk::Error> {
    let file = path.metadata().map_err(|source| disk::Error::new("look at", path, source))?;
    Ok(file.permissions().mode() & 0o100 != 0)
}
