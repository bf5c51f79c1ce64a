//! The section of AGENTS.md that tells agents how to work here. It stands between two marks, and what
//! people wrote around it stays as it is.

use crate::client::RULES;

/// The file that agents read.
pub(super) const PATH: &str = "AGENTS.md";

const BEGIN: &str = "<!-- reconciler: begin -->";
const END: &str = "<!-- reconciler: end -->";

/// Returns the text with the section of now in it; `None` when one mark of it is gone.
pub(super) fn with_section(before: &str) -> Option<String> {
    let section = section();
    match (before.find(BEGIN), before.find(END)) {
        (Some(begin), Some(end)) if begin < end => {
            let (head, tail) = (before.get(..begin)?, before.get(end + END.len()..)?);
            Some(format!("{head}{section}{tail}"))
        }
        (None, None) if before.trim().is_empty() => Some(section + "\n"),
        (None, None) => Some(format!("{}\n\n{section}\n", before.trim_end())),
        _ => None,
    }
}

fn section() -> String {
    let rules = RULES.iter().zip(1..).map(|(rule, number)| format!("{number}. {rule}\n"));
    let rules: String = rules.collect();
    format!(
        "{BEGIN}\n## Working under reconciler\n\n\
         If RECONCILER=1 you are one of several workers in this repository. The tools of the MCP server \
         `reconciler` and these commands are the same.\n\n{rules}{END}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_added_once_and_what_people_wrote_stays() {
        let fresh = with_section("").unwrap();
        assert!(fresh.starts_with(BEGIN) && fresh.ends_with(&format!("{END}\n")), "{fresh}");
        assert_eq!(with_section(&fresh).unwrap(), fresh);
        let own = with_section("# Shop\n\nUse tabs.\n\n\n").unwrap();
        assert!(own.starts_with("# Shop\n\nUse tabs.\n\n<!-- reconciler: begin -->\n"), "{own}");
        assert_eq!(with_section(&own).unwrap(), own);
        let around = format!("{}\nAfter.\n", own.trim_end().replace("3. ", "old. "));
        let mended = with_section(&around).unwrap();
        assert!(mended.ends_with(&format!("{END}\nAfter.\n")), "{mended}");
        assert!(mended.contains("\n3. ") && !mended.contains("old. "), "{mended}");
    }

    #[test]
    fn a_text_with_one_mark_alone_is_left_to_people() {
        assert_eq!(with_section(BEGIN), None);
        assert_eq!(with_section(&format!("{END}\n{BEGIN}")), None);
    }
}
