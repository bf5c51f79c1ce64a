//! The stamp of a hook: what was judged for the git that runs now, so that a later hook of the same
//! git need not judge it again. The script of the hook compares it by itself, and starts nothing.
//!
//! It stands for one git (pid and start time), one index (a second name of the very file) and for
//! all that was older than it: the folder of locks, git's settings, and of a worktree the mark and the generation.
//! Its time is that of before the judgement, so what changes meanwhile is not older.

use super::short::Variables;
use super::{GENERATION_FILE, HookPlace};
use crate::api::attempt::ProcessId;
use crate::process::identity;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What the script calls it, in the private git directory.
const STAMP: &str = "reconciler-passed";
/// The variable by which a script that has us run in its place says for whom.
const HOOK_OF: &str = "RECONCILER_HOOK_OF";

/// A stamp that is not valid yet. The script asks for nothing else than what it says.
#[derive(Debug)]
pub struct Stamp {
    new: PathBuf,
    path: PathBuf,
}

impl HookPlace {
    /// Begins a stamp, before anything is looked at; `None` when there can be none. These files
    /// and folders may not change after it.
    pub fn begin_stamp(&self, variables: &Variables, others: &[&Path]) -> Option<Stamp> {
        let path = self.git_dir.join(STAMP);
        absent(fs::remove_file(&path))?;
        let index = self.git_dir.join(format!("{STAMP}.index"));
        absent(fs::remove_file(&index))?;
        fs::hard_link(self.index(variables), &index).ok()?;
        let of_worktree = ["locked", GENERATION_FILE].map(|name| self.git_dir.join(name));
        let is_main = self.git_dir == self.common_dir;
        let files = of_worktree.iter().filter(|_| !is_main).map(PathBuf::as_path);
        let git = git(variables).ok()?;
        let mut text = format!("{} {}\n", git.pid, git.start_time);
        for file in others.iter().copied().chain(files) {
            let file = file.to_str().filter(|file| !file.contains(['\n', '\\']))?;
            text.push_str(file);
            text.push('\n');
        }
        let new = self.git_dir.join(format!("{STAMP}.new"));
        fs::write(&new, text).ok()?;
        Some(Stamp { new, path })
    }
}

impl Stamp {
    /// Makes it valid: everything was judged, and passes.
    pub fn keep(self) {
        // Without it the later hook judges by itself.
        fs::rename(self.new, self.path).ok();
    }
}

/// Returns the git that runs the hook. A script that has us run in its place says so; else it is the
/// script's parent. Whoever says so falsely gets a stamp that no hook takes.
fn git(variables: &Variables) -> io::Result<ProcessId> {
    let parent = identity::parent()?;
    let is_told = variables.get(HOOK_OF).is_some_and(|pid| *pid == parent.pid.to_string());
    if is_told { Ok(parent) } else { identity::grandparent() }
}

fn absent(removed: io::Result<()>) -> Option<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => None,
        Ok(()) | Err(_) => Some(()),
    }
}
