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
            if start.elapsed() > DEADLINE {
                self.tell();
                panic!("waited in vain for {what}");
            }
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
            });
        }
    }

    /// Tells what the world looks like.
    pub(crate) fn tell(&self) {
        eprintln!("--- at {} in {}", now(), self.base().display());
        for event in self.events() {
            eprintln!("{} {} {} {}", event.time, event.object, event.reason, event.message);
        }
        let snapshot = self.snapshot();
        for (task, report) in &snapshot.plan.report.tasks {
            eprintln!("{task} {} {} {}", report.state, report.reason, report.message);
        }
        eprintln!("notices {:#?}", snapshot.plan.report.notices);
        eprintln!("sessions {:?}", self.sessions());
        for process in self.processes() {
            let line = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
            eprintln!("{} {}", process.pid, String::from_utf8_lossy(&line).replace('\0', " "));
        }
        for one in ["loop.stdout", "loop.stderr", "doubles"] {
            let text = std::fs::read_to_string(self.out(one)).unwrap_or_default();
            eprintln!("--- {one}\n{text}");
        }
    }
}
