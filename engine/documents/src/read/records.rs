//! Iteration over the records of a file, shared by all formats.

use super::open::{Items, broken_off};
use super::record::Context;
use super::{Item, Trouble};
use crate::document::Document;
use std::io;

pub(super) trait Records: Send + 'static {
    /// Advances to the next record, or by a part of the file.
    fn step(&mut self, context: &Context) -> io::Result<RecordStep>;
}

#[allow(clippy::large_enum_variant, reason = "each is taken apart as soon as it is made")]
pub(super) enum RecordStep {
    Item(Item),
    Nothing,
    End(Option<Trouble>),
}

impl RecordStep {
    pub(super) fn end(context: &Context, number: Option<u64>, reason: &str) -> Self {
        Self::End(Some(context.trouble(number, reason)))
    }

    pub(super) fn too_long(context: &Context, number: u64, what: &str) -> Self {
        context.too_long(Some(number), what, "record", context.settings.limits.record).into()
    }
}

impl From<Trouble> for RecordStep {
    fn from(trouble: Trouble) -> Self {
        Self::Item(Err(trouble))
    }
}

impl From<Item> for RecordStep {
    fn from(item: Item) -> Self {
        Self::Item(item)
    }
}

impl From<Result<Option<Document>, Trouble>> for RecordStep {
    fn from(read: Result<Option<Document>, Trouble>) -> Self {
        read.transpose().map_or(Self::Nothing, Self::Item)
    }
}

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
