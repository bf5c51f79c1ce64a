//! Scenes of objects that are there, absent, lost and damaged; refs by libgit2 and by git alike.

use super::*;
use crate::git::scratch::{Scratch, write};

/// Resolves by libgit2, where it opens the repository, and by git: both must say the same.
async fn resolve(scratch: &Scratch, name: &str) -> Result<Option<CommitId>, Error> {
    let reader = scratch.repository.reader();
    let (one, other) = (reader.resolve(name).await, reader.peel(name).await);
    assert_eq!(one.as_ref().ok(), other.as_ref().ok(), "{name}");
    one
}

async fn read_all(scratch: &Scratch) {
    let first = scratch.git(&["rev-list", "--max-parents=0", "HEAD"]).await;
    let first = CommitId::try_from(first).unwrap();
    let state = [("state/tasks/a.json", "{}"), ("state/policy.json", "{\"p\":1}"), ("run", "#!\n")];
    let second = scratch.commit(&state).await;
    let third = scratch.commit(&[("state/policy.json", "{\"p\":22}")]).await;
    let reader = scratch.repository.reader();
    assert_eq!(resolve(scratch, "refs/heads/main").await.unwrap(), Some(third.clone()));
    assert_eq!(resolve(scratch, "refs/heads/mai").await.unwrap(), None);
    assert_eq!(resolve(scratch, "refs/heads").await.unwrap(), None);
    let listed = reader.list(&third, "state").await.unwrap().unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.path.as_str(), one.kind, one.size)).collect();
    let file = EntryKind::File;
    assert_eq!(seen, [("policy.json", file, Some(8)), ("tasks/a.json", file, Some(2))]);
    let ids: Vec<String> = listed.iter().map(|one| one.id.clone()).collect();
    let expected = [Err(BlobError::TooLarge(8)), Ok(b"{}".to_vec())];
    assert_eq!(reader.blobs(&ids, 7).await.unwrap(), expected);
    assert_eq!(reader.list(&first, "state").await.unwrap(), None);
    reader.list(&third, "run").await.unwrap_err();
    let tree = reader.tree_id(&third, "state/tasks").await.unwrap();
    assert_eq!(tree, reader.tree_id(&second, "state/tasks").await.unwrap());
    assert!(tree.is_some());
    assert_eq!(reader.tree_id(&third, "state/none").await.unwrap(), None);
    assert!(reader.tree_id(&third, "").await.unwrap().is_some());
    let paths = ["state", "run", "none", "run/x", "state/tasks/a.json"].map(str::to_owned);
    let kinds = reader.kinds(&third, &paths).await.unwrap();
    let folder = Some(EntryKind::Folder);
    assert_eq!(kinds, [folder, Some(file), None, None, Some(file)]);
    let versions = reader.history(&third, "state/policy.json", 10).await.unwrap();
    let commits: Vec<_> = versions.iter().map(|one| (&one.commit, one.blob.is_some())).collect();
    assert_eq!(commits, [(&third, true), (&second, true), (&first, false)]);
    assert_eq!(reader.history(&third, "state/policy.json", 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn loose_and_packed_repositories_are_read_alike() {
    let scratch = Scratch::new().await;
    assert!(scratch.repository.by_library);
    read_all(&scratch).await;
    scratch.git(&["gc", "-q"]).await;
    scratch.git(&["pack-refs", "--all"]).await;
    read_all(&scratch).await;
}

#[tokio::test]
async fn reftable_and_sha256_are_read_by_commands() {
    for init in [["--ref-format=reftable"], ["--object-format=sha256"]] {
        let scratch = Scratch::with(&init).await;
        assert!(!scratch.repository.by_library, "{init:?}");
        read_all(&scratch).await;
    }
}

#[tokio::test]
async fn tags_are_peeled_and_other_kinds_of_entries_are_told() {
    let scratch = Scratch::new().await;
    std::os::unix::fs::symlink("a.txt", scratch.root().join("link")).unwrap();
    let head = scratch.commit(&[]).await;
    scratch.git(&["tag", "-a", "v1", "-m", "v1"]).await;
    scratch.git(&["tag", "-a", "v2", "v1", "-m", "v2"]).await;
    scratch
        .git(&["update-ref", "refs/x/blob", &scratch.git(&["rev-parse", "HEAD:a.txt"]).await])
        .await;
    let reader = scratch.repository.reader();
    assert_eq!(resolve(&scratch, "refs/tags/v1").await.unwrap().as_ref(), Some(&head));
    assert_eq!(resolve(&scratch, "refs/tags/v2").await.unwrap().as_ref(), Some(&head));
    resolve(&scratch, "refs/x/blob").await.unwrap_err();
    let kinds = reader.kinds(&head, &["link".to_owned()]).await.unwrap();
    assert_eq!(kinds, [Some(EntryKind::Symlink)]);
}

#[tokio::test]
async fn where_case_does_not_count_a_path_is_found_by_any_spelling() {
    let scratch = Scratch::new().await;
    let head = scratch.commit(&[("Lib.d/x", "x"), ("Makefile", "m")]).await;
    let reader = scratch.repository.reader();
    let paths = ["lib.d", "MAKEFILE", "Makefile", "none"].map(str::to_owned);
    let kinds = reader.kinds(&head, &paths).await.unwrap();
    assert_eq!(kinds, [None, None, Some(EntryKind::File), None]);
    scratch.git(&["config", "core.ignorecase", "true"]).await;
    let kinds = reader.kinds(&head, &paths).await.unwrap();
    let (folder, file) = (Some(EntryKind::Folder), Some(EntryKind::File));
    assert_eq!(kinds, [folder, file, file, None]);
}

#[tokio::test]
async fn a_damaged_blob_is_unreadable_and_the_others_are_read() {
    let scratch = Scratch::new().await;
    let head =
        scratch.commit(&[("s/1", "one"), ("s/2", "two"), ("s/3", "three"), ("s/4", "4")]).await;
    let ids: Vec<String> = {
        let list = scratch.repository.reader().list(&head, "s").await.unwrap().unwrap();
        list.into_iter().map(|one| one.id).collect()
    };
    std::fs::remove_file(scratch.object(&ids[0])).unwrap();
    damage(&scratch, &ids[1]);
    // A whole header with nothing behind it: the size is known, the content is not.
    cut_short(&scratch, &ids[2]);
    let reader = scratch.repository.reader();
    let read = reader.blobs(&ids, 100).await.unwrap();
    let lost = |at: usize| matches!(read[at], Err(BlobError::Unreadable(_)));
    assert!(lost(0) && lost(1) && lost(2), "{read:?}");
    assert_eq!(read[3], Ok(b"4".to_vec()));
    let listed = reader.list(&head, "s").await.unwrap().unwrap();
    assert_eq!(listed.len(), 4);
    assert_eq!((listed[0].size, listed[1].size), (None, None));
}

#[tokio::test]
async fn a_lost_tree_is_an_error_and_never_an_absence() {
    let scratch = Scratch::new().await;
    let head = scratch.commit(&[("state/tasks/a.json", "{}")]).await;
    let older = scratch.commit(&[("b.txt", "b")]).await;
    for lost in ["state/tasks", "state", ""] {
        let id = scratch.git(&["rev-parse", &format!("{head}:{lost}")]).await;
        std::fs::remove_file(scratch.object(&id)).unwrap();
        let reader = scratch.repository.reader();
        reader.list(&head, "state").await.unwrap_err();
        let path = "state/tasks/a.json".to_owned();
        reader.kinds(&head, std::slice::from_ref(&path)).await.unwrap_err();
        reader.kinds(&head, &["state/tasks/none".to_owned()]).await.unwrap_err();
        reader.history(&older, &path, 9).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_lost_commit_and_a_broken_ref_are_errors_and_never_an_absence() {
    let scratch = Scratch::new().await;
    let head = scratch.id("HEAD").await;
    let broken = scratch.repository.common_dir().join("refs/heads/broken");
    write(&broken, "not an id\n");
    resolve(&scratch, "refs/heads/broken").await.unwrap_err();
    assert_eq!(resolve(&scratch, "refs/heads/main").await.unwrap(), Some(head.clone()));
    std::fs::write(&broken, "").unwrap();
    resolve(&scratch, "refs/heads/broken").await.unwrap_err();
    scratch.git(&["tag", "t"]).await;
    damage(&scratch, head.as_str());
    let reader = scratch.repository.reader();
    let tag = reader.resolve("refs/tags/t").await;
    tag.unwrap_err();
    reader.list(&head, "state").await.unwrap_err();
    reader.tree_id(&head, "").await.unwrap_err();
    reader.history(&head, "a.txt", 9).await.unwrap_err();
}

#[tokio::test]
async fn a_vanished_repository_is_an_error() {
    let scratch = Scratch::new().await;
    let head = scratch.id("HEAD").await;
    std::fs::remove_dir_all(scratch.root()).unwrap();
    let reader = scratch.repository.reader();
    resolve(&scratch, "refs/heads/none").await.unwrap_err();
    reader.list(&head, "none").await.unwrap_err();
    reader.blobs(&[head.to_string()], 9).await.unwrap_err();
}

#[tokio::test]
async fn replacements_of_objects_are_not_followed() {
    let scratch = Scratch::new().await;
    let old = scratch.id("HEAD").await;
    let new = scratch.commit(&[("state/x", "1")]).await;
    scratch.git(&["replace", old.as_str(), new.as_str()]).await;
    let reader = scratch.repository.reader();
    assert_eq!(reader.list(&old, "state").await.unwrap(), None);
}

fn damage(scratch: &Scratch, id: &str) {
    let file = scratch.object(id);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(file, b"garbage").unwrap();
}

fn cut_short(scratch: &Scratch, id: &str) {
    let file = scratch.object(id);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(file, &bytes[..bytes.len() - 6]).unwrap();
}
