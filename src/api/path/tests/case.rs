//! What patterns hold where `A.rs` and `a.rs` are one file.

use super::super::*;
use proptest::prelude::*;

fn parse(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap()
}

fn folded(text: &str) -> PathPattern {
    parse(text).on(Case::Insensitive)
}

#[test]
fn patterns_that_differ_in_case_meet_only_where_it_does_not_count() {
    for (a, b) in [
        ("A.rs", "a.rs"),
        ("Src/**", "src/a.rs"),
        ("src/", "SRC/x/y"),
        ("**/README.md", "docs/ReadMe.md"),
        ("[A-C]x", "bX"),
        ("[a-c]x", "B?"),
        ("*.{RS,toml}", "build.rs"),
        ("[A-Z]*.md", "a*.MD"),
        ("[Z-a].x", "z.x"),
    ] {
        assert_eq!(parse(a).overlap(&parse(b)), None, "{a} and {b}");
        for (one, other) in [(folded(a), folded(b)), (folded(a), parse(b)), (parse(a), folded(b))] {
            let path = one.overlap(&other).unwrap_or_else(|| panic!("{a} and {b} meet"));
            assert!(folded(a).covers(&path) && folded(b).covers(&path), "{path}");
            assert!(other.overlap(&one).is_some(), "{b} and {a}");
        }
    }
    for (a, b) in [("[!a]x", "Ax"), ("a.rs", "B.RS"), ("É.rs", "é.rs"), ("[!A-Z]", "q")] {
        assert_eq!(folded(a).overlap(&folded(b)), None, "{a} and {b}");
    }
}

#[test]
fn what_is_shown_keeps_its_spelling() {
    let one = folded("Src/Auth/[L]ogin.RS");
    assert_eq!(one.as_str(), "Src/Auth/[L]ogin.RS");
    assert_eq!(one.only_path().unwrap(), "Src/Auth/Login.RS");
    assert_eq!(folded("[aA].rs").only_path(), None);
    let path = folded("Src/Auth/**").overlap(&folded("src/auth/Login.rs"));
    assert_eq!(path.unwrap(), "Src/Auth/Login.rs", "as the first spells what it spells");
    assert_eq!(one, parse("Src/Auth/[L]ogin.RS"), "the same pattern, in another place");
    assert_ne!(folded("a"), folded("A"), "these are written otherwise");
    let again = folded("Src/").on(Case::Sensitive);
    assert!(again.covers("Src/x") && !again.covers("src/x"));
    assert!(folded("lib.d").known_as_folder().covers("LIB.d/x"));
}

fn pattern() -> impl Strategy<Value = String> {
    let class = prop_oneof!["\\[[aAbB]{1,2}\\]", "\\[![aAbB]\\]", Just("[A-b]".to_owned())];
    let name = prop_oneof![3 => "[aAbB*?]{1,3}", 1 => Just("**".to_owned()), 1 => class];
    proptest::collection::vec(name, 1..3).prop_map(|names| names.join("/"))
}

/// Every path of one or two names of one or two letters.
fn paths() -> Vec<String> {
    let letters = ["a", "A", "b", "B"];
    let two = letters.iter().flat_map(|a| letters.iter().map(move |b| format!("{a}{b}")));
    let names: Vec<String> = letters.iter().map(ToString::to_string).chain(two).collect();
    let deep = names.iter().flat_map(|a| names.iter().map(move |b| format!("{a}/{b}")));
    deep.chain(names.iter().cloned()).collect()
}

/// The same as a folded pattern holds, told by trying every spelling: what is excluded is so in both.
fn holds_some_spelling(text: &str, path: &str) -> bool {
    let text = [("[!a]", "a"), ("[!A]", "a"), ("[!b]", "b"), ("[!B]", "b")]
        .iter()
        .fold(text.to_owned(), |text, (class, c)| {
            text.replace(class, &format!("[!{c}{}]", c.to_ascii_uppercase()))
        });
    let pattern = parse(&text);
    paths().iter().any(|one| one.eq_ignore_ascii_case(path) && pattern.covers(one))
}

proptest! {
    #[test]
    fn a_folded_pattern_holds_every_spelling_of_what_it_holds_and_no_more(text in pattern()) {
        let pattern = folded(&text);
        for path in paths() {
            prop_assert_eq!(pattern.covers(&path), holds_some_spelling(&text, &path), "{} {}", text, path);
        }
    }

    #[test]
    fn folded_patterns_meet_where_a_path_is_in_both(a in pattern(), b in pattern()) {
        let (one, other) = (folded(&a), folded(&b));
        let found = one.overlap(&other);
        match &found {
            Some(path) => prop_assert!(one.covers(path) && other.covers(path), "{path}"),
            None => for path in paths() {
                prop_assert!(!(one.covers(&path) && other.covers(&path)), "{path} is in both");
            },
        }
        // That one of them is folded is enough, unless the other excludes a letter in one case only.
        if !b.contains('!') {
            prop_assert_eq!(one.overlap(&parse(&b)).is_some(), found.is_some());
        }
    }

    #[test]
    fn what_meets_is_near_however_it_is_spelled(all in proptest::collection::vec(pattern(), 1..6), one in pattern()) {
        let mut index = PatternIndex::default();
        for (at, text) in all.iter().enumerate() {
            index.insert(at, &parse(text));
        }
        let one = folded(&one);
        let near: Vec<usize> = index.near([&one]).collect();
        for (at, text) in all.iter().enumerate() {
            prop_assert!(one.overlap(&parse(text)).is_none() || near.contains(&at), "{text}");
        }
        for path in paths() {
            let above: Vec<usize> = index.above(&path).collect();
            for (at, text) in all.iter().enumerate() {
                prop_assert!(!folded(text).covers(&path) || above.contains(&at), "{text} {path}");
            }
        }
    }
}
