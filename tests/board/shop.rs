//! A repository whose work lands by pull request, and its GitHub with a bare repository behind it.

use crate::common::TestEnvironment;
use crate::github::Server;
use crate::github::store::State;
use crate::github::store::person::Setting;
use crate::scene::Scene;
use reconciler::api::condition::ConditionType;
use reconciler::client::view::task::tasks;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A repository whose work lands in `shop` of `acme` by pull request.
pub(crate) struct Shop {
    pub(crate) scene: Scene,
    pub(crate) remote: PathBuf,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::with(&json!({}))
    }

    /// The same, with more said of `merge` in the policy.
    pub(crate) fn with(merge: &Value) -> Self {
        let scene = Scene::bare(Server::start());
        let remote = scene.env.out("shop.git");
        let at = remote.display().to_string();
        scene.env.git(&["init", "-q", "--bare", "-b", "main", &at]);
        scene.env.git(&["remote", "add", "origin", &at]);
        scene.env.commit_policy(&policy(merge));
        scene.server.store().add_repository("acme", "shop");
        let shop = Self { scene, remote };
        shop.writes("ours", &json!({}));
        shop.scene.env.git(&["push", "-q", "origin", "main"]);
        shop.scene.server.store().mirror("shop", &shop.remote);
        shop
    }

    pub(crate) fn env(&self) -> &TestEnvironment {
        &self.scene.env
    }

    pub(crate) fn server(&self) -> &Server {
        &self.scene.server
    }

    /// Commits a task that writes a file of its name, whatever is there.
    pub(crate) fn writes(&self, name: &str, more: &Value) {
        let command = format!(
            "git rebase -q -X theirs main && echo {name} > {name}.txt && git add -A && \
             {{ git diff --cached --quiet || git commit -qm {name}; }}"
        );
        let mut spec = json!({ "title": "Write it", "command": command, "issueNumber": 7 });
        if let (Some(all), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        self.env().commit_task(name, &spec);
    }

    pub(crate) fn there(&self, arguments: &[&str]) -> String {
        let at = self.remote.display().to_string();
        self.env().git(&[&["--git-dir", &at], arguments].concat())
    }

    /// Somebody else changes a file and pushes it.
    pub(crate) fn somebody_pushes(&self, file: &str, text: &str) {
        let clone = self.env().out("clone");
        let (at, path) = (self.remote.display().to_string(), clone.display().to_string());
        self.env().git(&["clone", "-q", &at, &path]);
        std::fs::write(clone.join(file), text).unwrap();
        let theirs = |arguments: &[&str]| self.env().git(&[&["-C", &path], arguments].concat());
        theirs(&["add", "-A"]);
        theirs(&["commit", "-q", "-m", "theirs"]);
        theirs(&["push", "-q", "origin", "main"]);
    }

    /// Returns number and title of each pull request, and whether it is merged.
    pub(crate) fn pulls(&self) -> Vec<(u64, String, bool)> {
        let mut store = self.server().store();
        let issues = store.repository_mut("shop").issues.values();
        let pulls = issues.filter_map(|issue| {
            let pull = issue.pull.as_ref()?;
            Some((issue.number, issue.title.clone(), pull.merge_commit.is_some()))
        });
        pulls.collect()
    }

    /// Changes what the policy says of `merge`, here and at the remote.
    pub(crate) fn commit_merge(&self, merge: &Value) {
        self.env().commit_policy(&policy(merge));
        self.env().git(&["push", "-q", "origin", "main"]);
    }

    /// Pull requests wait for something; GitHub may merge them itself then, or not.
    pub(crate) fn blocks(&self, auto_merge: Setting) {
        let mut store = self.server().store();
        store.rules.pulls_open_as = Some("BLOCKED");
        store.set_repository("shop", "autoMergeAllowed", auto_merge);
    }

    pub(crate) fn reopen(&self) {
        let mut store = self.server().store();
        let id = store.repository_mut("shop").id.clone();
        store.set_state(&id, 1, State::Open, None).unwrap();
    }

    pub(crate) fn wait_until_told(&self, words: &str) {
        self.env().wait_until(words, || {
            self.env().report("ours").is_some_and(|report| report.message.contains(words))
        });
    }

    /// What GitHub says of its pull request, as conditions of the task: type, status, reason.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let all = tasks(&self.env().snapshot());
        let its = all.into_iter().find(|task| task.metadata.name == "ours").unwrap();
        let all = its.status.conditions.into_iter();
        let all = all.filter(|one| one.kind > ConditionType::Complete);
        all.map(|one| format!("{} {} {}", one.kind, one.status, one.reason)).collect()
    }

    pub(crate) fn wait_for_conditions(&self, all: &[&str]) {
        self.env().wait_until(&format!("{all:?}"), || self.conditions() == all);
    }

    /// Returns how often something was asked for by this name.
    pub(crate) fn asked(&self, mutation: &str) -> usize {
        let log = self.server().log();
        log.iter().flat_map(|entry| &entry.kinds).filter(|kind| *kind == mutation).count()
    }

    /// Returns whether GitHub merges the pull request by itself.
    pub(crate) fn is_ordered(&self) -> bool {
        let mut store = self.server().store();
        let pull = store.repository_mut("shop").issues[&1].pull.as_ref().unwrap();
        pull.auto_merge.is_some() || pull.is_in_queue
    }

    pub(crate) fn assert_landed_once(&self) {
        assert_eq!(self.pulls(), [(1, "Write it".to_owned(), true)]);
        let (here, there) =
            (self.env().git(&["rev-parse", "main"]), self.there(&["rev-parse", "main"]));
        assert_eq!(here, there);
        assert_eq!(self.there(&["show", "main:ours.txt"]), "ours");
    }
}

fn policy(more: &Value) -> Value {
    let mut merge = json!({ "by": "pullRequest", "remote": "origin" });
    if let (Some(all), Some(more)) = (merge.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    json!({
        "merge": merge,
        "github": { "repository": "acme/shop", "intervalSeconds": 1 },
        "retry": { "baseSeconds": 0, "capSeconds": 0 },
    })
}
