//! Hooks and filters of the user: they fail, they make noise, they leave programs running.

use crate::common::{TestEnvironment, is_there};
use crate::{configure, rescues, script, works};
use reconciler::plan::report::Reason;
use std::fs;

fn hook(env: &TestEnvironment, name: &str, text: &str) {
    script(&env.path(".git/hooks").join(name), text);
}

#[test]
fn a_post_checkout_hook_that_makes_noise_and_asks_is_no_harm() {
    let env = TestEnvironment::new();
    let noise = "yes noise | head -n 50000; yes noise | head -n 50000 >&2; read answer";
    hook(&env, "post-checkout", noise);
    works(&env);
}

#[test]
fn a_post_checkout_hook_that_fails_does_not_keep_a_whole_worktree_from_being_used() {
    let env = TestEnvironment::new();
    hook(&env, "post-checkout", "echo 'no node here' >&2; exit 3");
    works(&env);
}

#[test]
fn a_post_checkout_hook_that_leaves_a_program_behind_is_not_waited_for() {
    let env = TestEnvironment::new();
    hook(&env, "post-checkout", "(cd / && exec sleep 1000) & exit 0");
    works(&env);
}

#[test]
fn hooks_in_another_folder_that_fail_are_no_harm() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    let folder = env.base().join("hooks");
    for name in ["post-checkout", "pre-commit", "post-index-change", "pre-auto-gc"] {
        script(&folder.join(name), "exit 1");
    }
    configure(&env, &[("core.hooksPath", crate::text(&folder))]);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    crate::is_done(&env, said);
}

#[test]
fn a_folder_of_hooks_that_is_not_there_is_no_harm() {
    let env = TestEnvironment::new();
    configure(&env, &[("core.hooksPath", "/not/there")]);
    works(&env);
}

#[test]
fn a_hook_that_forbids_the_branch_is_told_and_nothing_starts() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "true"));
    let text =
        "[ $1 = prepared ] && grep -q refs/heads/ && echo 'ask Bob first' >&2 && exit 1; exit 0";
    hook(&env, "reference-transaction", text);
    let _running = env.start_loop();
    let failed = || env.report("a").filter(|one| one.reason == Reason::EffectFailed);
    let said = env.wait_for("the effect to fail", failed).message;
    assert!(said.contains("ask Bob first") || said.contains("hook"), "{said}");
    assert!(env.starts("a").is_empty());
}

#[test]
fn a_hook_that_forbids_the_rescue_keeps_the_worktree_until_it_lets_it_through() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    let text = "[ $1 = prepared ] && grep -q refs/reconciler/rescue/ && exit 1; exit 0";
    hook(&env, "reference-transaction", text);
    let _running = env.start_loop();
    env.wait_for_reason("a", Reason::EffectFailed);
    assert_eq!(fs::read_to_string(env.worktree("a").join("edit.txt")).unwrap(), "unsaved\n");
    fs::remove_file(env.path(".git/hooks/reference-transaction")).unwrap();
    env.wait_until("the worktree to go", || !is_there(&env.worktree("a")));
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "unsaved");
}

fn filtered(clean: &str) -> TestEnvironment {
    let env = TestEnvironment::new();
    fs::write(env.path(".gitattributes"), "*.big filter=large\n").unwrap();
    let required = [("filter.large.required", "true"), ("filter.large.clean", "sed s/^/stored:/")];
    configure(&env, &required);
    configure(&env, &[("filter.large.smudge", "sed s/^stored://")]);
    fs::write(env.path("one.big"), "one\n").unwrap();
    env.commit("filtered");
    env.commit_task("a", &env.doing("a", "cat one.big > ../../seen; echo two > one.big"));
    configure(&env, &[("filter.large.clean", clean)]);
    env
}

#[test]
fn files_behind_a_filter_are_checked_out_and_rescued_through_it() {
    let env = filtered("sed s/^/stored:/");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(fs::read_to_string(env.path("seen")).unwrap(), "one\n");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:one.big"]), "stored:two");
}

#[test]
fn a_filter_that_fails_keeps_the_worktree() {
    let env = filtered("false");
    let running = env.start_loop();
    env.wait_for_reason("a", Reason::EffectFailed);
    let said = env.report("a").unwrap().message;
    assert!(said.contains("clean filter 'large' failed"), "{said}");
    assert_eq!(fs::read_to_string(env.worktree("a").join("one.big")).unwrap(), "two\n");
    running.kill();
    configure(&env, &[("filter.large.clean", "sed s/^/stored:/")]);
    let _running = env.start_loop_when_free();
    env.wait_until("the worktree to go", || !is_there(&env.worktree("a")));
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:one.big"]), "stored:two");
}

#[test]
fn a_file_system_monitor_that_sees_nothing_hides_nothing() {
    let env = TestEnvironment::new();
    let monitor = env.base().join("monitor");
    script(&monitor, "printf 'token\\0'");
    configure(&env, &[("core.fsmonitor", crate::text(&monitor)), ("core.untrackedCache", "true")]);
    env.commit_task(
        "a",
        &env.doing("a", "git status; echo changed > tracked.txt; echo unsaved > edit.txt"),
    );
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:tracked.txt"]), "changed");
    crate::is_done(&env, said);
}

#[test]
fn commits_that_must_be_signed_and_cannot_be_are_rescued() {
    let env = TestEnvironment::new();
    env.commit_task("b", &env.doing("b", "git commit --allow-empty -qm signed && false || true"));
    configure(
        &env,
        &[("commit.gpgSign", "true"), ("tag.gpgSign", "true"), ("gpg.program", "false")],
    );
    env.write_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    env.git(&["add", "-A"]);
    env.git(&["commit", "-q", "--no-gpg-sign", "-m", "a"]);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    crate::is_done(&env, said);
}

#[test]
fn work_of_nobody_is_rescued() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    fs::write(env.home().join(".gitconfig"), "[user]\nuseConfigOnly = true\n").unwrap();
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    crate::is_done(&env, said);
    let author = env.git(&["log", "-1", "--format=%an", "refs/reconciler/rescue/a/1"]);
    assert_eq!(author, "reconciler");
}

#[test]
fn line_ends_that_git_converts_are_no_unsaved_work() {
    let env = TestEnvironment::new();
    fs::write(env.path(".gitattributes"), "* text=auto\n*.bin -text\n").unwrap();
    fs::write(env.path("dos.txt"), "one\r\ntwo\r\n").unwrap();
    fs::write(env.path("unix.txt"), "one\ntwo\n").unwrap();
    fs::write(env.path("raw.bin"), "one\r\ntwo\n").unwrap();
    env.commit("line ends");
    configure(&env, &[("core.autocrlf", "true"), ("core.safecrlf", "true"), ("core.eol", "crlf")]);
    env.write_task("a", &env.doing("a", "true"));
    env.git(&["-c", "core.safecrlf=false", "add", "-A"]);
    env.git(&["commit", "-qm", "a"]);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["for-each-ref", "refs/reconciler/rescue"]), "");
    assert!(!is_there(&env.worktree("a")));
}

#[test]
fn settings_that_change_what_git_prints_are_no_harm() {
    let env = TestEnvironment::new();
    configure(
        &env,
        &[
            ("color.ui", "always"),
            ("column.ui", "always"),
            ("core.abbrev", "4"),
            ("log.showSignature", "true"),
            ("status.showUntrackedFiles", "no"),
            ("core.quotePath", "false"),
            ("core.logAllRefUpdates", "false"),
            ("worktree.guessRemote", "true"),
            ("index.version", "4"),
            ("feature.manyFiles", "true"),
            ("core.bigFileThreshold", "1"),
            ("checkout.defaultRemote", "origin"),
            ("branch.autoSetupMerge", "always"),
            ("branch.autoSetupRebase", "always"),
            ("diff.noprefix", "true"),
            ("init.templateDir", "/not/there"),
            ("log.decorate", "full"),
            ("core.whitespace", "cr-at-eol"),
            ("extensions.worktreeConfig", "true"),
        ],
    );
    rescues(&env);
}
