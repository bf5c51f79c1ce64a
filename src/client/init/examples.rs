//! The first files of a repository: a worker, a task that harms nothing, a policy. They are valid,
//! which a test shows.

use crate::api::key::Key;
use crate::client::edit;
use serde_json::json;

/// Returns the path and the text of a worker.
pub(super) fn worker() -> (String, String) {
    let key = Key::Worker("shell".parse().expect("it is a name"));
    let text = edit::text_of(&key, &json!({ "agent": "shell", "replicas": 2 }));
    (key.path(), text)
}

/// Returns the path and the text of a task.
pub(super) fn task() -> (String, String) {
    let key = Key::Task("hello".parse().expect("it is a name"));
    let command = "echo \"hello from $RECONCILER_TASK on $RECONCILER_WORKER\"";
    let spec = json!({ "title": "Say hello", "type": "chore", "command": command });
    let text = edit::text_of(&key, &spec);
    (key.path(), text)
}

/// Returns the text of a policy.
pub(super) fn policy(state_ref: &str) -> String {
    edit::text_of(&Key::Policy, &json!({ "stateRef": state_ref }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::path::Case;
    use crate::store::Draft;

    #[test]
    fn the_first_files_pass_their_own_check() {
        let mut draft = Draft::default();
        let policy = (Key::Policy.path(), policy("refs/heads/main"));
        for (path, text) in [worker(), task(), policy] {
            draft.note(&path, || Some(Ok(text.into_bytes())));
        }
        let checked = crate::client::check::judge(&draft, Case::Sensitive, None);
        assert_eq!((checked.files, checked.problems), (3, Vec::new()));
    }
}
