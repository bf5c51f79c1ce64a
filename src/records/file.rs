//! One record in one file: JSON with the version of its form. It never takes a record that it
//! cannot understand for an absent one.

use crate::disk;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The form of records that this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// A record that is there and cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand {}: {message}", path.display())]
pub struct Damage {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Serialize)]
struct Stored<'a, T> {
    version: u32,
    #[serde(flatten)]
    record: &'a T,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Returns a record as its file holds it.
pub(super) fn bytes(record: &impl Serialize) -> Vec<u8> {
    let stored = Stored { version: VERSION, record };
    let mut bytes = serde_json::to_vec_pretty(&stored).expect("our own types serialize");
    bytes.push(b'\n');
    bytes
}

/// Returns the record in a file, or `None` when there is no such file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<Result<T, Damage>> {
    let damage = |message| Damage { path: path.to_owned(), message };
    let bytes = match disk::read(path, disk::RECORD_MAX) {
        Ok(bytes) => bytes?,
        Err(error) => return Some(Err(damage(error.kind().to_string()))),
    };
    Some(parse(&bytes).map_err(damage))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let Version { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("its version is {version}, and only {VERSION} is known"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
