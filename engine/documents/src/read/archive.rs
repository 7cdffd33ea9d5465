//! Zip archives. Members are read like files in a folder, without unpacking to disk. [`Package`] gives the parts of a document
//! that is an archive.

use super::lines::whole;
use super::settings::{Limits, bytes as bytes_of};
use super::work::worked;
use super::{decode, open};
use crate::files::Input;
use flate2::Crc;
use quick_xml::events::Event;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
}

impl Bundle {
    pub(super) fn of(file_name: &str, head: &[u8]) -> Option<Self> {
        let (_, ending) = file_name.rsplit_once('.').filter(|_| head.starts_with(MAGIC))?;
        match ending.to_ascii_lowercase().as_str() {
            "zip" => Some(Self::Files),
            "epub" => Some(Self::Book),
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

/// A member, or for an unreadable one its name and the reason.
type Listed = Result<Member, (String, String)>;

/// Lists the members of an archive that have text in order, without folders; for an unreadable one its name and the reason.
pub(super) fn members(file: Box<dyn Input>, bundle: Bundle) -> Result<Vec<Listed>, String> {
    let mut archive = opened(file)?;
    let count = archive.len();
    let members: BTreeMap<usize, _> =
        (0..count).filter_map(|number| Some((number, member(&mut archive, number, bundle)?))).collect();
    match bundle {
        Bundle::Book => Ok(in_reading_order(members, &Package::new(archive).spine().unwrap_or_default())),
        Bundle::Files => Ok(members.into_values().collect()),
    }
}

fn opened(file: Box<dyn Input>) -> Result<ZipArchive<Box<dyn Input>>, String> {
    ZipArchive::new(file).map_err(|error| format!("is a damaged zip archive: {error}"))
}

fn member(archive: &mut ZipArchive<Box<dyn Input>>, number: usize, bundle: Bundle) -> Option<Listed> {
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
        _ => return wrong("has an unsupported compression method; pack it with DEFLATE"),
    };
    let Some(start) = file.data_start() else {
        return wrong("is damaged: its position in the archive is missing");
    };
    let (packed, size, checksum) = (file.compressed_size(), file.size(), file.crc32());
    Some(Ok(Member { name, start, packed, size, deflated, checksum }))
}

/// The members that a book's spine names, in its order. A book without a usable spine keeps the order of its archive.
fn in_reading_order(mut members: BTreeMap<usize, Listed>, spine: &[usize]) -> Vec<Listed> {
    let ordered: Vec<Listed> = spine.iter().filter_map(|number| members.remove(number)).collect();
    if !ordered.is_empty() {
        return ordered;
    }
    let reason = "names no chapter that is in the book; chapters are read in the order of the archive";
    let notice = (!members.is_empty()).then(|| Err(("spine".to_owned(), reason.to_owned())));
    members.into_values().chain(notice).collect()
}

/// An archive whose members refer to each other.
pub(super) struct Package {
    archive: ZipArchive<Box<dyn Input>>,
    /// Numbers of members by name, and by name in lower case, since some books write a name in two ways.
    numbers: FxHashMap<String, usize>,
}

impl Package {
    pub(super) fn open(file: Box<dyn Input>) -> Result<Self, String> {
        opened(file).map(Self::new)
    }

    fn new(archive: ZipArchive<Box<dyn Input>>) -> Self {
        let (mut exact, mut numbers) = (Vec::new(), FxHashMap::default());
        for (number, name) in archive.file_names().enumerate() {
            let Ok(name) = name.map(|name| name.replace('\\', "/")) else { continue };
            worked(name.len());
            numbers.entry(name.to_lowercase()).or_insert(number);
            exact.push((name, number));
        }
        numbers.extend(exact);
        Self { archive, numbers }
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).or_else(|| self.numbers.get(&name.to_lowercase())).copied()
    }

    /// The member that a reference in another member means; `None` if it is outside of the archive.
    fn find(&self, base: &str, reference: &str) -> Option<usize> {
        resolve(base, reference)?.iter().find_map(|name| self.number(name))
    }

    fn name(&self, number: usize) -> Option<String> {
        Some(self.archive.name_for_index(number)?.ok()?.replace('\\', "/"))
    }

    /// The chapters of a book in reading order, without its table of contents; `None` if its package document cannot be read.
    fn spine(&mut self) -> Option<Vec<usize>> {
        let container = self.list("META-INF/container.xml").unwrap_or_default();
        let mut package = None;
        each_element(&container, |name, value| {
            let is_package =
                || value("media-type").is_none_or(|kind| kind == "application/oebps-package+xml");
            if name == "rootfile" && is_package() {
                package = package.or_else(|| self.find("", &value("full-path")?));
            }
        });
        let is_package = |name: &str| name.to_lowercase().ends_with(".opf");
        let first = || self.archive.file_names().position(|name| name.is_ok_and(|name| is_package(&name)));
        let path = self.name(package.or_else(first)?)?;
        let (mut items, mut chapters) = (FxHashMap::<String, Vec<usize>>::default(), Vec::new());
        each_element(&self.list(&path)?, |name, value| match name {
            "item" if !value("properties").is_some_and(|own| own.split(' ').any(|own| own == "nav")) => {
                let target = value("href").and_then(|href| self.find(&path, &href));
                // Some books give several items one id.
                if let Some((id, target)) = value("id").zip(target) {
                    items.entry(id).or_default().push(target);
                }
            }
            "itemref" => chapters.extend(value("idref")),
            _ => {}
        });
        Some(chapters.iter().filter_map(|chapter| items.remove(chapter)).flatten().collect())
    }

    /// The part that another one, or the package itself, names as related in this way; none if it is outside of the archive.
    pub(super) fn related(&mut self, part: &str, kind: &str) -> Option<String> {
        let (folder, name) = part.rsplit_once('/').map_or(("", part), |(folder, name)| (folder, name));
        let list = format!("{folder}{}_rels/{name}.rels", if folder.is_empty() { "" } else { "/" });
        let mut found = None;
        each_element(&self.list(&list)?, |name, value| {
            let is_kind = || value("Type").is_some_and(|own| own.rsplit('/').next() == Some(kind));
            if name == "Relationship" && found.is_none() && is_kind() {
                found = value("Target").and_then(|target| self.find(part, &target));
            }
        });
        self.name(found?)
    }

    /// The text of a part of an archive of this size; `None` if there is none.
    pub(super) fn part(
        &mut self,
        name: &str,
        packed: u64,
        limits: &Limits,
    ) -> Result<Option<String>, String> {
        let Some(number) = self.number(name) else { return Ok(None) };
        let Ok(file) = self.archive.by_index(number) else { return Ok(None) };
        limits.check_expansion(packed, file.size())?;
        let bytes = whole(file, limits.record).map_err(|error| open::broken(&error))?;
        let bytes = bytes.ok_or_else(|| {
            format!(
                "has more text than {}; split it, or raise reading.limits.record",
                bytes_of(limits.record as u64)
            )
        })?;
        worked(bytes.len());
        Ok(Some(decode::part(&bytes).into_owned()))
    }

    /// A small part, such as a list of others.
    fn list(&mut self, name: &str) -> Option<String> {
        let file = self.archive.by_index(self.number(name)?).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_PACKAGE_BYTES).read_to_end(&mut bytes).ok()?;
        worked(bytes.len());
        Some(decode::part(&bytes).into_owned())
    }
}

/// Calls `each` with the local name of each element and a function that gives its attributes, up to the first fault.
pub(super) fn each_element(xml: &str, mut each: impl FnMut(&str, &dyn Fn(&str) -> Option<String>)) {
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                let value = |name: &str| {
                    let value = tag.try_get_attribute(name).ok()??.value;
                    Some(html_escape::decode_html_entities(&value).into_owned())
                };
                each(tag.local_name().as_ref(), &value);
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The names that a reference in another member can mean: those of a URL relative to it, without its fragment, and of a name that
/// contains a percent sign. `None` for a URL outside of the archive.
fn resolve(base: &str, reference: &str) -> Option<[String; 2]> {
    let reference = reference.trim().split(['#', '?']).next().filter(|path| !path.is_empty())?;
    let path = match reference.split_once(':') {
        Some((scheme, path)) if scheme.eq_ignore_ascii_case("file") => path,
        Some((scheme, _)) if !scheme.contains('/') => return None,
        _ => reference,
    };
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some([unescaped(path), path.to_owned()].map(|path| {
        let path = path.replace('\\', "/");
        let folder = if path.starts_with('/') { "" } else { folder };
        let mut parts: Vec<&str> = Vec::new();
        for part in folder.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }))
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
