//! Reads one source file into the names that it uses, also inside macros. It understands no more
//! of Rust than paths, `use` and `mod`, and leaves out what is only compiled for tests.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use std::collections::BTreeSet;

/// One file.
pub(crate) struct File {
    /// Its path from the root of the package.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// Every path that its code names.
    pub(crate) names: Vec<Name>,
    /// The modules it declares for tests only.
    pub(crate) test_modules: BTreeSet<String>,
}

/// One path, as `crate::git::Repository`.
pub(crate) struct Name {
    /// As it is written, without what `use` puts around it; a glob ends with `*`.
    pub(crate) written: Vec<String>,
    /// From the root of the crate, if it is a path of ours.
    pub(crate) ours: Option<Vec<String>>,
    /// Where.
    pub(crate) line: usize,
    /// What it is part of.
    pub(crate) place: Place,
    /// Whether `!` follows, so that it is a macro's.
    pub(crate) is_macro: bool,
}

/// What a path is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anything but an import.
    Code,
    /// `use`.
    Use,
    /// `pub use`.
    PubUse,
    /// `extern crate`.
    ExternCrate,
}

/// Reads a file.
pub(crate) fn read(path: &str, text: &str) -> File {
    let stream: TokenStream = text.parse().expect("a file that compiles is made of tokens");
    let mut reader = Reader { module: module(path), ..Reader::default() };
    reader.walk(stream);
    File {
        path: path.to_owned(),
        text: text.to_owned(),
        names: reader.names,
        test_modules: reader.test_modules,
    }
}

/// Returns the module of a file: `src/git/refs.rs` is `git::refs`.
fn module(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let parts = path.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
    parts.map(str::to_owned).collect()
}

#[derive(Default)]
struct Reader {
    module: Vec<String>,
    names: Vec<Name>,
    test_modules: BTreeSet<String>,
}

impl Reader {
    fn walk(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                TokenTree::Punct(punct)
                    if punct.as_char() == '#' && is_test_mark(tokens.get(at + 1)) =>
                {
                    self.skip_item(&tokens, at + 2)
                }
                TokenTree::Ident(ident) if ident == "mod" => self.inline_module(&tokens, at),
                TokenTree::Ident(ident) if ident == "use" => {
                    let place = if is_public(&tokens, at) { Place::PubUse } else { Place::Use };
                    self.path(&tokens, at + 1, &[], place)
                }
                TokenTree::Ident(ident) if ident == "extern" && is(tokens.get(at + 1), "crate") => {
                    self.path(&tokens, at + 2, &[], Place::ExternCrate)
                }
                TokenTree::Ident(_) => self.path(&tokens, at, &[], Place::Code),
                TokenTree::Group(group) => {
                    self.walk(group.stream());
                    at + 1
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
            };
        }
    }

    /// Skips an item, to its `;` or to its braces; remembers a module that is a file.
    fn skip_item(&mut self, tokens: &[TokenTree], from: usize) -> usize {
        let mut at = from;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ';' => return at,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return at,
                TokenTree::Ident(ident) if ident == "mod" => {
                    self.test_modules.extend(tokens.get(at).map(ToString::to_string));
                }
                TokenTree::Group(_)
                | TokenTree::Ident(_)
                | TokenTree::Punct(_)
                | TokenTree::Literal(_) => {}
            }
        }
        at
    }

    fn inline_module(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
            (tokens.get(at + 1), tokens.get(at + 2))
        {
            self.module.push(name.to_string());
            self.walk(body.stream());
            self.module.pop();
            return at + 3;
        }
        at + 2
    }

    /// Reads the path that begins at `at`, or the tree of one in `use`; returns what follows it.
    fn path(&mut self, tokens: &[TokenTree], at: usize, before: &[String], place: Place) -> usize {
        let mut at = if colons(tokens, at) { at + 2 } else { at };
        let mut written = before.to_vec();
        let mut line = tokens.get(at).map_or(0, |token| token.span().start().line);
        loop {
            match tokens.get(at) {
                Some(TokenTree::Ident(ident)) => {
                    line = ident.span().start().line;
                    written.push(plain(ident));
                    at += 1;
                }
                Some(TokenTree::Punct(star)) if place != Place::Code && star.as_char() == '*' => {
                    written.push("*".to_owned());
                    self.keep(written, line, place, false);
                    return at + 1;
                }
                Some(TokenTree::Group(tree))
                    if place != Place::Code && tree.delimiter() == Delimiter::Brace =>
                {
                    self.tree(tree, &written, place);
                    return at + 1;
                }
                _ => return at,
            }
            if !colons(tokens, at) || !continues(tokens.get(at + 2), place) {
                break;
            }
            at += 2;
        }
        let is_macro = is(tokens.get(at), "!");
        self.keep(written, line, place, is_macro);
        at
    }

    /// Reads the branches of a `use` tree, each with what stands before the brace.
    fn tree(&mut self, tree: &Group, before: &[String], place: Place) {
        let tokens: Vec<TokenTree> = tree.stream().into_iter().collect();
        for branch in tokens.split(|token| is(Some(token), ",")) {
            if !branch.is_empty() {
                self.path(branch, 0, before, place);
            }
        }
    }

    fn keep(&mut self, mut written: Vec<String>, line: usize, place: Place, is_macro: bool) {
        if written.len() > 1 && written.last().is_some_and(|last| last == "self") {
            written.pop();
        }
        let ours = self.resolve(&written);
        self.names.push(Name { written, ours, line, place, is_macro });
    }

    /// Returns a path from the root of the crate, if it begins with `crate`, `self` or `super`.
    fn resolve(&self, written: &[String]) -> Option<Vec<String>> {
        let mut whole = match written.first()?.as_str() {
            "crate" | "reconciler" => Vec::new(),
            "self" | "super" => self.module.clone(),
            _ => return None,
        };
        for (at, part) in written.iter().enumerate() {
            match part.as_str() {
                "super" => drop(whole.pop()),
                "crate" | "self" | "reconciler" if at == 0 => {}
                _ => whole.push(part.clone()),
            }
        }
        Some(whole)
    }
}

/// Returns whether a group is `[cfg(test)]`.
fn is_test_mark(token: Option<&TokenTree>) -> bool {
    let text = token.map(ToString::to_string).unwrap_or_default();
    text.replace(' ', "") == "[cfg(test)]"
}

/// Returns whether the `use` at `at` has a visibility.
fn is_public(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let scoped = matches!(before(1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
    is(before(1), "pub") || (scoped && is(before(2), "pub"))
}

fn is(token: Option<&TokenTree>, text: &str) -> bool {
    token.is_some_and(|token| token.to_string() == text)
}

fn colons(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ":") && is(tokens.get(at + 1), ":")
}

/// Returns whether a path goes on after `::`.
fn continues(token: Option<&TokenTree>, place: Place) -> bool {
    match token {
        Some(TokenTree::Ident(_)) => true,
        Some(TokenTree::Group(_)) => place != Place::Code,
        _ => place != Place::Code && is(token, "*"),
    }
}

/// Returns an identifier without its `r#`.
fn plain(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}
