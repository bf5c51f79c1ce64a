//! Programs: each git that is installed, a slow one, none, and a search path with little on it.

use crate::common::TestEnvironment;
use crate::{is_refused, script, skip, text, works};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Where systems keep programs.
const USUAL: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

fn search_path() -> Vec<PathBuf> {
    let path = std::env::var("PATH").unwrap();
    std::env::split_paths(&path).chain(USUAL.into_iter().map(PathBuf::from)).collect()
}

/// Returns every program of this name, each once.
fn installed(name: &str) -> BTreeSet<PathBuf> {
    let places = search_path().into_iter();
    places.filter_map(|folder| folder.join(name).canonicalize().ok()).collect()
}

fn first(name: &str) -> Option<PathBuf> {
    search_path().into_iter().map(|folder| folder.join(name)).find(|path| crate::is_there(path))
}

/// Returns a world where a folder is looked through before all others.
fn with_first(env: TestEnvironment, folder: &Path) -> TestEnvironment {
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    env.set("PATH", &path)
}

#[test]
fn each_git_that_is_installed_will_do() {
    for git in installed("git") {
        let env = TestEnvironment::new();
        let folder = env.base().join("bin");
        fs::create_dir(&folder).unwrap();
        symlink(&git, folder.join("git")).unwrap();
        let env = with_first(env, &folder);
        if env.git(&["--version"]).contains(" 2.") {
            works(&env);
        } else {
            skip(&format!("{} is another git", git.display()));
        }
    }
}

#[test]
fn a_slow_git_is_waited_for() {
    let env = TestEnvironment::new();
    let folder = env.base().join("bin");
    let git = first("git").unwrap();
    script(&folder.join("git"), &format!("sleep 0.3; exec {} \"$@\"", git.display()));
    works(&with_first(env, &folder));
}

/// Returns a world with only these programs.
fn with_only(names: &[&str]) -> TestEnvironment {
    let env = TestEnvironment::new();
    let folder = env.base().join("bin");
    fs::create_dir(&folder).unwrap();
    for name in names {
        symlink(first(name).unwrap(), folder.join(name)).unwrap();
    }
    env.set("PATH", text(&folder))
}

#[test]
fn little_on_the_search_path_is_enough() {
    works(&with_only(&["git", "tmux", "sh", "cat", "flock"]));
}

#[test]
fn without_tmux_nothing_starts_and_that_is_told() {
    let env = with_only(&["git", "sh", "cat", "flock"]);
    env.commit_task("a", &env.doing("a", "true"));
    let said = is_refused(&env);
    assert!(said.contains("tmux is not installed, or not in PATH"), "{said}");
    assert!(env.starts("a").is_empty());
}

#[test]
fn without_git_that_is_told() {
    let env = TestEnvironment::new().set("PATH", "/not/there");
    let said = is_refused(&env);
    assert!(said.contains("git is not installed, or not in PATH"), "{said}");
}
