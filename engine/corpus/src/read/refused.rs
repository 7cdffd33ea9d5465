//! What a build without a reader does where none is to be had from outside of it either.

use super::open::{Items, one};
use super::record::Context;
use super::unpack::Counter;
use crate::files::Input;
use std::sync::Arc;

/// Says that the file cannot be read here.
pub(super) fn items(context: Context, _: Box<dyn Input>, _: &Arc<Counter>) -> Items {
    let reason =
        "cannot be read by this build, which has no reader for files of its kind; use the desktop program";
    one(Err(context.trouble(None, reason)))
}
