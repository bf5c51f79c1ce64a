//! Whether the case of letters counts in the names of this repository: `core.ignorecase`, read
//! without a fork. What cannot be read is taken for "does not count", so that more is held, never less.

use super::{HookPlace, Reader, Repository};
use crate::api::path::Case;
use git2::{Config, ErrorCode};
use std::path::Path;

impl Repository {
    /// Returns whether the case of letters counts, as it is set now. Costs a look at one file.
    pub fn case(&self) -> Case {
        at(&self.common_dir().join("config"))
    }
}

impl Reader {
    /// Returns whether the case of letters counts, as it is set now. Costs a look at one file.
    pub fn case(&self) -> Case {
        self.repository().case()
    }
}

impl HookPlace {
    /// Returns whether the case of letters counts, as it is set now. Costs a look at one file.
    pub fn case(&self) -> Case {
        at(&self.settings())
    }
}

/// Reads what all worktrees and everybody who works in them share: the repository's own settings, where
/// `git init` and `git clone` write what they found of the file system.
fn at(settings: &Path) -> Case {
    let set = Config::open(settings);
    match set.and_then(|config| config.get_bool("core.ignorecase")) {
        Ok(false) => Case::Sensitive,
        Err(error) if error.code() == ErrorCode::NotFound => Case::Sensitive,
        Ok(true) | Err(_) => Case::Insensitive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::scratch::{Scratch, write};

    #[tokio::test]
    async fn the_setting_rules_as_it_is_now_and_a_doubt_holds_more() {
        let scratch = Scratch::new().await;
        assert_eq!(scratch.repository.case(), Case::Sensitive);
        for (value, case) in [
            ("true", Case::Insensitive),
            ("no", Case::Sensitive),
            ("1", Case::Insensitive),
            ("perhaps", Case::Insensitive),
        ] {
            scratch.git(&["config", "core.ignoreCase", value]).await;
            assert_eq!(scratch.repository.case(), case, "{value}");
        }
        let settings = scratch.repository.common_dir().join("config");
        write(&settings, "[core\n");
        assert_eq!(at(&settings), Case::Insensitive, "it cannot be read");
        std::fs::remove_file(&settings).unwrap();
        assert_eq!(at(&settings), Case::Sensitive, "nothing is set");
    }
}
