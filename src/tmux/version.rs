//! The version of the tmux program. It never refuses a version it cannot read: development
//! versions have names of their own.

use super::Error;
use crate::process::spawn::Call;
use std::fmt;
use std::time::Duration;

/// The oldest tmux with all that is used here (`-N`, `new-session -e`, client flags by `-f`).
const FLOOR: (u32, u32) = (3, 2);

/// A version of tmux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    text: String,
    number: Option<(u32, u32)>,
}

impl Version {
    /// Reads what `tmux -V` prints: `tmux 3.3a`, `tmux next-3.5`, `tmux openbsd-7.6`.
    fn parse(printed: &str) -> Self {
        let text = printed.trim().trim_start_matches("tmux ").to_owned();
        // The numbers of OpenBSD are those of the system.
        let number = if text.starts_with("openbsd") { None } else { number(&text) };
        Self { text, number }
    }

    /// Returns whether everything used here is there; a version without a number is new enough.
    pub fn is_supported(&self) -> bool {
        self.number.is_none_or(|number| number >= FLOOR)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim_start_matches("next-").split_once('.')?;
    let end = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((major.parse().ok()?, minor.get(..end)?.parse().ok()?))
}

/// Asks the tmux program for its version.
///
/// # Errors
/// When it cannot be started, fails, or misses the deadline: say so and name tmux as missing.
pub async fn version(deadline: Duration) -> Result<Version, Error> {
    let printed = Call::new("tmux", deadline).arg("-V").run().await?;
    Ok(Version::parse(&String::from_utf8_lossy(&printed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged_by_their_number() {
        let scenes = [
            ("tmux 3.3a\n", "3.3a", true),
            ("tmux 3.2", "3.2", true),
            ("tmux 3.1c", "3.1c", false),
            ("tmux 2.9", "2.9", false),
            ("tmux 10.0", "10.0", true),
            ("tmux 3.10-rc", "3.10-rc", true),
            ("tmux next-3.5", "next-3.5", true),
            ("tmux next-3.1", "next-3.1", false),
            ("tmux openbsd-2.0", "openbsd-2.0", true),
            ("tmux master", "master", true),
        ];
        for (printed, text, supported) in scenes {
            let version = Version::parse(printed);
            assert_eq!((version.to_string(), version.is_supported()), (text.to_owned(), supported));
        }
    }

    #[tokio::test]
    async fn the_installed_tmux_is_supported() {
        let version = version(Duration::from_secs(30)).await.unwrap();
        assert!(version.is_supported() && !version.to_string().is_empty(), "{version}");
    }
}
