//! Stable digests of values: what runs, what was approved. Never used for security of its own.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Returns the SHA-256 of the parts as 64 hexadecimal digits; each part is prefixed by its length,
/// so that parts cannot run into each other.
pub fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    text
}

/// Returns the digest of a value's JSON form: equal values give equal digests.
pub fn of(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("our own types serialize");
    digest(&[json.as_slice()])
}
