//! The real world of one case, and what people, processes and crashes do in it. It is gone, with
//! all that was started, when it is dropped.

use crate::common::{TestEnvironment, is_there, poll};
use reconciler::api::attempt::AttemptId;
use reconciler::api::hold::Target;
use reconciler::api::name::{CommitId, Owner};
use reconciler::git::Repository;
use reconciler::plan::observed::EmptyState;
use reconciler::process::identity;
use reconciler::process::signal::{self, Ask};
use reconciler::world::host::{HostWorld, Role, Setting};
use reconciler::world::sim::Deed;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Host {
    pub(crate) world: HostWorld,
    pub(crate) commits: [CommitId; 2],
    env: TestEnvironment,
}

impl Host {
    pub(crate) async fn new() -> Self {
        let env = TestEnvironment::new();
        let first = env.git(&["rev-parse", "HEAD"]);
        env.git(&["config", "user.name", "Ada"]);
        env.git(&["config", "user.email", "ada@example.org"]);
        env.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
        let commits = [first, env.git(&["rev-parse", "HEAD"])].map(|id| id.try_into().unwrap());
        let repository = Repository::discover(&env.path(".")).await.unwrap();
        let setting = Setting {
            program: PathBuf::from(env!("CARGO_BIN_EXE_reconciler")),
            environment: env.variables(),
            state_home: Some(env.home().join("state")),
            tmux_tmpdir: Some(env.base().join("t")),
            empty_state: EmptyState::Doubted,
            role: Role::Loop,
        };
        let world = HostWorld::new(repository, "refs/heads/main".to_owned(), setting);
        Self { world, commits, env }
    }

    pub(crate) fn salt(&self) -> String {
        self.env.base().to_string_lossy().into_owned()
    }

    /// The file whose making lets the program of an attempt end.
    pub(crate) fn go_file(&self, id: &AttemptId) -> PathBuf {
        self.env.out(&format!("{}.{}", id.owner.task, id.number))
    }

    pub(crate) fn perpetrate(&self, deed: &Deed) {
        match deed {
            Deed::Write(owner) => self.write(owner),
            Deed::Commit(owner) => {
                let place = self.place(owner);
                self.git_in(&place, &["add", "-A"]);
                self.git_in(&place, &["commit", "-q", "-m", "work"]);
            }
            Deed::Detach(owner) => self.git_in(&self.place(owner), &["checkout", "-q", "--detach"]),
            Deed::Tear { owner, path, branch } => {
                let (mark, path) = (owner.to_string(), path.to_str().unwrap());
                let add = ["worktree", "add", "-q", "--lock", "--reason", &mark, path];
                self.env.git(&[&add[..], &[branch.as_str()]].concat());
                let entry = self.env.path(".git/worktrees").join(owner.task.as_str());
                fs::remove_file(entry.join("index")).unwrap();
            }
            Deed::Lose(path) => fs::remove_dir_all(path).unwrap(),
            Deed::Occupy(path) => {
                fs::create_dir_all(path).unwrap();
                fs::write(path.join("mine"), "").unwrap();
            }
            Deed::OpenSession(name) => {
                self.env.tmux(&["new-session", "-d", "-s", name, "sleep 60"]).unwrap();
            }
            Deed::Start(id) => {
                let begun = format!("{}.begun", self.go_file(id).display());
                self.env
                    .wait_for("a program to begin", || is_there(Path::new(&begun)).then_some(()));
            }
            Deed::Finish(id) => fs::write(self.go_file(id), "").unwrap(),
            Deed::KillShim(id) => {
                let files = self.world.records().attempt(id).unwrap().unwrap();
                let shim = files.shim.unwrap().unwrap().process;
                signal::send(&shim, Ask::Kill).unwrap();
                while identity::is_alive(&shim).unwrap() {
                    poll();
                }
            }
            Deed::HoldBack(target, hold) => self.world.records().set_hold(target, hold).unwrap(),
            Deed::DamageHold(target) => {
                self.world.records().hold(target).unwrap().unwrap();
                let file = match target {
                    Target::All => "all.json".to_owned(),
                    Target::Task(name) => format!("task.{name}.json"),
                    Target::Worker(name) => format!("worker.{name}.json"),
                };
                fs::write(self.env.path(".reconciler/holds").join(file), "{").unwrap();
            }
            Deed::Lift(target) => self.world.records().lift_hold(target).unwrap(),
            Deed::LetTryAnew(task, retrial) => {
                self.world.records().set_retrial(task, retrial).unwrap();
            }
            Deed::DamageClaim(task) => {
                let claims = self.env.path(".task-locks");
                fs::write(claims.join(format!("{task}.lock")), "{").unwrap();
            }
        }
    }

    fn place(&self, owner: &Owner) -> PathBuf {
        self.env.worktree(owner.task.as_str())
    }

    fn write(&self, owner: &Owner) {
        let place = self.place(owner);
        let count = fs::read_dir(&place).unwrap().count();
        fs::write(place.join(format!("new-{count}")), "work").unwrap();
    }

    fn git_in(&self, place: &Path, arguments: &[&str]) {
        self.env.git(&[&["-C", place.to_str().unwrap()], arguments].concat());
    }
}
