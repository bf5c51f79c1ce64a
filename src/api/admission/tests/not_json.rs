//! Files that are no JSON and what is said of them, word for word. It holds no JSON.

use super::{PATH, told};

/// Files that are no JSON, and what is said after their path.
const NOT_JSON: &[(&[u8], &str)] = &[
    (b"", "1:1: error: the file is empty; delete it if it is not wanted"),
    (b" \n", "1:1: error: the file is empty; delete it if it is not wanted"),
    (
        b"\xef\xbb\xbf{}",
        "1:1: error: the file begins with a byte order mark; save it as UTF-8 without",
    ),
    (b"\xff\xfe{\x00}\x00", "1:1: error: the file is UTF-16; save it as UTF-8"),
    (
        b"{}\n\x00",
        "2:1: error: byte 4 (0x00) is NUL, which is no text; is the file half written, or binary?",
    ),
    (
        b"{\"a\": \"\xe9\"}",
        "1:8: error: byte 8 (0xe9) is not UTF-8; is the file half written, or binary?",
    ),
    (
        b"{\n  \"apiVersion\": \"x\",",
        "1:1: error: this `{` is never closed; is the file half written?",
    ),
    (
        b"{\n  \"apiVersion\": \"reconc",
        "2:17: error: this text is never closed; is the file half written?",
    ),
    (b"{\"spec\": [", "1:10: error: this `[` is never closed; is the file half written?"),
    (
        b"{\n  // why\n  \"kind\": \"Task\"\n}",
        "2:3: error: JSON has no comments; remove it, or put it into `metadata.annotations`",
    ),
    (
        b"{ /* never closed",
        "1:3: error: JSON has no comments; remove it, or put it into `metadata.annotations`",
    ),
    (
        b"{\n  \"kind\": \"Task\",\n}",
        "2:17: error: JSON has no comma after the last entry; remove the comma",
    ),
    (
        b"{\n  \"kind\": \"Task\"\n  \"spec\": {}\n}",
        "2:17: error: expected `,` between two entries; add a comma",
    ),
    (b"{\"kind\" \"Task\"}", "1:9: error: expected `:` after the name of the field"),
    (b"{\"kind\": }", "1:10: error: `}` is out of place here"),
    (b"{\"kind\":", "1:9: error: expected a value after `:`"),
    (
        b"{'kind': 'Task'}",
        r#"1:2: error: JSON has names and texts in double quotes only; write `"` on both sides"#,
    ),
    (
        b"{kind: 1}",
        r#"1:2: error: JSON has names and texts in double quotes only; write `"` on both sides"#,
    ),
    (b"{\"a\": True}", "1:7: error: `True` is not JSON; did you mean `true`?"),
    (b"kind: Task\n", "1:1: error: `kind` is not JSON; write text in double quotes"),
    (
        b"{\n  \"title\": \"abc,\n  \"x\": 1\n}",
        r#"2:17: error: this text does not end on its line; close it with `"`; a line break is `\n`"#,
    ),
    (
        b"{\"a\": \"C:\\dir\"}",
        r"1:10: error: unknown escape in a text; write a backslash twice: `\\`, or see json.org",
    ),
    (
        b"{\"a\": \"\\ud800\"}",
        r"1:8: error: incomplete `\u` escape in a text; write the character itself",
    ),
    (b"{\"a\": 0xFF}", "1:7: error: this is not a number of JSON; write it as 7 or -0.5"),
    (b"{\"a\": 007}", "1:8: error: this is not a number of JSON; write it as 7 or -0.5"),
    (b"{\"a\": 1e999}", "1:11: error: this is not JSON: number out of range"),
    (b"{\"a\": NaN}", "1:7: error: `NaN` is not JSON; write text in double quotes"),
    (b"{}\n{}", "2:1: error: the file goes on after its object; one file is one object"),
    (
        b"{\n<<<<<<< HEAD\n  \"a\": 1\n=======\n  \"a\": 2\n>>>>>>> x\n}",
        "2:1: error: an unresolved merge; choose one side and remove the marks",
    ),
    (b"{\"a\": [1}", "1:9: error: `}` is out of place here"),
    (
        b"{\xe2\x80\x9ca\xe2\x80\x9d: 1}",
        r#"1:2: error: `“` is out of place here; write plain double quotes: `"`"#,
    ),
    (b"{\"a\": yes}", "1:7: error: `yes` is not JSON; write text in double quotes"),
    (b"{\x0b}", "1:2: error: JSON does not know this kind of space; write a plain one"),
    (
        b"{\"a\": \"\\u12\"}",
        r"1:8: error: incomplete `\u` escape in a text; write the character itself",
    ),
    (b"[]", "1:1: error: expected an object, found a list"),
    (b"42", "1:1: error: expected an object, found 42"),
    (b"{\xc2\xa0}", "1:2: error: JSON does not know this kind of space; write a plain one"),
];

#[test]
fn what_is_no_json_is_told_in_a_sentence() {
    for (bytes, expected) in NOT_JSON {
        assert_eq!(told(PATH, bytes), [format!("{PATH}:{expected}")]);
    }
}
