//! A repository with tasks, and the GitHub of its board.

use crate::common::{Said, TestEnvironment, is_there, said};
use crate::github::{Server, TOKEN};
use serde_json::{Value, json};
use std::process::{Child, Stdio};
use std::rc::Rc;

/// The branch that says who writes to the board.
pub(crate) const LEASE: &str = "reconciler/lease/project-acme-1";

pub(crate) struct Scene {
    pub(crate) env: TestEnvironment,
    pub(crate) server: Rc<Server>,
}

impl Scene {
    /// A repository whose policy names the first board of `acme`, which is made with all our fields.
    pub(crate) fn new() -> Self {
        Self::on(Server::start())
    }

    /// The same, whose policy names a repository too: there is a lease.
    pub(crate) fn leased() -> Self {
        let scene = Self::new();
        scene.server.store().add_repository("acme", "shop");
        scene.env.commit_policy(&json!({ "github": {
            "board": { "owner": "acme", "number": 1 }, "repository": "acme/shop",
            "intervalSeconds": 1,
        } }));
        scene
    }

    pub(crate) fn on(server: Server) -> Self {
        let scene = Self::bare(server);
        let made = scene.ask(&["board", "init", "acme"]);
        assert!(made.status.success(), "{made:?}");
        scene
            .env
            .commit_policy(&json!({ "github": { "board": { "owner": "acme", "number": 1 } } }));
        scene
    }

    /// A repository, and a GitHub without a board.
    pub(crate) fn bare(server: Server) -> Self {
        Self::at(Rc::new(server))
    }

    fn at(server: Rc<Server>) -> Self {
        let mut env = TestEnvironment::new();
        for (name, value) in [
            ("GITHUB_TOKEN", TOKEN.to_owned()),
            ("GITHUB_API_URL", server.rest()),
            ("RECONCILER_TEST_UNPACED", "1".to_owned()),
        ] {
            env.odd.insert(name.to_owned(), Some(value));
        }
        Self { env, server }
    }

    /// Another machine with the same tasks, of the same identities, at the same GitHub; it does not know
    /// what the first one wrote.
    pub(crate) fn twin(&self) -> Self {
        self.other(&["state", ".reconciler/tasks"])
    }

    /// Another clone with the same tasks, which have identities of their own there.
    pub(crate) fn other_clone(&self) -> Self {
        let mut other = self.other(&["state"]);
        other.without_board(|other| {
            let once = other.env.run(&["run", "--once"]);
            assert!(once.status.success(), "{once:?}");
        });
        other
    }

    fn other(&self, paths: &[&str]) -> Self {
        let twin = Self::at(Rc::clone(&self.server));
        let copy = |path: &str| {
            let (from, to) = (self.env.path(path), twin.env.path(path));
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            let mut cp = twin.env.command("cp");
            assert!(cp.arg("-aT").args([from, to]).status().unwrap().success(), "{path}");
        };
        for path in paths {
            copy(path);
        }
        twin.env.commit("the same tasks");
        twin
    }

    /// Starts it and does not wait for its end.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.env.reconciler(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Said {
        said(&mut self.env.reconciler(arguments))
    }

    /// Syncs, and returns what was done.
    pub(crate) fn sync(&self) -> Value {
        let done = self.ask(&["board", "sync", "-o", "json"]);
        assert!(done.status.success(), "{done:?}");
        serde_json::from_str(&done.stdout).unwrap()
    }

    /// Tasks that are known and do not run.
    pub(crate) fn resting(&self, count: usize) {
        for number in 0..count {
            let spec = json!({
                "title": format!("Task {number}"), "command": "true", "suspend": true,
                "files": [format!("src/{number}.rs")], "priority": 1 + number % 5,
                "estimatedDurationMinutes": 30,
            });
            self.env.write_task(&format!("t{number}"), &spec);
        }
        self.env.commit("tasks");
        let once = self.env.run(&["run", "--once"]);
        assert!(once.status.success(), "{once:?}");
    }

    /// Does something while nothing is shown on the board.
    pub(crate) fn without_board(&mut self, what: impl FnOnce(&Self)) {
        self.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
        what(self);
        self.env.odd.insert("GITHUB_TOKEN".to_owned(), Some(TOKEN.to_owned()));
    }

    pub(crate) fn board(&self) -> String {
        self.server.store().board_titled("Parallel Work Dashboard").unwrap().id.clone()
    }

    /// The item of a task, by its field `Task`.
    pub(crate) fn item(&self, task: &str) -> String {
        let board = self.board();
        let store = self.server.store();
        let mut all = store.items_of(&board).into_iter().map(|item| item.id.clone());
        all.find(|id| store.shown(id, "Task").as_deref() == Some(task)).unwrap()
    }

    pub(crate) fn shown(&self, task: &str, field: &str) -> Option<String> {
        let item = self.item(task);
        self.server.store().shown(&item, field)
    }

    /// How often a mutation was asked for, aliases counted.
    pub(crate) fn asked(&self, kind: &str) -> usize {
        self.server.log().iter().map(|entry| entry.count(kind)).sum()
    }

    /// What the commit of the lease says.
    pub(crate) fn lease(&self) -> String {
        let mut store = self.server.store();
        let tip = store.tip("shop", LEASE).unwrap_or_default();
        let commit = store.repository_mut("shop").commits.get(&tip);
        commit.map(|commit| commit.message.clone()).unwrap_or_default()
    }

    /// Every task has one card.
    pub(crate) fn assert_one_each(&self, count: usize, told: &str) {
        let mut titles = self.titles();
        titles.sort();
        titles.dedup();
        assert_eq!((titles.len(), self.titles().len()), (count, count), "{told}");
    }

    /// Deletes every card.
    pub(crate) fn clear(&self) {
        let board = self.board();
        let mut store = self.server.store();
        let items: Vec<_> = store.items_of(&board).iter().map(|item| item.id.clone()).collect();
        for item in items {
            store.delete_item(&board, &item).unwrap();
        }
    }

    /// Lets nobody have had the board: no card, no lease, nothing remembered here.
    pub(crate) fn forget(&self) {
        self.clear();
        let mut store = self.server.store();
        if store.tip("shop", LEASE).is_some() {
            store.move_branch("shop", LEASE, None);
        }
        let shadow = self.env.path(".reconciler/board.json");
        if is_there(&shadow) {
            std::fs::remove_file(shadow).unwrap();
        }
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        let board = self.board();
        let store = self.server.store();
        let items: Vec<_> = store.items_of(&board).iter().map(|item| item.id.clone()).collect();
        items.iter().map(|id| store.title_of(id)).collect()
    }
}
