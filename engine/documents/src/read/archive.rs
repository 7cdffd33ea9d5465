//! Zip archives. Members are read like files in a folder, without unpacking to disk.

use super::word;
use crate::files::Input;
use flate2::Crc;
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, SeekFrom};
use zip::{CompressionMethod, ZipArchive};

const MAGIC: &[u8] = b"PK\x03\x04";

const MAX_PACKAGE_BYTES: u64 = 4 << 20;

/// Kind of a zip archive, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bundle {
    Files,
    /// An electronic book, whose chapters are web pages.
    Book,
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
    let mut members: Members = members.collect();
    let spine = if bundle == Bundle::Book { spine(&mut archive) } else { Vec::new() };
    let place = |member: &Result<Member, (String, String)>| {
        let name = member.as_ref().map_or_else(|(name, _)| name, |member| &member.name);
        spine.iter().position(|own| own == name)
    };
    // A broken book's order is that of its archive.
    if members.iter().any(|member| place(member).is_some()) {
        members.retain(|member| place(member).is_some());
        members.sort_by_key(place);
    }
    Ok(members)
}

/// The chapters of a book in reading order, without its table of contents; empty if its package document cannot be read.
fn spine(archive: &mut ZipArchive<Box<dyn Input>>) -> Vec<String> {
    let names = || archive.file_names().flatten();
    let Some(path) = names().find(|name| name.ends_with(".opf")).map(std::borrow::Cow::into_owned) else {
        return Vec::new();
    };
    let mut package = String::new();
    let file = archive.by_name(&path).map_err(io::Error::other);
    if file.and_then(|file| file.take(MAX_PACKAGE_BYTES).read_to_string(&mut package)).is_err() {
        return Vec::new();
    }
    let folder = path.rfind('/').map_or("", |at| path.get(..=at).unwrap_or_default());
    let (mut items, mut chapters) = (Vec::new(), Vec::new());
    let mut reader = quick_xml::Reader::from_str(&package);
    loop {
        let tag = match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => tag,
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => continue,
        };
        let value = |name: &str| {
            let value = tag.try_get_attribute(name).ok()??.value;
            Some(html_escape::decode_html_entities(&value).into_owned())
        };
        match tag.local_name().as_ref() {
            "item" if !value("properties").is_some_and(|own| own.split(' ').any(|own| own == "nav")) => {
                let name = value("href").map(|href| format!("{folder}{}", unescaped(&href)));
                items.extend(value("id").zip(name));
            }
            "itemref" => chapters.extend(value("idref")),
            _ => {}
        }
    }
    let found = |chapter: String| items.iter().find(|(id, _)| *id == chapter).map(|(_, name)| name.clone());
    chapters.into_iter().filter_map(found).collect()
}

fn unescaped(address: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = address.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let code =
            behind.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        let code = code.filter(|_| *byte == b'%');
        bytes.push(code.unwrap_or(*byte));
        rest = if code.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
