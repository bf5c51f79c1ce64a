//! State files with anything in them: each is admitted or refused with a place and a reason, and what
//! was admitted is admitted again as it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::api::admission::admit;

const PATHS: [&str; 4] =
    ["state/tasks/a.json", "state/workers/a.json", "state/agents/a.json", "state/policy.json"];

fuzz_target!(|bytes: &[u8]| {
    for path in PATHS {
        if let Err(problems) = admit(path, bytes) {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.to_string().starts_with(path), "{problem}");
                assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
            }
        }
    }
});
