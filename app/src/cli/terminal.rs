//! Standard output and error. A terminal shows control characters of texts, titles and file names as symbols, so that none is obeyed.

use std::borrow::Cow;
use std::io::{IsTerminal, Result, StderrLock, StdoutLock, Write, stderr, stdout};

/// A stream that replaces control characters if it is a terminal.
pub(super) struct Guarded<W> {
    stream: W,
    is_terminal: bool,
}

pub(super) fn out() -> Guarded<StdoutLock<'static>> {
    let stream = stdout().lock();
    Guarded { is_terminal: stream.is_terminal(), stream }
}

pub(super) fn err() -> Guarded<StderrLock<'static>> {
    let stream = stderr().lock();
    Guarded { is_terminal: stream.is_terminal(), stream }
}

/// Prints a line with our own styles; its texts must be [`visible`].
pub(super) fn say_styled(text: &str) -> Result<()> {
    writeln!(stdout(), "{text}")
}

/// The symbol for a character that steers a terminal or the direction of text; `None` for all others and for line breaks and tabs.
pub(super) fn symbol(letter: char) -> Option<char> {
    match letter {
        '\n' | '\t' => None,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(letter)),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// The text with symbols in place of control characters.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    match text.chars().any(|letter| symbol(letter).is_some()) {
        true => text.chars().map(|letter| symbol(letter).unwrap_or(letter)).collect(),
        false => text.into(),
    }
}

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.is_terminal {
            // Formatting never divides a character.
            true => self.stream.write_all(visible(&String::from_utf8_lossy(bytes)).as_bytes())?,
            false => self.stream.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_text_and_a_pipe_gets_every_byte() {
        let hostile = "a\u{1b}]0;owned\u{7}\u{9b}2Jé\r\u{8}\u{202e}\tb\n";
        let written = |is_terminal| {
            let mut guarded = Guarded { stream: Vec::new(), is_terminal };
            write!(guarded, "{hostile}{}", 7).unwrap();
            String::from_utf8(guarded.stream).unwrap()
        };
        assert_eq!(written(false), format!("{hostile}7"));
        assert_eq!(written(true), "a␛]0;owned␇\u{fffd}2Jé␍␈\u{fffd}\tb\n7");
        assert!(matches!(visible("plain é\n"), Cow::Borrowed(_)));
    }
}
