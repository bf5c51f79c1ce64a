//! The index as git wrote it, for a hook that may not wait: names, modes and ids, and the trees that
//! git knows of it. Of a form that it does not know in full it says nothing, and git is asked.

use std::collections::BTreeMap;

/// How long an id is; longer ones are for git.
pub(super) const ID: usize = 20;
/// What stands before the id of an entry: times, device, inode, mode, owner, size.
const STAT: usize = 40;
/// Where the mode is in that.
const MODE: usize = 24;
/// The first flag of an entry: more flags follow it.
const EXTENDED: u16 = 0x4000;
/// The stages of a conflict.
const STAGES: u16 = 0x3000;
/// Of the further flags: the entry is only announced, and is not committed.
const INTENT_TO_ADD: u16 = 0x2000;

/// An object id.
pub(super) type Id = [u8; ID];

/// A file of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a [u8],
    pub(super) mode: u32,
    pub(super) id: Id,
}

/// What git knows of the tree of a folder.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// Its id, and how many entries it has; `None` when something in it has changed.
    pub(super) tree: Option<(Id, usize)>,
    /// The folders in it.
    pub(super) folders: BTreeMap<&'a [u8], Known<'a>>,
}

/// An index.
#[derive(Debug)]
pub(super) struct Index<'a> {
    /// Sorted by their paths, each there once.
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) known: Known<'a>,
}

impl<'a> Index<'a> {
    /// Reads an index; `None` when it has anything that git alone can tell the meaning of.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        // The checksum at the end is not looked at by git either.
        let mut rest = bytes.get(..bytes.len().checked_sub(ID)?)?;
        if take(&mut rest, 4)? != b"DIRC" || !matches!(number(&mut rest)?, 2 | 3) {
            return None;
        }
        let count = usize::try_from(number(&mut rest)?).ok()?;
        let mut entries: Vec<Entry<'a>> = Vec::with_capacity(count.min(rest.len() / STAT));
        for _ in 0..count {
            let entry = entry(&mut rest)?;
            if entries.last().is_some_and(|last| last.path >= entry.path) {
                return None;
            }
            entries.push(entry);
        }
        let mut known = Known::default();
        while !rest.is_empty() {
            let name = take(&mut rest, 4)?;
            let length = usize::try_from(number(&mut rest)?).ok()?;
            let mut body = take(&mut rest, length)?;
            // What is not written large must be understood: a split or a sparse index.
            if !name.first()?.is_ascii_uppercase() {
                return None;
            }
            if name == b"TREE" && !body.is_empty() {
                (_, known) = folder(&mut body).filter(|(top, _)| top.is_empty())?;
            }
        }
        Some(Self { entries, known })
    }
}

fn entry<'a>(rest: &mut &'a [u8]) -> Option<Entry<'a>> {
    let whole = *rest;
    let mut stat = take(rest, STAT)?.get(MODE..)?;
    let mode = number(&mut stat)?;
    let id = take(rest, ID)?.try_into().ok()?;
    let flags = short(rest)?;
    let further = if flags & EXTENDED == 0 { 0 } else { short(rest)? };
    if flags & STAGES != 0 || further & INTENT_TO_ADD != 0 {
        return None;
    }
    let path = until(rest, 0)?;
    // From one to eight zeros end an entry at a multiple of eight.
    let used = whole.len() - rest.len();
    let padding = take(rest, used.next_multiple_of(8) - used)?;
    (!path.is_empty() && padding.iter().all(|byte| *byte == 0)).then_some(Entry { path, mode, id })
}

fn folder<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Known<'a>)> {
    let name = until(rest, 0)?;
    let count = text(until(rest, b' ')?)?;
    let folders: usize = text(until(rest, b'\n')?)?.try_into().ok()?;
    let tree = match usize::try_from(count) {
        Ok(count) => Some((take(rest, ID)?.try_into().ok()?, count)),
        Err(_) => None,
    };
    let mut known = Known { tree, folders: BTreeMap::new() };
    for _ in 0..folders {
        let (name, inner) = folder(rest)?;
        known.folders.insert(name, inner);
    }
    Some((name, known))
}

fn text(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// Takes all before a byte, and that byte.
pub(super) fn until<'a>(rest: &mut &'a [u8], end: u8) -> Option<&'a [u8]> {
    let at = rest.iter().position(|byte| *byte == end)?;
    let taken = take(rest, at)?;
    take(rest, 1)?;
    Some(taken)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(take(rest, 4)?.try_into().ok()?))
}

fn short(rest: &mut &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(take(rest, 2)?.try_into().ok()?))
}

/// Takes an id.
pub(super) fn id(rest: &mut &[u8]) -> Option<Id> {
    take(rest, ID)?.try_into().ok()
}
