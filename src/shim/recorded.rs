//! What the real clients wrote, as `tests/recorded/` has it, against what their profiles hear in it.
//! No recording was edited but for the paths of the machine it was made on; `claude-talks-of-errors`
//! is made up.

use super::ear::{Ear, Heard};
use crate::agents::{self, Occasion};
use crate::api::attempt::{Beginning, FailureClass};

/// Returns what is heard in a recording: the reason of a failure, and the conversation.
fn hear(name: &str) -> (Option<FailureClass>, Option<String>) {
    let path = format!("{}/tests/recorded/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let output = std::fs::read(path).unwrap();
    let agent = name.split('-').next().unwrap();
    let (_, agent) = agents::built_in().iter().find(|(one, _)| one.as_str() == agent).unwrap();
    let task = serde_json::from_str(r#"{"prompt": "x"}"#).unwrap();
    let occasion = Occasion {
        task: "t",
        worker: "w-1",
        branch: "b",
        attempt: 1,
        folder: "/f",
        beginning: &Beginning::default(),
    };
    let (mut ear, heard) = (Ear::new(&agents::fill(agent, &task, occasion).1), Heard::nothing());
    for piece in output.chunks(100) {
        ear.hear(piece, &heard);
    }
    (ear.trouble(), heard.conversation.into_inner())
}

#[test]
fn what_keeps_a_real_client_from_its_work_is_heard() {
    use FailureClass::{NotLoggedIn, RateLimited};
    for (recording, class) in [
        ("claude-bad-key", Some(NotLoggedIn)),
        ("claude-no-key", Some(NotLoggedIn)),
        ("claude-rate-limited", Some(RateLimited)),
        ("claude-overloaded", Some(RateLimited)),
        ("claude-unreachable", Some(RateLimited)),
        ("claude-talks-of-errors", None),
        ("codex-bad-key", Some(NotLoggedIn)),
        ("codex-no-key", Some(NotLoggedIn)),
        ("codex-rate-limited", Some(RateLimited)),
        ("codex-overloaded", Some(RateLimited)),
        ("opencode-bad-key", Some(NotLoggedIn)),
        ("opencode-works", None),
        ("gemini-bad-key", Some(NotLoggedIn)),
        ("gemini-no-key", Some(NotLoggedIn)),
        ("gemini-rate-limited", Some(RateLimited)),
        ("aider-bad-key", Some(NotLoggedIn)),
        ("aider-rate-limited", Some(RateLimited)),
    ] {
        assert_eq!(hear(recording).0, class, "{recording}");
    }
}

#[test]
fn the_name_of_a_conversation_is_heard_where_the_client_chooses_it() {
    let codex = hear("codex-rate-limited").1.unwrap();
    assert!(codex.len() == 36 && codex.starts_with("01a1ff99-"), "{codex}");
    assert_eq!(hear("opencode-works").1.as_deref(), Some("ses_e00655c1dffe09iREQIsI4ndGM"));
}
