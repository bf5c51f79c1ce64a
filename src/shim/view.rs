//! View: the repository as a decision worker sees it, where only the folder of its attempt can be
//! written. It changes what this process and those that it starts see, and nothing for anybody else.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::iter;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The variable that tells a program that it has such a view. It takes rights away and gives none.
pub const VIEW_VARIABLE: &str = "RECONCILER_VIEW";

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct NoView {
    what: String,
    source: io::Error,
}

impl NoView {
    fn of(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self { what: what.into(), source }
    }
}

/// Makes the repository around the folder of an attempt, and its git directory, read-only for this
/// process and all that it starts, but for that folder; the working directory is its root then. The
/// process must have no other thread.
///
/// # Errors
/// When the system does not allow it; then what this process sees may be writable as before.
pub fn enter(folder: &Path, common_dir: &Path) -> Result<(), NoView> {
    refused_by_apparmor().map_err(NoView::of("make a user namespace"))?;
    let real = |path: &Path| {
        path.canonicalize().map_err(NoView::of(format!("look at {}", path.display())))
    };
    let (folder, common_dir) = (real(folder)?, real(common_dir)?);
    let root = folder.ancestors().nth(super::FOLDER_DEPTH).unwrap_or(&folder);
    namespaces()?;
    // Before its root, which takes it along.
    bind(&folder)?;
    let mut places = vec![root.to_owned()];
    for place in iter::once(common_dir.clone()).chain(worktrees(&common_dir)) {
        if !places.iter().any(|one| place.starts_with(one)) {
            places.push(place);
        }
    }
    for place in &places {
        bind(place)?;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(NoView::of("see mounts"))?;
    for (path, flags) in parse(&mounts) {
        if path != folder && places.iter().any(|place| path.starts_with(place)) {
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | flags;
            remount(&path, flags)?;
        }
    }
    // The mounts belong to the first pair of namespaces: from within the second nobody undoes them.
    namespaces()?;
    std::env::set_current_dir(root).map_err(NoView::of(format!("enter {}", root.display())))
}

/// Returns the worktrees of a repository that are there, also those that people made elsewhere.
fn worktrees(common_dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(common_dir.join("worktrees")) else { return Vec::new() };
    let place = |entry: fs::DirEntry| {
        let git = fs::read_to_string(entry.path().join("gitdir")).ok()?;
        // Relative to its entry, where git was told so.
        entry.path().join(git.trim_end_matches('\n')).parent()?.canonicalize().ok()
    };
    entries.filter_map(Result::ok).filter_map(place).collect()
}

/// Ubuntu lets a program make a namespace and then do nothing with it, and it stays so for whatever
/// that program becomes: there it is better not to try.
fn refused_by_apparmor() -> io::Result<()> {
    let is = |path: &str, what: &str| {
        fs::read_to_string(path).is_ok_and(|text| text.trim_end_matches(['\0', '\n']) == what)
    };
    let refuses = is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
        && is("/proc/self/attr/current", "unconfined")
        && !rustix::process::geteuid().is_root();
    if !refuses {
        return Ok(());
    }
    Err(io::Error::other(
        "AppArmor allows it to no program without a profile (sysctl kernel.apparmor_restrict_unprivileged_userns)",
    ))
}

/// Moves this process to a new user namespace, in which it is the same user and group, and to a new
/// mount namespace of that one.
fn namespaces() -> Result<(), NoView> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|errno| NoView::of("make a user namespace")(errno.into()))?;
    let write = |file: &str, text: String| {
        let path = format!("/proc/self/{file}");
        fs::write(&path, text).map_err(NoView::of(format!("write {path}")))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user} 1"))?;
    write("gid_map", format!("{group} {group} 1"))
}

fn bind(path: &Path) -> Result<(), NoView> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(path), path, None::<&str>, flags, None::<&str>)
        .map_err(|errno| NoView::of(format!("bind {}", path.display()))(errno.into()))
}

fn remount(path: &Path, flags: MsFlags) -> Result<(), NoView> {
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)
        .map_err(|errno| NoView::of(format!("make {} read-only", path.display()))(errno.into()))
}

/// The flags of a mount that stay with it: the kernel takes none of them away for us.
const KEPT: [(&str, MsFlags); 6] = [
    ("nosuid", MsFlags::MS_NOSUID),
    ("nodev", MsFlags::MS_NODEV),
    ("noexec", MsFlags::MS_NOEXEC),
    ("noatime", MsFlags::MS_NOATIME),
    ("nodiratime", MsFlags::MS_NODIRATIME),
    ("relatime", MsFlags::MS_RELATIME),
];

/// Returns where things are mounted, and how, by `/proc/self/mountinfo` (see proc(5)).
fn parse(mountinfo: &str) -> BTreeMap<PathBuf, MsFlags> {
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(4);
        let (path, options) = (fields.next()?, fields.next()?);
        let set = |name: &str| options.split(',').any(|option| option == name);
        let flags = KEPT.iter().filter(|(name, _)| set(name)).map(|(_, flag)| *flag).collect();
        Some((unescaped(path), flags))
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// Reads `\040` and the like.
fn unescaped(path: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(path.len());
    let mut parts = path.split('\\');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.extend(code.or(Some(b'\\')));
        bytes.extend(part.bytes().skip(if code.is_some() { 3 } else { 0 }));
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_the_flags_that_stay() {
        let text = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw\n\
                    2 1 8:1 /a /a\\040b\\134c rw,nosuid,nodev - ext4 /dev/a rw\n";
        let mounts = parse(text);
        let nosuid = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        assert_eq!(mounts.get(Path::new("/a b\\c")), Some(&nosuid));
        assert_eq!(mounts.get(Path::new("/")), Some(&MsFlags::MS_RELATIME));
    }
}
