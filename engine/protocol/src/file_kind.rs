//! What a file is by its first bytes, where its name has no ending that says so: the engine and its front ends judge by the same.

/// First bytes of a file that are looked at.
pub const HEAD: u64 = 1024;

/// First bytes of formats that are not text, and are read.
const BINARY: [&[u8]; 3] = [b"PAR1", b"WARC/", b"%PDF-"];

/// First bytes of formats that are not text, and of what is refused.
const REFUSED: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive (or an office document); unpack or export it"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it and name its folder"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it and name its folder"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it, or pack it with gzip or Zstandard"),
    (b"\x04\x22\x4d\x18", "packed with LZ4; unpack it, or pack it with gzip or Zstandard"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"\0asm", "a program"),
    (b"SQLite format 3\0", "a database; export its table as CSV"),
    (b"ARROW1", "an Arrow file; save it as Parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a word processor's file; export it as PDF, HTML or text"),
    (b"{\\rtf", "a word processor's file; export it as PDF, HTML or text"),
];

/// What a file is that begins as one of a kind that is not read, and what to do.
pub fn refused(head: &[u8]) -> Option<&'static str> {
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it and name its folder");
    }
    REFUSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

/// Whether bytes may be those of a text: it is marked as UTF-16, or has no control characters but those of lines, tabs and terminals.
pub fn is_text(head: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x1b;
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || !head.iter().any(is_odd)
}

/// Whether a file of these first bytes is read where its name has no ending.
pub fn is_read(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD as usize)];
    refused(head).is_none() && (BINARY.iter().any(|magic| head.starts_with(magic)) || is_text(head))
}
