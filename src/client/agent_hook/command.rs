//! What a shell command of an agent shows of itself. It is no shell: who wants past it gets past it,
//! and meets the hooks of git.

/// Returns why a command is not to be run, where that can be seen.
pub(super) fn forbidden(command: &str) -> Option<&'static str> {
    let words = words(command);
    let mut commands = words.split(Option::is_none);
    commands.find_map(|words| {
        let words: Vec<&str> = words.iter().flatten().map(String::as_str).collect();
        let git = words.iter().position(|word| *word == "git" || word.ends_with("/git"))?;
        of_git(words.get(git + 1..).unwrap_or_default())
    })
}

/// Returns why git is not to be called with these arguments.
fn of_git(words: &[&str]) -> Option<&'static str> {
    let has = |word: &str| words.contains(&word);
    let is_forced =
        |word: &&str| word.starts_with("--force") || (word.starts_with('-') && word.ends_with('f'));
    if has("--no-verify") || words.iter().any(|word| word.starts_with("core.hooksPath")) {
        return Some(
            "git's hooks keep workers from each other's files: leave `--no-verify` and \
             `core.hooksPath` out; if a commit is refused, read why",
        );
    }
    if has("worktree") && ["add", "move", "remove", "prune"].into_iter().any(has) {
        return Some("worktrees are made and removed for you: work in the one that you are in");
    }
    if has("push") && words.iter().any(is_forced) {
        return Some(
            "a forced push loses what others pushed: commit, and leave the push to others",
        );
    }
    None
}

/// Returns the files that a patch in a command names, in the format of Codex's `apply_patch`.
pub(super) fn patched(command: &str) -> Vec<&str> {
    if !command.contains("*** Begin Patch") {
        return Vec::new();
    }
    let marks = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    let named = command.lines().filter_map(|line| {
        let line = line.trim_start();
        marks.into_iter().find_map(|mark| line.strip_prefix(mark))
    });
    named.map(str::trim).collect()
}

/// Returns the words of a command as a shell would take them apart, `None` where one command ends.
fn words(command: &str) -> Vec<Option<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ';' | '&' | '|' | '\n' | '(' | ')') => {
                words.extend(word.take().map(Some));
                words.push(None);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take().map(Some)),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(Some));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_around_the_hooks_is_seen_and_words_about_it_are_not() {
        for bad in [
            "git commit -m x --no-verify",
            "cd a && git -c core.hooksPath=/dev/null commit -m x",
            "git worktree add ../x",
            "/usr/bin/git push --force origin x",
            "git push -uf origin x",
            "git push origin +main",
            "(git push --force-with-lease)",
        ] {
            assert!(forbidden(bad).is_some(), "{bad}");
        }
        for fine in [
            "git commit -m 'do not use --no-verify'",
            "grep -rn -- --no-verify docs; git status",
            "git push origin x",
            "git worktree list",
            "rm -f a && git push",
            "echo \"git push --force\"",
        ] {
            assert_eq!(forbidden(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_patch_names_its_files() {
        let patch = "apply_patch <<'E'\n*** Begin Patch\n*** Update File: src/a.rs\n*** Move to: b c.rs\n\
                     @@\n-x\n+*** nothing\n*** Add File: new\n+x\n*** End Patch\nE";
        assert_eq!(patched(patch), ["src/a.rs", "b c.rs", "new"]);
        assert!(patched("echo '*** Add File: x'").is_empty());
    }
}
