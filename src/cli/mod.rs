//! The command line: reads arguments, starts what they name and turns its answer into an exit code.
//! It decides nothing about tasks.

mod again;
mod agent_hook;
mod attach;
mod backup;
#[cfg(feature = "github")]
mod board;
mod brief;
mod check;
mod claim;
mod completion;
mod conflicts;
mod context;
mod decisions;
mod delete;
mod demo;
mod describe;
mod diff;
mod doctor;
mod editing;
mod errands;
mod events;
mod exec;
mod exit;
mod forecast;
mod get;
mod history;
mod hold;
mod hook;
mod hooks;
mod init;
mod listing;
mod locks;
mod logs;
#[cfg(feature = "mcp")]
mod mcp;
mod merge;
mod new;
mod print;
mod proposals;
mod reference;
mod report;
mod rescue;
mod run;
mod say;
mod scale;
mod schema;
mod send;
#[cfg(feature = "serve")]
mod serve;
mod shim;
mod status;
mod strip;
mod suspend;
#[cfg(feature = "github")]
mod task;
mod trust;
mod view;
mod wait;
mod watch;

use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use context::{Context, Global};
use exit::Failure;
use std::process::ExitCode;

/// Keeps parallel workers on one git repository running as committed.
#[derive(Debug, Parser)]
#[command(name = "reconciler", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(override_usage = "reconciler [FLAGS] VERB ...")]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Every verb; a new one also stands in a row of [`GROUPS`].
#[derive(Debug, Subcommand)]
enum Verb {
    Status(status::Status),
    Get(get::Get),
    Describe(describe::Describe),
    Events(events::Events),
    History(history::History),
    Locks(locks::Locks),
    Logs(logs::Logs),
    Attach(attach::Attach),
    Send(send::Send),
    Exec(exec::Exec),
    Wait(wait::Wait),
    Diff(diff::Diff),
    Merge(merge::Merge),
    Conflicts(conflicts::Conflicts),
    Rescue(rescue::Rescue),
    Backup(backup::Backup),
    #[cfg(feature = "github")]
    Board(board::Board),
    Restore(backup::Restore),
    Decisions(decisions::Decisions),
    Proposals(proposals::Proposals),
    New(new::New),
    Suspend(suspend::Suspend),
    Resume(suspend::Resume),
    Delete(delete::Delete),
    Accept(proposals::Accept),
    Reject(proposals::Reject),
    Scale(scale::Scale),
    Pause(hold::Pause),
    Unpause(hold::Unpause),
    Cordon(hold::Cordon),
    Uncordon(hold::Uncordon),
    Drain(hold::Drain),
    Restart(again::Restart),
    Retry(again::Retry),
    Claim(claim::ClaimTask),
    Release(claim::Release),
    Renew(claim::Renew),
    Context(brief::Brief),
    Progress(report::Progress),
    Ask(report::Ask),
    Messages(brief::Messages),
    Decide(decisions::Decide),
    ProposeTask(proposals::ProposeTask),
    Complete(report::Complete),
    Fail(report::Fail),
    Check(check::Check),
    Schema(schema::Schema),
    Run(run::Run),
    #[cfg(feature = "github")]
    Task(task::Task),
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    #[cfg(feature = "mcp")]
    Mcp(mcp::Mcp),
    Init(init::Init),
    Demo(demo::Demo),
    Hooks(hooks::Hooks),
    Doctor(doctor::Doctor),
    Trust(trust::Trust),
    Completion(completion::Completion),
    Shim(shim::Shim),
    View(view::View),
    Errands(errands::Errands),
    Hook(hook::Hook),
    AgentHook(agent_hook::AgentHook),
}

/// The verbs as the help groups them, most wanted first. `tests` holds that none is left out.
const GROUPS: [(&str, &[&str]); 7] = [
    (
        "Look",
        &[
            "status",
            "get",
            "describe",
            "events",
            "history",
            "locks",
            "logs",
            "attach",
            "send",
            "exec",
            "wait",
            "diff",
            "merge",
            "conflicts",
            "rescue",
            "decisions",
            "proposals",
        ],
    ),
    (
        "Change what is wanted",
        &["new", "suspend", "resume", "scale", "delete", "accept", "reject", "check", "schema"],
    ),
    (
        "Act now, without a commit",
        &["pause", "unpause", "cordon", "uncordon", "drain", "restart", "retry"],
    ),
    ("Work yourself", &["claim", "release", "renew"]),
    (
        "Say, as a worker",
        &["context", "progress", "ask", "messages", "decide", "propose-task", "complete", "fail"],
    ),
    ("Run", &["run", "serve", "mcp", "board", "task", "backup", "restore"]),
    ("Set up", &["init", "hooks", "demo", "doctor", "trust", "completion"]),
];

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    // Of all verbs only this one is waited for by git, at every commit.
    if hook::passes_at_once(std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    let matches = command().get_matches();
    run(&matches).unwrap_or_else(Failure::report)
}

fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Arguments { global, verb } =
        Arguments::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let context = Context::new(global);
    log(context.verbosity);
    start(verb, &context)
}

fn start(verb: Verb, context: &Context) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Status(verb) => verb.run(context),
        Verb::Get(verb) => verb.run(context),
        Verb::Describe(verb) => verb.run(context),
        Verb::Events(verb) => verb.run(context),
        Verb::History(verb) => Context::block_on(verb.run(context)),
        Verb::Locks(verb) => verb.run(context),
        Verb::Logs(verb) => verb.run(context),
        Verb::Attach(verb) => verb.run(context),
        Verb::Exec(verb) => verb.run(context),
        Verb::Send(verb) => Context::block_on(verb.run(context)),
        Verb::Wait(verb) => verb.run(context),
        Verb::Diff(verb) => Context::block_on(verb.run(context)),
        Verb::Merge(verb) => Context::block_on(verb.run(context)),
        Verb::Conflicts(verb) => Context::block_on(verb.run(context)),
        Verb::Rescue(verb) => Context::block_on(verb.run(context)),
        #[cfg(feature = "github")]
        Verb::Board(verb) => verb.run(context),
        Verb::Backup(verb) => Context::block_on(verb.run(context)),
        Verb::Restore(verb) => Context::block_on(verb.run(context)),
        Verb::New(verb) => Context::block_on(verb.run(context)),
        Verb::Suspend(verb) => Context::block_on(verb.run(context)),
        Verb::Resume(verb) => Context::block_on(verb.run(context)),
        Verb::Delete(verb) => Context::block_on(verb.run(context)),
        Verb::Accept(verb) => Context::block_on(verb.run(context)),
        Verb::Reject(verb) => Context::block_on(verb.run(context)),
        Verb::Decisions(verb) => Context::block_on(verb.run(context)),
        Verb::Proposals(verb) => Context::block_on(verb.run(context)),
        Verb::Scale(verb) => Context::block_on(verb.run(context)),
        Verb::Pause(verb) => Context::block_on(verb.run(context)),
        Verb::Unpause(verb) => Context::block_on(verb.run(context)),
        Verb::Cordon(verb) => Context::block_on(verb.run(context)),
        Verb::Uncordon(verb) => Context::block_on(verb.run(context)),
        Verb::Drain(verb) => Context::block_on(verb.run(context)),
        Verb::Restart(verb) => Context::block_on(verb.run(context)),
        Verb::Retry(verb) => Context::block_on(verb.run(context)),
        Verb::Claim(verb) => Context::block_on(verb.run(context)),
        Verb::Release(verb) => Context::block_on(verb.run(context)),
        Verb::Renew(verb) => Context::block_on(verb.run(context)),
        Verb::Context(verb) => Context::block_on(verb.run(context)),
        Verb::Messages(verb) => Context::block_on(verb.run(context)),
        Verb::Decide(verb) => Context::block_on(verb.run(context)),
        Verb::ProposeTask(verb) => Context::block_on(verb.run(context)),
        Verb::Progress(verb) => Context::block_on(verb.run(context)),
        Verb::Ask(verb) => Context::block_on(verb.run(context)),
        Verb::Complete(verb) => Context::block_on(verb.run(context)),
        Verb::Fail(verb) => Context::block_on(verb.run(context)),
        Verb::Check(verb) => Context::block_on(verb.run(context)),
        Verb::Schema(verb) => verb.run(),
        Verb::Run(verb) => verb.run(context),
        #[cfg(feature = "github")]
        Verb::Task(verb) => Context::block_on(verb.run(context)),
        #[cfg(feature = "serve")]
        Verb::Serve(verb) => Context::block_on(verb.run(context)),
        #[cfg(feature = "mcp")]
        Verb::Mcp(verb) => Context::block_on(verb.run(context)),
        Verb::Init(verb) => Context::block_on(verb.run(context)),
        Verb::Hooks(verb) => Context::block_on(verb.run(context)),
        Verb::Doctor(verb) => Context::block_on(verb.run(context)),
        Verb::Trust(verb) => Context::block_on(verb.run(context)),
        Verb::Completion(verb) => verb.run(),
        Verb::Demo(demo::Demo) => demo::Demo::run(context),
        Verb::Shim(verb) => verb.run(context),
        Verb::View(verb) => verb.run(),
        Verb::Errands(verb) => Context::block_on(verb.run(context)),
        Verb::Hook(verb) => verb.run(context),
        Verb::AgentHook(agent_hook::AgentHook) => agent_hook::AgentHook::run(context),
    }
}

/// Sends the log to stderr: warnings, and with `-v` more.
fn log(verbosity: u8) {
    let level = match verbosity {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}

/// Returns the command with its verbs in groups, which clap cannot do by itself.
fn command() -> Command {
    let command = Arguments::command();
    let groups: String =
        GROUPS.iter().map(|(title, verbs)| group(&command, title, verbs)).collect();
    command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Flags of every verb:\n{{options}}\n\n\
         More on one: reconciler VERB --help\n"
    ))
}

/// Returns the lines of a group; nothing when none of its verbs is there.
fn group(command: &Command, title: &str, verbs: &[&str]) -> String {
    let line = |verb: &&str| {
        let about = command.find_subcommand(verb)?.get_about()?.to_string();
        Some(format!("  {verb:<12} {}\n", about.trim_end_matches('.')))
    };
    let lines: String = verbs.iter().filter_map(line).collect();
    if lines.is_empty() { lines } else { format!("{title}:\n{lines}\n") }
}

#[cfg(test)]
mod screens;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_verb_once() {
        let help = command().render_help().to_string();
        for verb in command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let start = format!("  {} ", verb.get_name());
            let lines = help.lines().filter(|line| line.starts_with(&start));
            assert_eq!(lines.count(), 1, "{start} in\n{help}");
        }
    }

    #[test]
    fn every_verb_has_an_example() {
        command().debug_assert();
        for verb in command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let more = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(more.contains("Example"), "{}", verb.get_name());
        }
    }
}
