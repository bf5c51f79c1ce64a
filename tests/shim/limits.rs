//! Limits of cpu and memory, where systemd is a stand-in: what it is asked for, and what becomes of a
//! program when it refuses.

use crate::scene::{Scene, scene};
use reconciler::api::attempt::ExitReason;
use reconciler::api::worker::ResourceLimits;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// A scene with limits and a `systemd-run` that is this script.
fn limited(program: &str, systemd_run: &str) -> Scene {
    let mut scene = scene(program);
    scene.attempt.program.limits =
        ResourceLimits { cpu_percent: Some(50), memory_megabytes: Some(64) };
    fs::create_dir(scene.path("stand-in")).unwrap();
    let path = scene.path("stand-in/systemd-run");
    fs::write(&path, format!("#!/bin/sh\n{systemd_run}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    scene
}

/// Runs it with the stand-in found first.
fn run(scene: &Scene) -> ExitReason {
    scene.prepare();
    let path =
        [scene.path("stand-in").to_str().unwrap(), &std::env::var("PATH").unwrap()].join(":");
    let shim = scene.command().env("PATH", path).spawn().unwrap();
    scene.end_of(shim).reason
}

fn lacks(scene: &Scene) -> Vec<String> {
    scene.records.attempt(&scene.attempt.id).unwrap().unwrap().words.lacks
}

#[test]
fn systemd_is_asked_for_the_limits_of_the_worker() {
    let stand_in = "echo \"$*\" >> \"$(dirname \"$0\")/asked\"; \
        while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"";
    let scene = limited("echo \"runtime: $XDG_RUNTIME_DIR.\"; exit 3", stand_in);
    assert_eq!(run(&scene), ExitReason::Failed { status: 3 });
    let asked = fs::read_to_string(scene.path("stand-in/asked")).unwrap();
    assert_eq!(asked.lines().count(), 2, "a try, and the program: {asked}");
    for line in asked.lines() {
        let limits = "-p MemoryMax=64M -p MemorySwapMax=0 -p CPUQuota=50% -- ";
        assert!(line.contains("--scope --quiet --collect") && line.contains(limits), "{line}");
    }
    assert!(scene.log().contains("runtime: ."), "{}", scene.log());
    assert_eq!(lacks(&scene), Vec::<String>::new());
}

#[test]
fn a_program_whose_limits_nobody_holds_runs_and_it_is_told() {
    let scene = limited("exit 3", "echo 'Failed to connect to bus: No medium found' >&2; exit 1");
    assert_eq!(run(&scene), ExitReason::Failed { status: 3 });
    let why = "systemd-run: Failed to connect to bus: No medium found";
    assert_eq!(lacks(&scene), [format!("its limits (50 % cpu, 64 MB): {why}")]);
}
