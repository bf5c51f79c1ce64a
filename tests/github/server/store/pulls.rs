//! Pull requests: opening, auto-merge and merging, with the refusals that GitHub is known for. What
//! stands in the way of a merge is set by the test; nothing is computed from files.

use super::{Issue, Refusal, State, Store};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Pull {
    /// Branches, without `refs/heads/`.
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) head_sha: String,
    pub(crate) is_draft: bool,
    /// `mergeStateStatus`.
    pub(crate) merge_state: String,
    /// The state of the rollup; `None` without checks.
    pub(crate) checks: Option<String>,
    /// Each check by its name, and its state; `IN_PROGRESS` is one that is not done.
    pub(crate) contexts: Vec<(String, String)>,
    /// `reviewDecision`.
    pub(crate) review: Option<String>,
    pub(crate) auto_merge: Option<AutoMerge>,
    pub(crate) is_in_queue: bool,
    /// Set when it is merged.
    pub(crate) merge_commit: Option<String>,
    /// Where the base was then.
    pub(crate) merged_onto: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AutoMerge {
    /// `MERGE`, `SQUASH`, `REBASE`.
    pub(crate) method: String,
    pub(crate) at: String,
}

impl Pull {
    /// Another commit is pushed: what was checked, and what is in the queue, is the one before.
    pub(super) fn push(&mut self, sha: &str) {
        if self.head_sha != sha {
            (self.is_in_queue, self.checks) = (false, None);
            self.contexts.clear();
        }
        sha.clone_into(&mut self.head_sha);
    }
}

impl Store {
    /// Opens a pull request from head to base; returns its number.
    pub(crate) fn create_pull(
        &mut self,
        repository: &str,
        (head, base): (&str, &str),
        title: &str,
        body: &str,
    ) -> Result<u64, Refusal> {
        let refs = &self.repository(repository)?.refs;
        let tip = |branch: &str| refs.get(&format!("refs/heads/{branch}")).cloned();
        let invalid = |field: &str| Refusal { kind: "INVALID", message: field.to_owned() };
        let head_sha = tip(head).ok_or_else(|| invalid("head"))?;
        let base_sha = tip(base).ok_or_else(|| invalid("base"))?;
        let same = |issue: &&Issue| {
            let pull = issue.pull.as_ref();
            issue.state == State::Open
                && pull.is_some_and(|one| one.head == head && one.base == base)
        };
        if self.repository(repository)?.issues.values().any(|issue| same(&issue)) {
            let owner = &self.repository(repository)?.owner;
            let message = format!("A pull request already exists for {owner}:{head}.");
            return Err(Refusal::unprocessable(message));
        }
        if self.repository(repository)?.contains(&base_sha, &head_sha) {
            return Err(Refusal::unprocessable(format!("No commits between {base} and {head}")));
        }
        let merge_state = self.rules.pulls_open_as.unwrap_or("CLEAN").to_owned();
        let pull = Pull {
            head: head.to_owned(),
            base: base.to_owned(),
            head_sha,
            is_draft: false,
            merge_state,
            checks: None,
            contexts: Vec::new(),
            review: None,
            auto_merge: None,
            is_in_queue: false,
            merge_commit: None,
            merged_onto: None,
        };
        self.insert_issue(repository, (title, body), Some(pull))
    }

    pub(crate) fn pull_mut(&mut self, repository: &str, number: u64) -> Result<&mut Pull, Refusal> {
        let issue = self.issue_mut(repository, number)?;
        issue.pull.as_mut().ok_or_else(|| Refusal::not_found("Not Found"))
    }

    /// Returns the repository's id and the number of a pull request by its node id.
    pub(crate) fn find_pull(&self, id: &str) -> Result<(String, u64), Refusal> {
        let found = self.find_issue(id).filter(|(_, issue)| issue.pull.is_some());
        let (repository, issue) = found.ok_or_else(|| Refusal::no_node(id))?;
        Ok((repository.id.clone(), issue.number))
    }

    /// Merges as soon as nothing stands in the way.
    pub(crate) fn enable_auto_merge(&mut self, input: &Value) -> Result<(), Refusal> {
        let id = super::text(input, "pullRequestId").unwrap_or_default();
        let (repository, number) = self.find_pull(id)?;
        self.expect_head(&repository, number, super::text(input, "expectedHeadOid"))?;
        let refused = |message: &str| Err(Refusal::unprocessable(message));
        if !self.repository(&repository)?.is("autoMergeAllowed") {
            return refused("Pull request Auto merge is not allowed for this repository");
        }
        let at = self.clock.text();
        let is_open = self.issue(&repository, number)?.state == State::Open;
        let pull = self.pull_mut(&repository, number)?;
        if !is_open {
            return refused("Pull request is closed");
        }
        match pull.merge_state.as_str() {
            "CLEAN" | "HAS_HOOKS" => refused("Pull request Pull request is in clean status"),
            "UNSTABLE" => refused("Pull request Pull request is in unstable status"),
            "DIRTY" => refused("Pull request Pull request is in dirty status"),
            _ => {
                let method = super::text(input, "mergeMethod").unwrap_or("MERGE").to_owned();
                pull.auto_merge = Some(AutoMerge { method, at });
                Ok(())
            }
        }
    }

    pub(crate) fn disable_auto_merge(&mut self, id: &str) -> Result<(), Refusal> {
        let (repository, number) = self.find_pull(id)?;
        let pull = self.pull_mut(&repository, number)?;
        match pull.auto_merge.take() {
            Some(_) => Ok(()),
            None => Err(Refusal::unprocessable("Can't disable auto-merge for this pull request")),
        }
    }

    /// Merges, if it may be merged and has the head that is expected.
    pub(crate) fn merge_pull(&mut self, input: &Value) -> Result<(), Refusal> {
        let id = super::text(input, "pullRequestId").unwrap_or_default();
        let (repository, number) = self.find_pull(id)?;
        let is_open = self.issue(&repository, number)?.state == State::Open;
        let pull = self.pull_mut(&repository, number)?;
        if super::text(input, "expectedHeadOid").is_some_and(|sha| sha != pull.head_sha) {
            let message = "Head branch was modified. Review and try the merge again.";
            return Err(Refusal::unprocessable(message));
        }
        let is_ready = ["CLEAN", "HAS_HOOKS", "UNSTABLE"].contains(&pull.merge_state.as_str());
        if !is_open || pull.is_draft || !is_ready {
            return Err(Refusal::unprocessable("Pull Request is not mergeable"));
        }
        if self.repository(&repository)?.is("isMergeQueueEnabled") {
            let message = "Changes must be made through the merge queue";
            return Err(Refusal::unprocessable(message));
        }
        let method = super::text(input, "mergeMethod").unwrap_or("MERGE");
        self.merge_now(&repository, number, method).map(drop)
    }

    /// Puts it into the merge queue, if it has the head that is expected.
    pub(crate) fn enqueue(&mut self, input: &Value) -> Result<(), Refusal> {
        let id = super::text(input, "pullRequestId").unwrap_or_default();
        let (repository, number) = self.find_pull(id)?;
        self.expect_head(&repository, number, super::text(input, "expectedHeadOid"))?;
        let has_queue = self.repository(&repository)?.is("isMergeQueueEnabled");
        let is_open = self.issue(&repository, number)?.state == State::Open;
        let pull = self.pull_mut(&repository, number)?;
        let is_ready = ["CLEAN", "HAS_HOOKS", "UNSTABLE"].contains(&pull.merge_state.as_str());
        if !has_queue || !is_open || !is_ready || pull.is_draft || pull.is_in_queue {
            let message = "Pull request cannot be added to the merge queue";
            return Err(Refusal::unprocessable(message));
        }
        pull.is_in_queue = true;
        Ok(())
    }

    /// Takes it out of the merge queue.
    pub(crate) fn dequeue(&mut self, id: &str) -> Result<(), Refusal> {
        let (repository, number) = self.find_pull(id)?;
        let pull = self.pull_mut(&repository, number)?;
        if !pull.is_in_queue {
            return Err(Refusal::unprocessable("Pull request is not in the merge queue"));
        }
        pull.is_in_queue = false;
        Ok(())
    }

    /// Merges the base into the head, as the button does.
    pub(crate) fn update_branch(&mut self, input: &Value) -> Result<(), Refusal> {
        let id = super::text(input, "pullRequestId").unwrap_or_default();
        let (repository, number) = self.find_pull(id)?;
        self.expect_head(&repository, number, super::text(input, "expectedHeadOid"))?;
        let pull = self.pull_mut(&repository, number)?.clone();
        match pull.merge_state.as_str() {
            "DIRTY" => return Err(Refusal::unprocessable("merge conflict between base and head")),
            "BEHIND" => {}
            _ => {
                let message = "There are no new commits on the base branch.";
                return Err(Refusal::unprocessable(message));
            }
        }
        let base = self.repository(&repository)?.refs[&format!("refs/heads/{}", pull.base)].clone();
        let tree = self.merged_tree(&repository, &base, &pull.head_sha)?;
        let message = format!("Merge branch '{}' into {}", pull.base, pull.head);
        let parents = vec![pull.head_sha, base];
        let sha = self.create_commit(&repository, &message, tree, parents)?;
        self.set_ref(&repository, &format!("refs/heads/{}", pull.head), Some(&sha));
        "CLEAN".clone_into(&mut self.pull_mut(&repository, number)?.merge_state);
        Ok(())
    }

    fn expect_head(
        &mut self,
        repository: &str,
        number: u64,
        sha: Option<&str>,
    ) -> Result<(), Refusal> {
        let pull = self.pull_mut(repository, number)?;
        if sha.is_some_and(|sha| sha != pull.head_sha) {
            let message = "Head sha didn't match expected head sha";
            return Err(Refusal::unprocessable(message));
        }
        Ok(())
    }

    /// Returns its commits, the oldest first.
    pub(crate) fn commits_of(&self, repository: &str, pull: &Pull) -> Vec<String> {
        let Ok(repository) = self.repository(repository) else { return Vec::new() };
        let base = repository.refs.get(&format!("refs/heads/{}", pull.base));
        let base = pull.merged_onto.as_ref().or(base).cloned().unwrap_or_default();
        let mut found = Vec::new();
        let mut at = Some(pull.head_sha.clone());
        while let Some(sha) = at.filter(|sha| !repository.contains(&base, sha)) {
            at = repository.commits.get(&sha).and_then(|one| one.parents.first().cloned());
            found.push(sha);
        }
        found.reverse();
        found
    }

    /// Makes the commit by which it is merged in one of GitHub's ways.
    fn merge_commit(
        &mut self,
        repository: &str,
        (old, pull): (&str, &Pull),
        (method, title): (&str, &str),
    ) -> Result<String, Refusal> {
        if method == "REBASE" {
            let mut at = old.to_owned();
            let mut own = self.commits_of(repository, pull);
            let commits = &self.repository(repository)?.commits;
            // Where the target was joined to it, that falls away.
            own.retain(|sha| commits[sha].parents.len() < 2);
            for sha in own {
                let tree = self.picked_tree(repository, &at, &sha)?;
                let message = self.repository(repository)?.commits[&sha].message.clone();
                at = self.create_commit(repository, &message, tree, vec![at])?;
            }
            return Ok(at);
        }
        let tree = self.merged_tree(repository, old, &pull.head_sha)?;
        let mut parents = vec![old.to_owned()];
        if method != "SQUASH" {
            parents.push(pull.head_sha.clone());
        }
        self.create_commit(repository, title, tree, parents)
    }

    /// Merges, whatever stands in the way; closes the issues that it says it closes.
    pub(crate) fn merge_now(
        &mut self,
        repository: &str,
        number: u64,
        method: &str,
    ) -> Result<String, Refusal> {
        let setting = match method {
            "SQUASH" => "squashMergeAllowed",
            "REBASE" => "rebaseMergeAllowed",
            _ => "mergeCommitAllowed",
        };
        if !self.repository(repository)?.is(setting) {
            let message = format!("{method} merges are not allowed on this repository.");
            return Err(Refusal::unprocessable(message));
        }
        let pull = self.pull_mut(repository, number)?.clone();
        let (title, body) = {
            let issue = self.issue(repository, number)?;
            (issue.title.clone(), issue.body.clone())
        };
        let base = format!("refs/heads/{}", pull.base);
        let old = self.repository(repository)?.refs.get(&base).cloned();
        let old = old.ok_or_else(|| Refusal::unprocessable("Base branch does not exist"))?;
        let message = match method {
            "SQUASH" => format!("{title} (#{number})"),
            _ => format!("Merge pull request #{number}\n\n{title}"),
        };
        let sha = self.merge_commit(repository, (&old, &pull), (method, &message))?;
        let now = self.clock.text();
        let issue = self.issue_mut(repository, number)?;
        issue.close(None, &now);
        if let Some(pull) = &mut issue.pull {
            pull.merge_commit = Some(sha.clone());
            (pull.auto_merge, pull.is_in_queue, pull.merged_onto) = (None, false, Some(old));
        }
        self.set_ref(repository, &base, Some(&sha));
        let found = self.repository(repository)?;
        let (closes, deletes) =
            (found.default_branch == pull.base, found.is("deleteBranchOnMerge"));
        for issue in closing(&body).into_iter().filter(|_| closes) {
            if self.issue(repository, issue).is_ok() {
                self.set_state(repository, issue, State::Closed, Some("completed"))?;
            }
        }
        if deletes {
            self.set_ref(repository, &format!("refs/heads/{}", pull.head), None);
        }
        Ok(sha)
    }
}

/// Returns the numbers of the issues that a text says it closes.
pub(crate) fn closing(body: &str) -> Vec<u64> {
    let words: Vec<&str> = body.split_whitespace().collect();
    let number = |pair: &[&str]| {
        let verb = pair[0].trim_end_matches(':').to_lowercase();
        let verbs = [
            "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
        ];
        let number = pair[1].strip_prefix('#')?.trim_end_matches(['.', ',', ';']).parse().ok()?;
        verbs.contains(&verb.as_str()).then_some(number)
    };
    words.windows(2).filter_map(number).collect()
}
