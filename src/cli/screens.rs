//! Tests of what people see: whole screens, drawn from hand-made worlds by way of the real planner.

use super::context::{Charset, Look, Paint};
use super::describe::draw_task;
use super::listing::{Columns, list};
use super::print::Long;
use super::reference::Type;
use super::status;
use crate::client::Snapshot;
use crate::client::view::scene::{Scene, shop};
use crate::client::view::task::{TaskView, tasks};
use jiff::tz::TimeZone;

const PIPE: Look = Look { width: None, paint: Paint::Plain, charset: Charset::Unicode };

fn terminal(width: u16) -> Look {
    Look { width: Some(width), ..PIPE }
}

fn table(kind: Type, columns: Columns, look: Look) -> String {
    list(kind, &shop().snapshot(), columns).unwrap().table().draw(look, Long::Cut, 0)
}

fn screen(snapshot: &Snapshot, look: Look) -> String {
    let view = crate::client::view::status::status(snapshot, &TimeZone::UTC);
    status::draw(&view, snapshot.now(), look)
}

fn task(snapshot: &Snapshot, name: &str) -> TaskView {
    tasks(snapshot).into_iter().find(|task| task.metadata.name == name).unwrap()
}

#[test]
fn zz() {
    for w in [80, 100] {
        for k in [Type::Task, Type::Worker, Type::Agent, Type::Policy, Type::Event, Type::Attempt] {
            println!("{k:?} {w}\n{}", table(k, Columns::Few, terminal(w)));
            println!("{k:?} {w}\n{}", table(k, Columns::All, terminal(w)));
        }
        println!("{}", screen(&shop().snapshot(), terminal(w)));
        let s = shop().snapshot();
        for n in ["fix-login", "flaky-ci", "add-2fa", "bump-deps"] {
            println!("{}", draw_task(&task(&s, n), &s, terminal(w)));
        }
    }
    println!("{}", screen(&Scene::new().snapshot(), terminal(80)));
    let s = shop().snapshot();
    println!("{}", serde_json::to_string_pretty(&task(&s, "fix-login")).unwrap());
}
