//! Prompts and titles with anything in them: each stays one argument, and nothing in it is read as a
//! placeholder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::agents::{Occasion, fill};
use reconciler::api::attempt::Beginning;

fuzz_target!(|texts: (&str, &str)| {
    let agent = serde_json::json!({ "argv": ["a", "{prompt}", "x{title}"], "files": { "agent.txt": "{prompt}" } });
    let task = serde_json::json!({ "prompt": texts.0, "title": texts.1 });
    let (agent, task) = (serde_json::from_value(agent).unwrap(), serde_json::from_value(task).unwrap());
    let occasion = Occasion {
        task: "t",
        worker: "w-1",
        branch: "b",
        attempt: 1,
        folder: "/f",
        beginning: &Beginning::default(),
    };
    let (argv, dialogue) = fill(&agent, &task, occasion);
    assert_eq!(argv, ["a".to_owned(), texts.0.to_owned(), format!("x{}", texts.1)]);
    assert_eq!(dialogue.files["agent.txt"], texts.0);
});
