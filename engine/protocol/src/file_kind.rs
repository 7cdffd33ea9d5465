//! File type detection from the first bytes, for files without a known extension; shared by the engine and its front ends.

/// Number of bytes to read from the start of a file.
pub const HEAD: u64 = 4096;
/// Number of those bytes that decide whether it is text.
const TEXT_HEAD: usize = 1024;

/// The message for a file with a private key.
pub const PRIVATE_KEY: &str =
    "a file with a private key, which no model should learn; leave it out, or remove the key from it";

/// Signatures of supported binary formats.
const BINARY: [&[u8]; 3] = [b"PAR1", b"WARC/", b"%PDF-"];

/// Signatures of unsupported formats, with the message for each.
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

/// The message for a file of an unsupported format, if it is one.
pub fn refused(head: &[u8]) -> Option<&'static str> {
    if head.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it and name its folder");
    }
    if is_private_key(head) {
        return Some(PRIVATE_KEY);
    }
    REFUSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

/// Whether a file with this beginning has no text.
pub fn is_empty(head: &[u8]) -> bool {
    head.len() < HEAD as usize && head.iter().all(u8::is_ascii_whitespace)
}

/// Whether a file contains a private key: the first line of one in PEM (RFC 7468) or OpenPGP armor within the first [`HEAD`] bytes,
/// followed by a line of key data, or a PuTTY key. In PEM, tools put attributes and certificates before the key, and headers between
/// the two lines, as OpenSSL does for encrypted keys (`Proc-Type: 4,ENCRYPTED`, RFC 1421). SSH keys have no extension that would
/// distinguish them from texts.
pub fn is_private_key(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD as usize)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let begins_key = |line: &[u8]| {
        line.starts_with(b"-----BEGIN ")
            && (line.ends_with(b"PRIVATE KEY-----") || line.ends_with(b"PRIVATE KEY BLOCK-----"))
    };
    // Excludes texts about keys, which have dots or a word there.
    let is_of_key = |line: &[u8]| {
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        line.len() >= 16 && line.iter().all(is_base64)
    };
    let is_header = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_named = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        is_named && !name.is_empty() && name.len() < line.len()
    };
    let lines = head.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    let begun = lines.by_ref().any(begins_key);
    head.starts_with(b"PuTTY-User-Key-File-")
        || begun && lines.find(|line| !is_header(line)).is_some_and(is_of_key)
}

/// Whether the bytes may be text: UTF-16 with a byte order mark, or no control characters other than white space and escape.
pub fn is_text(head: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x1b;
    let head = &head[..head.len().min(TEXT_HEAD)];
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || !head.iter().any(is_odd)
}

/// Whether a file without an extension is supported, by its first bytes.
pub fn is_read(head: &[u8]) -> bool {
    let head = &head[..head.len().min(HEAD as usize)];
    refused(head).is_none() && (BINARY.iter().any(|magic| head.starts_with(magic)) || is_text(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_told_wherever_tools_put_it_and_what_is_written_about_keys_is_none() {
        let attributes = format!("Bag Attributes\r\n    friendlyName: {}\r\n", "x".repeat(1500));
        for key in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
            "\u{feff}-----BEGIN PRIVATE KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0BAQ",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,4F\n\nq0kZ3yWm8uHn+5/A",
            "-----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\nMHcCAQEEIBk3v0Zw9fQ1\r\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQVYBGPeVwEBEADKdU9V",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\nComment: an owl\n\nlQVYBGPeVwEBEADK",
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
            &(attributes + "-----BEGIN ENCRYPTED PRIVATE KEY-----\r\nMIIFHDBOBgkqhkiG9w0B"),
        ] {
            assert_eq!(refused(key.as_bytes()), Some(PRIVATE_KEY), "{key}");
            assert!(!is_read(key.as_bytes()), "{key}");
        }
        for text in [
            "A key begins with -----BEGIN PRIVATE KEY-----, and ends likewise.",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ",
            "It looks like this:\n\n    -----BEGIN PRIVATE KEY-----\n    …\n    -----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nyour-key-here\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ...\n-----END PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,4F1B2C\n\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,4F1B2C\n\n…\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nand then the key in base64\n",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n-----END PGP PRIVATE KEY BLOCK-----\n",
            "-----BEGIN CERTIFICATE-----\nMIIB",
            &("An owl.\n".repeat(HEAD as usize) + "-----BEGIN PRIVATE KEY-----\n"),
        ] {
            assert!(refused(text.as_bytes()).is_none() && is_read(text.as_bytes()), "{text:.80}");
        }
    }
}
