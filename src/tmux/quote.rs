//! Words on a line of tmux's command language, so that each is read back as it was. Pure; it never
//! lets a text that would end the line through.

use super::Error;
use std::path::Path;

/// Returns one word, in single quotes: nothing but the quote itself is special between them.
///
/// # Errors
/// When the text holds a line end or a NUL: no line can carry them.
pub(super) fn quote(text: &str) -> Result<String, Error> {
    if text.contains(['\n', '\0']) {
        return Err(Error::Unquotable { text: text.escape_default().to_string() });
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Returns a directory as one word that also survives being expanded as a format, as tmux does to
/// the argument of `-c`.
///
/// # Errors
/// When it is not UTF-8, or no line can carry it.
pub(super) fn quote_directory(path: &Path) -> Result<String, Error> {
    let Some(text) = path.to_str() else {
        return Err(Error::Unquotable { text: path.display().to_string() });
    };
    quote(&escape_format(text))
}

/// Doubles each `#`. Not those before a `[`: tmux takes that for a style and leaves it as it is.
fn escape_format(text: &str) -> String {
    let mut escaped = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('#') {
        let (before, from) = rest.split_at(start);
        let after = from.trim_start_matches('#');
        let count = from.len() - after.len();
        let written = if after.starts_with('[') { count } else { count * 2 };
        escaped.push_str(before);
        escaped.extend(std::iter::repeat_n('#', written));
        rest = after;
    }
    escaped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_single_quote_is_special() {
        for plain in ["", "a b", "$HOME", "#{pid}", "a;b;", "~", "\\", "\"", "{}", "é ✓", "a\tb"]
        {
            assert_eq!(quote(plain).unwrap(), format!("'{plain}'"));
        }
        assert_eq!(quote("it's").unwrap(), r"'it'\''s'");
    }

    #[test]
    fn what_would_end_the_line_is_refused() {
        for bad in ["a\nkill-server", "\n", "a\0b"] {
            assert!(matches!(quote(bad), Err(Error::Unquotable { .. })), "{bad:?}");
        }
    }

    #[test]
    fn a_directory_is_no_format() {
        for (path, word) in [
            ("/a#{pid}", "'/a##{pid}'"),
            ("/a##b#", "'/a####b##'"),
            ("/a#[b]##[c]#d", "'/a#[b]##[c]##d'"),
        ] {
            assert_eq!(quote_directory(Path::new(path)).unwrap(), word);
        }
    }
}
