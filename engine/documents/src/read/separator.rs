//! The line between documents of a plain text, as in GPT-2 and nanoGPT.

use glasshouse_protocol::END_OF_TEXT;
use memchr::memmem;

pub enum Separator {
    Found {
        /// Bytes of the document before the separator, without its last line end.
        document: usize,
        /// End of the separator's line.
        end: usize,
    },
    /// The text may end in the start of a separator.
    Unclear,
    Absent,
}

impl Separator {
    /// Searches a text for a line that holds only `<|endoftext|>`. The first `searched` bytes have none. `starts_line` tells whether the
    /// text starts at the beginning of a line, and `continues` whether more text will follow.
    pub fn find(text: &[u8], searched: &mut usize, starts_line: bool, continues: bool) -> Self {
        let mut from = *searched;
        while let Some(found) = text.get(from..).and_then(|rest| memmem::find(rest, END_OF_TEXT.as_bytes())) {
            let start = from + found;
            from = start + END_OF_TEXT.len();
            let before = text.get(..start).unwrap_or_default();
            let document = match before.strip_suffix(b"\n") {
                Some(line) => line.strip_suffix(b"\r").unwrap_or(line).len(),
                None if before.is_empty() && starts_line => 0,
                None => continue,
            };
            match (text.get(from), text.get(from + 1)) {
                (Some(b'\n'), _) => return Self::Found { document, end: from + 1 },
                (Some(b'\r'), Some(b'\n')) => return Self::Found { document, end: from + 2 },
                (Some(b'\r'), None) | (None, _) if continues => {
                    *searched = start;
                    return Self::Unclear;
                }
                (Some(b'\r'), None) | (None, _) => return Self::Found { document, end: text.len() },
                _ => {}
            }
        }
        *searched = text.len().saturating_sub(END_OF_TEXT.len()).max(from);
        Self::Absent
    }
}
