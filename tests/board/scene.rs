//! A repository with tasks, and the GitHub of its board.

use crate::common::{Said, TestEnvironment, said};
use crate::github::{Server, TOKEN};
use serde_json::{Value, json};

pub(crate) struct Scene {
    pub(crate) env: TestEnvironment,
    pub(crate) server: Server,
}

impl Scene {
    /// A repository whose policy names the first board of `acme`, which is made with all our fields.
    pub(crate) fn new() -> Self {
        Self::on(Server::start())
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

    pub(crate) fn titles(&self) -> Vec<String> {
        let board = self.board();
        let store = self.server.store();
        let items: Vec<_> = store.items_of(&board).iter().map(|item| item.id.clone()).collect();
        items.iter().map(|id| store.title_of(id)).collect()
    }
}
