//! Whether this machine allows what keeps workers within what they may. It tries it on a folder of its
//! own, and changes nothing else.

use super::{Environment, Findings, MACHINE, Snapshot};
use crate::api::worker::ResourceLimits;
use crate::process::spawn::{self, Call};
use crate::shim::scope;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// How long a try may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Looks whether decision workers can be given a read-only view of the repository.
pub(super) async fn view(found: &mut Findings, environment: &Environment) {
    let fix = "allow user namespaces to all users: sysctl user.max_user_namespaces=10000, on Debian \
               kernel.unprivileged_userns_clone=1, on Ubuntu \
               kernel.apparmor_restrict_unprivileged_userns=0";
    match try_view(environment).await {
        Ok(()) => found.ok(MACHINE, "decision workers see the repository read-only"),
        Err(why) => found.warn(
            MACHINE,
            format!("decision workers could write to the repository: {why}"),
            fix,
        ),
    }
}

/// Looks whether the limits of workers are held.
pub(super) async fn limits(found: &mut Findings, snapshot: &Snapshot) {
    let workers = snapshot.desired.known().into_iter().flat_map(|desired| &desired.workers);
    let limits = workers.filter_map(|(_, entry)| Some(entry.spec.as_ref()?.limits));
    let limited: BTreeSet<_> = limits.filter(|one| *one != ResourceLimits::default()).collect();
    for limits in limited {
        let fix = "limits need systemd that hands on cpu and memory to users (Delegate= of \
                   user@.service); inside of a container limit that";
        match scope::open(&limits).await {
            Ok(_) => found.ok(MACHINE, format!("workers are held to {limits}")),
            Err(why) => {
                found.warn(MACHINE, format!("workers are not held to {limits}: {why}"), fix);
            }
        }
    }
}

async fn try_view(environment: &Environment) -> Result<(), String> {
    let place = tempfile::tempdir_in(environment.temporary_folder())
        .map_err(|error| format!("it cannot be tried: {error}"))?;
    // As deep as the folder of an attempt.
    let folder = place.path().join("a/b/c/d");
    crate::disk::make_folder(&folder).map_err(|error| error.to_string())?;
    let program = environment.program.to_string_lossy();
    let call = Call::new(&program, DEADLINE).arg("view").args([folder.as_path(), place.path()]);
    let said = call.directory(Path::new("/")).run().await;
    said.map(|_| ()).map_err(|error: spawn::Error| {
        let last = error.stderr().lines().last().unwrap_or_default().trim_start_matches("error: ");
        if last.is_empty() { error.to_string() } else { last.to_owned() }
    })
}
