//! Fallback for formats without a reader, in the build or as a module.

use super::open::{Items, one};
use super::record::Context;
use super::unpack::Counter;
use crate::files::Input;
use std::sync::Arc;

pub(super) fn items(context: Context, _: Box<dyn Input>, _: &Arc<Counter>) -> Items {
    let reason =
        "cannot be read by this build, which has no reader for files of its kind; use the desktop program";
    one(Err(context.trouble(None, reason)))
}
