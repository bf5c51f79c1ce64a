//! Errand: has done what a worker that can write nothing asks for. What it may ask for is decided by
//! who does it, our own program; nothing that the worker wrote is started.

use crate::api::attempt::Attempt;
use crate::api::task::Class;
use crate::process::spawn::Call;
use crate::records::Records;
use std::path::Path;
use std::time::Duration;

/// How long all errands that wait may take.
const DEADLINE: Duration = Duration::from_secs(50);

/// Has the errands done that an attempt sent and nobody did yet.
pub(super) async fn run(records: &Records, attempt: &Attempt, own_program: &Path) {
    let id = &attempt.id;
    if attempt.class != Class::Decision || records.errands(id).is_ok_and(|all| all.is_empty()) {
        return;
    }
    let root = records.folder(id);
    let root = root.ancestors().nth(super::FOLDER_DEPTH).unwrap_or(&root);
    let call = Call::new(&own_program.to_string_lossy(), DEADLINE).directory(root).arg("errands");
    // Not the `PATH` of the program, which begins with a folder that it can write.
    let call = attempt.program.env.iter().fold(call, |call, (name, value)| call.env(name, value));
    // What is not done is refused in its own record, or done at the next look.
    call.output().await.ok();
}
