//! JSONL: one record per line. A broken or oversized line affects no other.

use super::json;
use super::lines::{Line, Lines};
use super::record::Context;
use super::records::{RecordStep, Records};
use super::unpack::Stream;
use std::io;

pub(super) struct JsonLines {
    lines: Lines,
    line: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(context: &Context, stream: Stream) -> Self {
        Self { lines: Lines::new(stream, context.settings.limits.record), line: Vec::new() }
    }
}

impl Records for JsonLines {
    fn step(&mut self, context: &Context) -> io::Result<RecordStep> {
        let read = self.lines.next(&mut self.line)?;
        let number = Some(self.lines.number);
        Ok(match read {
            Line::End => RecordStep::End(None),
            Line::TooLong => RecordStep::too_long(context, self.lines.number, "the line"),
            Line::Whole if self.line.trim_ascii().is_empty() => RecordStep::Nothing,
            Line::Whole => {
                let value = json::parse(context, number, &self.line);
                value.and_then(|value| context.value(number, value)).into()
            }
        })
    }
}
