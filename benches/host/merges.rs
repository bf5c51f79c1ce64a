//! How fast done work lands, beside a plain loop of `git rebase` and `git merge --ff-only` that runs
//! the same verification. All branches are ready before the clock starts.

use crate::row;
use crate::scene::Scene;
use serde_json::json;

/// How many branches are ready.
const READY: usize = 50;

pub(crate) fn report() {
    for batch in [1, 8] {
        let mut scene = Scene::new(300);
        scene.policy(&json!({
            "limits": { "maxConcurrentTasks": 10 }, "merge": { "verify": "true", "batch": batch },
        }));
        let raw = scene.raw_merges(READY);
        let tasks: Vec<_> = (0..READY).map(|number| (format!("m{number}"), work(number))).collect();
        let tasks: Vec<_> =
            tasks.iter().map(|(name, spec)| (name.as_str(), spec.clone())).collect();
        scene.commit_tasks(&tasks);
        scene.ok(&["merge", "hold"]);
        scene.start_loop();
        scene.until_queued(READY);
        let ours = scene.merges(READY);
        row(
            &format!("{READY} ready branches land, batch {batch}"),
            Some(vec![raw]),
            vec![ours],
            "-",
        );
        let ready = f64::from(u32::try_from(READY).unwrap());
        let per_minute = |time: f64| ready * 60_000.0 / time;
        println!("merges per minute: raw {:.0}, ours {:.0}", per_minute(raw), per_minute(ours));
    }
}

fn work(number: usize) -> serde_json::Value {
    let file = format!("ours-{number}.txt");
    json!({
        "command": format!("echo {number} > {file} && git add {file} && git commit -qm {file}"),
        "files": [file],
    })
}
