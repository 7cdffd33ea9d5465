//! Source code: a file is a document, whose licence is what its SPDX line says.

use super::Trouble;
use super::decode;
use super::fields;
use super::record::Context;
use crate::document::{Document, Kind};

/// The mark of the line that names a licence, as the SPDX project has it.
const LICENCE: &str = "SPDX-License-Identifier:";

/// Lines in which it is looked for.
const HEAD: usize = 50;

/// A file of source code as a document.
pub(super) fn file(context: &Context, language: &str, bytes: Vec<u8>) -> Result<Document, Trouble> {
    let text = decode::text(bytes).map_err(|reason| context.trouble(None, reason))?;
    let licence = licence(&text);
    Ok(Document { licence, ..context.document(None, Kind::Code(language.to_owned()), text) })
}

/// The licence on the file's SPDX line, without the end of the comment that it stands in.
fn licence(text: &str) -> Option<String> {
    let line = text.lines().take(HEAD).find_map(|line| line.split_once(LICENCE))?.1;
    let line = ["*/", "-->", "*)", "-}", "#}", "%>"]
        .into_iter()
        .fold(line.trim(), |line, end| line.strip_suffix(end).map_or(line, str::trim_end));
    fields::licence(line)
}
