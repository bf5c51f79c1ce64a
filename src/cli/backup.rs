//! `reconciler backup` and `reconciler restore`: all that is known of a repository in one file, and back.
//! Neither starts or stops anything.

use super::context::{Context, Output};
use super::exit::Failure;
use super::print;
use super::say::{self, Done};
use crate::client::{self, Fate, IfThere, Restoration, Restored};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Save everything that is known of this repository in one file.
///
/// Branches, locks, rescued work and stashes, what is not committed in the worktrees of tasks, and the
/// records, logs and claims of this machine. Loop and workers may go on meanwhile; nothing of theirs is
/// touched. The file is read back before it is published whole.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is a git bundle: `git clone FILE DIR` works without reconciler. Only you can read it (mode 0600):
records and logs may hold what agents were told and what stands in their environment, so keep it as you
keep a key. Not in it: files that git ignores, .reconciler/trash, tags, approvals (`reconciler trust`).

Exit code: 0 all is in it, 1 it was not written or lacks what is named.

Examples:
  reconciler backup ~/shop.bundle
  reconciler backup --force ~/shop.bundle       in place of the one before")]
pub(super) struct Backup {
    /// The file to write.
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Put back from a backup what is not here.
///
/// Nothing that is here is changed: a branch that is another by now comes under refs/reconciler/restored/,
/// and a record that is there stays. It can be run again at any time. Sessions are not brought back: what
/// ran counts as interrupted, and `reconciler run` goes on with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  git clone ~/shop.bundle shop && cd shop       or any clone of it
  reconciler restore ~/shop.bundle --dry-run
  reconciler restore ~/shop.bundle
  reconciler trust && reconciler run
  reconciler rescue                             what was not committed when it was made")]
pub(super) struct Restore {
    /// A file that `reconciler backup` made.
    file: PathBuf,
    /// Only show what would be done.
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl Backup {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        context.arm_faults("backup");
        let if_there = if self.force { IfThere::Replace } else { IfThere::Refuse };
        let client = context.client().await?;
        let made = Box::pin(client.back_up(&self.file, if_there)).await?;
        match context.output {
            Output::Json => print::out(&print::json(&made)?)?,
            Output::Name => say::out(made.file.display().to_string())?,
            Output::Table | Output::Wide => {
                let client::Backup { file, bytes, branches, files, rescues, missing: _ } = &made;
                say::out(format!("{}  {}, read back", file.display(), size(*bytes)))?;
                let rescued = match rescues.as_slice() {
                    [] => "no work beside them".to_owned(),
                    names => format!("work beside them of {}", names.join(", ")),
                };
                say::out(format!("  {branches} branches, {files} records and claims, {rescued}"))?;
                context.note("put it back, here or in a clone: reconciler restore FILE");
            }
        }
        match made.missing.as_slice() {
            [] => Ok(ExitCode::SUCCESS),
            missing => {
                let what = format!("what is not saved there is not in it: {}", missing.join("; "));
                Err(Failure::new(what).hint("see what is wrong with it: reconciler doctor"))
            }
        }
    }
}

impl Restore {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        context.arm_faults("restore");
        let client = context.client().await?;
        let told = if self.dry_run {
            Box::pin(client.plan_restore(&self.file)).await?
        } else {
            Box::pin(client.restore(&self.file)).await?
        };
        match context.output {
            Output::Json => print::out(&print::json(&told)?)?,
            Output::Name => {
                let all = [&told.refs, &told.records, &told.claims].into_iter().flatten();
                let new = all.filter(|one| one.fate == Fate::New);
                let names: Vec<String> = new.map(|one| format!("{}\n", one.what)).collect();
                print::out(&names.concat())?;
            }
            Output::Table | Output::Wide => self.tell(&told, context)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, told: &Restoration, context: &Context) -> std::io::Result<()> {
        let about = &told.about;
        say::out(format!("backup of {}, made {:.0}", about.root.display(), about.made_at))?;
        let below = |prefix: &str| -> Vec<&Restored> {
            told.refs.iter().filter(|one| one.what.starts_with(prefix)).collect()
        };
        let (rescues, branches) = (below("refs/reconciler/rescue/"), below("refs/heads/"));
        let others =
            told.refs.iter().filter(|one| !rescues.contains(one) && !branches.contains(one));
        self.count("branches", &branches)?;
        self.count("rescued work", &rescues)?;
        self.count("other refs", &others.collect::<Vec<_>>())?;
        self.count("records", &told.records.iter().collect::<Vec<_>>())?;
        self.count("claims", &told.claims.iter().collect::<Vec<_>>())?;
        for one in told.refs.iter().chain(&told.claims) {
            match &one.fate {
                Fate::Aside(name) => {
                    say::out(format!(
                        "  {} is another here; that of the backup: {name}",
                        one.what
                    ))?;
                }
                Fate::Left(why) => {
                    say::out(format!("  the claim of {} stays away: {why}", one.what))?;
                }
                Fate::New | Fate::There => {}
            }
        }
        if self.dry_run {
            context.note("nothing was changed");
            return Ok(());
        }
        if let Some(branch) = &told.unfilled {
            let branch = branch.trim_start_matches("refs/heads/");
            context.note(&format!(
                "{branch} is checked out and its files are not here: git reset --hard"
            ));
        }
        context.note("what ran counts as interrupted; go on: reconciler trust, reconciler run");
        Ok(())
    }

    fn count(&self, what: &str, all: &[&Restored]) -> std::io::Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        let of = |is: &dyn Fn(&Fate) -> bool| all.iter().filter(|one| is(&one.fate)).count();
        let done = if self.dry_run { "to be put back" } else { "put back" };
        let counts = [
            (of(&|fate| *fate == Fate::New), done),
            (of(&|fate| *fate == Fate::There), "there"),
            (of(&|fate| matches!(fate, Fate::Aside(_))), "beside another"),
            (of(&|fate| matches!(fate, Fate::Left(_))), "left away"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, how)| format!("{count} {how}")).collect();
        say::out(format!("  {what:<13} {}", counts.join(", ")))
    }
}

/// Returns a size for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
