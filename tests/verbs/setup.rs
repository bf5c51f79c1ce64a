//! init and trust.

use crate::scene::Scene;

#[test]
fn init_writes_what_is_missing_commits_nothing_and_can_be_run_again() {
    let scene = Scene::new();
    let shown = scene.run(&["init", "--dry-run"]).ok();
    assert!(shown.contains("add      state/workers/shell.json"), "{shown}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "", "only shown");

    let said = scene.run(&["init"]).ok();
    for line in [
        "state will be read from refs/heads/main",
        "add      state/tasks/hello.json",
        "store    git config reconciler.stateRef = refs/heads/main",
        "approve  the agents shell and exec",
        "git add state",
        "reconciler run",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(scene.git(&["status", "--porcelain"]), "?? state/");
    assert_eq!(scene.git(&["config", "reconciler.stateRef"]), "refs/heads/main");
    let hello = scene.read("state/tasks/hello.json");
    assert!(hello.contains("\"$schema\": \"../schema/task.v1alpha1.json\""), "{hello}");
    assert!(scene.root.join("state/schema/task.v1alpha1.json").metadata().unwrap().len() > 1000);
    assert!(scene.read("state/policy.json").contains("\"stateRef\": \"refs/heads/main\""));

    let again = scene.run(&["init"]).ok();
    assert!(again.contains("there    state/tasks/ (1 file)"), "{again}");
    assert!(again.contains("nothing to do"), "{again}");
    let checked = scene.run(&["check"]);
    assert!(checked.err.contains("checked 3 files in"), "{checked:?}");
    assert!(checked.ok().is_empty());
}

#[test]
fn init_brings_back_no_example_that_was_deleted_while_there_are_others() {
    let scene = Scene::prepared();
    scene.git(&["mv", "state/tasks/hello.json", "state/tasks/other.json"]);
    scene.write("state/schema/task.v1alpha1.json", "old");
    let said = scene.run(&["init"]).ok();
    assert!(said.contains("add      state/schema/task.v1alpha1.json"), "{said}");
    assert!(!said.contains("hello.json"), "{said}");
}

#[test]
fn init_tells_agents_once_how_to_work_here_and_leaves_what_people_wrote() {
    let scene = Scene::new();
    scene.write("AGENTS.md", "# Shop\n\nUse tabs.\n");
    let said = scene.run(&["init"]).ok();
    assert!(!said.contains("AGENTS.md"), "{said}");
    let said = scene.run(&["init", "--agents"]).ok();
    assert!(said.contains("git add AGENTS.md"), "{said}");
    let text = scene.read("AGENTS.md");
    assert!(text.starts_with("# Shop\n\nUse tabs.\n\n<!-- reconciler: begin -->\n"), "{text}");
    // Every command that agents are told of is one.
    let commands = text.split('`').filter_map(|words| words.strip_prefix("reconciler "));
    let verbs: std::collections::BTreeSet<_> =
        commands.filter_map(|words| words.split_whitespace().next()).collect();
    assert!(verbs.len() >= 8, "{verbs:?}");
    for verb in verbs {
        scene.run(&[verb, "--help"]).ok();
    }
    let said = scene.run(&["init", "--agents"]).ok();
    assert!(said.contains("there    AGENTS.md") && said.contains("nothing to do"), "{said}");
    assert_eq!(scene.read("AGENTS.md"), text);
    std::fs::rename(scene.root.join("AGENTS.md"), scene.root.join("CLAUDE.md")).unwrap();
    std::os::unix::fs::symlink("CLAUDE.md", scene.root.join("AGENTS.md")).unwrap();
    let said = scene.run(&["init", "--agents"]);
    assert!(said.err.contains("AGENTS.md is a link"), "{said:?}");
    assert!(scene.root.join("AGENTS.md").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn init_on_a_detached_head_asks_for_the_ref() {
    let scene = Scene::new();
    scene.write("a", "a");
    scene.commit("a");
    scene.git(&["checkout", "-q", "--detach"]);
    let said = scene.run(&["init"]).fails(1);
    assert!(said.contains("HEAD is detached") && said.contains("reconciler init --ref main"));
    scene.run(&["init", "--ref", "main"]).ok();
    assert_eq!(scene.git(&["config", "reconciler.stateRef"]), "refs/heads/main");
    let said = scene.run(&["init", "--ref", "a b"]).fails(1);
    assert!(said.contains("`a b` names no branch"), "{said}");
}

#[test]
fn init_in_a_bare_repository_writes_no_file() {
    let scene = Scene::with(&["init", "-q", "--bare", "-b", "main", "--template="]);
    let before = std::fs::read_dir(&scene.root).unwrap().count();
    let said = scene.run(&["init", "--no-hooks"]);
    assert!(said.err.contains("this repository is bare"), "{said:?}");
    assert!(!said.ok().contains("state/tasks"));
    assert_eq!(std::fs::read_dir(&scene.root).unwrap().count(), before);
    scene.run(&["init"]).ok();
    let hooks = 1; // Its linked worktrees make commits.
    assert_eq!(std::fs::read_dir(&scene.root).unwrap().count(), before + hooks);
    assert_eq!(scene.git(&["config", "reconciler.stateRef"]), "refs/heads/main");
}

#[test]
fn init_in_a_linked_worktree_works_on_the_main_one_and_says_so() {
    let scene = Scene::new();
    scene.write("a", "a");
    scene.commit("a");
    let linked = scene.outside("linked");
    scene.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    let said = scene.run(&["-C", linked.to_str().unwrap(), "init"]);
    assert!(said.err.contains("is a linked worktree: files are written to the main one"));
    assert!(said.ok().contains("refs/heads/main"));
    assert!(scene.read("state/tasks/hello.json").contains("hello"));
}

#[test]
fn trust_shows_what_runs_and_approves_only_with_a_yes() {
    let scene = Scene::prepared();
    scene.run(&["trust"]).ok();
    let agent = serde_json::json!({
        "apiVersion": "reconciler.dev/v1alpha1", "kind": "Agent",
        "metadata": { "name": "mine" }, "spec": { "argv": ["my agent", "{prompt}"] },
    });
    scene.write("state/agents/mine.json", &agent.to_string());
    scene.commit("an agent");
    let listed = scene.run(&["trust", "--list"]).fails(1);
    assert!(listed.contains("mine  NOT approved, used by no worker"), "{listed}");
    assert!(listed.contains(r#"runs  ["my agent","{prompt}"]"#), "{listed}");
    let refused = scene.run(&["trust"]).fails(1);
    assert!(refused.contains("nothing was approved") && refused.contains("--yes"), "{refused}");
    let approved = scene.run(&["trust", "--yes"]).ok();
    assert!(approved.contains("approved mine"), "{approved}");
    scene.run(&["trust", "--list"]).ok();

    scene.replace("state/agents/mine.json", "my agent", "other");
    scene.commit("another program");
    let changed = scene.run(&["trust", "--list"]).fails(1);
    assert!(changed.contains("mine  NOT approved"), "{changed}");
    scene.run(&["trust", "--revoke"]).ok();
    let revoked = scene.run(&["trust", "--list"]).fails(1);
    assert!(revoked.contains("shell  NOT approved, used by shell"), "{revoked}");
}
