//! A secret in a text: it never comes out whole, whatever stands around it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::shim::masked;

const SECRET: &str = "hunter2-very-secret";

fuzz_target!(|texts: (&str, &str)| {
    let text = format!("{}{SECRET}{}", texts.0, texts.1);
    let shown = masked(&text, &[SECRET.as_bytes().to_vec()]);
    assert!(!shown.contains(SECRET), "{shown:?}");
});
