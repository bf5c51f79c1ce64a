//! Pull requests: found by head and base, opened, updated, and merged with the head that was named. It
//! decides nothing.

use super::envelope::Fault;
use super::{Change, Error, Github, documents};
use crate::api::name::{BranchName, CommitId};
use crate::api::policy::Method;
use crate::api::pull::{Checks, MergeState, Order, PullRequest, PullState, Review, Rollup};
use serde::Deserialize;
use serde_json::{Value, json};

/// The pull requests of one branch into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulls {
    /// The node id of the repository.
    pub repository: String,
    /// The newest first.
    pub all: Vec<PullRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "it is as GitHub answers")]
struct Node {
    id: String,
    number: u64,
    url: String,
    state: String,
    is_draft: bool,
    is_cross_repository: bool,
    is_merge_queue_enabled: bool,
    is_in_merge_queue: bool,
    merge_state_status: String,
    head_ref_oid: CommitId,
    review_decision: Option<String>,
    viewer_can_enable_auto_merge: bool,
    auto_merge_request: Option<Value>,
    merge_commit: Option<Oid>,
    status_check_rollup: Option<Combined>,
    commits: Nodes<Commit>,
    body: String,
}

/// A list of which parts may not be shown.
#[derive(Debug, Deserialize)]
struct Nodes<T> {
    #[serde(default = "Vec::new")]
    nodes: Vec<Option<T>>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    commit: Oid,
}

#[derive(Debug, Deserialize)]
struct Oid {
    oid: CommitId,
}

/// All checks of a commit.
#[derive(Debug, Deserialize)]
struct Combined {
    state: String,
    commit: Option<Oid>,
    contexts: Option<Nodes<Context>>,
}

/// A check, of either kind that GitHub has.
#[derive(Debug, Deserialize)]
struct Context {
    #[serde(alias = "context")]
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    state: Option<String>,
}

impl Github {
    /// Returns the pull requests of a branch of a repository (`owner/name`) into another, whatever became
    /// of them.
    ///
    /// # Errors
    /// When they could not be read: then nothing is known of them, and none is to be opened.
    pub async fn pulls(
        &self,
        repository: &str,
        (head, base): (&BranchName, &BranchName),
    ) -> Result<Pulls, Error> {
        let what = format!("repository {repository}");
        let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
        let variables = json!({
            "owner": owner, "name": name, "head": head.as_str(), "base": base.as_str(),
        });
        let envelope = self.query(documents::PULLS, &variables, &what).await?;
        // A token may see how the checks stand and not which they are.
        if let Some(fault) = envelope.errors.iter().find(|fault| !is_of_a_check(fault)) {
            return Err(fault.meant(&what));
        }
        let data = Value::Object(envelope.data.unwrap_or_default());
        let found = &data["repository"];
        let id = found["id"].as_str().ok_or(Error::NotFound(what))?;
        let unclear = |error| Error::Unknown(format!("a pull request: {error}"));
        let nodes = found.pointer("/pullRequests/nodes").unwrap_or(&Value::Null);
        let nodes = Vec::<Option<Node>>::deserialize(nodes).map_err(unclear)?;
        let allowed = found["autoMergeAllowed"] == true;
        // Of a fork it is somebody else's branch.
        let own = nodes.into_iter().flatten().filter(|node| !node.is_cross_repository);
        let mut all: Vec<_> = own.map(pull).collect();
        for one in &mut all {
            one.may_be_automatic &= allowed;
        }
        all.sort_by_key(|one| std::cmp::Reverse(one.number));
        Ok(Pulls { repository: id.to_owned(), all })
    }

    /// Opens a pull request: title and text. GitHub opens no second one of a branch into another.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may be open: look for it first.
    pub async fn open_pull(
        &self,
        repository: &str,
        (head, base): (&BranchName, &BranchName),
        (title, body): (&str, &str),
    ) -> Result<(), Error> {
        let input = json!({
            "repositoryId": repository, "headRefName": head.as_str(), "baseRefName": base.as_str(),
            "title": title, "body": body,
        });
        self.change_one(Change::OpenPull, input).await.map(drop)
    }

    /// Merges a pull request whose head is this commit, and no other.
    ///
    /// # Errors
    /// [`Error::Refused`] when that is not so by now, or something stands in the way: look at it again.
    pub async fn merge_pull(
        &self,
        pull: &PullRequest,
        head: &CommitId,
        method: Method,
    ) -> Result<(), Error> {
        self.change_one(Change::MergePull, merging(pull, head, method)).await.map(drop)
    }

    /// Has GitHub merge a pull request, whose head is this commit, as soon as it may.
    ///
    /// # Errors
    /// [`Error::Refused`] when it may now, or the repository does not allow it: look at it again.
    pub async fn merge_pull_later(
        &self,
        pull: &PullRequest,
        head: &CommitId,
        method: Method,
    ) -> Result<(), Error> {
        self.change_one(Change::AutoMerge, merging(pull, head, method)).await.map(drop)
    }

    /// Takes back that GitHub merges a pull request by itself.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not by now: look at it again.
    pub async fn cancel_pull(&self, pull: &PullRequest, order: Order) -> Result<(), Error> {
        let (change, input) = match order {
            Order::AutoMerge => (Change::NoAutoMerge, json!({ "pullRequestId": pull.id })),
            Order::Queue => (Change::Dequeue, json!({ "id": pull.id })),
        };
        self.change_one(change, input).await.map(drop)
    }

    /// Puts a pull request whose head is this commit into the merge queue.
    ///
    /// # Errors
    /// [`Error::Refused`] when it may not go there: look at it again.
    pub async fn enqueue_pull(&self, pull: &PullRequest, head: &CommitId) -> Result<(), Error> {
        let input = json!({ "pullRequestId": pull.id, "expectedHeadOid": head.as_str() });
        self.change_one(Change::Enqueue, input).await.map(drop)
    }

    /// Has GitHub join the target to the branch of a pull request whose head is this commit.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is up to date, or the head is another by now: look at it again.
    pub async fn update_pull(&self, pull: &PullRequest, head: &CommitId) -> Result<(), Error> {
        let input = json!({ "pullRequestId": pull.id, "expectedHeadOid": head.as_str() });
        self.change_one(Change::UpdatePull, input).await.map(drop)
    }
}

/// Returns what is asked for when a pull request is to be merged, now or later: this commit and no other.
fn merging(pull: &PullRequest, head: &CommitId, method: Method) -> Value {
    json!({
        "pullRequestId": pull.id, "expectedHeadOid": head.as_str(), "mergeMethod": word(method),
    })
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Rebase => "REBASE",
        Method::Squash => "SQUASH",
        Method::Merge | Method::None => "MERGE",
    }
}

fn is_of_a_check(fault: &Fault) -> bool {
    fault.path.iter().any(|part| part == "contexts")
}

fn pull(node: Node) -> PullRequest {
    let merge = match node.merge_state_status.as_str() {
        _ if node.is_draft => MergeState::Draft,
        "CLEAN" | "HAS_HOOKS" => MergeState::Clean,
        "UNSTABLE" => MergeState::Unstable,
        "BLOCKED" => MergeState::Blocked,
        "BEHIND" => MergeState::Behind,
        "DIRTY" => MergeState::Dirty,
        "DRAFT" => MergeState::Draft,
        _ => MergeState::Unknown,
    };
    let state = match node.state.as_str() {
        "OPEN" => PullState::Open,
        "MERGED" => PullState::Merged(node.merge_commit.map(|commit| commit.oid)),
        _ => PullState::Closed,
    };
    let order = match (node.is_in_merge_queue, &node.auto_merge_request) {
        (true, _) => Some(Order::Queue),
        (false, Some(_)) => Some(Order::AutoMerge),
        (false, None) => None,
    };
    let review = node.review_decision.map(|word| match word.as_str() {
        "APPROVED" => Review::Approved,
        "CHANGES_REQUESTED" => Review::ChangesRequested,
        "REVIEW_REQUIRED" => Review::Required,
        _ => Review::Unknown,
    });
    PullRequest {
        id: node.id,
        number: node.number,
        url: node.url,
        state,
        merge,
        checks: node.status_check_rollup.map(|all| checks(all, &node.head_ref_oid)),
        head: node.head_ref_oid,
        commits: node.commits.nodes.into_iter().flatten().map(|one| one.commit.oid).collect(),
        review,
        order,
        may_be_automatic: node.viewer_can_enable_auto_merge,
        has_queue: node.is_merge_queue_enabled,
        body: node.body,
    }
}

/// Returns what the checks of a head say; what they say of another commit counts for nothing.
fn checks(all: Combined, head: &CommitId) -> Checks {
    let is_its = all.commit.is_none_or(|commit| commit.oid == *head);
    let rollup = match all.state.as_str() {
        "SUCCESS" if is_its => Rollup::Passed,
        "FAILURE" | "ERROR" if is_its => Rollup::Failed,
        _ => Rollup::Pending,
    };
    let (mut failed, mut pending) = (Vec::new(), Vec::new());
    let contexts = all.contexts.map(|contexts| contexts.nodes).unwrap_or_default();
    for one in contexts.into_iter().flatten().filter(|_| is_its) {
        let Some(name) = one.name else { continue };
        let is_done = one.status.is_none_or(|status| status == "COMPLETED");
        let end = one.conclusion.or(one.state);
        match end.as_deref() {
            Some("SUCCESS" | "NEUTRAL" | "SKIPPED") if is_done => {}
            Some("PENDING" | "EXPECTED") | None => pending.push(name),
            Some(_) if !is_done => pending.push(name),
            Some(_) => failed.push(name),
        }
    }
    Checks { rollup, failed, pending }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(commit: &str, contexts: &Value) -> Checks {
        let all = json!({ "state": "FAILURE", "commit": { "oid": commit.repeat(40) },
            "contexts": { "nodes": contexts } });
        checks(serde_json::from_value(all).unwrap(), &"a".repeat(40).try_into().unwrap())
    }

    #[test]
    fn checks_of_both_kinds_are_told_apart_and_those_of_another_commit_count_for_nothing() {
        let contexts = json!([
            { "__typename": "CheckRun", "name": "lint", "status": "COMPLETED", "conclusion": "FAILURE" },
            { "__typename": "CheckRun", "name": "docs", "status": "COMPLETED", "conclusion": "SKIPPED" },
            { "__typename": "CheckRun", "name": "e2e", "status": "IN_PROGRESS", "conclusion": null },
            { "__typename": "StatusContext", "context": "ci", "state": "ERROR" },
            { "__typename": "StatusContext", "context": "cd", "state": "PENDING" },
            { "__typename": "StatusContext", "context": "ok", "state": "SUCCESS" },
            null,
        ]);
        let its = of("a", &contexts);
        assert_eq!(its.rollup, Rollup::Failed);
        assert_eq!((its.failed, its.pending), (strings(&["lint", "ci"]), strings(&["e2e", "cd"])));
        let other = of("b", &contexts);
        assert_eq!(other, Checks { rollup: Rollup::Pending, failed: vec![], pending: vec![] });
    }

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }
}
