//! Plan: what installing or removing hooks would change, as a value that is shown before it is
//! done. No step destroys what somebody else wrote.

use super::layout::{Layout, beside, is_executable};
use super::{HookName, HooksMode, MODE_KEY, script};
use crate::client::{Client, Error};
use crate::disk;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How the hook that was there before is called while ours is in its place.
pub(super) const BEFORE: &str = ".before-reconciler";
/// The key of git's configuration that says where hooks are.
const PATH_KEY: &str = "core.hooksPath";

/// What would change.
#[derive(Debug, Clone, Default)]
pub struct HooksPlan {
    /// What is to be done, in this order; cut short, it can be done again.
    pub steps: Vec<HookStep>,
    /// What the person should know.
    pub notes: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookStep {
    /// Writes a hook.
    Write {
        /// Where.
        path: PathBuf,
        /// The whole file.
        text: String,
        /// Who may run it.
        permissions: Permissions,
    },
    /// Moves a hook aside, or back.
    Move {
        /// From where.
        from: PathBuf,
        /// To where.
        to: PathBuf,
    },
    /// Removes a file of ours.
    Remove(PathBuf),
    /// Sets a setting of this repository, or takes it away.
    Configure {
        /// Which.
        key: &'static str,
        /// To what.
        value: Option<String>,
    },
}

/// Who may run a hook that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permissions {
    /// Whoever may read it: it is ours.
    Run,
    /// As it is now: it is somebody else's.
    Keep,
}

impl fmt::Display for HookStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => write!(f, "write    {}", path.display()),
            Self::Move { from, to } => write!(f, "move     {} to {}", from.display(), to.display()),
            Self::Remove(path) => write!(f, "remove   {}", path.display()),
            Self::Configure { key, value: Some(value) } => {
                write!(f, "store    git config {key} = {value}")
            }
            Self::Configure { key, value: None } => write!(f, "forget   git config {key}"),
        }
    }
}

impl Client {
    /// Says what installing the hooks would change. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be seen what is there.
    pub async fn plan_hooks(&self, mode: HooksMode) -> Result<HooksPlan, Error> {
        let (layout, mut plan) = (self.layout().await?, HooksPlan::default());
        if let Layout::Closed(called) = &layout {
            plan.notes.push(format!(
                "core.hooksPath of this repository is {}, which is no folder of it: no hooks are \
                 installed; take that setting away, or make it for your user, and install them again",
                called.display()
            ));
            return Ok(plan);
        }
        // What another layout left would be run beside what is written here.
        if layout != Layout::Own {
            self.plan_own_removal(&mut plan)?;
        }
        for hook in HookName::ALL {
            if mode.has(hook) {
                self.plan_hook(&mut plan, &layout, hook)?;
            } else {
                self.plan_hook_removal(&mut plan, &layout, hook)?;
            }
        }
        if let Layout::Outside(_) | Layout::Behind = layout {
            self.plan_passing(&mut plan, mode)?;
        }
        if let Layout::Outside(called) = &layout {
            let gates = self.gates().display().to_string();
            plan.steps.push(HookStep::Configure { key: PATH_KEY, value: Some(gates) });
            plan.notes.push(format!(
                "{} is left alone: this repository gets a folder of its own, which runs the hooks there",
                called.display()
            ));
        }
        if let Layout::Lines { folder, written, .. } = &layout
            && written.is_relative()
            && plan.steps.iter().any(
                |step| matches!(step, HookStep::Write { path, .. } if path.starts_with(folder)),
            )
        {
            plan.notes.push(format!(
                "commit the lines in {}: linked worktrees have the files that are committed",
                folder.display()
            ));
        }
        if self.hooks_mode().await? != Some(mode) {
            let value = Some(mode.as_str().to_owned());
            plan.steps.push(HookStep::Configure { key: MODE_KEY, value });
        }
        Ok(plan)
    }

    /// Says what removing the hooks would change. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be seen what is there.
    pub async fn plan_hooks_removal(&self) -> Result<HooksPlan, Error> {
        let (layout, mut plan) = (self.layout().await?, HooksPlan::default());
        // First: what is cut short now is not mended, but finished by the next removal.
        if self.hooks_mode().await?.is_some() {
            plan.steps.push(HookStep::Configure { key: MODE_KEY, value: None });
        }
        if layout == Layout::Behind {
            plan.steps.push(HookStep::Configure { key: PATH_KEY, value: None });
        }
        if let Layout::Lines { .. } = layout {
            for hook in HookName::ALL {
                self.plan_hook_removal(&mut plan, &layout, hook)?;
            }
        }
        self.plan_own_removal(&mut plan)?;
        for name in disk::list(&self.gates())? {
            plan.remove(self.gates().join(name));
        }
        Ok(plan)
    }

    /// Does what was planned.
    ///
    /// # Errors
    /// When a step fails; those before it are done, and another plan has the rest.
    pub async fn apply_hooks(&self, plan: &HooksPlan) -> Result<(), Error> {
        for step in &plan.steps {
            self.apply_hook(step).await?;
        }
        if disk::list(&self.gates())?.is_empty() {
            disk::remove_folder(&self.gates())?;
        }
        Ok(())
    }

    /// Does one step.
    pub(in crate::client) async fn apply_hook(&self, step: &HookStep) -> Result<(), Error> {
        match step {
            HookStep::Write { path, text, permissions } => write(path, text, *permissions)?,
            HookStep::Move { from, to } => disk::rename(from, to)?,
            HookStep::Remove(path) => disk::remove(path)?,
            HookStep::Configure { key, value: Some(value) } => {
                self.repository.config_set(key, value).await?;
            }
            HookStep::Configure { key, value: None } => self.repository.config_unset(key).await?,
        }
        Ok(())
    }

    fn plan_hook(
        &self,
        plan: &mut HooksPlan,
        layout: &Layout,
        hook: HookName,
    ) -> Result<(), Error> {
        let slot = self.slot(layout, hook);
        let text = script::gate(hook, &self.environment.program);
        if let Some(caller) = &slot.caller {
            plan.write(slot.gate.clone(), text)?;
            plan.remove_if_there(beside(&slot.gate, BEFORE))?;
            return plan_lines(plan, caller, hook);
        }
        let found = read(&slot.gate)?;
        let is_ours = found.as_ref().is_some_and(|found| script::is_gate(hook, found));
        let legacy = beside(&slot.gate, ".legacy");
        let is_behind = read(&legacy)?.is_some_and(|text| script::is_gate(hook, &text));
        if is_behind && !is_ours && found.is_some() {
            // pre-commit and prek call it from there.
            return plan.write(legacy, text);
        }
        if let Some(found) = found.filter(|_| !is_ours) {
            plan_keeping(plan, hook, (&slot.gate, &found))?;
        }
        plan.write(slot.gate, text)
    }

    /// Plans that hooks of the user go on to run where git is told of our folder.
    fn plan_passing(&self, plan: &mut HooksPlan, mode: HooksMode) -> Result<(), Error> {
        let folder = self.gates();
        for name in script::PASSED {
            plan.write(folder.join(name), script::PASS.to_owned())?;
        }
        for hook in HookName::ALL {
            let gate = folder.join(hook.as_str());
            let path = if mode.has(hook) { beside(&gate, BEFORE) } else { gate };
            plan.write(path, script::PASS.to_owned())?;
        }
        Ok(())
    }

    fn plan_hook_removal(
        &self,
        plan: &mut HooksPlan,
        layout: &Layout,
        hook: HookName,
    ) -> Result<(), Error> {
        let slot = self.slot(layout, hook);
        match (layout, &slot.caller) {
            (_, Some(caller)) => {
                plan_no_lines(plan, caller)?;
                plan.remove_if_there(slot.gate)
            }
            (Layout::Own, None) => self.plan_own_hook_removal(plan, hook),
            (_, None) => plan.remove_if_there(beside(&slot.gate, BEFORE)),
        }
    }

    fn plan_own_removal(&self, plan: &mut HooksPlan) -> Result<(), Error> {
        HookName::ALL.into_iter().try_for_each(|hook| self.plan_own_hook_removal(plan, hook))
    }

    /// Plans to bring back what was in git's own folder.
    fn plan_own_hook_removal(&self, plan: &mut HooksPlan, hook: HookName) -> Result<(), Error> {
        let path = self.own_folder().join(hook.as_str());
        let is_ours =
            |text: &Option<Vec<u8>>| text.as_ref().is_some_and(|t| script::is_gate(hook, t));
        let (kept, legacy) = (beside(&path, BEFORE), beside(&path, ".legacy"));
        let (found, before) = (read(&path)?, read(&kept)?);
        let is_behind = is_ours(&read(&legacy)?);
        if is_ours(&read(&beside(&path, ".old"))?) {
            plan.remove(beside(&path, ".old"));
        }
        if found.is_none() || is_ours(&found) {
            match before {
                Some(_) => plan.steps.push(HookStep::Move { from: kept, to: path }),
                None if found.is_some() => plan.remove(path),
                None => {}
            }
            if is_behind {
                plan.remove(legacy);
            }
            return Ok(());
        }
        match before {
            Some(before) if Some(&before) == found.as_ref() => plan.remove(kept),
            // Another manager came later, and calls us: from now on what we called.
            Some(before) if is_behind && !script::is_of_manager(&before) => {
                plan.steps.push(HookStep::Move { from: kept, to: legacy });
                return Ok(());
            }
            Some(_) => plan.notes.push(format!(
                "{} was written over ours by somebody; what was there before stays at {}",
                path.display(),
                kept.display()
            )),
            None => {}
        }
        if is_behind {
            plan.remove(legacy);
        }
        Ok(())
    }
}

/// Plans to keep what is there, and what was kept before it.
fn plan_keeping(
    plan: &mut HooksPlan,
    hook: HookName,
    (path, found): (&Path, &[u8]),
) -> Result<(), Error> {
    let kept = beside(path, BEFORE);
    // lefthook set it aside, and would refuse to set aside another.
    let old = beside(path, ".old");
    if read(&old)?.is_some_and(|text| script::is_gate(hook, &text)) {
        plan.remove(old);
    }
    match read(&kept)? {
        Some(before) if before == found => return Ok(()),
        Some(_) => {
            let mut aside = (1..).map(|n: u32| beside(&kept, &format!(".{n}")));
            let is_free = |path: &PathBuf| matches!(disk::is_there(path), Ok(false));
            let aside = aside.find(is_free).expect("a folder has an end");
            plan.notes.push(format!(
                "{} was written over ours by somebody: it is called from now on, and what was \
                 called before is kept at {}",
                path.display(),
                aside.display()
            ));
            plan.steps.push(HookStep::Move { from: kept.clone(), to: aside });
        }
        None => {}
    }
    plan.steps.push(HookStep::Move { from: path.to_owned(), to: kept });
    Ok(())
}

/// Plans the hook of somebody else without our lines.
fn plan_no_lines(plan: &mut HooksPlan, caller: &Path) -> Result<(), Error> {
    let caller = real(caller);
    let text = read(&caller)?.and_then(|text| String::from_utf8(text).ok());
    let Some(text) = text.filter(|text| script::has_lines(text)) else { return Ok(()) };
    let rest = script::without_lines(&text);
    if script::is_made(&rest) {
        plan.remove(caller);
        return Ok(());
    }
    plan.rewrite(caller, rest)
}

/// Plans our lines in the hook of somebody else.
fn plan_lines(plan: &mut HooksPlan, caller: &Path, hook: HookName) -> Result<(), Error> {
    let caller = real(caller);
    let with = match read(&caller)?.map(String::from_utf8).transpose() {
        Ok(text) => script::with_lines(text.as_deref(), hook),
        // Bytes that are no text are a program.
        Err(_) => None,
    };
    let Some(with) = with else {
        plan.notes.push(format!(
            "{} is no script of a shell and stays as it is: let it call \
             \"$(git rev-parse --git-common-dir)/reconciler-hooks/{hook}\" with its arguments, and \
             fail when that fails",
            caller.display()
        ));
        return Ok(());
    };
    plan.rewrite(caller, with)
}

impl HooksPlan {
    /// Plans a hook of ours, unless it stands there already.
    fn write(&mut self, path: PathBuf, text: String) -> Result<(), Error> {
        let is_there = read(&path)?.is_some_and(|found| found == text.as_bytes());
        if !is_there || !is_executable(&path)? {
            self.steps.push(HookStep::Write { path, text, permissions: Permissions::Run });
        }
        Ok(())
    }

    /// Plans a change of somebody else's hook, unless it is so already.
    fn rewrite(&mut self, path: PathBuf, text: String) -> Result<(), Error> {
        if read(&path)?.is_none_or(|found| found != text.as_bytes()) {
            self.steps.push(HookStep::Write { path, text, permissions: Permissions::Keep });
        }
        Ok(())
    }

    fn remove(&mut self, path: PathBuf) {
        let step = HookStep::Remove(path);
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    fn remove_if_there(&mut self, path: PathBuf) -> Result<(), Error> {
        if disk::is_there(&path)? {
            self.remove(path);
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, disk::Error> {
    disk::read(path, disk::RECORD_MAX)
}

/// Returns where a hook is that is a link: the link stays.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn write(path: &Path, text: &str, permissions: Permissions) -> Result<(), disk::Error> {
    let fail = |source| disk::Error::new("write", path, source);
    let mode = match (permissions, path.metadata()) {
        (Permissions::Keep, Ok(file)) => file.permissions().mode(),
        (Permissions::Keep | Permissions::Run, _) => 0o755,
    };
    disk::replace(path, text.as_bytes())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(fail)
}
