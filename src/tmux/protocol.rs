//! The lines of tmux's control mode, one at a time: what belongs to an answer and what is news. Pure:
//! it never reads or waits, and a line it does not know is news, not a failure.

/// One answer to one command: what stood between `%begin` and its own `%end` or `%error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Whether tmux closed it with `%error`.
    pub(super) failed: bool,
    /// The lines between, without their line ends.
    pub(super) lines: Vec<String>,
}

/// What a line completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An answer to a command of this connection.
    Answer(Block),
    /// A notification; its first word, as `%sessions-changed`.
    News(String),
}

/// The lines so far of an answer that is still open.
#[derive(Debug)]
struct Open {
    /// Time, number and flags: only the same three close the block.
    stamp: String,
    lines: Vec<String>,
}

/// Turns lines into events.
#[derive(Debug, Default)]
pub(super) struct Parser {
    open: Option<Open>,
}

impl Parser {
    /// Takes the next line, without its line end.
    pub(super) fn line(&mut self, line: &str) -> Option<Event> {
        let Some(mut open) = self.open.take() else { return self.between(line) };
        let Some(failed) = closes(line, &open.stamp) else {
            open.lines.push(line.to_owned());
            self.open = Some(open);
            return None;
        };
        // Flags 0: not asked on this connection (the attach itself, hooks).
        let ours = open.stamp.ends_with(" 1");
        ours.then_some(Event::Answer(Block { failed, lines: open.lines }))
    }

    fn between(&mut self, line: &str) -> Option<Event> {
        if let Some(stamp) = line.strip_prefix("%begin ") {
            self.open = Some(Open { stamp: stamp.to_owned(), lines: Vec::new() });
            return None;
        }
        let word = line.split(' ').next().unwrap_or_default();
        word.starts_with('%').then(|| Event::News(word.to_owned()))
    }
}

/// Returns whether the block failed, when the line closes it; a body line may begin with `%end` too.
fn closes(line: &str, stamp: &str) -> Option<bool> {
    if line.strip_prefix("%end ") == Some(stamp) {
        return Some(false);
    }
    (line.strip_prefix("%error ") == Some(stamp)).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        let mut parser = Parser::default();
        text.lines().filter_map(|line| parser.line(line)).collect()
    }

    fn block(lines: &[&str]) -> Block {
        Block { failed: false, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    fn answer(lines: &[&str]) -> Event {
        Event::Answer(block(lines))
    }

    fn news(word: &str) -> Event {
        Event::News(word.to_owned())
    }

    #[test]
    fn answers_and_news_come_apart_in_order() {
        let text =
            "%begin 10 3 1\na\nb\n%end 10 3 1\n%sessions-changed\n%begin 10 4 1\n%end 10 4 1";
        let seen = events(text);
        assert_eq!(seen, [answer(&["a", "b"]), news("%sessions-changed"), answer(&[])]);
    }

    #[test]
    fn a_line_of_an_answer_may_look_like_the_protocol() {
        let text =
            "%begin 10 3 1\n%end\n%end 10 4 1\n%begin 10 9 1\n%exit\n%error 9 3 1\n%end 10 3 1";
        let body = ["%end", "%end 10 4 1", "%begin 10 9 1", "%exit", "%error 9 3 1"];
        assert_eq!(events(text), [answer(&body)]);
    }

    #[test]
    fn an_error_is_an_answer_that_failed() {
        let text = "%begin 10 3 1\nduplicate session: a\n%error 10 3 1";
        assert_eq!(
            events(text),
            [Event::Answer(Block { failed: true, ..block(&["duplicate session: a"]) })]
        );
    }

    #[test]
    fn what_was_not_asked_here_is_dropped() {
        let text = "%begin 10 2 0\nhello\n%end 10 2 0\n%window-add @0\n%exit lost tty";
        assert_eq!(events(text), [news("%window-add"), news("%exit")]);
    }

    #[test]
    fn an_answer_without_its_end_is_no_answer() {
        assert_eq!(events("%begin 10 3 1\n$0 %0 1\n%end 10 3"), []);
    }

    #[test]
    fn lines_outside_that_are_not_protocol_are_dropped() {
        assert_eq!(events("\nhello\n%end 10 3 1"), [news("%end")]);
    }
}
