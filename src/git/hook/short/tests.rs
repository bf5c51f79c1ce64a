//! The short look beside git itself: it says the same, or nothing.

use super::*;
use crate::git::scratch::{Scratch, write};

fn look(directory: &Path, variables: &Variables) -> Option<Vec<String>> {
    HookPlace::at_once(directory, variables)?.staged_at_once(variables)
}

/// Asserts that the short look says what git does.
#[track_caller]
fn same(said: &[String], directory: &Path) {
    assert_eq!(look(directory, &Variables::new()).as_deref(), Some(said));
}

async fn staged_by_git(directory: &Path) -> Vec<String> {
    HookPlace::of(directory).await.unwrap().staged_names(None).await.unwrap()
}

#[tokio::test]
async fn it_says_what_git_says_of_every_kind_of_change() {
    let scratch = Scratch::new().await;
    let root = scratch.root();
    for path in ["a/b/c.txt", "a/b.txt", "a-b", "d/e", "f/g", "z", "é/\"q\" \n"] {
        write(&root.join(path), path);
    }
    write(&root.join("empty"), "");
    scratch.git(&["add", "-A"]).await;
    assert_eq!(look(root, &Variables::new()).unwrap().len(), 8);
    let steps: [&[&str]; 12] = [
        &["commit", "-q", "-m", "files"],
        &["mv", "a/b/c.txt", "a/moved"],
        &["rm", "-q", "--cached", "z"],
        &["update-index", "--chmod=+x", "d/e"],
        &["commit", "-q", "-m", "changed"],
        &["rm", "-q", "-r", "-f", "f", "d/e"],
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            "160000,1111111111111111111111111111111111111111,f",
        ],
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            "120000,e69de29bb2d1d6434b8b29ae775ad8c2e48c5391,d/e/x/y",
        ],
        &["gc", "-q"],
        &["pack-refs", "--all", "--prune"],
        &["reset", "-q", "--soft", "HEAD~1"],
        &["checkout", "-q", "--detach"],
    ];
    for step in steps {
        scratch.git(step).await;
        let said = staged_by_git(root).await;
        same(&said, root);
    }
    assert!(staged_by_git(root).await.len() > 5, "there is something to see");
}

#[tokio::test]
async fn a_worktree_and_a_passing_index_are_seen_as_git_names_them() {
    let scratch = Scratch::new().await;
    let worktree = scratch.add("docs").await;
    write(&worktree.join("new.txt"), "new\n");
    scratch.git(&["-C", worktree.to_str().unwrap(), "add", "-A"]).await;
    same(&["new.txt".to_owned()], &worktree);
    same(&[], scratch.root());
    assert_eq!(
        HookPlace::at_once(&worktree, &Variables::new()),
        Some(HookPlace::of(&worktree).await.unwrap())
    );
    let index = scratch.root().join(".git/worktrees/docs/index");
    let passing = scratch.root().join(".git/next-index");
    std::fs::copy(index, &passing).unwrap();
    let named =
        Variables::from([("GIT_INDEX_FILE".to_owned(), passing.to_str().unwrap().to_owned())]);
    assert_eq!(look(scratch.root(), &named).unwrap(), ["new.txt"]);
    let dir = scratch.root().join(".git/worktrees/docs").to_str().unwrap().to_owned();
    let named = Variables::from([("GIT_DIR".to_owned(), dir)]);
    assert_eq!(look(scratch.root(), &named).unwrap(), ["new.txt"]);
}

#[tokio::test]
async fn what_git_alone_understands_is_left_to_git() {
    let scratch = Scratch::new().await;
    let root = scratch.root().to_owned();
    write(&root.join("new.txt"), "new\n");
    let none = |what: &str| assert_eq!(look(&root, &Variables::new()), None, "{what}");
    scratch.git(&["add", "--intent-to-add", "new.txt"]).await;
    none("announced only");
    scratch.git(&["add", "-A"]).await;
    for (on, off) in [
        (&["update-index", "--split-index"][..], &["update-index", "--no-split-index"][..]),
        (&["update-index", "--index-version=4"], &["update-index", "--index-version=2"]),
        (&["checkout", "-q", "--orphan", "fresh"], &["symbolic-ref", "HEAD", "refs/heads/main"]),
    ] {
        scratch.git(on).await;
        none(on[1]);
        scratch.git(off).await;
        same(&["new.txt".to_owned()], &root);
    }
    let elsewhere = Variables::from([("GIT_OBJECT_DIRECTORY".to_owned(), "x".to_owned())]);
    assert_eq!(look(&root, &elsewhere), None);
    assert_eq!(look(&root.join(".git"), &Variables::new()), None);
    for format in [&["--object-format=sha256"][..], &["--ref-format=reftable"]] {
        let other = Scratch::with(format).await;
        assert_eq!(look(other.root(), &Variables::new()), None, "{format:?}");
    }
}

#[tokio::test]
async fn a_cut_object_holds_the_hook_up_for_no_longer_than_its_deadline() {
    let scratch = Scratch::new().await;
    let id = scratch.id("HEAD^{tree}").await.to_string();
    let path = scratch.root().join(".git/objects").join(&id[..2]).join(&id[2..]);
    write(&scratch.root().join("new.txt"), "new\n");
    scratch.git(&["add", "-A"]).await;
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(look(scratch.root(), &Variables::new()), None);
}

#[tokio::test]
async fn an_index_cut_anywhere_says_nothing_or_what_it_said() {
    let scratch = Scratch::new().await;
    scratch.commit(&[("a/b", "b"), ("c", "c")]).await;
    let whole = std::fs::read(scratch.root().join(".git/index")).unwrap();
    let whole_index = Index::read(&whole).unwrap();
    assert!(whole_index.known.folders.contains_key(&b"a"[..]), "{whole_index:?}");
    for end in 0..whole.len() {
        let cut = Index::read(&whole[..end]);
        assert!(cut.is_none_or(|cut| cut.entries == whole_index.entries), "cut at {end}");
    }
}

#[tokio::test]
async fn a_loose_object_is_read_whole_or_not_at_all() {
    let scratch = Scratch::new().await;
    let objects = scratch.root().join(".git/objects");
    let text = scratch.id("HEAD^{tree}").await.to_string();
    let id = id_of(&text).unwrap();
    let content = loose::read(&objects, "tree", id).unwrap();
    assert!(content.starts_with(b"100644 .gitignore\0"), "{content:?}");
    assert_eq!(loose::read(&objects, "commit", id), None);
    let path = objects.join(&text[..2]).join(&text[2..]);
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &bytes[..end]).unwrap();
        let read = loose::read(&objects, "tree", id);
        assert!(read.is_none_or(|read| read == content), "cut at {end}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loose::read(&objects, "tree", id), None);
}
