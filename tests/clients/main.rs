//! The real clients of Claude Code, Codex and opencode in whole lives, against a stand-in for their
//! model: `make clients` installs them and runs this. A home of its own, no network, no key.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the world is shared with the end-to-end tests")]
mod common;

mod model;

use common::{TestEnvironment, is_there, poll, said};
use model::{Mode, Model, Step};
use reconciler::api::attempt::ExitReason;
use reconciler::api::report::Source;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than any of them takes for a few turns.
const DEADLINE: Duration = Duration::from_mins(3);

/// One client in a world of its own, with a task `t` that it is to do.
struct Scene {
    env: TestEnvironment,
    model: Model,
    client: &'static str,
}

/// Where `make clients` installs them.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/node_modules/.bin")
}

/// Returns whether a client is installed, and says so when it is not.
fn is_installed(client: &str) -> bool {
    let is_installed = is_there(&programs().join(client));
    if !is_installed {
        let told = writeln!(std::io::stdout(), "skipped: {client} is not installed: make clients");
        assert!(told.is_ok());
    }
    is_installed
}

/// Returns a scene. In the steps, `{t}` is the worktree of the task.
fn scene(client: &'static str, mode: Mode, steps: &[Step]) -> Scene {
    let mut env = TestEnvironment::new();
    let worktree = env.worktree("t").to_str().unwrap().to_owned();
    let steps: Vec<Step> = steps
        .iter()
        .map(|step| match step {
            Step::Write(path, text) => Step::Write(path.replace("{t}", &worktree), text.clone()),
            Step::Run(_) | Step::Complete(_) | Step::Say(_) => step.clone(),
        })
        .collect();
    let model = Model::start(mode, &steps);
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap());
    for (name, value) in [
        ("PATH", path),
        ("ANTHROPIC_BASE_URL", format!("http://127.0.0.1:{}", model.port)),
        ("ANTHROPIC_API_KEY", "sk-of-nobody-0123456789".to_owned()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
        ("CLAUDE_CODE_MAX_RETRIES", "0".to_owned()),
        ("OPENAI_API_KEY", "sk-of-nobody-0123456789".to_owned()),
        ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1".to_owned()),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1".to_owned()),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1".to_owned()),
    ] {
        env.odd.insert(name.to_owned(), Some(value));
    }
    user_settings(&env.home(), model.port);
    env.write_object("workers/codegen", "Worker", &json!({ "agent": client, "replicas": 1 }));
    env.commit("a real agent");
    let hooks = said(&mut env.reconciler(&["hooks", "install"]));
    assert!(hooks.status.success(), "{hooks:?}");
    Scene { env, model, client }
}

/// Points Codex and opencode at the stand-in, as a user would: they have no variable for it.
fn user_settings(home: &Path, port: u16) {
    let codex = format!(
        "model = \"stand-in\"\nmodel_provider = \"local\"\nanalytics.enabled = false\n\
         model_providers.local = {{ name = \"local\", base_url = \"http://127.0.0.1:{port}/v1\", \
         env_key = \"OPENAI_API_KEY\", wire_api = \"responses\", request_max_retries = 0, \
         stream_max_retries = 0 }}\n"
    );
    let model = json!({ "name": "m1", "tool_call": true, "limit": { "context": 100_000, "output": 4_000 } });
    let options = json!({ "baseURL": format!("http://127.0.0.1:{port}/v1"), "apiKey": "x" });
    let provider = json!({ "npm": "@ai-sdk/openai-compatible", "name": "local", "options": options,
        "models": { "m1": model } });
    let opencode = json!({ "share": "disabled", "model": "local/m1", "small_model": "local/m1",
        "enabled_providers": ["local"], "permission": { "edit": "ask", "bash": "ask" },
        "provider": { "local": provider } });
    for (path, text) in
        [(".codex/config.toml", codex), (".config/opencode/opencode.json", opencode.to_string())]
    {
        let path = home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

impl Scene {
    fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let log = said(&mut self.env.reconciler(&["logs", "t"]));
            let (client, turns) = (self.client, self.model.steps());
            let in_time = start.elapsed() < DEADLINE;
            assert!(
                in_time,
                "{client}: waited in vain for {what}; turns {turns:?}\n{}",
                log.stdout
            );
            poll();
        }
    }

    fn wait_for_completed(&self) {
        self.wait("the task to be completed", || {
            self.env.reason("t").is_some_and(|reason| {
                let ends = self.env.ends("t");
                assert!(
                    !matches!(
                        ends.last(),
                        Some(ExitReason::Failed { .. } | ExitReason::Unreported)
                    ),
                    "{ends:?} {}",
                    said(&mut self.env.reconciler(&["logs", "t"])).stdout
                );
                reason == Reason::Succeeded || ends.last() == Some(&ExitReason::Succeeded)
            })
        });
    }

    /// The content of a file on the branch of the task.
    fn committed(&self, path: &str) -> Option<String> {
        let on = |branch: &str| self.env.try_git(&["show", &format!("{branch}:{path}")]);
        on("main").or_else(|| on(&self.env.branch_of("t")?))
    }

    /// Kills the client, and all that shares its terminal.
    fn kill_client(&self) {
        let shim = self.env.shim("t").unwrap();
        let children = format!("/proc/{shim}/task/{shim}/children");
        let leader: u32 = fs::read_to_string(children)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let group = format!("-{leader}");
        let killed = said(self.env.command("kill").args(["-s", "KILL", "--", &group]));
        assert!(killed.status.success(), "{killed:?}");
    }
}

fn write(path: &str, text: &str) -> Step {
    Step::Write(format!("{{t}}/{path}"), text.to_owned())
}

fn run(command: &str) -> Step {
    Step::Run(command.to_owned())
}

fn say(text: &str) -> Step {
    Step::Say(format!("SAID: {text}"))
}

fn work() -> Vec<Step> {
    vec![
        write("b.txt", "by an agent"),
        run("git add -A && git commit -q -m 'b'"),
        run("reconciler complete 'wrote b.txt'"),
        say("done"),
    ]
}

fn task() -> serde_json::Value {
    json!({ "prompt": "- write b.txt", "retries": 0 })
}

/// From the first prompt to the result, which it tells by the tool of our MCP server.
fn works(client: &'static str) {
    let mut steps = work();
    steps[2] = Step::Complete("wrote b.txt".to_owned());
    let scene = scene(client, Mode::Works, &steps);
    scene.env.commit_task("t", &task());
    let running = scene.env.start_loop();
    scene.wait_for_completed();
    assert_eq!(scene.committed("b.txt").as_deref(), Some("by an agent"));
    assert!(scene.model.was_told("- write b.txt"), "the prompt");
    assert_eq!(scene.env.ends("t"), [ExitReason::Succeeded]);
    let id = &scene.env.attempts("t")[0].id;
    let report = scene.env.records().reported(id).unwrap().unwrap();
    assert_eq!((report.by, report.summary.as_str()), (Source::Mcp, "wrote b.txt"));
    drop(running);
}

/// Killed in the middle, it goes on with its conversation.
fn goes_on_when_killed(client: &'static str) {
    let scene = scene(client, Mode::Thinks(1), &work());
    scene.env.commit_task("t", &task());
    let running = scene.env.start_loop();
    scene.wait("the second turn", || scene.model.steps().contains(&1));
    scene.kill_client();
    scene.wait("the end of the first attempt", || !scene.env.ends("t").is_empty());
    scene.model.set(Mode::Works);
    scene.wait_for_completed();
    let turns = scene.model.steps();
    assert_eq!(turns.iter().filter(|turn| **turn == 0).count(), 1, "it began anew: {turns:?}");
    assert!(scene.model.was_told("Go on with your task where you stopped."), "it was not told");
    assert_eq!(scene.committed("b.txt").as_deref(), Some("by an agent"));
    let ends = scene.env.ends("t");
    assert_eq!(ends, [ExitReason::Signalled { signal: 9 }, ExitReason::Succeeded]);
    drop(running);
}

/// What somebody else holds it cannot change, and is told who.
fn is_denied_a_locked_file(client: &'static str) {
    let tries = vec![
        write("locked.txt", "mine"),
        run("git add -A && git commit -q -m 'not mine'"),
        run("git reset -q; unlink locked.txt"),
    ];
    let steps = [tries, work()].concat();
    let scene = scene(client, Mode::Works, &steps);
    let env = &scene.env;
    let lock = ["locks", "acquire", "locked.txt", "--reason", "a person's"];
    let lock = said(&mut env.reconciler(&lock));
    assert!(lock.status.success(), "{lock:?}");
    env.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    env.commit_task("t", &task());
    let running = env.start_loop();
    scene.wait_for_completed();
    let refused = " refused. 1 of 1 file is in the lock of another task.";
    assert!(scene.model.was_told(refused), "{}", scene.model.last());
    let by_hook = scene.model.was_told("reconciler: change refused.");
    assert_eq!(by_hook, client == "claude", "who refused it");
    assert_eq!(scene.committed("locked.txt"), None);
    assert_eq!(scene.committed("b.txt").as_deref(), Some("by an agent"));
    drop(running);
}

/// A refused key is told as such, and uses up no attempt.
fn is_not_logged_in(client: &'static str) {
    let scene = scene(client, Mode::Refuses(401), &work());
    scene.env.commit_task("t", &task());
    let running = scene.env.start_loop();
    scene.wait("it to say so", || scene.env.reason("t") == Some(Reason::NotLoggedIn));
    drop(running);
}

fn is_rate_limited(client: &'static str) {
    let scene = scene(client, Mode::Refuses(429), &work());
    scene.env.commit_task("t", &task());
    let running = scene.env.start_loop();
    scene.wait("it to say so", || scene.env.reason("t") == Some(Reason::RateLimited));
    drop(running);
}

/// Who forgets to commit and to say that it is done is kept from ending, once; what a person sends
/// meanwhile is heard.
fn is_kept_from_ending(client: &'static str) {
    let work = work();
    let steps = [&work[..1], &[say("I am done")], &work[1..]].concat();
    let scene = scene(client, Mode::Thinks(1), &steps);
    scene.env.commit_task("t", &task());
    let running = scene.env.start_loop();
    scene.wait("the second turn", || scene.model.steps().contains(&1));
    let sent = said(&mut scene.env.reconciler(&["send", "t", "and mind the gap"]));
    assert_eq!(sent.stdout, "task/t  queued\n", "{sent:?}");
    scene.model.set(Mode::Works);
    scene.wait_for_completed();
    assert!(scene.model.was_told("and mind the gap"), "the message");
    assert!(scene.model.was_told("Not everything in your worktree is committed."));
    assert!(scene.model.was_told("You are codegen-1 of reconciler on task/t"), "the brief");
    assert_eq!(scene.committed("b.txt").as_deref(), Some("by an agent"));
    drop(running);
}

/// A worker that keeps its session does its next task, in another worktree, in the same conversation.
fn goes_on_with_the_next_task(client: &'static str) {
    let more = [
        run("pwd > c.txt && git add -A && git commit -q -m 'c'"),
        run("reconciler complete 'wrote c.txt'"),
        say("done"),
    ];
    let scene = scene(client, Mode::Works, &[&work()[..], &more].concat());
    let env = &scene.env;
    env.write_object("workers/codegen", "Worker", &json!({ "agent": client, "session": "worker" }));
    env.commit("sessions that are kept");
    env.commit_task("t", &task());
    let running = env.start_loop();
    scene.wait_for_completed();
    scene.wait("the end of it", || env.reason("t") == Some(Reason::Succeeded));
    env.commit_task("u", &json!({ "prompt": "- write c.txt", "retries": 0 }));
    scene.wait("the end of the next task", || !env.ends("u").is_empty());
    let log = || said(&mut env.reconciler(&["logs", "u"])).stdout;
    assert_eq!(env.ends("u"), [ExitReason::Succeeded], "{}", log());
    let turns = scene.model.steps();
    assert_eq!(turns.iter().filter(|turn| **turn == 0).count(), 1, "it began anew: {turns:?}");
    assert!(scene.model.was_told("This is another task than the one before"), "it was not told");
    scene.wait("the next task's landing", || env.reason("u") == Some(Reason::Succeeded));
    let written = env.git(&["show", "main:c.txt"]);
    assert_eq!(Path::new(&written), env.worktree("u"));
    drop(running);
}

macro_rules! tests {
    ($($name:ident: $does:ident($client:literal);)*) => {$(
        #[test]
        #[ignore = "it needs a real client: make clients"]
        fn $name() {
            if is_installed($client) {
                $does($client);
            }
        }
    )*};
}

tests! {
    claude_works_from_the_prompt_to_the_result: works("claude");
    codex_works_from_the_prompt_to_the_result: works("codex");
    opencode_works_from_the_prompt_to_the_result: works("opencode");
    claude_goes_on_when_it_was_killed: goes_on_when_killed("claude");
    codex_goes_on_when_it_was_killed: goes_on_when_killed("codex");
    opencode_goes_on_when_it_was_killed: goes_on_when_killed("opencode");
    codex_goes_on_with_the_next_task: goes_on_with_the_next_task("codex");
    claude_is_denied_a_locked_file: is_denied_a_locked_file("claude");
    codex_is_denied_a_locked_file: is_denied_a_locked_file("codex");
    opencode_is_denied_a_locked_file: is_denied_a_locked_file("opencode");
    claude_without_a_valid_key_is_not_logged_in: is_not_logged_in("claude");
    codex_without_a_valid_key_is_not_logged_in: is_not_logged_in("codex");
    opencode_without_a_valid_key_is_not_logged_in: is_not_logged_in("opencode");
    claude_is_rate_limited: is_rate_limited("claude");
    codex_is_rate_limited: is_rate_limited("codex");
    claude_is_kept_from_ending_too_early: is_kept_from_ending("claude");
    codex_is_kept_from_ending_too_early: is_kept_from_ending("codex");
}
