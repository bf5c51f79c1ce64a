//! Waiting for the thing itself, by looking again and again until a generous deadline; what the
//! world looked like is told when it never comes.

use super::{TestEnvironment, now};
use reconciler::api::task::TaskState;
use reconciler::plan::report::Reason;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than anything takes here, also on a machine with too much to do.
const DEADLINE: Duration = Duration::from_secs(30);
/// The pause between two looks. It is no wait for anything: it only keeps the looks from being the
/// machine's main work.
const INTERVAL: Duration = Duration::from_millis(10);

/// Lets others work for a moment.
pub(crate) fn poll() {
    std::thread::park_timeout(INTERVAL);
}

pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

impl TestEnvironment {
    /// Waits until there is an answer.
    pub(crate) fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let in_time = start.elapsed() < DEADLINE;
            assert!(in_time, "waited in vain for {what}\n{}", self.tell());
            poll();
        }
    }

    pub(crate) fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        self.wait_for(what, || is_so().then_some(()));
    }

    pub(crate) fn wait_for_reason(&self, task: &str, reason: Reason) {
        let what = format!("{task} to be {reason}");
        self.wait_until(&what, || self.reason(task) == Some(reason));
    }

    pub(crate) fn wait_for_completed(&self, tasks: &[&str]) {
        for task in tasks {
            let what = format!("{task} to be completed");
            self.wait_until(&what, || {
                self.report(task).is_some_and(|one| one.state == TaskState::Completed)
                    && !self.sessions().contains(&(*task).to_owned())
                    && !is_there(&self.worktree(task))
            });
        }
    }

    /// Tells what the world looks like.
    pub(crate) fn tell(&self) -> String {
        let snapshot = self.snapshot();
        let events = self.events().into_iter().map(|event| {
            format!("{} {} {} {}", event.time, event.object, event.reason, event.message)
        });
        let tasks = snapshot.plan.report.tasks.iter().map(|(task, report)| {
            format!("{task} {} {} {}", report.state, report.reason, report.message)
        });
        let processes = self.processes().into_iter().map(|process| {
            let line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
            format!("{} {}", process.pid, String::from_utf8_lossy(&line).replace('\0', " "))
        });
        let git = [
            &["worktree", "list", "--porcelain"][..],
            &["log", "--stat", "--glob=refs/reconciler/*"],
        ];
        let git =
            git.map(|one| format!("--- git {one:?}\n{}", self.try_git(one).unwrap_or_default()));
        let files = ["loop.stdout", "loop.stderr", "faulty.stdout", "faulty.stderr", "doubles"]
            .map(|one| {
                let text = std::fs::read_to_string(self.out(one)).unwrap_or_default();
                format!("--- {one}\n{text}")
            });
        let mut lines = vec![format!("at {} in {}", now(), self.base().display())];
        lines.extend(events.chain(tasks).chain(snapshot.plan.report.notices.clone()));
        lines.push(format!("sessions {:?}", self.sessions()));
        lines.extend(processes.chain(files).chain(git));
        lines.join("\n")
    }
}
