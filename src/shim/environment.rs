//! The environment of a program: an allow-list of the shim's own, and what the attempt sets. It
//! never hands on what nobody named.

use crate::api::attempt::{HANDED_ON, Program};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

/// Where a system has its programs, for who was started without a `PATH`.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables by name.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// Returns the complete environment of a program; this folder comes first on its `PATH`.
pub(super) fn of(program: &Program, own: &Environment, first: &Path) -> Environment {
    let named = program.env_allow.iter().chain(&program.secret_env).map(String::as_str);
    let mut environment: Environment = HANDED_ON
        .into_iter()
        .chain(["TERM"])
        .chain(named)
        .filter_map(|name| own.get_key_value(&OsString::from(name)))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let terminal =
        if own.contains_key(&OsString::from("TMUX")) { "tmux-256color" } else { "xterm" };
    environment.entry("TERM".into()).or_insert_with(|| terminal.into());
    environment.extend(program.env.iter().map(|(name, value)| (name.into(), value.into())));
    let path = environment.entry("PATH".into()).or_insert_with(|| SYSTEM_PATH.into());
    *path = [first.as_os_str(), path].join(OsStr::new(":"));
    environment
}

/// Returns the values that no log may show.
pub(super) fn secrets(program: &Program, own: &Environment) -> Vec<Vec<u8>> {
    let names = program.secret_env.iter().map(OsString::from);
    names.filter_map(|name| own.get(&name)).map(|value| value.clone().into_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program {
            argv: vec!["true".to_owned()],
            verify: None,
            env: BTreeMap::from([("SET".to_owned(), "1".to_owned())]),
            env_allow: vec!["NAMED".to_owned(), "ABSENT".to_owned()],
            secret_env: vec!["TOKEN".to_owned()],
            timeout_seconds: 0,
            stop_grace_seconds: 1,
            dialogue: crate::api::attempt::Dialogue::default(),
        }
    }

    fn own(names: &[&str]) -> Environment {
        names.iter().map(|name| (name.into(), format!("own {name}").into())).collect()
    }

    fn names(environment: &Environment) -> Vec<&str> {
        environment.keys().filter_map(|name| name.to_str()).collect()
    }

    #[test]
    fn only_what_is_named_is_handed_on() {
        let own = own(&["PATH", "TERM", "TMUX", "NAMED", "TOKEN", "OTHER", "SET"]);
        let environment = of(&program(), &own, Path::new("/a/bin"));
        assert_eq!(names(&environment), ["NAMED", "PATH", "SET", "TERM", "TOKEN"]);
        assert_eq!(environment.get(&OsString::from("SET")), Some(&OsString::from("1")));
        assert_eq!(
            environment.get(&OsString::from("PATH")),
            Some(&OsString::from("/a/bin:own PATH"))
        );
        assert_eq!(secrets(&program(), &own), [b"own TOKEN".to_vec()]);
    }

    #[test]
    fn a_program_always_has_a_terminal_type() {
        let term = |own| of(&program(), &own, Path::new("/a/bin")).remove(&OsString::from("TERM"));
        assert_eq!(term(own(&[])), Some("xterm".into()));
        assert_eq!(term(own(&["TMUX"])), Some("tmux-256color".into()));
        assert_eq!(term(own(&["TMUX", "TERM"])), Some("own TERM".into()));
    }
}
