//! Candidates: the commits that a branch would be moved to, built from a task's branch in the object
//! database alone. No work tree, index or branch is touched; only a ref of ours keeps them.

use super::{Error, Repository, command};
use crate::api::name::CommitId;
use crate::api::policy::Method;

/// The refs that keep candidates, by the names of their tasks.
pub const CANDIDATES: &str = "refs/reconciler/candidates/";

/// The branch of a task, and how it is to become part of another.
#[derive(Debug, Clone)]
pub struct Work<'a> {
    /// Its tip.
    pub tip: &'a CommitId,
    /// The commit that it is put onto.
    pub onto: &'a CommitId,
    /// How.
    pub method: Method,
    /// The first line of the message, where commits are joined.
    pub title: &'a str,
    /// What each commit bears as trailers, see git-interpret-trailers(1).
    pub trailers: &'a [(&'a str, String)],
}

/// What came of building a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Built {
    /// It is there, and no ref keeps it yet.
    Candidate {
        /// The commit.
        commit: CommitId,
        /// The paths that any of its commits changes.
        paths: Vec<String>,
    },
    /// All that the branch has is there already.
    Nothing,
    /// Both sides changed the same lines.
    Conflict(Clash),
}

/// What two sides that changed the same lines come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The files.
    pub paths: Vec<String>,
    /// The tree with what both sides say, marked in these files.
    pub tree: String,
    /// The commit of the branch that clashes, where one after the other is put onto the target.
    pub commit: Option<CommitId>,
}

/// A commit of the branch.
struct Picked {
    id: CommitId,
    parents: Vec<CommitId>,
    tree: String,
    author: [String; 3],
    message: String,
}

/// A tree that was merged, or what clashes.
type Merged = Result<String, Clash>;

impl Repository {
    /// Builds what a branch would be moved to. A branch that holds merges is put there as one commit,
    /// so that the history stays a line.
    ///
    /// # Errors
    /// When git fails, as it does for branches that have nothing in common. Nothing has changed then.
    pub async fn build(&self, work: &Work<'_>) -> Result<Built, Error> {
        let commits = self.picked(work).await?;
        if commits.is_empty() {
            return Ok(Built::Nothing);
        }
        let is_line = commits.iter().all(|one| one.parents.len() < 2);
        let built = match work.method {
            Method::Rebase | Method::None if is_line => self.rebase(work, &commits).await?,
            Method::Rebase | Method::None | Method::Squash => {
                self.join(work, &commits, &[work.onto]).await?
            }
            Method::Merge => self.join(work, &commits, &[work.onto, work.tip]).await?,
        };
        let commit = match built {
            Ok(commit) if commit == *work.onto => return Ok(Built::Nothing),
            Ok(commit) => commit,
            Err(clash) => return Ok(Built::Conflict(clash)),
        };
        let changed = self.landed(&format!("{}..{commit}", work.onto)).await?;
        let mut paths: Vec<String> = changed.into_iter().flat_map(|one| one.paths).collect();
        paths.sort_unstable();
        paths.dedup();
        Ok(Built::Candidate { commit, paths })
    }

    /// Puts one commit after the other onto the target, without those that change nothing there.
    async fn rebase(
        &self,
        work: &Work<'_>,
        commits: &[Picked],
    ) -> Result<Result<CommitId, Clash>, Error> {
        let mut at = work.onto.clone();
        let mut tree = self.tree_of(&at).await?;
        for one in commits {
            let message = trailed(&one.message, work.trailers).await?;
            let parent = one.parents.first();
            if parent == Some(&at) && message == one.message {
                (at, tree) = (one.id.clone(), one.tree.clone());
                continue;
            }
            let merged = match self.picked_onto(one, (&at, &tree)).await? {
                Ok(merged) => merged,
                Err(clash) => return Ok(Err(Clash { commit: Some(one.id.clone()), ..clash })),
            };
            if merged == tree {
                continue;
            }
            at = self.write_commit(&merged, &[&at], &message, Some(&one.author)).await?;
            tree = merged;
        }
        Ok(Ok(at))
    }

    /// Returns the tree of what one commit changes, put onto another.
    async fn picked_onto(
        &self,
        one: &Picked,
        (at, tree): (&CommitId, &String),
    ) -> Result<Merged, Error> {
        let before = match one.parents.first() {
            Some(parent) => self.tree_of(parent).await?,
            None => self.empty_tree().await?,
        };
        if before == *tree {
            return Ok(Ok(one.tree.clone()));
        }
        // Two commits that have the parent's tree in common, and nothing else: so git takes that for
        // the base, also where the two branches have a nearer one.
        let base = self.write_commit(&before, &[], "base", None).await?;
        let ours = self.write_commit(tree, &[&base], at.as_str(), None).await?;
        let theirs = self.write_commit(&one.tree, &[&base], one.id.as_str(), None).await?;
        self.merge_trees(&ours, &theirs).await
    }

    /// Joins all commits into one.
    async fn join(
        &self,
        work: &Work<'_>,
        commits: &[Picked],
        parents: &[&CommitId],
    ) -> Result<Result<CommitId, Clash>, Error> {
        let tree = match self.merge_trees(work.onto, work.tip).await? {
            Ok(tree) => tree,
            Err(clash) => return Ok(Err(clash)),
        };
        if tree == self.tree_of(work.onto).await? {
            return Ok(Ok(work.onto.clone()));
        }
        let mine: Vec<&Picked> = commits.iter().filter(|one| one.parents.len() < 2).collect();
        let (message, author) = match (mine.as_slice(), parents.len()) {
            ([only], 1) => (only.message.clone(), Some(&only.author)),
            (_, 1) => {
                let subject =
                    |one: &&Picked| format!("* {}", one.message.lines().next().unwrap_or(""));
                let all: Vec<String> = mine.iter().map(subject).collect();
                (
                    format!("{}\n\n{}\n", work.title, all.join("\n")),
                    mine.last().map(|one| &one.author),
                )
            }
            _ => (format!("Merge: {}\n", work.title), None),
        };
        let message = trailed(&message, work.trailers).await?;
        self.write_commit(&tree, parents, &message, author).await.map(Ok)
    }

    /// Returns the commits that the branch has and the target has not, oldest first.
    async fn picked(&self, work: &Work<'_>) -> Result<Vec<Picked>, Error> {
        let range = format!("{}..{}", work.onto, work.tip);
        let log = ["log", "-z", "--reverse", "--topo-order", "--date=raw", "--no-show-signature"];
        let format = "--format=%H%x1f%P%x1f%T%x1f%an%x1f%ae%x1f%ad%x1f%B";
        let answer = self.read().args(log).args([format, &range, "--"]).run().await?;
        let text = String::from_utf8_lossy(&answer);
        let all = text.split('\0').filter(|one| !one.is_empty());
        let unreadable = || Error::unreadable(&range, "what git says of it is not understood");
        all.map(|one| picked(one).ok_or_else(unreadable)).collect()
    }

    async fn merge_trees(&self, ours: &CommitId, theirs: &CommitId) -> Result<Merged, Error> {
        let options = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z"];
        let call = self.write()?.args(options).args([ours.as_str(), theirs.as_str()]);
        let answer = call.output().await?;
        let mut names = answer.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let tree = names.next().map(|name| String::from_utf8_lossy(name).into_owned());
        match (answer.status.code(), tree) {
            (Some(0), Some(tree)) => Ok(Ok(tree)),
            (Some(1), Some(tree)) => {
                let paths = names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                Ok(Err(Clash { paths, tree, commit: None }))
            }
            _ => {
                let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
                Err(Error::unreadable(format!("the merge of {ours} and {theirs}"), said))
            }
        }
    }

    async fn write_commit(
        &self,
        tree: &str,
        parents: &[&CommitId],
        message: &str,
        author: Option<&[String; 3]>,
    ) -> Result<CommitId, Error> {
        let identity = ["user.name=reconciler", "user.email=reconciler@localhost"];
        // Where git knows nobody it would refuse.
        let missing = self.user_identity_missing().await?;
        let identity = identity.into_iter().filter(|_| missing).flat_map(|one| ["-c", one]);
        let call = self.write()?.args(identity).args(["commit-tree", tree]);
        let call = parents.iter().fold(call, |call, one| call.args(["-p", one.as_str()]));
        let call = match author {
            Some([name, email, date]) => call
                .env("GIT_AUTHOR_NAME", name)
                .env("GIT_AUTHOR_EMAIL", email)
                .env("GIT_AUTHOR_DATE", date),
            None => call,
        };
        let id = one_line(&call.args(["-m", message.trim_end()]).run().await?)?;
        CommitId::try_from(id).map_err(|why| Error::unreadable("a new commit", why))
    }
}

/// Adds trailers to a message, where it has none of these names.
async fn trailed(message: &str, trailers: &[(&str, String)]) -> Result<String, Error> {
    let call =
        command::plain().args(["interpret-trailers", "--no-divider", "--if-exists", "doNothing"]);
    let add = trailers.iter().map(|(name, value)| format!("--trailer={name}: {value}"));
    let answer = call.args(add).input(message.as_bytes().to_owned()).run().await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn one_line(answer: &[u8]) -> Result<String, Error> {
    let text = String::from_utf8_lossy(answer).trim_end().to_owned();
    if text.is_empty() { Err(Error::unreadable("an object", "git named none")) } else { Ok(text) }
}

fn picked(text: &str) -> Option<Picked> {
    let mut parts = text.splitn(7, '\x1f');
    let mut part = || parts.next().map(str::to_owned);
    let id = CommitId::try_from(part()?).ok()?;
    let parents = part()?;
    let parents =
        parents.split_ascii_whitespace().map(|one| CommitId::try_from(one.to_owned()).ok());
    let parents = parents.collect::<Option<Vec<_>>>()?;
    let (tree, author, message) = (part()?, [part()?, part()?, part()?], part()?);
    Some(Picked { id, parents, tree, author, message })
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, write};
    use super::*;

    fn trailers() -> [(&'static str, String); 1] {
        [("Reconciler-Task", "t".to_owned())]
    }

    async fn build(scratch: &Scratch, method: Method) -> Built {
        let (tip, onto) = (scratch.id("task").await, scratch.id("main").await);
        let trailers = trailers();
        let work = Work { tip: &tip, onto: &onto, method, title: "A title", trailers: &trailers };
        scratch.repository.build(&work).await.unwrap()
    }

    /// Makes a branch `task` of two commits, and one commit on main beside it.
    async fn beside(ours: (&str, &str), theirs: [(&str, &str); 2]) -> Scratch {
        let scratch = Scratch::new().await;
        scratch.git(&["checkout", "-q", "-b", "task"]).await;
        for file in theirs {
            scratch.commit(&[file]).await;
        }
        scratch.git(&["checkout", "-q", "main"]).await;
        scratch.commit(&[ours]).await;
        scratch
    }

    fn commit_of(built: Built) -> CommitId {
        match built {
            Built::Candidate { commit, .. } => commit,
            Built::Nothing | Built::Conflict(_) => panic!("{built:?}"),
        }
    }

    fn clash_of(built: Built) -> Clash {
        match built {
            Built::Conflict(clash) => clash,
            Built::Nothing | Built::Candidate { .. } => panic!("{built:?}"),
        }
    }

    #[tokio::test]
    async fn commits_are_put_onto_the_target_one_by_one_with_author_and_trailer() {
        let scratch = beside(("b.txt", "main\n"), [("c.txt", "1\n"), ("c.txt", "2\n")]).await;
        scratch.git(&["config", "user.name", "lander"]).await;
        let built = build(&scratch, Method::Rebase).await;
        let Built::Candidate { commit, paths } = built else { panic!("{built:?}") };
        assert_eq!(paths, ["c.txt"]);
        let format = "--format=%an %cn %s %(trailers:key=Reconciler-Task,valueonly,separator=)";
        let range = format!("main..{commit}");
        let log = scratch.git(&["log", format, &range]).await;
        assert_eq!(log, "t lander more t\nt lander more t");
        assert_eq!(scratch.git(&["show", &format!("{commit}:c.txt")]).await, "2");
        assert_eq!(scratch.git(&["show", &format!("{commit}:b.txt")]).await, "main");
        // What was built is not rewritten when nothing is in its way.
        scratch.git(&["branch", "-f", "task", commit.as_str()]).await;
        assert_eq!(commit_of(build(&scratch, Method::Rebase).await), commit);
    }

    #[tokio::test]
    async fn what_conflicts_names_its_files_and_changes_nothing() {
        let scratch = beside(("a.txt", "main\n"), [("c.txt", "1\n"), ("a.txt", "task\n")]).await;
        let before = scratch.git(&["for-each-ref"]).await;
        let second = scratch.id("task").await;
        for (method, commit) in
            [(Method::Rebase, Some(second)), (Method::Squash, None), (Method::Merge, None)]
        {
            let clash = clash_of(build(&scratch, method).await);
            assert_eq!((clash.paths, clash.commit), (vec!["a.txt".to_owned()], commit));
        }
        assert_eq!(scratch.git(&["for-each-ref"]).await, before);
        assert_eq!(scratch.git(&["status", "--porcelain"]).await, "");
    }

    #[tokio::test]
    async fn a_second_commit_is_merged_from_its_own_parent() {
        // Against the fork point, the second commit would meet the first one's lines again.
        let text = |a: &str, b: &str| format!("{a}\n1\n2\n3\n4\n5\n{b}\n");
        let scratch = Scratch::new().await;
        scratch.commit(&[("f", &text("a", "b"))]).await;
        scratch.git(&["checkout", "-q", "-b", "task"]).await;
        scratch.commit(&[("f", &text("task", "b"))]).await;
        scratch.commit(&[("f", &text("again", "b"))]).await;
        scratch.git(&["checkout", "-q", "main"]).await;
        scratch.commit(&[("f", &text("task", "main"))]).await;
        let commit = commit_of(build(&scratch, Method::Rebase).await);
        let shown = scratch.git(&["show", &format!("{commit}:f")]).await;
        assert_eq!(shown, text("again", "main").trim_end());
        assert_eq!(scratch.git(&["rev-list", "--count", &format!("main..{commit}")]).await, "1");
    }

    #[tokio::test]
    async fn what_the_target_has_already_is_nothing() {
        let scratch = beside(("c.txt", "2\n"), [("c.txt", "1\n"), ("c.txt", "2\n")]).await;
        assert_eq!(build(&scratch, Method::Squash).await, Built::Nothing);
        scratch.git(&["branch", "-f", "task", "main~1"]).await;
        for method in [Method::Rebase, Method::Squash, Method::Merge] {
            assert_eq!(build(&scratch, method).await, Built::Nothing);
        }
    }

    #[tokio::test]
    async fn a_branch_with_merges_becomes_one_commit_and_a_merge_has_two_parents() {
        let scratch = beside(("b.txt", "main\n"), [("c.txt", "1\n"), ("d.txt", "1\n")]).await;
        scratch.git(&["checkout", "-q", "task"]).await;
        scratch.git(&["merge", "-q", "--no-ff", "-m", "merge", "main"]).await;
        scratch.git(&["checkout", "-q", "main"]).await;
        scratch.commit(&[("e.txt", "main\n")]).await;
        let squashed = commit_of(build(&scratch, Method::Rebase).await);
        let parents = scratch.git(&["log", "-1", "--format=%P %s", squashed.as_str()]).await;
        assert_eq!(parents, format!("{} A title", scratch.id("main").await));
        let body = scratch.git(&["log", "-1", "--format=%b", squashed.as_str()]).await;
        assert_eq!(body, "* more\n* more\n\nReconciler-Task: t");
        let merged = commit_of(build(&scratch, Method::Merge).await);
        let parents = scratch.git(&["log", "-1", "--format=%P", merged.as_str()]).await;
        let (main, task) = (scratch.id("main").await, scratch.id("task").await);
        assert_eq!(parents, format!("{main} {task}"));
    }

    #[tokio::test]
    async fn no_checkout_is_touched() {
        let scratch = beside(("b.txt", "main\n"), [("c.txt", "1\n"), ("d.txt", "1\n")]).await;
        write(&scratch.root().join("b.txt"), "a person's edit\n");
        commit_of(build(&scratch, Method::Rebase).await);
        assert_eq!(scratch.git(&["status", "--porcelain"]).await, " M b.txt");
    }
}
