//! A checksum of the whole archive, in the comment at the end of a zip. zip's own checksums cover only file contents; a flipped
//! bit in its directory would change a file's name or place.

use glasshouse_platform::Yielder;
use std::io::{Read, Result, Seek, SeekFrom, Write};

/// Start of the comment, followed by eight hexadecimal digits of the crc32c of all bytes before them.
const MARK: &[u8] = b"glasshouse crc32c ";
const DIGITS: usize = 8;
/// Signature at the end of a zip without a comment, 22 bytes before its end.
const PLAIN_END: &[u8] = b"PK\x05\x06";
const PIECE: usize = 1 << 18;

/// The comment to write before the checksum is known.
pub(super) fn comment() -> Box<[u8]> {
    [MARK, &[b'0'; DIGITS]].concat().into()
}

/// Writes the checksum into the space reserved by [`comment`].
pub(super) async fn close<F: Read + Write + Seek>(file: &mut F, yielder: &Yielder) -> Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let checksum = checksum(file, length.saturating_sub(DIGITS as u64), yielder).await?;
    file.write_all(format!("{checksum:08x}").as_bytes())?;
    file.flush()
}

/// Whether an archive is intact. One without our checksum, from an older version or another program, is accepted.
pub(super) async fn is_whole<F: Read + Seek>(file: &mut F, yielder: &Yielder) -> Result<bool> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = (MARK.len() + DIGITS).max(22);
    if length < tail as u64 {
        return Ok(false);
    }
    let mut end = vec![0; tail];
    file.seek(SeekFrom::End(-(tail as i64)))?;
    file.read_exact(&mut end)?;
    let (before, digits) = end.split_at(tail - DIGITS);
    if before.ends_with(MARK) {
        let checksum = checksum(file, length - DIGITS as u64, yielder).await?;
        return Ok(digits == format!("{checksum:08x}").as_bytes());
    }
    // Another comment is either ours with a flipped bit or another program's.
    let plain = end.get(tail - 22..).unwrap_or_default();
    Ok(plain.starts_with(PLAIN_END) && plain.ends_with(&[0, 0]))
}

/// crc32c of a file's first bytes; leaves the file positioned after them.
async fn checksum<F: Read + Seek>(file: &mut F, bytes: u64, yielder: &Yielder) -> Result<u32> {
    file.seek(SeekFrom::Start(0))?;
    let (mut checksum, mut left, mut piece) = (0, bytes, vec![0; PIECE]);
    while left > 0 {
        let part = &mut piece[..left.min(PIECE as u64) as usize];
        file.read_exact(part)?;
        checksum = crc32c::crc32c_append(checksum, part);
        left -= part.len() as u64;
        yielder.maybe_yield().await;
    }
    Ok(checksum)
}
