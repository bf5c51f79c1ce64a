//! Which patterns can meet, and which cannot.

mod case;

use super::*;
use proptest::prelude::*;

fn overlap(a: &str, b: &str) -> Option<String> {
    PathPattern::parse(a).unwrap().overlap(&PathPattern::parse(b).unwrap())
}

#[test]
fn patterns_that_can_meet_do() {
    for (a, b) in [
        ("src/auth/**", "src/**/token.rs"),
        ("src", "src/a/b.rs"),
        ("*.rs", "main.*"),
        ("**", "anything/at/all"),
        ("a/**/z", "a/z"),
        ("[a-m]*", "*[k-z]"),
        ("docs/{a,b}.md", "docs/b.*"),
        ("src/**/*.rs", "**/test_?.rs"),
        ("a*b*c", "*abc*c"),
        ("src/", "src/x"),
        (".github/", ".github/workflows/*.yml"),
        ("src/auth/**", "src/auth"),
    ] {
        let path = overlap(a, b).unwrap_or_else(|| panic!("{a} and {b} meet"));
        for one in [a, b] {
            assert!(PathPattern::parse(one).unwrap().covers(&path), "{one} covers {path}");
        }
        assert!(overlap(b, a).is_some(), "{b} and {a} meet");
    }
}

#[test]
fn patterns_that_cannot_meet_do_not() {
    for (a, b) in [
        ("src/a.rs", "src/b.rs"),
        ("src/auth", "src/author"),
        ("src/*.rs", "src/*/x"),
        ("**/*.rs", "**/*.md"),
        ("Cargo.toml", "**/package.json"),
        ("*.rs", "*.md"),
        ("[a-c]x", "[d-f]x"),
        ("[!a]", "a"),
        ("a/**/b.rs", "a/**/b.md"),
        ("{a,b}/x", "{c,d}/x"),
    ] {
        assert_eq!(overlap(a, b), None, "{a} and {b}");
    }
}

#[test]
fn the_tree_decides_what_a_plain_path_is() {
    let parse = |text| PathPattern::parse(text).unwrap();
    let within = parse("**/*.mk");
    assert!(parse("Makefile").overlap(&within).is_some());
    assert!(parse("Makefile").known_as_file().overlap(&within).is_none());
    assert!(parse("rules.d").overlap(&within).is_none());
    assert!(parse("rules.d").known_as_folder().overlap(&within).is_some());
    assert_eq!(parse("rules.d").known_as_folder(), parse("rules.d/"));
    assert_eq!(parse("src/*").unclear_path(), None);
}

#[test]
fn what_is_no_pattern_is_refused() {
    for bad in ["", "/etc", "a//b", "../x", "a/./b", "[", "[]", "a]", "{a", "a}", "a\\b", "[z-a]"] {
        assert!(PathPattern::parse(bad).is_err(), "{bad}");
    }
    assert!(PathPattern::parse(&"{a,b}".repeat(7)).is_err());
}

#[test]
fn a_class_takes_every_character_as_it_is() {
    for (pattern, path) in
        [("[{]", "{"), ("a[}]", "a}"), ("[]]", "]"), ("{a,[,]}", ","), ("[!]]", "x")]
    {
        assert!(PathPattern::parse(pattern).unwrap().covers(path), "{pattern} covers {path}");
    }
    for bad in ["a/", "/a", "../a", ""] {
        assert!(PathPattern::of_path(bad).is_err(), "{bad}");
    }
    assert_eq!(PathPattern::parse("src/a?").unwrap().only_path(), None);
    assert_eq!(PathPattern::parse("src/").unwrap().only_path(), None);
}

fn pattern() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[ab*?]{1,4}", Just("**".to_owned()), Just("[ab]".to_owned())];
    proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

/// Every path of up to four names over `a` and `b`, each up to three letters long.
fn small_paths() -> Vec<String> {
    let mut names = vec![String::new()];
    for _ in 0..3 {
        let longer: Vec<String> =
            names.iter().flat_map(|n| [format!("{n}a"), format!("{n}b")]).collect();
        names.extend(longer);
    }
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    let mut paths = names.clone();
    for _ in 0..1 {
        let deeper: Vec<String> =
            paths.iter().flat_map(|p| names.iter().map(move |n| format!("{p}/{n}"))).collect();
        paths.extend(deeper);
    }
    paths
}

proptest! {
    #[test]
    fn the_pattern_of_a_path_holds_that_path_alone(path in r"[ab*?{}\\,!^\[\]-]{1,6}", other in r"[ab*?{}\\,!^\[\]-]{1,6}") {
        let (path, other) = (format!("{path}.x"), format!("{other}.x"));
        let pattern = PathPattern::of_path(&path).unwrap();
        prop_assert!(pattern.covers(&path), "{pattern}");
        prop_assert_eq!(pattern.covers(&other), path == other, "{}", pattern);
        prop_assert_eq!(pattern.only_path(), Some(path));
    }

    #[test]
    fn a_witness_is_in_both_and_a_common_path_is_never_missed(a in pattern(), b in pattern()) {
        let (one, two) = (PathPattern::parse(&a).unwrap(), PathPattern::parse(&b).unwrap());
        match one.overlap(&two) {
            Some(path) => prop_assert!(one.covers(&path) && two.covers(&path), "{path}"),
            None => for path in small_paths() {
                prop_assert!(!(one.covers(&path) && two.covers(&path)), "{path} is in both");
            },
        }
    }

    #[test]
    fn what_meets_is_near(patterns in proptest::collection::vec(pattern(), 1..8), one in pattern()) {
        let parse = |text: &String| PathPattern::parse(text).unwrap();
        let patterns: Vec<PathPattern> = patterns.iter().map(parse).collect();
        let mut index = PatternIndex::default();
        for (at, pattern) in patterns.iter().enumerate() {
            index.insert(at, pattern);
        }
        let one = parse(&one);
        let near: Vec<usize> = index.near([&one]).collect();
        for (at, pattern) in patterns.iter().enumerate() {
            prop_assert!(one.overlap(pattern).is_none() || near.contains(&at), "{pattern}");
        }
    }
}

#[test]
fn what_begins_otherwise_is_not_near() {
    let parse = |text: &str| PathPattern::parse(text).unwrap();
    let mut index = PatternIndex::default();
    for (at, text) in
        ["src/a/", "src/ab/", "docs/*.md", "{src,lib}/b/**", "**/x"].iter().enumerate()
    {
        index.insert(at, &parse(text));
    }
    let near = |text: &str| index.near([&parse(text)]).collect::<Vec<_>>();
    assert_eq!(near("src/a/x.rs"), [0, 4]);
    assert_eq!(near("docs/"), [2, 4]);
    assert_eq!(near("lib/b/c"), [3, 4]);
    assert_eq!(near("src/"), [0, 1, 3, 4]);
}
