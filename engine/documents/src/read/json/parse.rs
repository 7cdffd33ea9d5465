//! Parses a JSON value; common invalid JSON is repaired.

use super::mend::mend;
use crate::read::record::Context;
use crate::read::{Trouble, decode};
use serde_json::Value;

/// Maximum number of values in a record, including nested ones: a value takes up to a hundred bytes of memory but only two in
/// the file.
const MAX_VALUES: usize = 1 << 20;

/// Parses the record with this number. The library limits its nesting to 128.
pub(in crate::read) fn parse(context: &Context, number: Option<u64>, bytes: &[u8]) -> Result<Value, Trouble> {
    let text = decode::part(bytes);
    // In prose one byte in a hundred is a comma.
    let marks = memchr::memchr3_iter(b',', b'[', b'{', text.as_bytes()).count();
    if marks > MAX_VALUES && marks > text.len() / 16 {
        let reason = format!("has more than {MAX_VALUES} values in one record; write one record per line");
        return Err(context.trouble(number, reason));
    }
    serde_json::from_slice(text.as_bytes()).or_else(|error| {
        let mended = mend(&text)
            .and_then(|(mended, notices)| Some((serde_json::from_slice(mended.as_bytes()).ok()?, notices)));
        let (value, notices) = mended.ok_or_else(|| context.trouble(number, described(&error)))?;
        notices.into_iter().for_each(|notice| context.notice(notice, number));
        Ok(value)
    })
}

fn described(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let (message, _) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
    let line = if error.line() > 1 { format!("line {}, ", error.line()) } else { String::new() };
    format!("is not JSON: {message} ({line}column {})", error.column())
}
