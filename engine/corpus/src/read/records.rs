//! Records of a file, one after another: what is the same for every format.

use super::open::{Items, broken_off};
use super::record::Context;
use super::{Item, Trouble};
use crate::document::Document;
use std::io;

/// Cuts a file into records.
pub(super) trait Records: Send + 'static {
    /// Reads on to the next record, or to where it is known that there is one.
    fn step(&mut self, context: &Context) -> io::Result<RecordStep>;
}

/// What came of a step.
#[allow(clippy::large_enum_variant, reason = "each is taken apart as soon as it is made")]
pub(super) enum RecordStep {
    /// A document, or what is wrong with a record.
    Item(Item),
    /// Nothing yet: what was read holds no document.
    Nothing,
    /// The file is at its end, or cannot be read on.
    End(Option<Trouble>),
}

impl From<Trouble> for RecordStep {
    fn from(trouble: Trouble) -> Self {
        Self::Item(Err(trouble))
    }
}

impl From<Result<Option<Document>, Trouble>> for RecordStep {
    fn from(read: Result<Option<Document>, Trouble>) -> Self {
        read.transpose().map_or(Self::Nothing, Self::Item)
    }
}

/// The documents and troubles of a file's records.
pub(super) fn items<R: Records>(context: Context, open: impl FnOnce(&Context) -> R) -> Items {
    let (mut records, mut done) = (open(&context), false);
    Box::new(std::iter::from_fn(move || {
        while !done {
            match records.step(&context) {
                Ok(RecordStep::Item(item)) => return Some(item),
                Ok(RecordStep::Nothing) => {}
                Ok(RecordStep::End(trouble)) => {
                    done = true;
                    return trouble.map(Err);
                }
                Err(error) => {
                    done = true;
                    return Some(Err(context.trouble(None, broken_off(&error))));
                }
            }
        }
        None
    }))
}
