//! Paths that lead through a symbolic link. git has nothing beyond one, so that a lock there would hold
//! nothing: who names such a path is told the real one. It never follows a link by itself.

use super::Error;
use crate::disk;
use std::path::{Path, PathBuf};

/// Refuses a path that [`beyond_link`] says is none.
pub(super) fn refuse_beyond_link(top: &Path, path: &str) -> Result<(), Error> {
    match beyond_link(top, path) {
        Some((what, help)) => Err(Error::Refused { what, help }),
        None => Ok(()),
    }
}

/// Returns what is wrong with a path that leads through a symbolic link, and what to do; a pattern is
/// judged by what stands before its wildcards. It is meant from the top of the work tree. The link itself
/// is a file like any other.
pub(super) fn beyond_link(top: &Path, path: &str) -> Option<(String, String)> {
    let is_link = |above: &&str| top.join(above).is_symlink();
    let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    let link = above.into_iter().find(is_link)?;
    let beyond = path.strip_prefix(link).unwrap_or_default();
    let real = top.join(link).canonicalize().ok();
    let real = real.as_deref().and_then(|real| real.strip_prefix(top).ok());
    let help = real.map_or_else(
        || format!("{link} leads to nothing in this work tree, so no lock is for it"),
        |real| {
            let named = format!("{}{beyond}", real.display());
            format!("name what it leads to: {}", named.trim_start_matches('/'))
        },
    );
    Some((format!("{path} lies beyond the symbolic link {link}, where git has no files"), help))
}

/// Returns the top of the work tree in which a directory has this prefix, without links on the way.
pub(super) fn top_of(directory: &Path, prefix: &str) -> Result<PathBuf, Error> {
    let fail = |source| disk::Error::new("find", directory, source);
    let mut top = directory.canonicalize().map_err(fail)?;
    for _ in prefix.split('/').filter(|name| !name.is_empty()) {
        top.pop();
    }
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_beyond_a_link_is_refused_by_its_real_name() {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("src/docs")).unwrap();
        for (target, link) in [
            ("src/docs", "docs"),
            ("..", "out"),
            ("gone", "dead"),
            (".", "self"),
            ("../docs", "src/again"),
        ] {
            symlink(target, top.join(link)).unwrap();
        }
        let said = |path: &str| beyond_link(&top, path).map_or_else(String::new, |(_, help)| help);
        for fine in
            ["docs", "src/docs/a.md", "src/docs/", "src/*/a.md", "none/x", "**", "src/again"]
        {
            assert_eq!(said(fine), "", "{fine}");
        }
        for (path, real) in [
            ("docs/", "src/docs/"),
            ("docs/a.md", "src/docs/a.md"),
            ("docs/**/*.md", "src/docs/**/*.md"),
            ("src/again/x", "src/docs/x"),
            ("self/x", "x"),
        ] {
            assert_eq!(said(path), format!("name what it leads to: {real}"), "{path}");
        }
        for nowhere in ["out/x", "dead/x"] {
            assert!(said(nowhere).contains("leads to nothing in this work tree"), "{nowhere}");
        }
        assert_eq!(top_of(&top.join("docs"), "src/docs/").unwrap(), top);
    }
}
