//! What it costs to change who holds what: by a command, as a script would do it with git, and in
//! the loop. Each change is durable, and on record.

use crate::scene::{Scene, millis};
use crate::{ROUNDS, in_turn, row, took};
use futures_util::future::join_all;
use reconciler::api::claim::Claim;
use reconciler::api::name::Uid;
use reconciler::plan::action::Action;
use reconciler::process::clock;
use reconciler::world::World as _;
use reconciler::world::host::HostWorld;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

/// How many claims the loop takes at once.
const MANY: usize = 100;

pub(crate) fn report() {
    for locks in [0, 1_000] {
        let scene = Scene::new(300);
        scene.hold(locks);
        scene.ok(&["locks", "acquire", "warm"]);
        let (raw, ours) = in_turn(ROUNDS, |name| {
            let path = format!("claimed/{name}");
            (scene.raw_claim(&name), took(|| scene.ok(&["locks", "acquire", &path])))
        });
        row(&format!("claim, {locks} locks: a command"), Some(raw), ours, "-");
        let (raw, ours) = in_turn(ROUNDS, |name| {
            (took(|| scene.raw_lock(&name)), took(|| scene.ok(&["locks", "release", "--all"])))
        });
        row(&format!("release of all, {locks} locks: a command"), Some(raw), ours, "-");
    }
    let scene = Scene::new(300);
    let world = scene.world();
    scene.runtime.block_on(world.observe());
    let claims: Vec<Claim> = (0..MANY).map(claim).collect();
    let (raw, claimed) = (scene.raw_claim("loop"), scene.at_once(&world, &claims, Action::Claim));
    let what = format!("claim by the loop, each of {MANY} at once");
    row(&what, Some(vec![raw]), vec![claimed], "-");
    let renewal = |claim| Action::Renew { claim };
    let (raw, renewed) = (took(|| scene.raw_lock("loop")), scene.at_once(&world, &claims, renewal));
    let what = format!("renewal by the loop, each of {MANY} at once");
    row(&what, Some(vec![raw]), vec![renewed], "-");
    let release =
        |claim: Claim| Action::Release { owner: claim.owner(), generation: claim.generation };
    let released = scene.at_once(&world, &claims, release);
    row(&format!("release by the loop, each of {MANY} at once"), None, vec![released], "-");
    println!("per second: {:.0} claims, {:.0} renewals", 1000.0 / claimed, 1000.0 / renewed);
}

fn claim(number: usize) -> Claim {
    let task = format!("t{number}");
    let heartbeat = clock::heartbeat().unwrap();
    let time = heartbeat.at;
    let json = serde_json::json!({
        "taskId": task, "uid": Uid::derive(1, &task), "workerId": "w-1",
        "workerType": "ai_agent", "claimedAt": time, "lockedFiles": [format!("held/{task}/")],
        "expiresAt": time, "heartbeat": heartbeat, "generation": 1,
        "nonce": Uid::derive(2, &task), "node": "here",
    });
    serde_json::from_value(json).unwrap()
}

impl Scene {
    /// Does an action for each claim, all at once, and waits until it is on record; returns the
    /// milliseconds for each.
    fn at_once(&self, world: &HostWorld, claims: &[Claim], of: impl Fn(Claim) -> Action) -> f64 {
        let actions: Vec<Action> = claims.iter().cloned().map(of).collect();
        let start = Instant::now();
        self.runtime.block_on(async {
            for done in join_all(actions.iter().map(|one| world.perform(one))).await {
                done.unwrap();
            }
            world.ownership().publish().await.unwrap();
        });
        millis(start.elapsed()) / f64::from(u32::try_from(claims.len()).unwrap())
    }

    /// Publishes a lock as a careful script does: a synced file, moved to its place.
    fn raw_lock(&self, name: &str) {
        let folder = self.repo().join("raw-locks");
        fs::create_dir_all(&folder).unwrap();
        let temporary = folder.join("tmp");
        let mut file = fs::File::create(&temporary).unwrap();
        file.write_all(serde_json::to_string(&claim(0)).unwrap().as_bytes()).unwrap();
        file.sync_all().unwrap();
        fs::rename(&temporary, folder.join(name)).unwrap();
    }

    /// The same, and its commit to a ref of its own.
    fn raw_claim(&self, name: &str) -> f64 {
        took(|| {
            self.raw_lock(name);
            let path = format!("raw-locks/{name}");
            let blob = self.git(&["hash-object", "-w", &path]);
            self.git(&["update-index", "--add", "--cacheinfo", "100644", &blob, &path]);
            let tree = self.git(&["write-tree"]);
            let commit = self.git(&["commit-tree", "-m", "lock", &tree]);
            self.git(&["update-ref", "refs/raw/locks", &commit]);
        })
    }
}
