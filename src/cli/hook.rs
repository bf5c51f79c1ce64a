//! `reconciler hook`: what the installed hooks of git call. Not for people. All it says goes to
//! stderr, and every refusal names who holds what and the ways forward.

use super::context::Context;
use super::exit::chain;
use super::print::{printable, span};
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::{BYPASS, Checked, HookCall, HookName, Objection, Refused, Ruling, judge_hook};
use clap::Args;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use std::process::ExitCode;

/// How many files a refusal names.
const SHOWN: usize = 10;
/// The longest input that is read, in bytes: git writes a line for each ref.
const INPUT_MAX: u64 = 64 * 1024 * 1024;

/// Judges what a hook of git was called for.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Hook {
    /// The hook.
    name: HookName,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Hook {
    pub(super) fn run(self, context: &Context) -> Done {
        // One thread is enough, and starts sooner.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.judge(context))
    }

    async fn judge(self, context: &Context) -> Done {
        let mut input = Vec::new();
        if self.name.has_input() {
            io::stdin().lock().take(INPUT_MAX).read_to_end(&mut input)?;
        }
        let input = String::from_utf8_lossy(&input).into_owned();
        let call = HookCall { hook: self.name, arguments: self.arguments, input };
        let ruling = judge_hook(&call, &context.directory, context.environment.clone()).await;
        match ruling {
            Ok(ruling) => pronounce(&ruling, context),
            Err(error) => {
                let why = printable(&chain(&error));
                let fix = "see what is wrong: reconciler doctor";
                say::note(format!(
                    "reconciler: refused, as nobody can tell who holds what: {why}; {fix}"
                ));
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Returns whether these are the arguments of a hook that passes at one look: then nothing else of
/// the program needs to start.
pub(super) fn passes_at_once(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter().skip(1);
    let (verb, name) = (arguments.next(), arguments.next());
    let name = name.as_deref().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
    verb.is_some_and(|verb| verb == "hook")
        && name.is_some_and(|name| {
            crate::client::passes_at_once(name, Path::new("."), &super::context::environment())
        })
}

/// Says what was judged.
pub(super) fn pronounce(ruling: &Ruling, context: &Context) -> Done {
    match ruling {
        Ruling::Passed => return Ok(ExitCode::SUCCESS),
        Ruling::Bypassed(refused) => {
            let what = refused.action;
            say::note(format!("reconciler: {BYPASS} is set: {what} passes over a lock (noted)"));
            return Ok(ExitCode::SUCCESS);
        }
        Ruling::Refused(refused) => {
            for line in lines(refused, &context.zone) {
                say::note(line);
            }
            if !io::stderr().is_terminal() {
                say::note(serde_json::to_string(refused)?);
            }
        }
        Ruling::Invalid(checked) => tell(checked),
    }
    Ok(ExitCode::FAILURE)
}

/// Says what is wrong with state files, as `check` does.
fn tell(checked: &Checked) {
    for problem in &checked.problems {
        if io::stderr().is_terminal() {
            say::note(format!("{}\n", problem.picture()));
        } else {
            say::note(problem.to_string());
        }
    }
    say::note(
        "reconciler: commit refused: mend the files above and `git add` them; your edits are \
         still there",
    );
}

/// Returns all that a refusal says, a line each.
pub(super) fn lines(refused: &Refused, zone: &TimeZone) -> Vec<String> {
    let mut lines = vec![format!("reconciler: {} refused. {}", refused.action, headline(refused))];
    let objections = &refused.objections;
    let width = objections.iter().take(SHOWN).filter_map(path).map(|path| printable(path).len());
    let width = width.max().unwrap_or_default().min(50);
    let told = objections.iter().take(SHOWN).map(|one| told(one, refused, (width, zone)));
    lines.extend(told);
    if let Some(more) = objections.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    let who = match (&refused.task, &refused.worker) {
        (Some(task), Some(worker)) => format!("task/{task} ({worker})"),
        (Some(task), None) => format!("task/{task}, which has no lock now"),
        (None, _) => "a person: this worktree is no task's".to_owned(),
    };
    lines.push(format!("You are {who}. Nothing is lost; your edits are still in the work tree."));
    let ways = ways(refused);
    let width = ways.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    lines.extend(ways.iter().map(|(what, how)| format!("  {what:<width$}   {how}")));
    if refused.task.is_some() {
        let never = "agents: do not go around this: `reconciler locks audit` finds what was changed past a lock.";
        lines.push(never.to_owned());
    }
    lines.push("more: reconciler hooks --help".to_owned());
    lines
}

fn path(objection: &Objection) -> Option<&str> {
    match objection {
        Objection::Held { path, .. } | Objection::Outside { path, .. } => Some(path),
        Objection::Damaged { path, .. } => path.as_deref(),
        Objection::Fenced { .. } | Objection::Elsewhere { .. } => None,
    }
}

fn headline(refused: &Refused) -> String {
    let count =
        |is: fn(&Objection) -> bool| refused.objections.iter().filter(|one| is(one)).count();
    let held = count(|one| matches!(one, Objection::Held { .. }));
    let outside = count(|one| matches!(one, Objection::Outside { .. }));
    let all = refused.changed;
    let files = if all == 1 { "file" } else { "files" };
    let be = |count| if count == 1 { "is" } else { "are" };
    if count(|one| matches!(one, Objection::Fenced { .. })) > 0 {
        return "This worktree works under a lock that is no longer in force.".to_owned();
    }
    if count(|one| matches!(one, Objection::Elsewhere { .. })) > 0 {
        return "This work tree is not your task's.".to_owned();
    }
    let damaged = refused
        .objections
        .iter()
        .filter(|one| matches!(one, Objection::Damaged { path: Some(_), .. }));
    match (held, outside) {
        (0, 0) if damaged.clone().count() > 0 => {
            let paths: BTreeSet<_> = damaged.filter_map(path).collect();
            let count = paths.len();
            format!("{count} of {all} {files} may be in a lock that cannot be understood.")
        }
        (0, 0) => "A lock cannot be understood, so it may hold anything.".to_owned(),
        (0, _) => format!("{outside} of {all} {files} {} outside of your own lock.", be(outside)),
        (_, _) => format!("{held} of {all} {files} {} in the lock of another task.", be(held)),
    }
}

fn told(objection: &Objection, refused: &Refused, (width, zone): (usize, &TimeZone)) -> String {
    match objection {
        Objection::Held { path, pattern, task, worker, since, until } => {
            let age = span(refused.now.duration_since(*since).as_secs());
            let until = until.to_zoned(zone.clone()).strftime("%H:%M");
            let (path, pattern) = (printable(path), printable(pattern));
            format!(
                "  {path:<width$}   task/{task} ({worker}) holds {pattern} since {age}, until {until}"
            )
        }
        Objection::Outside { path, own } => {
            let own = printable(&own.join(" "));
            format!("  {:<width$}   your lock covers only {own}", printable(path))
        }
        Objection::Fenced { generation, now } => {
            let here = generation.map_or("no generation".to_owned(), |n| format!("generation {n}"));
            let now =
                now.map_or("there is none".to_owned(), |n| format!("it is at generation {n}"));
            format!("  this worktree has {here} of its task's lock; now {now}")
        }
        Objection::Elsewhere { worktree: Some(worktree), .. } => {
            format!("  your worktree is {}", printable(&worktree.to_string_lossy()))
        }
        Objection::Elsewhere { worktree: None, .. } => {
            "  you are to decide, and may change nothing".to_owned()
        }
        Objection::Damaged { path: Some(path), task, why } => {
            let (path, why) = (printable(path), printable(why));
            format!("  {path:<width$}   may be held: the lock of task/{task} cannot be read: {why}")
        }
        Objection::Damaged { path: None, task, why } => format!(
            "  the lock of task/{task} cannot be read, and nothing says what it holds: {}",
            printable(why)
        ),
    }
}

/// Returns what can be done instead, the best first: what it comes to, and how.
fn ways(refused: &Refused) -> Vec<(String, String)> {
    let mut ways = Vec::new();
    if let Some(command) = refused.way_out {
        ways.push((format!("leave this {}", refused.action), command.to_owned()));
    } else if refused.action == "commit" && !refused.free.is_empty() && refused.free.len() <= SHOWN
    {
        let what = match refused.free.len() {
            1 => "commit the other file".to_owned(),
            n => format!("commit the other {n} files"),
        };
        let names: Vec<String> = refused.free.iter().map(|path| quoted(path)).collect();
        ways.push((what, format!("git commit -m \"...\" -- {}", names.join(" "))));
    }
    for task in holders(refused) {
        let wait = format!("reconciler wait lock/{task} --for released");
        ways.push((format!("wait for {task}"), wait));
        ways.push((format!("ask {task}"), format!("reconciler attach {task}")));
    }
    let damaged = refused.objections.iter().filter_map(|objection| match objection {
        Objection::Damaged { task, .. } => Some(task),
        Objection::Held { .. }
        | Objection::Outside { .. }
        | Objection::Fenced { .. }
        | Objection::Elsewhere { .. } => None,
    });
    for task in damaged.collect::<BTreeSet<_>>() {
        let how = format!("reconciler release {task} --force --reason TEXT");
        ways.push(("take the lock away".to_owned(), how));
    }
    let place = refused.objections.iter().find_map(|objection| match objection {
        Objection::Elsewhere { worktree, .. } => worktree.as_ref(),
        Objection::Held { .. }
        | Objection::Outside { .. }
        | Objection::Fenced { .. }
        | Objection::Damaged { .. } => None,
    });
    if let Some(place) = place {
        let how = format!("cd {}", quoted(&place.to_string_lossy()));
        ways.push(("work in your own worktree".to_owned(), how));
    }
    if let Some(task) = &refused.task {
        if refused.objections.iter().any(|one| matches!(one, Objection::Fenced { .. })) {
            ways.push((
                "see who has it now".to_owned(),
                format!("reconciler describe task {task}"),
            ));
        }
        if refused.objections.iter().any(|one| matches!(one, Objection::Outside { .. })) {
            let how = "reconciler locks acquire PATH   (spec.files holds for the next attempt)";
            ways.push(("widen the lock".to_owned(), how.to_owned()));
        }
    } else {
        let how = format!("{BYPASS}=\"why\" git ...   (it is noted in the journal)");
        ways.push(("pass over it".to_owned(), how));
    }
    ways
}

/// Returns the tasks that hold something, the first three.
fn holders(refused: &Refused) -> Vec<&TaskName> {
    let mut holders = BTreeSet::new();
    for objection in &refused.objections {
        if let Objection::Held { task, .. } = objection {
            holders.insert(task);
        }
    }
    holders.into_iter().take(3).collect()
}

/// Returns a path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if path.chars().all(is_plain) && !path.starts_with('-') {
        return path.to_owned();
    }
    if path.chars().any(char::is_control) {
        let escape = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if c.is_ascii_control() => format!("\\{:03o}", u32::from(c)),
            c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        };
        return format!("$'{}'", path.chars().map(escape).collect::<String>());
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    fn held(path: &str) -> Objection {
        Objection::Held {
            path: path.to_owned(),
            pattern: "src/auth/**".to_owned(),
            task: "fix-login".parse().unwrap(),
            worker: "codegen-1".to_owned().try_into().unwrap(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(60),
        }
    }

    fn refused(objections: Vec<Objection>) -> Refused {
        Refused {
            action: "commit",
            way_out: None,
            task: Some("docs".parse().unwrap()),
            worker: Some("codegen-2".to_owned().try_into().unwrap()),
            changed: objections.len() + 2,
            objections,
            free: vec!["docs/a.md".to_owned(), "docs/it's.md".to_owned()],
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(41),
        }
    }

    #[test]
    fn a_refusal_names_holder_pattern_time_self_and_the_ways_forward() {
        let text = lines(&refused(vec![held("src/auth/a.rs")]), &TimeZone::UTC).join("\n");
        assert_eq!(
            text,
            "reconciler: commit refused. 1 of 3 files is in the lock of another task.\n  \
             src/auth/a.rs   task/fix-login (codegen-1) holds src/auth/** since 41m, until 01:00\n\
             You are task/docs (codegen-2). Nothing is lost; your edits are still in the work tree.\n  \
             commit the other 2 files   git commit -m \"...\" -- docs/a.md 'docs/it'\\''s.md'\n  \
             wait for fix-login         reconciler wait lock/fix-login --for released\n  \
             ask fix-login              reconciler attach fix-login\n\
             agents: do not go around this: `reconciler locks audit` finds what was changed past a lock.\n\
             more: reconciler hooks --help"
        );
    }

    #[test]
    fn many_files_are_ten_and_a_number_and_names_cannot_steer_the_terminal() {
        let many = (0..14).map(|n| held(&format!("src/auth/\u{1b}[2J{n}\n"))).collect();
        let lines = lines(&refused(many), &TimeZone::UTC);
        assert_eq!(lines.iter().filter(|line| line.contains("holds src")).count(), 10);
        assert!(lines.contains(&"  and 4 more".to_owned()), "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains(['\u{1b}', '\n'])), "{lines:?}");
    }

    #[test]
    fn a_path_is_quoted_for_a_shell() {
        assert_eq!(quoted("a/b.rs"), "a/b.rs");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("a'\n\"b"), "$'a\\'\\012\"b'");
    }
}
