//! Source code: each file is a document. Its licence comes from its SPDX line.

use super::format::Format;
use super::open::Items;
use super::record::Context;
use super::unpack::Stream;
use super::{decode, open};
use crate::document::{Document, Kind};
use crate::fields;

/// Start of an SPDX licence line.
const LICENCE: &str = "SPDX-License-Identifier:";

/// Number of lines searched for it.
const HEAD: usize = 50;

pub(super) fn items(context: &Context, stream: Stream) -> Items {
    let bytes = open::read_whole(context, stream, "record", context.settings.limits.record);
    open::one(bytes.map(|bytes| file(context, &bytes)))
}

fn file(context: &Context, bytes: &[u8]) -> Document {
    let text = decode::part(bytes).into_owned();
    let language = match &context.source.format {
        Format::Code(language) => language.clone(),
        _ => String::new(),
    };
    Document { licence: licence(&text), ..context.document(None, Kind::Code(language), text) }
}

/// The licence on the file's SPDX line, without the end of the surrounding comment.
fn licence(text: &str) -> Option<String> {
    let line = text.lines().take(HEAD).find_map(|line| line.split_once(LICENCE))?.1;
    let line = ["*/", "-->", "*)", "-}", "#}", "%>"]
        .into_iter()
        .fold(line.trim(), |line, end| line.strip_suffix(end).map_or(line, str::trim_end));
    fields::licence(line)
}
