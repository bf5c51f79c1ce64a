//! Two patterns: the path in which they are said to meet is covered by both, and the order in which
//! they are compared does not matter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::api::path::PathPattern;

fuzz_target!(|texts: (&str, &str)| {
    let (Ok(one), Ok(other)) = (PathPattern::parse(texts.0), PathPattern::parse(texts.1)) else {
        return;
    };
    let meeting = one.overlap(&other);
    assert_eq!(meeting.is_some(), other.overlap(&one).is_some(), "{texts:?}");
    if let Some(path) = meeting {
        assert!(one.covers(&path) && other.covers(&path), "{texts:?}: {path:?}");
    }
    // The same text as a path: what both cover, they meet in.
    let path = texts.0;
    if one.covers(path) && other.covers(path) {
        assert!(one.overlap(&other).is_some(), "{texts:?}");
    }
});
