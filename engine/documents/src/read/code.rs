//! Source code: each file is a document. Its licence comes from its SPDX line.

use super::decode;
use super::record::Context;
use crate::document::{Document, Kind};
use crate::fields;

/// Start of an SPDX licence line.
const LICENCE: &str = "SPDX-License-Identifier:";

/// Number of lines searched for it.
const HEAD: usize = 50;

pub(super) fn file(context: &Context, language: &str, bytes: &[u8]) -> Document {
    let text = decode::part(bytes).into_owned();
    let licence = licence(&text);
    Document { licence, ..context.document(None, Kind::Code(language.to_owned()), text) }
}

/// The licence on the file's SPDX line, without the end of the surrounding comment.
fn licence(text: &str) -> Option<String> {
    let line = text.lines().take(HEAD).find_map(|line| line.split_once(LICENCE))?.1;
    let line = ["*/", "-->", "*)", "-}", "#}", "%>"]
        .into_iter()
        .fold(line.trim(), |line, end| line.strip_suffix(end).map_or(line, str::trim_end));
    fields::licence(line)
}
