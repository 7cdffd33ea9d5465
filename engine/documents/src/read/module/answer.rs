//! The reader's side.

use super::ModuleRequest;
use crate::read::open::{Items, inside};
use crate::read::record::Context;
use crate::read::unpack::Counter;
use std::io::Cursor;
use std::sync::Arc;

const BATCH: usize = 1 << 20;

/// A file that is read for another program.
pub struct FileDocuments {
    items: Items,
}

impl FileDocuments {
    pub fn new(question: &str, file: Vec<u8>) -> Result<Self, String> {
        let question: ModuleRequest =
            serde_json::from_slice(question.as_bytes()).map_err(|error| error.to_string())?;
        let ModuleRequest { source, settings } = question;
        let counter = Arc::new(Counter::new(Arc::default(), source.size));
        Ok(Self { items: inside(Context::new(source, settings), Box::new(Cursor::new(file)), &counter) })
    }

    /// The next items, one JSON value per line; `None` at the end.
    pub fn next_lines(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut lines = Vec::new();
        while lines.len() < BATCH {
            let Some(item) = self.items.next() else { break };
            serde_json::to_writer(&mut lines, &item).map_err(|error| error.to_string())?;
            lines.push(b'\n');
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}
