//! Injected faults: every effect on the world passes here, so that a test can have the k-th one
//! killed, refused, lost or faked. It never acts unless armed, and not at all in a release build.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that arms a process: `WHO:KIND:K:FILE`. `WHO` is `run`, `shim`, `claim`, `backup` or
/// `restore`, `K` the ordinal of a point, `FILE` where every point passed is written. A fault fires once for each `FILE`: at the
/// first point from the `K`th on that its kind fits.
pub const VARIABLE: &str = "RECONCILER_FAULT";

/// What to do with an effect.
#[must_use = "an effect that is to be pretended must not be done"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Do it.
    Do,
    /// Say that it was done.
    Pretend,
}

/// What happens at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The process is killed.
    Kill,
    /// The effect is refused with this error number.
    Error(i32),
    /// It is done, and an error is answered.
    Lost,
    /// It is not done, and success is answered.
    Lie,
}

/// Where in an effect a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    During,
    After,
}

#[derive(Debug)]
struct Fault {
    who: String,
    kind: Kind,
    at: u32,
    file: PathBuf,
}

#[derive(Debug)]
struct Armed {
    text: String,
    fault: Option<Fault>,
}

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

static ARMED: OnceLock<Armed> = OnceLock::new();
static PASSED: AtomicU32 = AtomicU32::new(0);

/// Arms this process, if the text is for `who`. What is for others is kept to be handed on.
pub fn arm(who: &str, text: &str) {
    let fault = parse(text).filter(|fault| fault.who == who);
    // The first word stands.
    ARMED.set(Armed { text: text.to_owned(), fault }).ok();
}

/// Returns the text that a process started by us is to be armed with.
pub fn handed_on() -> Option<&'static str> {
    armed().map(|armed| armed.text.as_str())
}

/// Returns whether points are counted here.
pub fn is_armed() -> bool {
    armed().is_some_and(|armed| armed.fault.is_some())
}

/// Does an effect, or what a test wants in its place.
///
/// # Errors
/// Those of the effect, and injected ones.
pub fn effect(name: &str, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match before(name)? {
        Verdict::Pretend => return Ok(()),
        Verdict::Do => work()?,
    }
    after(name)
}

/// Passes the point before an effect.
///
/// # Errors
/// An injected one: then the effect must not be done.
pub fn before(name: &str) -> io::Result<Verdict> {
    match pass(Place::Before, name) {
        Some(Kind::Error(number)) => Err(io::Error::from_raw_os_error(number)),
        Some(Kind::Lie) => Ok(Verdict::Pretend),
        Some(Kind::Kill | Kind::Lost) | None => Ok(Verdict::Do),
    }
}

/// Passes a point within an effect, at which it can only be killed.
pub fn during(name: &str) {
    pass(Place::During, name);
}

/// Passes the point after an effect that succeeded.
///
/// # Errors
/// An injected one, although the effect was done.
pub fn after(name: &str) -> io::Result<()> {
    match pass(Place::After, name) {
        Some(Kind::Lost) => Err(io::Error::from_raw_os_error(EIO)),
        Some(Kind::Kill | Kind::Error(_) | Kind::Lie) | None => Ok(()),
    }
}

fn armed() -> Option<&'static Armed> {
    if cfg!(debug_assertions) { ARMED.get() } else { None }
}

/// Counts a point; returns what is to happen there.
fn pass(place: Place, name: &str) -> Option<Kind> {
    let fault = armed()?.fault.as_ref()?;
    let number = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!("{} {number} {place:?} {name}\n", fault.who);
    // Without the registry the test that wanted it fails by itself.
    let registry = OpenOptions::new().append(true).create(true).open(&fault.file);
    registry.and_then(|mut file| file.write_all(line.as_bytes())).ok();
    let fits = match fault.kind {
        Kind::Kill => true,
        Kind::Error(_) | Kind::Lie => place == Place::Before,
        Kind::Lost => place == Place::After,
    };
    if number < fault.at || !fits || !is_first(&fault.file) {
        return None;
    }
    if fault.kind == Kind::Kill {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .ok();
        loop {
            std::thread::park();
        }
    }
    Some(fault.kind)
}

/// Returns whether the fault of this file did not fire yet, in any process.
fn is_first(file: &Path) -> bool {
    OpenOptions::new().write(true).create_new(true).open(file.with_added_extension("fired")).is_ok()
}

fn parse(text: &str) -> Option<Fault> {
    let mut words = text.splitn(4, ':');
    let who = words.next()?.to_owned();
    let kind = match words.next()? {
        "kill" => Kind::Kill,
        "EIO" => Kind::Error(EIO),
        "EACCES" => Kind::Error(EACCES),
        "ENOSPC" => Kind::Error(ENOSPC),
        "lost" => Kind::Lost,
        "lie" => Kind::Lie,
        _ => return None,
    };
    let at = words.next()?.parse().ok()?;
    Some(Fault { who, kind, at, file: PathBuf::from(words.next()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_for_one_kind_of_process_one_point_and_one_file() {
        let fault = parse("shim:ENOSPC:7:/tmp/a:b").unwrap();
        assert_eq!((fault.who.as_str(), fault.kind, fault.at), ("shim", Kind::Error(28), 7));
        assert_eq!(fault.file, Path::new("/tmp/a:b"));
        for wrong in ["", "run", "run:kill", "run:kill:x:/f", "run:kill:1", "run:nap:1:/f"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_armed_does_every_effect() {
        let mut done = 0;
        effect("test", || {
            done += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!((done, before("test").unwrap()), (1, Verdict::Do));
    }
}
