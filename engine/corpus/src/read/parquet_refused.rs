//! Parquet where its reader is left out and there is no module that has it. The file is listed with what to do.

use super::record::Context;
use super::unpack::Counter;
use super::{Item, Trouble};
use crate::files::Input;
use std::sync::Arc;

/// Rows of a Parquet file: there are none here.
pub(super) enum Parquet {}

impl Parquet {
    /// Refuses the file.
    #[allow(clippy::needless_pass_by_value, reason = "called as the reader is")]
    pub(super) fn new(context: Context, _: Box<dyn Input>, _: &Arc<Counter>) -> Result<Self, Trouble> {
        let reason = "is Parquet, which this build does not read: save it as JSONL or CSV";
        Err(context.trouble(None, reason.to_owned()))
    }
}

impl Iterator for Parquet {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        match *self {}
    }
}
