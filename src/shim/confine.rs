//! Confine: what a program is started through, so that it can do no more than it may. It keeps no
//! program from starting: what this machine does not allow is noted and told.

use super::Shim;
use crate::api::task::Class;
use crate::disk;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Returns the program and its arguments as they are to be started.
pub(super) fn argv(shim: &Shim<'_>, argv: &[String]) -> Vec<String> {
    let (Some(program), Class::Decision) = (argv.first(), shim.attempt.class) else {
        return argv.to_vec();
    };
    // Started through others it would not be told from a program that fails.
    if !is_there(program, shim) {
        return argv.to_vec();
    }
    let folder = shim.records.folder(&shim.attempt.id);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let view = [text(&shim.own_program), "view".to_owned()];
    let of = [text(&folder), text(shim.common_dir), "--".to_owned()];
    view.into_iter().chain(of).chain(argv.iter().cloned()).collect()
}

/// Returns whether a program is where it will be looked for. What cannot be seen is.
fn is_there(program: &str, shim: &Shim<'_>) -> bool {
    let there = |path: &Path| disk::is_there(path).unwrap_or(true);
    if program.contains('/') {
        return there(&shim.attempt.directory.join(program));
    }
    let path = shim.environment.get(&OsString::from("PATH")).cloned().unwrap_or_default();
    let mut folders = path.as_bytes().split(|byte| *byte == b':');
    let folder = |bytes| Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned();
    folders.any(|bytes| there(&folder(bytes).join(program)))
}
