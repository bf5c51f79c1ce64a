//! The script for a real GitHub, tried on ours: that it checks what it says.

use crate::common::{Said, said};
use crate::scene::Scene;
use crate::shop::Shop;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/board/real.sh");

fn try_script(scene: &Scene, remote: &str, more: &[&str]) -> Said {
    let mut sh = scene.env.command("sh");
    sh.env("TRIAL_REMOTE", remote);
    said(sh.args([&[SCRIPT, "acme", env!("CARGO_BIN_EXE_reconciler")], more].concat()))
}

#[test]
fn the_script_for_a_real_github_passes_where_all_is_well() {
    let shop = Shop::new();
    let remote = shop.remote.display().to_string();
    let ran = try_script(&shop.scene, &remote, &["acme/shop"]);
    assert!(ran.status.success(), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("\nok    ").count(), 19, "{}", ran.stdout);
    assert!(ran.stdout.contains("\n      pull request #"), "{}", ran.stdout);
}

#[test]
fn without_a_repository_the_script_tries_the_board_alone_and_says_so() {
    let shop = Shop::new();
    let ran = try_script(&shop.scene, "", &[]);
    assert!(ran.status.success(), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("\nok    ").count(), 7, "{}", ran.stdout);
    assert!(ran.stdout.contains("\nskip  issues and pull requests"), "{}", ran.stdout);
}
