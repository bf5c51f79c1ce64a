//! Links the program so that it starts fast: git waits for it at every commit. It generates nothing,
//! and must never be needed for the program to be right.

#[expect(clippy::disallowed_methods, reason = "so cargo names the target to a build script")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of_target =
        |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let is_static = of_target("FEATURE").split(',').any(|feature| feature == "crt-static");
    if of_target("OS") == "linux" && of_target("ENV") == "gnu" && !is_static {
        // At a fixed address nothing has to be relocated: it is 22,000 places on 100 pages.
        println!("cargo:rustc-link-arg-bins=-no-pie");
        // One shared library less to be found and bound; every gcc has the archive.
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
