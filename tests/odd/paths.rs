//! Places: odd letters, deep folders, links, and temporary folders that are not there.

use crate::common::{TestEnvironment, is_there, said};
use crate::{is_refused, text, works};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

#[test]
fn a_path_with_spaces_and_other_letters_and_a_leading_dash_is_as_good_as_any() {
    works(&TestEnvironment::with("-o ther/日本語 é/a;b & c", &[]));
}

#[test]
fn a_path_with_a_line_break_is_refused_before_anything_is_made() {
    let env = TestEnvironment::with("line\nbreak", &[]);
    let said = is_refused(&env);
    assert!(said.contains("line break") && said.contains("rename"), "{said}");
    assert!(!is_there(&env.path(".reconciler")), "{said}");
}

#[test]
fn a_path_that_is_not_utf_8_is_refused_before_anything_is_made() {
    let env = TestEnvironment::new();
    let odd = env.base().join(OsStr::from_bytes(b"r\xff"));
    fs::rename(env.path(""), &odd).unwrap();
    let said = said(env.reconciler(&["run", "--once"]).current_dir(&odd));
    assert!(!said.status.success(), "{said:?}");
    assert!(said.stderr.contains("UTF-8") && said.stderr.contains("rename"), "{said:?}");
    assert!(!is_there(&odd.join(".reconciler")), "{said:?}");
}

#[test]
fn files_with_names_of_every_kind_are_rescued() {
    let env = TestEnvironment::new();
    let names: [&[u8]; 9] = [
        b"line\nbreak",
        b"tab\t",
        b"\"quote\"",
        b" blank ",
        b"-dash",
        b":(glob)x",
        b"*",
        b"\xff",
        "é".as_bytes(),
    ];
    env.commit_task("a", &env.waiting("a"));
    let _running = env.start_loop();
    env.wait_for_start("a", 1);
    for name in names {
        let path = env.worktree("a").join("in\nfolder").join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    for name in names {
        let mut object = b"refs/reconciler/rescue/a/1:in\nfolder/".to_vec();
        object.extend(name);
        let found = env.command("git").arg("show").arg(OsStr::from_bytes(&object)).output();
        assert_eq!(found.unwrap().stdout, name, "{:?}", String::from_utf8_lossy(name));
    }
}

#[test]
fn a_repository_deep_beneath_is_as_good_as_any() {
    let deep = vec!["d".repeat(200); 9].join("/");
    works(&TestEnvironment::with(&deep, &[]));
}

#[test]
fn a_place_too_deep_for_the_socket_of_tmux_is_refused_with_what_to_do() {
    let env = TestEnvironment::new();
    let deep = env.base().join("t").join("d".repeat(100));
    fs::create_dir_all(&deep).unwrap();
    let env = env.set("TMUX_TMPDIR", text(&deep));
    env.commit_task("a", &env.doing("a", "true"));
    let said = is_refused(&env);
    assert!(said.contains("TMUX_TMPDIR") && said.contains("shorter"), "{said}");
    assert!(env.starts("a").is_empty());
}

#[test]
fn temporary_folders_that_are_not_there_are_not_needed() {
    let env = TestEnvironment::new().set("TMPDIR", "/not/there");
    works(&env);
}

#[test]
fn a_folder_of_worktrees_that_is_a_link_is_followed() {
    let env = TestEnvironment::new();
    let elsewhere = env.base().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, env.path(".worktrees")).unwrap();
    fs::write(env.path(".git/info/exclude"), ".worktrees\n").unwrap();
    works(&env);
    assert!(is_there(&env.path(".worktrees")) && is_there(&elsewhere));
}

#[test]
fn a_folder_of_records_that_is_a_link_is_followed() {
    let env = TestEnvironment::new();
    let elsewhere = env.base().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, env.path(".reconciler")).unwrap();
    fs::write(env.path(".git/info/exclude"), ".reconciler\n").unwrap();
    works(&env);
}

#[test]
fn a_repository_that_is_reached_by_a_link_is_the_one_it_is_a_link_to() {
    let env = TestEnvironment::new();
    let link = env.base().join("link");
    symlink(env.path(""), &link).unwrap();
    let root = env.path("").components().as_path().to_owned();
    works(&env.moved_to(&link, &root));
}

#[test]
fn a_task_with_the_longest_name_is_as_good_as_any() {
    let env = TestEnvironment::new();
    let name = format!("a{}", "-long".repeat(9)) + "-end";
    env.commit_task(&name, &env.committing(&name));
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", &format!("main:{name}.txt")]), name);
}

#[test]
fn an_exclude_file_that_hides_everything_or_is_none_hides_no_change_of_tracked_files() {
    let env = TestEnvironment::new();
    fs::write(env.path(".git/info/exclude"), "*\n!.gitignore\n").unwrap();
    let edit = "echo changed > tracked.txt; echo hidden > hidden.txt";
    env.write_task("a", &env.doing("a", edit));
    env.git(&["add", "-f", "state"]);
    env.git(&["commit", "-qm", "a"]);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:tracked.txt"]), "changed");
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    assert_eq!(fs::read_to_string(trash.join("hidden.txt")).unwrap(), "hidden\n");
}
