//! What showing a thousand tasks costs, in requests and in time, beside the loop that writes each field
//! with a call of its own. GitHub is the one of the tests, in this process; nobody is paced, so the time is
//! that of the two programs alone: by GitHub's limits one change takes a second.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts programs")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

#[path = "../../tests/common/mod.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod common;
#[path = "../../tests/github/server/mod.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod github;
#[path = "../../tests/board/scene.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod scene;

use github::{Flavor, Server, TOKEN};
use reconciler::api::board::{FieldKey, Shape, Value};
use reconciler::board::map;
use reconciler::github::{Change, Done, Github, Limits, Pace, Token};
use scene::Scene;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// How many tasks there are.
const TASKS: usize = 1000;
/// The fields of a task that waits.
const FIELDS: [FieldKey; 6] = [
    FieldKey::Task,
    FieldKey::Status,
    FieldKey::Priority,
    FieldKey::EstimatedDuration,
    FieldKey::FilesModified,
    FieldKey::LockStatus,
];

fn main() {
    let only = std::env::var("ONLY").unwrap_or_default();
    if !"board".contains(&only) {
        return;
    }
    println!("{:56} {:>9} {:>9}", "board: 1,000 tasks, 6 fields each", "changes", "ms");
    naive();
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(TASKS));
    sync(&scene, "ours, cold");
    sync(&scene, "ours, nothing changed (the board is read)");
    for number in 0..TASKS / 100 {
        let spec = json!({
            "title": format!("Task {number}"), "command": "true", "suspend": true,
            "files": [format!("src/{number}.rs")], "priority": 5 - number % 5,
            "estimatedDurationMinutes": 31,
        });
        scene.env.write_task(&format!("t{number}"), &spec);
    }
    scene.env.commit("1 % changed");
    sync(&scene, "ours, 1 % changed (the board is read)");
}

fn sync(scene: &Scene, what: &str) {
    let (before, began) = (scene.server.mutations(), Instant::now());
    scene.sync();
    row(what, scene.server.mutations() - before, began);
}

fn row(what: &str, requests: usize, began: Instant) {
    println!("{what:56} {requests:>9} {:>9.0}", began.elapsed().as_secs_f64() * 1000.0);
}

/// One call for each card and each of its fields.
fn naive() {
    // Its server limits nobody: the naive loop would be refused after 500 changes.
    let server = Server::with(Flavor::Ghes);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let address = reconciler::github::Server::parse(&server.rest()).unwrap();
        let github =
            Github::new(address, &Token::new(TOKEN).unwrap(), Pace::new(Limits::NONE)).unwrap();
        let (owner, _) = github.projects("acme", "naive").await.unwrap();
        let project = github.create_project(&owner, "naive").await.unwrap();
        for key in FIELDS.into_iter().filter(|key| *key != FieldKey::Status) {
            github.create_field(&project.id, key).await.unwrap();
        }
        let fields = map(&github.board(&project.id).await.unwrap(), &BTreeMap::new());
        let (before, began) = (server.mutations(), Instant::now());
        for number in 0..TASKS {
            let title = format!("Task {number}");
            let made = github.add_drafts(&project.id, &[(&title, "")]).await.unwrap().remove(0);
            let Done::Yes(made) = made else { continue };
            let item = made["projectItem"]["id"].as_str().unwrap();
            for key in FIELDS {
                let value = value(key, &title);
                let write = [(item, &fields[&key], Some(&value))];
                drop(github.write(&project.id, (Change::SetValue, &write)).await.unwrap());
            }
        }
        row("one call for each card and each field", server.mutations() - before, began);
    });
}

fn value(key: FieldKey, text: &str) -> Value {
    match key.shape() {
        Shape::Text => Value::Text(text.to_owned()),
        Shape::Number => Value::Number(3.0),
        Shape::Choice(names) => Value::Choice(names[0].to_owned()),
    }
}
