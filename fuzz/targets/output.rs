//! Output of agents with anything in it, however it is cut: the end marker is heard when it stands on
//! a line of its own, and never from bytes without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::shim::door::is_marked;

const MARKER: &str = "---END-OF-OUTPUT-0a1b2c3d---";

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let cut = cut % (bytes.len() + 1);
    let whole = is_marked(MARKER, &[bytes]);
    assert_eq!(whole, is_marked(MARKER, &[&bytes[..cut], &bytes[cut..]]), "the cut does not matter");
    let visible: Vec<u8> = bytes.iter().copied().filter(|byte| byte.is_ascii_graphic()).collect();
    let has_words = |words: &[u8]| visible.windows(words.len()).any(|window| window == words);
    assert!(!whole || has_words(b"0a1b2c3d"), "nobody said it");
    // After a reset of the terminal it is heard, whatever came before.
    let line = format!("\r\n{MARKER}\r\n");
    assert!(is_marked(MARKER, &[bytes, b"\x18\x1b\\\x1bc", line.as_bytes()]));
});
