//! Pull requests: found by head and base, opened, updated, and merged with the head that was named. It
//! decides nothing.

use super::{Change, Error, Github, documents};
use crate::api::name::{BranchName, CommitId};
use crate::api::policy::Method;
use crate::api::pull::{Checks, MergeState, PullRequest, PullState};
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
    merge_state_status: String,
    head_ref_oid: CommitId,
    review_decision: Option<String>,
    viewer_can_enable_auto_merge: bool,
    auto_merge_request: Option<Value>,
    merge_commit: Option<Oid>,
    status_check_rollup: Option<Rollup>,
    body: String,
}

#[derive(Debug, Deserialize)]
struct Oid {
    oid: CommitId,
}

#[derive(Debug, Deserialize)]
struct Rollup {
    state: String,
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
        if let Some(fault) = envelope.errors.first() {
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
        let input = json!({
            "pullRequestId": pull.id, "expectedHeadOid": head.as_str(), "mergeMethod": word(method),
        });
        self.change_one(Change::MergePull, input).await.map(drop)
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
        let input = json!({
            "pullRequestId": pull.id, "expectedHeadOid": head.as_str(), "mergeMethod": word(method),
        });
        self.change_one(Change::AutoMerge, input).await.map(drop)
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

fn word(method: Method) -> &'static str {
    match method {
        Method::Rebase => "REBASE",
        Method::Squash => "SQUASH",
        Method::Merge | Method::None => "MERGE",
    }
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
    let checks = node.status_check_rollup.map(|rollup| match rollup.state.as_str() {
        "SUCCESS" => Checks::Passed,
        "FAILURE" | "ERROR" => Checks::Failed,
        _ => Checks::Pending,
    });
    let state = match node.state.as_str() {
        "OPEN" => PullState::Open,
        "MERGED" => PullState::Merged(node.merge_commit.map(|commit| commit.oid)),
        _ => PullState::Closed,
    };
    PullRequest {
        id: node.id,
        number: node.number,
        url: node.url,
        state,
        head: node.head_ref_oid,
        merge,
        checks,
        review: node.review_decision,
        is_automatic: node.auto_merge_request.is_some(),
        may_be_automatic: node.viewer_can_enable_auto_merge,
        is_queued: node.is_merge_queue_enabled,
        body: node.body,
    }
}
