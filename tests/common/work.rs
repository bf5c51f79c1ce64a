//! What tasks do here: each start is written down outside of the repository, and a lock that two of
//! them can never hold at once finds doubles.

use super::{TestEnvironment, is_there, name};
use reconciler::api::attempt::{Attempt, AttemptId, ExitReason};
use reconciler::process::identity;
use serde_json::{Value, json};
use std::fs;

impl TestEnvironment {
    /// A command that writes down its start and finds doubles of `lock`, then goes on.
    pub(crate) fn marked(&self, task: &str, lock: &str, then: &str) -> String {
        let out = self.out("");
        let out = out.to_str().unwrap().trim_end_matches('/');
        format!(
            "O='{out}'; exec 9>>\"$O/{lock}.lock\"; flock -n 9 || echo '{task}' >> \"$O/doubles\"; \
             echo $$ >> \"$O/{task}.starts\"; echo {task} >> \"$O/order\"; {then}"
        )
    }

    /// A task that runs until [`Self::let_go`].
    pub(crate) fn waiting(&self, task: &str) -> Value {
        let wait = format!("until [ -e \"$O/{task}.go\" ]; do sleep 0.05; done; true");
        json!({"command": self.marked(task, task, &wait), "timeoutSeconds": 0})
    }

    /// A task that does this.
    pub(crate) fn doing(&self, task: &str, then: &str) -> Value {
        json!({"command": self.marked(task, task, then)})
    }

    /// A task that commits a file to its branch.
    pub(crate) fn committing(&self, task: &str) -> Value {
        let work = format!(
            "echo {task} | tee {task}.txt && git add {task}.txt && git commit -q -m 'work of {task}'"
        );
        self.doing(task, &work)
    }

    pub(crate) fn let_go(&self, task: &str) {
        fs::write(self.out(&format!("{task}.go")), "").unwrap();
    }

    /// The pids of all starts of a task's program.
    pub(crate) fn starts(&self, task: &str) -> Vec<u32> {
        let text = fs::read_to_string(self.out(&format!("{task}.starts"))).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The tasks in the order in which their programs started.
    pub(crate) fn order(&self) -> Vec<String> {
        let text = fs::read_to_string(self.out("order")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the program of a task was started so often, and returns its pid.
    pub(crate) fn wait_for_start(&self, task: &str, count: usize) -> u32 {
        self.wait_for(&format!("start {count} of {task}"), || {
            self.starts(task).get(count - 1).copied()
        })
    }

    pub(crate) fn assert_no_doubles(&self) {
        let doubles = fs::read_to_string(self.out("doubles")).unwrap_or_default();
        assert!(doubles.is_empty(), "two ran at once: {doubles}\n{}", self.tell());
    }

    pub(crate) fn is_alive(pid: u32) -> bool {
        identity::of(pid).unwrap().is_some()
    }

    /// The attempts of a task.
    pub(crate) fn attempts(&self, task: &str) -> Vec<Attempt> {
        self.files(task).into_iter().map(|one| one.attempt.clone().unwrap()).collect()
    }

    /// How the attempts of a task ended, so far.
    pub(crate) fn ends(&self, task: &str) -> Vec<ExitReason> {
        let files = self.files(task);
        files.iter().filter_map(|one| Some(one.exit.clone()?.unwrap().reason)).collect()
    }

    /// The pid of the shim of a task's last attempt.
    pub(crate) fn shim(&self, task: &str) -> Option<u32> {
        Some(self.files(task).last()?.shim.clone()?.unwrap().process.pid)
    }

    fn files(&self, task: &str) -> Vec<std::sync::Arc<reconciler::records::AttemptFiles>> {
        let records = self.records();
        let tasks = records.tasks().unwrap();
        let Some(record) = tasks.get(&name(task)) else { return Vec::new() };
        records.attempts_of(&record.as_ref().unwrap().owner()).unwrap()
    }

    /// The folder of a task's attempts, once there is one.
    pub(crate) fn attempts_folder(&self, task: &str) -> Option<std::path::PathBuf> {
        let tasks = self.records().tasks().unwrap();
        let record = tasks.get(&name(task))?.as_ref().unwrap();
        let folder = AttemptId::folder(&record.owner());
        Some(self.path(".reconciler/attempts").join(folder))
    }

    /// The branch of a task; `None` without a record.
    pub(crate) fn branch_of(&self, task: &str) -> Option<String> {
        let tasks = self.records().tasks().unwrap();
        let record = tasks.get(&name(task))?.as_ref().unwrap();
        record.branch.as_ref().map(ToString::to_string)
    }

    pub(crate) fn branch(&self, task: &str) -> String {
        self.branch_of(task).expect("it is registered")
    }

    /// The retired worktrees of a task.
    pub(crate) fn trash(&self, task: &str) -> Vec<std::path::PathBuf> {
        let folder = self.path(".reconciler/trash");
        if !is_there(&folder) {
            return Vec::new();
        }
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let prefix = format!("{task}.");
        entries
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix))
            .collect()
    }
}
