//! JSONL: a record a line. A line that is broken or too long costs that line alone.

use super::Item;
use super::json;
use super::lines::{Line, Lines};
use super::open;
use super::record::Context;
use super::unpack::Stream;

/// The documents of a JSONL file.
pub(super) struct JsonLines {
    context: Context,
    lines: Lines,
    line: Vec<u8>,
    done: bool,
}

impl JsonLines {
    /// Reads a stream.
    pub(super) fn new(context: Context, stream: Stream) -> Self {
        let lines = Lines::new(stream, context.settings.limits.record);
        Self { context, lines, line: Vec::new(), done: false }
    }
}

impl Iterator for JsonLines {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.done {
            let read = self.lines.next(&mut self.line);
            let number = Some(self.lines.number);
            match read {
                Err(error) => {
                    self.done = true;
                    return Some(Err(self.context.trouble(None, open::broken_off(&error))));
                }
                Ok(Line::End) => self.done = true,
                Ok(Line::TooLong) => {
                    let limit = self.context.settings.limits.record;
                    return Some(Err(self.context.too_long(number, "the line", "record", limit)));
                }
                Ok(Line::Whole) if self.line.trim_ascii().is_empty() => {}
                Ok(Line::Whole) => {
                    let value = json::parse(&self.line);
                    let read = value.map_err(|reason| self.context.trouble(number, reason));
                    let document = read.and_then(|value| self.context.value(number, value));
                    if let Some(item) = document.transpose() {
                        return Some(item);
                    }
                }
            }
        }
        None
    }
}
