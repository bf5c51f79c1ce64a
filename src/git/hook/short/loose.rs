//! Objects that lie in a file each, as those of the last commits do: they are read without libgit2,
//! which takes longer to start than to read them. What is not plainly there is `None`, and is asked
//! of libgit2 then.

use super::{FILE_MAX, Id};
use crate::disk;
use flate2::bufread::ZlibDecoder;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

/// Returns the content of an object of this kind, as git would: whole, and of the length it says.
pub(super) fn read(objects: &Path, kind: &str, id: Id) -> Option<Vec<u8>> {
    let mut name = String::with_capacity(2 * id.len() + 1);
    for (at, byte) in id.iter().enumerate() {
        let slash = if at == 1 { "/" } else { "" };
        write!(name, "{slash}{byte:02x}").ok()?;
    }
    let packed = disk::read(&objects.join(name), FILE_MAX).ok()??;
    let mut whole = Vec::with_capacity(4 * packed.len());
    ZlibDecoder::new(packed.as_slice()).take(FILE_MAX).read_to_end(&mut whole).ok()?;
    let end = whole.iter().position(|byte| *byte == 0)?;
    let content = whole.split_off(end + 1);
    let said = format!("{kind} {}\0", content.len());
    (whole == said.as_bytes()).then_some(content)
}
