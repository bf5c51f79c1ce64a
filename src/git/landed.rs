//! What was committed, and when: the commits of a range with their paths, and every version that a
//! file of a table had. It reads alone.

use super::{Error, Repository};
use crate::api::name::{BranchName, CommitId};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Begins each commit in the answer of git: no path and no message can have it.
const MARK: &str = "\u{1}";

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Its id.
    pub id: CommitId,
    /// When it was committed, by the clock of whoever did.
    pub at: Timestamp,
    /// Who it says wrote it.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The task whose work it is, when it says so.
    pub task: Option<String>,
    /// The paths it changed, both sides of a rename among them; of a merge, those that are as on
    /// neither side.
    pub paths: Vec<String>,
}

/// What git is asked to say of a commit.
const SAID: &str =
    "%H%x00%ct%x00%an%x00%s%x00%(trailers:key=Reconciler-Task,valueonly,separator=%x20)";

/// A commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// The commit; its paths are left out.
    pub commit: Landed,
    /// The blob of the file before; `None` when it was not there.
    pub before: Option<String>,
    /// The blob of the file after; `None` when it was removed.
    pub after: Option<String>,
}

impl Repository {
    /// Returns the commits that words for a range mean, oldest first.
    ///
    /// # Errors
    /// When they mean none that is here.
    pub async fn landed(&self, range: &str) -> Result<Vec<Landed>, Error> {
        self.log(range, &["--reverse"], &[]).await
    }

    /// Returns the newest commits of a range that changed any of these paths, newest first.
    ///
    /// # Errors
    /// When the range means none that is here.
    pub async fn landed_in(
        &self,
        range: &str,
        paths: &[String],
        limit: usize,
    ) -> Result<Vec<Landed>, Error> {
        self.log(range, &[&format!("--max-count={limit}")], paths).await
    }

    /// Returns the commits of a range that bear the trailer of a task, oldest first.
    ///
    /// # Errors
    /// When the range means none that is here.
    pub async fn landed_for(&self, range: &str, task: &str) -> Result<Vec<Landed>, Error> {
        let grep = format!("--grep=^Reconciler-Task: {task}$");
        self.log(range, &["--reverse", &grep], &[]).await
    }

    /// Returns the commits that changed a file, oldest first, along the history that made it what it is.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn file_history(&self, name: &str, path: &str) -> Result<Vec<FileVersion>, Error> {
        let format = format!("--format={MARK}{SAID}");
        let raw = ["log", "-z", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--root"];
        let call = self.read().env("GIT_LITERAL_PATHSPECS", "1").args(raw);
        let call = call.args(["--diff-merges=first-parent", &format, name, "--", path]);
        let answer = call.run().await?;
        let text = String::from_utf8_lossy(&answer);
        let commits = text.split(MARK).filter(|one| !one.is_empty());
        let unclear = || Error::unreadable(path, "what git says of its history is not understood");
        commits.map(|one| file_version(one).ok_or_else(unclear)).collect()
    }

    async fn log(&self, range: &str, how: &[&str], paths: &[String]) -> Result<Vec<Landed>, Error> {
        let format = format!("--format={MARK}{SAID}");
        let call = self.read().env("GIT_LITERAL_PATHSPECS", "1");
        let call = call.args(["log", "-z", "--no-renames", "--cc"]).args(how);
        let call =
            call.args(["--name-only", "--no-ext-diff", &format, "--end-of-options", range, "--"]);
        let answer = call.args(paths).run().await.map_err(|error| match error.status() {
            Some(_) => Error::unreadable(range, error.stderr()),
            None => error.into(),
        })?;
        let text = String::from_utf8_lossy(&answer);
        let commits = text.split(MARK).filter(|one| !one.is_empty());
        let landed = |one: &str| {
            landed(one)
                .ok_or_else(|| Error::unreadable(range, "what git says of it is not understood"))
        };
        commits.map(landed).collect()
    }

    /// Returns what a branch was made of, one commit after the other, without what was merged into it,
    /// and without what a range leaves out. Nothing, when there is no such branch.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn own_line(
        &self,
        branch: &BranchName,
        range: &str,
    ) -> Result<BTreeSet<CommitId>, Error> {
        let name = branch.to_ref();
        if self.reader().resolve(&name).await?.is_none() {
            return Ok(BTreeSet::new());
        }
        let base =
            range.split_once("..").map(|(base, _)| format!("^{}", base.trim_end_matches('.')));
        let base = base.filter(|base| base.len() > 1);
        let call = self.read().args(["rev-list", "--first-parent", name.as_str()]);
        let answer = call.args(base).arg("--").run().await?;
        let text = String::from_utf8_lossy(&answer);
        let id = |line: &str| CommitId::try_from(line.to_owned());
        text.lines().map(|line| id(line).map_err(|why| Error::unreadable(&name, why))).collect()
    }

    /// Returns every content that a file of a table at a ref ever had, oldest first.
    ///
    /// # Errors
    /// When any of them cannot be read.
    pub async fn table_history(&self, name: &str, limit: u64) -> Result<Vec<Vec<u8>>, Error> {
        if self.reader().resolve(name).await?.is_none() {
            return Ok(Vec::new());
        }
        let raw =
            ["log", "--reverse", "--raw", "--no-abbrev", "--no-renames", "--root", "--format="];
        let answer = self.read().args(raw).arg(name).arg("--").run().await?;
        let text = String::from_utf8_lossy(&answer);
        // `:MODE MODE OLD NEW STATUS<tab>PATH`, see git-diff-tree(1).
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace().skip(3);
            let (new, status) = (words.next()?.to_owned(), words.next()?);
            (status != "D").then_some(new)
        };
        let blobs: Vec<String> = text.lines().filter_map(line).collect();
        let read = self.reader().blobs(&blobs, limit).await?;
        let readable = |one: Result<Vec<u8>, _>| one.map_err(|why| Error::unreadable(name, why));
        read.into_iter().map(readable).collect()
    }
}

fn landed(text: &str) -> Option<Landed> {
    let mut parts = text.split('\0');
    let id = CommitId::try_from(parts.next()?.to_owned()).ok()?;
    let at = Timestamp::from_second(parts.next()?.parse().ok()?).ok()?;
    let (author, subject) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let task = Some(parts.next()?.trim().to_owned()).filter(|task| !task.is_empty());
    // An empty line parts what is said of the commit from its paths.
    let paths = parts.map(|path| path.trim_start_matches('\n')).filter(|path| !path.is_empty());
    let paths = paths.map(ToOwned::to_owned).collect();
    Some(Landed { id, at, author, subject, task, paths })
}

/// Reads a commit and `:MODE MODE OLD NEW STATUS`, see git-diff-tree(1).
fn file_version(text: &str) -> Option<FileVersion> {
    let commit = landed(text)?;
    let raw = commit.paths.iter().find(|one| one.starts_with(':'))?;
    let mut words = raw.split_ascii_whitespace().skip(2).map(str::to_owned);
    let mut blob = || Some(words.next()?).filter(|id| id.contains(|digit| digit != '0'));
    let (before, after) = (blob(), blob());
    Some(FileVersion { commit: Landed { paths: Vec::new(), ..commit }, before, after })
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, branch};

    #[tokio::test]
    async fn commits_of_a_range_tell_their_paths_oldest_first() {
        let scratch = Scratch::new().await;
        scratch.commit(&[("b \"q\"\n.txt", "1"), ("c.txt", "1")]).await;
        scratch.git(&["mv", "a.txt", "d.txt"]).await;
        scratch.git(&["commit", "-q", "-m", "moved\n\nmore"]).await;
        let found = scratch.repository.landed("HEAD~2..HEAD").await.unwrap();
        let told = found.iter().map(|one| (one.subject.as_str(), one.paths.clone()));
        let first = vec!["b \"q\"\n.txt".to_owned(), "c.txt".to_owned()];
        let second = vec!["a.txt".to_owned(), "d.txt".to_owned()];
        assert_eq!(told.collect::<Vec<_>>(), [("more", first), ("moved", second)]);
        assert_eq!(found.last().unwrap().id, scratch.id("HEAD").await);
        assert_eq!(scratch.repository.landed("HEAD~3..HEAD~2").await.unwrap_or_default(), []);
        scratch.repository.landed("nothing..HEAD").await.unwrap_err();
    }

    #[tokio::test]
    async fn commits_are_found_by_their_paths_and_by_their_task_and_a_file_tells_its_versions() {
        let scratch = Scratch::new().await;
        let first = scratch.commit(&[("[b]", "1")]).await;
        scratch.git(&["commit", "-q", "--allow-empty", "-m", "t\n\nReconciler-Task: login"]).await;
        scratch.git(&["rm", "-q", "[b]"]).await;
        scratch.git(&["commit", "-q", "-m", "away"]).await;
        let paths = ["[b]".to_owned()];
        let found = scratch.repository.landed_in("HEAD", &paths, 9).await.unwrap();
        let subjects: Vec<&str> = found.iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(subjects, ["away", "more"]);
        let found = scratch.repository.landed_for("HEAD", "login").await.unwrap();
        assert_eq!((found.len(), found[0].task.as_deref()), (1, Some("login")));
        assert!(scratch.repository.landed_for("HEAD", "log").await.unwrap().is_empty());
        let versions = scratch.repository.file_history("HEAD", "[b]").await.unwrap();
        let [made, removed] = versions.as_slice() else { panic!("{versions:?}") };
        assert_eq!((&made.commit.id, &made.before, made.after.is_some()), (&first, &None, true));
        assert_eq!((&removed.before, &removed.after), (&made.after, &None));
    }

    #[tokio::test]
    async fn the_line_of_a_branch_is_without_what_was_merged_into_it() {
        let scratch = Scratch::new().await;
        let base = scratch.id("HEAD").await;
        scratch.git(&["checkout", "-q", "-b", "task/a"]).await;
        let own = scratch.commit(&[("own.txt", "1")]).await;
        scratch.git(&["checkout", "-q", "main"]).await;
        let theirs = scratch.commit(&[("theirs.txt", "1")]).await;
        scratch.git(&["checkout", "-q", "task/a"]).await;
        scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "main"]).await;
        let range = format!("{base}..task/a");
        let line = scratch.repository.own_line(&branch("a"), &range).await.unwrap();
        assert!(
            line.contains(&own) && !line.contains(&theirs) && !line.contains(&base),
            "{line:?}"
        );
        assert!(scratch.repository.own_line(&branch("b"), &range).await.unwrap().is_empty());
    }
}
