//! Placeholders: `{word}` in branch formats and in arguments of agents, found and replaced by one
//! rule. It knows no shell: what it puts in is never split, quoted or read again.

use super::name::{BranchName, TaskName};
use super::task::TaskType;

/// The placeholders of a branch format.
pub const IN_BRANCH: [&str; 4] = ["type", "issue", "task", "description"];
/// The placeholders of an agent's arguments; `{argv}` is a whole argument only.
pub const IN_ARGV: [&str; 11] = [
    "command",
    "prompt",
    "title",
    "task",
    "worker",
    "branch",
    "attempt",
    "folder",
    "conversation",
    "reconciler",
    "argv",
];

/// Returns the words of all placeholders: `{`, lower-case letters, `}`. Other braces are text.
pub fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, word, after)) = next(rest) {
        found.push(word);
        rest = after;
    }
    found
}

/// Replaces each placeholder by its value; one without a value stays as it is.
pub fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, word, after)) = next(rest) {
        filled.push_str(before);
        match value(word) {
            Some(value) => filled.push_str(value),
            None => filled.extend(["{", word, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Returns the name of a task's branch by the policy's `branchFormat`. `{issue}-` and
/// `-{description}` fall away when there is no issue, or the description is empty.
///
/// # Errors
/// When the outcome is not a branch name; the error says what came out.
pub fn branch_name(
    format: &str,
    kind: TaskType,
    issue: Option<u64>,
    task: &TaskName,
    description: &str,
) -> Result<BranchName, String> {
    let mut format = format.to_owned();
    if issue.is_none() {
        format = format.replace("{issue}-", "");
    }
    if description.is_empty() {
        format = format.replace("-{description}", "");
    }
    let issue = issue.map(|number| number.to_string()).unwrap_or_default();
    let value = |word: &str| match word {
        "type" => Some(kind.branch_prefix()),
        "issue" => Some(issue.as_str()),
        "task" => Some(task.as_str()),
        "description" => Some(description),
        _ => None,
    };
    BranchName::try_from(fill(&format, value))
}

/// Returns the first placeholder, with what stands before and after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices('{').find_map(|(open, _)| {
        let (word, after) = text.get(open + 1..)?.split_once('}')?;
        let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        is_word.then(|| (text.get(..open).unwrap_or_default(), word, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_words_in_braces_are_placeholders() {
        assert_eq!(
            words("{task} ${HOME} {} {a b} {\"x\":{prompt}} {{title}"),
            ["task", "prompt", "title"]
        );
    }

    #[test]
    fn what_is_put_in_is_not_read_again() {
        let value = |word: &str| (word == "prompt").then_some("{task} $HOME");
        assert_eq!(fill("say {prompt}, {other}!", value), "say {task} $HOME, {other}!");
    }

    #[test]
    fn a_branch_leaves_out_what_there_is_not() {
        let task: TaskName = "fix-login".parse().unwrap();
        let format = "{type}/{issue}-{task}-{description}";
        let name = |issue, description| {
            branch_name(format, TaskType::Fix, issue, &task, description).unwrap().to_string()
        };
        assert_eq!(name(Some(12), "redirect-loop"), "fix/12-fix-login-redirect-loop");
        assert_eq!(name(None, "redirect-loop"), "fix/fix-login-redirect-loop");
        assert_eq!(name(Some(12), ""), "fix/12-fix-login");
        assert_eq!(name(None, ""), "fix/fix-login");
    }
}
