//! `reconciler locks`: who holds what, who held what, and what was committed against it.

use super::claim::{self, Force, Who};
use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::get::Get;
use super::print::{self, Long, Row, Table, Tone, printable};
use crate::api::claim::Holding;
use crate::api::name::{NameError, TaskName};
use crate::client::{Audit, AuditFinding, Ruling, Which, judge_paths};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use std::process::ExitCode;

/// How many paths of a commit are named.
const PATHS_MAX: usize = 10;

/// Show who holds which files, who held them, and what was committed against that.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler locks                        who holds what; the same as: reconciler get locks
  reconciler locks check src/auth/        may I change this? who holds it?
  reconciler locks acquire src/auth/      hold it: in a task's worktree for that task, else for you
  reconciler locks release --all          give back what was acquired so
  reconciler locks forecast               what is ahead: tasks that will wait, branches in conflict
  reconciler locks log                    every claim there was, the newest last
  reconciler locks audit origin/main..    in CI: fails when a commit changed what another task held")]
pub(super) struct Locks {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say whether whoever works here may change these paths; exit code 1 when not.
    ///
    /// The answer is that of the commit hooks: it goes by the worktree in which it is asked.
    Check {
        /// Paths, from here.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
    },
    /// Hold more paths, all of them or none: in the worktree of a task for its lock, elsewhere for you.
    ///
    /// Exit code 6: somebody holds one of them.
    Acquire {
        /// Files, folders or quoted patterns, from here.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
        /// Why, for the history of the locks.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        who: Who,
    },
    /// Give back paths that were acquired, or take a lock away from whoever holds it.
    Release {
        /// Paths as they were acquired, or lock/NAME; with --force, the name of one lock.
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "PATH")]
        paths: Vec<String>,
        /// All that were acquired: by this worktree's task, or by you.
        #[arg(long, conflicts_with = "force")]
        all: bool,
        #[command(flatten)]
        force: Force,
        #[command(flatten)]
        who: Who,
    },
    /// Hold longer: the lock of this worktree's task, or all that you hold.
    Renew {
        #[command(flatten)]
        who: Who,
    },
    /// List every claim there was, the newest last.
    Log,
    /// Say which tasks will meet on files, and which branches conflict already.
    ///
    /// Tasks that are still to start are held against those that hold files, and those before them in
    /// the queue. The branches of live worktrees that changed a path in common are merged for a try.
    /// What is not committed is not looked at.
    Forecast,
    /// Judge commits by what was held when they were made.
    ///
    /// A commit on the branch of a task is that task's work. The history of the locks is
    /// refs/reconciler/locks: fetch it first where it is not (git fetch origin
    /// 'refs/reconciler/*:refs/reconciler/*'). Exit code: 0 nothing found, 1 something was.
    Audit {
        /// Which commits, as for git log.
        #[arg(value_name = "REV..REV")]
        range: String,
    },
}

impl Locks {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self.what {
            None => Get::locks().run(context),
            Some(What::Check { paths }) => Context::block_on(check(&paths, context)),
            Some(What::Acquire { paths, reason, who }) => {
                Context::block_on(acquire((&paths, reason.as_deref()), &who, context))
            }
            Some(What::Release { paths, force, who, .. }) => {
                Context::block_on(release(paths, force, &who, context))
            }
            Some(What::Renew { who }) => Context::block_on(renew(&who, context)),
            Some(What::Forecast) => Context::block_on(super::forecast::run(context)),
            Some(What::Log) => Context::block_on(log(context)),
            Some(What::Audit { range }) => Context::block_on(audit(&range, context)),
        }
    }
}

async fn check(paths: &[String], context: &Context) -> Result<ExitCode, Failure> {
    let ruling = judge_paths(paths, &context.directory, &context.environment).await?;
    if matches!(ruling, Ruling::Passed) {
        context.note("nobody else holds any of it");
    }
    super::hook::pronounce(&ruling, context)
}

async fn acquire(
    (paths, reason): (&[String], Option<&str>),
    who: &Who,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let client = context.holder().await?;
    let asked = (context.directory.as_path(), paths);
    let taken = client.acquire_paths(asked, who.name.as_deref(), reason).await?;
    claim::told(context, &taken)?;
    claim::end(&taken, context)
}

async fn release(
    paths: Vec<String>,
    force: Force,
    who: &Who,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let client = context.holder().await?;
    if let Some(how) = force.how() {
        let [name] = paths.as_slice() else {
            return Err(Failure::usage("--force takes away one lock: name it"));
        };
        let name = name.strip_prefix("lock/").unwrap_or(name);
        let task: TaskName = name.parse().map_err(|why: NameError| {
            Failure::usage(why.to_string()).hint("see the names: reconciler locks")
        })?;
        let person = client.person(who.name.as_deref()).await?;
        let freed = client.release(&task, &person, &how).await?;
        return claim::finish(context, &task, &freed);
    }
    let which = if paths.is_empty() { Which::All } else { Which::Paths(paths) };
    let changed = client.release_paths(&context.directory, &which, who.name.as_deref()).await?;
    match context.output {
        Output::Json => print::out(&print::json(&changed)?)?,
        Output::Name => print::out(&claim::names(&changed))?,
        Output::Table | Output::Wide if changed.is_empty() => {
            context.note("nothing was acquired, so nothing was released");
        }
        Output::Table | Output::Wide => match &which {
            Which::All => context.say("released all that was acquired")?,
            Which::Paths(paths) => context.say(&format!("released {}", paths.join(" ")))?,
        },
    }
    Ok(Code::Success.into())
}

async fn renew(who: &Who, context: &Context) -> Result<ExitCode, Failure> {
    let client = context.holder().await?;
    let renewed = client.renew_here(&context.directory, who.name.as_deref()).await?;
    claim::renewals(context, &renewed)
}

async fn log(context: &Context) -> Result<ExitCode, Failure> {
    let history = context.client().await?.lock_history().await?;
    let mut all: Vec<&Holding> = history.holdings().collect();
    all.sort_by_key(|one| (one.claim.claimed_at, &one.claim.task));
    match context.output {
        Output::Json => print::out(&print::json(&json!(all))?)?,
        Output::Name => {
            let names = all.iter().map(|one| format!("lock/{}\n", one.claim.task));
            print::out(&names.collect::<String>())?;
        }
        Output::Table | Output::Wide if all.is_empty() => {
            context.note("no claim was ever recorded in refs/reconciler/locks");
        }
        Output::Table | Output::Wide => {
            let header = vec!["CLAIMED", "RELEASED", "TASK", "GENERATION", "WORKER", "PATHS"];
            let rows = all.iter().map(|one| log_row(one)).collect();
            print::out(&Table { header, rows }.draw(context.look, Long::Cut, 0))?;
        }
    }
    Ok(Code::Success.into())
}

fn log_row(one: &Holding) -> Row {
    let claim = &one.claim;
    let paths: Vec<String> = claim.locked_files.iter().map(ToString::to_string).collect();
    let cells = vec![
        moment(claim.claimed_at),
        one.released_at.map_or_else(|| "-".to_owned(), moment),
        claim.task.to_string(),
        claim.generation.to_string(),
        claim.seat.to_string(),
        print::or_dash(paths.join(" ")),
    ];
    let tone = if one.released_at.is_some() { Tone::Faint } else { Tone::Plain };
    Row { tone, cells }
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn audit(range: &str, context: &Context) -> Result<ExitCode, Failure> {
    let audit = context.client().await?.audit(range).await?;
    let found = !audit.findings.is_empty();
    match context.output {
        Output::Json => print::out(&print::json(&audit_json(&audit))?)?,
        Output::Name => {
            let ids = audit.findings.iter().map(|one| format!("{}\n", one.commit.id));
            print::out(&ids.collect::<String>())?;
        }
        Output::Table | Output::Wide => {
            print::out(&audit.findings.iter().map(finding).collect::<String>())?;
        }
    }
    let sum = format!(
        "{} of {} commits changed what another task held; {} claims are on record",
        audit.findings.len(),
        audit.commits,
        audit.claims
    );
    context.note(&sum);
    Ok(if found { Code::Failed.into() } else { Code::Success.into() })
}

fn finding(one: &AuditFinding) -> String {
    let commit = &one.commit;
    let mut lines = vec![format!(
        "{} {} by {}: {}",
        commit.id.short(),
        moment(commit.at),
        printable(&commit.author),
        printable(&commit.subject)
    )];
    lines.extend(one.trespasses.iter().take(PATHS_MAX).map(|trespass| {
        let (path, claim) = (printable(&trespass.path), &trespass.by);
        let (since, generation) = (moment(claim.claimed_at), claim.generation);
        format!(
            "  {path}  held by task/{} ({}) since {since}, generation {generation}",
            claim.task, claim.seat
        )
    }));
    if let Some(more) = one.trespasses.len().checked_sub(PATHS_MAX).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n") + "\n"
}

fn audit_json(audit: &Audit) -> serde_json::Value {
    let trespasses = |one: &AuditFinding| {
        let all = one.trespasses.iter();
        all.map(|one| json!({ "path": one.path, "heldBy": one.by })).collect::<Vec<_>>()
    };
    let finding = |one: &AuditFinding| {
        let commit = &one.commit;
        json!({
            "commit": commit.id, "committedAt": commit.at, "author": commit.author,
            "subject": commit.subject, "trespasses": trespasses(one),
        })
    };
    let findings: Vec<_> = audit.findings.iter().map(finding).collect();
    json!({ "commits": audit.commits, "claims": audit.claims, "findings": findings })
}
