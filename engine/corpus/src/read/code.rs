//! Source code: a file is a document, whose licence is what its SPDX line says.

use super::decode;
use super::record::Context;
use crate::document::{Document, Kind};
use crate::fields;

/// The mark of the line that names a licence, as the SPDX project has it.
const LICENCE: &str = "SPDX-License-Identifier:";

/// Lines in which it is looked for.
const HEAD: usize = 50;

/// A file of source code as a document.
pub(super) fn file(context: &Context, language: &str, bytes: &[u8]) -> Document {
    let text = decode::part(bytes).into_owned();
    let licence = licence(&text);
    Document { licence, ..context.document(None, Kind::Code(language.to_owned()), text) }
}

/// The licence on the file's SPDX line, without the end of the comment that it stands in.
fn licence(text: &str) -> Option<String> {
    let line = text.lines().take(HEAD).find_map(|line| line.split_once(LICENCE))?.1;
    let line = ["*/", "-->", "*)", "-}", "#}", "%>"]
        .into_iter()
        .fold(line.trim(), |line, end| line.strip_suffix(end).map_or(line, str::trim_end));
    fields::licence(line)
}
