//! The script for a real GitHub, tried on ours: that it checks what it says.

use crate::common::said;
use crate::github::Server;
use crate::scene::Scene;

#[test]
fn the_script_for_a_real_github_passes_where_all_is_well() {
    let scene = Scene::bare(Server::start());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/board/real.sh");
    let mut sh = scene.env.command("sh");
    let ran = said(sh.args([script, "acme", env!("CARGO_BIN_EXE_reconciler")]));
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(ran.stdout.matches("\nok    ").count(), 7, "{}", ran.stdout);
}
