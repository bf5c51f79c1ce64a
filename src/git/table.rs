//! A table kept at a ref: a flat tree of small files, each change a commit. It changes by
//! compare-and-swap: a commit whose parent is no longer the tip is refused, never merged.

use super::{Error, Repository};
use crate::api::name::CommitId;
use std::collections::BTreeMap;

/// The largest file of a table that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// What a table was at a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The commit; `None` when there is no such ref.
    pub tip: Option<CommitId>,
    /// The files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What became of a change of a table.
#[must_use = "a change that was overtaken changed nothing"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is the new tip.
    At(CommitId),
    /// The ref has moved since the table was read; nothing was changed.
    Overtaken,
}

impl Repository {
    /// Reads a table, as it is at a ref now.
    ///
    /// # Errors
    /// When the ref or any file of it cannot be read: then it is unknown what it says.
    pub async fn table(&self, name: &str) -> Result<Table, Error> {
        let Some(tip) = self.reader().resolve(name).await? else { return Ok(Table::default()) };
        let entries = self.reader().top(&tip).await?;
        let listed: Vec<_> = entries.iter().collect();
        let blobs = self.reader().listed_blobs(&listed, FILE_MAX).await?;
        let mut files = BTreeMap::new();
        for (entry, bytes) in entries.iter().zip(blobs) {
            let what = || format!("{name}:{}", entry.path);
            let bytes = bytes.map_err(|why| Error::unreadable(what(), why))?;
            files.insert(entry.path.clone(), bytes);
        }
        Ok(Table { tip: Some(tip), files })
    }

    /// Commits changed files of a table that was read at `tip`; `None` removes one. Costs one fork. A commit that the
    /// system cut off changes nothing.
    ///
    /// # Errors
    /// When git fails; whether it changed anything shows when the table is read again.
    pub async fn commit_table(
        &self,
        (name, tip): (&str, Option<&CommitId>),
        files: &BTreeMap<String, Option<Vec<u8>>>,
        message: &str,
    ) -> Result<Committed, Error> {
        let stream = stream((name, tip), files, message);
        let call = self.read().without("GIT_NO_REPLACE_OBJECTS").effect();
        let call = call.args(["fast-import", "--quiet", "--done", "--date-format=now"]);
        let answer = call.input(stream).output().await?;
        let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        if answer.status.success() {
            return CommitId::try_from(said)
                .map(Committed::At)
                .map_err(|why| Error::unreadable(name, format!("what git made of it: {why}")));
        }
        // It refuses what does not contain the tip, and then has moved nothing.
        let now = self.reader().resolve(name).await?;
        if now.as_ref() == tip {
            let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
            return Err(Error::unreadable(name, format!("git could not commit to it: {said}")));
        }
        Ok(Committed::Overtaken)
    }
}

/// Writes what git-fast-import(1) reads: one commit, whose id it is asked for.
fn stream(
    (name, tip): (&str, Option<&CommitId>),
    files: &BTreeMap<String, Option<Vec<u8>>>,
    message: &str,
) -> Vec<u8> {
    let mut text = Vec::new();
    let mut line = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        text.push(b'\n');
    };
    line(format!("commit {name}\nmark :1\ncommitter reconciler <reconciler> now").as_bytes());
    line(format!("data {}\n{message}", message.len()).as_bytes());
    if let Some(tip) = tip {
        line(format!("from {tip}").as_bytes());
    }
    for (file, bytes) in files {
        let Some(bytes) = bytes else {
            line(format!("D {file}").as_bytes());
            continue;
        };
        line(format!("M 100644 inline {file}\ndata {}", bytes.len()).as_bytes());
        line(bytes);
    }
    line(b"get-mark :1\ndone");
    text
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    const LOCKS: &str = "refs/reconciler/locks";

    fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_owned());
        files.iter().map(own).collect()
    }

    fn changes(files: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<Vec<u8>>> {
        let own = |(name, text): &(&str, Option<&str>)| {
            ((*name).to_owned(), text.map(|text| text.as_bytes().to_owned()))
        };
        files.iter().map(own).collect()
    }

    async fn committed(scratch: &Scratch, tip: Option<&CommitId>, text: &str) -> Committed {
        let change = changes(&[("a.lock", Some(text))]);
        scratch.repository.commit_table((LOCKS, tip), &change, "a claims").await.unwrap()
    }

    async fn change_by_the_tip_alone(init: &[&str]) {
        let scratch = Scratch::with(init).await;
        assert_eq!(scratch.repository.table(LOCKS).await.unwrap(), Table::default());
        let Committed::At(first) = committed(&scratch, None, "{}\n").await else { panic!("first") };
        assert_eq!(committed(&scratch, None, "other").await, Committed::Overtaken);
        let more = changes(&[("b.lock", Some("b\n"))]);
        let second =
            scratch.repository.commit_table((LOCKS, Some(&first)), &more, "b\nclaims").await;
        let Committed::At(second) = second.unwrap() else { panic!("second") };
        assert_eq!(committed(&scratch, Some(&first), "late").await, Committed::Overtaken);
        let table = scratch.repository.table(LOCKS).await.unwrap();
        assert_eq!(table.tip.as_ref(), Some(&second));
        assert_eq!(table.files, files(&[("a.lock", "{}\n"), ("b.lock", "b\n")]));
        let fewer = changes(&[("a.lock", None)]);
        let third = scratch.repository.commit_table((LOCKS, Some(&second)), &fewer, "a goes").await;
        assert!(matches!(third.unwrap(), Committed::At(_)));
        let table = scratch.repository.table(LOCKS).await.unwrap();
        assert_eq!(table.files, files(&[("b.lock", "b\n")]));
        assert_eq!(scratch.git(&["log", "--format=%s", LOCKS]).await, "a goes\nb claims\na claims");
        assert_eq!(scratch.git(&["fsck", "--strict", "--no-dangling"]).await, "");
    }

    #[tokio::test]
    async fn a_table_changes_by_the_tip_that_was_read_alone() {
        change_by_the_tip_alone(&[]).await;
        change_by_the_tip_alone(&["--object-format=sha256"]).await;
    }

    #[tokio::test]
    async fn of_two_who_change_it_at_once_one_is_overtaken() {
        let scratch = Scratch::new().await;
        let Committed::At(tip) = committed(&scratch, None, "{}").await else { panic!("first") };
        let one = |text: &'static str| committed(&scratch, Some(&tip), text);
        let all = tokio::join!(one("1"), one("2"), one("3"), one("4"));
        let won = [all.0, all.1, all.2, all.3];
        let won = won.iter().filter(|one| **one != Committed::Overtaken).count();
        assert_eq!(won, 1, "exactly one");
        assert_eq!(scratch.git(&["rev-list", "--count", LOCKS]).await, "2");
    }
}
