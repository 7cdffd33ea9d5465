//! The side that has the file but no reader.

use super::ModuleRequest;
use crate::files::Input;
use crate::read::record::Context;
use crate::read::settings::bytes;
use crate::read::unpack::Counter;
use crate::read::{Item, Trouble, open};
use crate::readers::Readers;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

/// Maximum bytes of a file, which is in memory twice while it is read.
const MAX_FILE_BYTES: u64 = 512 << 20;

pub(in crate::read) struct Asked {
    readers: Readers,
    reading: u32,
    context: Context,
    counter: Arc<Counter>,
    items: VecDeque<Item>,
    done: bool,
}

impl Asked {
    pub(in crate::read) fn new(
        readers: Readers,
        name: &str,
        context: Context,
        file: Box<dyn Input>,
        counter: &Arc<Counter>,
    ) -> Result<Self, Trouble> {
        let too_long = || {
            let reason =
                format!("is longer than {}; clean it with the desktop program", bytes(MAX_FILE_BYTES));
            context.trouble(None, reason)
        };
        // Checked before allocating memory for the file.
        let size = context.source.size;
        if size > MAX_FILE_BYTES {
            return Err(too_long());
        }
        let mut content = Vec::new();
        let room = content.try_reserve_exact(usize::try_from(size).unwrap_or(usize::MAX));
        room.map_err(|_| context.trouble(None, "is larger than the available memory".to_owned()))?;
        let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content);
        read.map_err(|error| context.trouble(None, open::broken(&error)))?;
        if content.len() as u64 > MAX_FILE_BYTES {
            return Err(too_long());
        }
        let question = ModuleRequest { source: context.source.clone(), settings: context.settings.clone() };
        let begun = serde_json::to_string(&question)
            .map_err(|error| error.to_string())
            .and_then(|question| (readers.begin)(name, &question, &content));
        let reading = begun.map_err(|reason| context.trouble(None, reason))?;
        counter.add(content.len() as u64);
        Ok(Self { readers, reading, context, counter: counter.clone(), items: VecDeque::new(), done: false })
    }

    fn fetch(&mut self) -> Result<(), String> {
        let Some(lines) = (self.readers.next)(self.reading)? else {
            self.done = true;
            return Ok(());
        };
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.items.push_back(serde_json::from_slice(line).map_err(|error| error.to_string())?);
        }
        Ok(())
    }
}

impl Iterator for Asked {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.items.is_empty() && !self.done {
            if let Err(reason) = self.fetch() {
                self.done = true;
                let reason = open::broken_off(&io::Error::other(reason));
                self.items.push_back(Err(self.context.trouble(None, reason)));
            }
        }
        self.items.pop_front()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        (self.readers.end)(self.reading);
        self.counter.finish();
    }
}
