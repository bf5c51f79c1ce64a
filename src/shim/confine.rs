//! Confine: what a program is started through, so that it can do and take no more than it may. It keeps
//! no program from starting: what this machine does not allow is noted and told.

use super::Shim;
use super::environment::Environment;
use super::scope::{self, Scope};
use crate::api::task::Class;
use crate::disk;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Makes what holds the limits of an attempt, as far as this machine does.
pub(super) async fn prepare(shim: &Shim<'_>) -> Scope {
    let limits = &shim.attempt.program.limits;
    match scope::open(limits).await {
        Ok(scope) => scope,
        Err(why) => {
            let lack = format!("its limits ({limits}): {why}");
            // It is told, not enforced: what cannot be noted shows in `doctor`.
            shim.records.note_lack(&shim.attempt.id, &lack).ok();
            Scope::default()
        }
    }
}

/// Returns a program with its arguments, and its environment, as they are to be started.
pub(super) fn start(shim: &Shim<'_>, argv: &[String]) -> (Vec<String>, Environment) {
    let mut environment = shim.environment.clone();
    // Started through others, one that is not there would not be told from one that fails.
    if !argv.first().is_some_and(|program| is_there(program, shim)) {
        return (argv.to_vec(), environment);
    }
    let argv = match shim.attempt.class {
        Class::Decision => view(shim).into_iter().chain(argv.iter().cloned()).collect(),
        Class::Execution => argv.to_vec(),
    };
    let argv = shim.scope.around(argv, |name| environment.contains_key(OsStr::new(name)));
    let of_scope = shim.scope.env.iter();
    for (name, value) in of_scope {
        environment.entry(name.into()).or_insert_with(|| value.into());
    }
    (argv, environment)
}

fn view(shim: &Shim<'_>) -> [String; 5] {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let folder = text(&shim.records.folder(&shim.attempt.id));
    let (program, common_dir) = (text(&shim.own_program), text(shim.common_dir));
    [program, "view".to_owned(), folder, common_dir, "--".to_owned()]
}

/// Returns whether a program is where it will be looked for. What cannot be seen is.
fn is_there(program: &str, shim: &Shim<'_>) -> bool {
    let there = |path: &Path| disk::is_there(path).unwrap_or(true);
    if program.contains('/') {
        return there(&shim.attempt.directory.join(program));
    }
    let path = shim.environment.get(&OsString::from("PATH")).cloned().unwrap_or_default();
    let mut folders = path.as_bytes().split(|byte| *byte == b':');
    folders.any(|folder| there(&Path::new(OsStr::from_bytes(folder)).join(program)))
}
