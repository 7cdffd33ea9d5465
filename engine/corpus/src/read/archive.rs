//! Zip archives. Members are read like files in a folder, without unpacking to disk.

use super::word;
use crate::files::Input;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, SeekFrom};
use zip::{CompressionMethod, ZipArchive};

const MAGIC: &[u8] = b"PK\x03\x04";

/// What a zip archive is, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bundle {
    /// Files of any format.
    Files,
    /// An electronic book, whose chapters are web pages.
    Book,
    /// A Word document.
    Word,
}

impl Bundle {
    pub(super) fn of(file_name: &str, head: &[u8]) -> Option<Self> {
        let (_, ending) = file_name.rsplit_once('.').filter(|_| head.starts_with(MAGIC))?;
        match ending.to_ascii_lowercase().as_str() {
            "zip" => Some(Self::Files),
            "epub" => Some(Self::Book),
            "docx" => Some(Self::Word),
            _ => None,
        }
    }

    /// Whether a member has text; others are skipped silently.
    fn reads(self, name: &str) -> bool {
        let is_hidden = || name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        let ending =
            || name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        match self {
            Self::Files => !is_hidden(),
            Self::Book => matches!(ending().as_str(), "xhtml" | "html" | "htm"),
            Self::Word => name == word::MEMBER,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Path in the archive, with `/` between folders.
    pub(super) name: String,
    /// Offset and length of the packed bytes.
    start: u64,
    pub(super) packed: u64,
    /// Unpacked size in bytes.
    pub(super) size: u64,
    pub(super) deflated: bool,
    checksum: u32,
}

/// Members, or for an unreadable one its name and the reason.
type Members = Vec<Result<Member, (String, String)>>;

/// Lists the members of an archive that have text in order, without folders; for an unreadable one its name and the reason.
pub(super) fn members(file: Box<dyn Input>, bundle: Bundle) -> Result<Members, String> {
    let mut archive = ZipArchive::new(file).map_err(|error| format!("is a damaged zip archive: {error}"))?;
    let members = (0..archive.len()).filter_map(|number| {
        let file = match archive.by_index_raw(number) {
            Ok(file) => file,
            Err(error) => return Some(Err((format!("{}", number + 1), format!("is damaged: {error}")))),
        };
        if file.is_dir() {
            return None;
        }
        let name = file.name().map_or_else(|_| format!("{}", number + 1), |name| name.replace('\\', "/"));
        if !bundle.reads(&name) {
            return None;
        }
        let wrong = |reason: &str| Some(Err((name.clone(), reason.to_owned())));
        if file.encrypted() {
            return wrong("is encrypted in its archive; unpack it with its password");
        }
        let deflated = match file.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            _ => {
                return wrong("has an unsupported compression method; pack it with DEFLATE");
            }
        };
        let Some(start) = file.data_start() else {
            return wrong("is damaged: its position in the archive is missing");
        };
        let (packed, size, checksum) = (file.compressed_size(), file.size(), file.crc32());
        Some(Ok(Member { name, start, packed, size, deflated, checksum }))
    });
    Ok(members.collect())
}

pub(super) fn packed(mut file: Box<dyn Input>, member: &Member) -> io::Result<impl Read + Send + use<>> {
    file.seek(SeekFrom::Start(member.start))?;
    Ok(file.take(member.packed))
}

/// Verifies a member's checksum while its unpacked bytes are read.
pub(super) fn checked<R: Read + Send>(stream: R, member: &Member) -> impl Read + Send + use<R> {
    Checked { stream, crc: Crc::new(), checksum: member.checksum }
}

struct Checked<R> {
    stream: R,
    crc: Crc,
    checksum: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        self.crc.update(buffer.get(..count).unwrap_or_default());
        if count == 0 && !buffer.is_empty() && self.crc.sum() != self.checksum {
            return Err(io::Error::other("its checksum in the archive differs from its content"));
        }
        Ok(count)
    }
}
