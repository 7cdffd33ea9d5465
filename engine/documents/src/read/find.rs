//! Finds the files of the given paths: walks folders without recursion, in name order, and determines each file's format.

use super::archive::Bundle;
use super::format::{self, Format, Packing, Signature};
use super::settings::Settings;
use super::{Member, Trouble, archive, open};
use crate::fields;
use crate::files::{FileType, Files, STANDARD_INPUT};
use glasshouse_protocol::file_kind::is_text;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

pub use glasshouse_protocol::file_kind::HEAD;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub path: PathBuf,
    /// Prefix of its document ids: its path relative to the given one, with `/` between folders. Unique among the sources found
    /// together.
    pub name: String,
    pub format: Format,
    pub packing: Packing,
    /// The archive member, if the path is that of an archive.
    #[serde(default)]
    pub member: Option<Member>,
    /// Size in bytes on disk.
    pub size: u64,
    /// Mixture name of documents without their own source: the first folder below the given path. Files directly in it: pages,
    /// PDFs, Markdown and code take the name of the given folder (in a project's folder, of their kind), other files their own
    /// name without extensions, since a page is one of many, and a text or table is a corpus.
    pub mixture: String,
    /// Genre from a folder's name, for example `news`.
    pub genre: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub sources: Vec<Source>,
    /// Files and folders that will not be read, each with the reason.
    pub troubles: Vec<Trouble>,
}

struct Visit {
    path: PathBuf,
    /// Index of the given path that it was found under.
    root: usize,
    depth: usize,
}

/// Finds the files under the given paths.
///
/// Folders are walked in name order. Hidden files are skipped. A link to a folder is followed only if it was given explicitly
/// and reported otherwise, which rules out loops.
pub fn find(files: &dyn Files, paths: &[PathBuf], settings: &Settings) -> Found {
    let mut found = Found::default();
    let mut seen = FxHashSet::default();
    let mut names = FxHashSet::default();
    for (root, named) in paths.iter().enumerate() {
        let mut visits = vec![Visit { path: named.clone(), root, depth: 0 }];
        while let Some(visit) = visits.pop() {
            if !seen.insert(visit.path.clone()) {
                continue;
            }
            match look(files, &visit, named, settings, &mut names) {
                Ok(VisitedPath::Sources(sources)) => {
                    for source in sources {
                        match source {
                            Ok(source) => found.sources.push(source),
                            Err(trouble) => found.troubles.push(trouble),
                        }
                    }
                }
                Ok(VisitedPath::Folder(entries)) => {
                    let visit = |path| Visit { path, root: visit.root, depth: visit.depth + 1 };
                    visits.extend(entries.into_iter().rev().map(visit));
                }
                Err(reason) => {
                    found.troubles.push(Trouble { place: visit.path.display().to_string(), reason });
                }
            }
        }
    }
    found
}

enum VisitedPath {
    /// A file, the members of an archive, or nothing.
    Sources(Vec<Result<Source, Trouble>>),
    Folder(Vec<PathBuf>),
}

fn look(
    files: &dyn Files,
    visit: &Visit,
    named: &Path,
    settings: &Settings,
    names: &mut FxHashSet<String>,
) -> Result<VisitedPath, String> {
    let path = &visit.path;
    let file_name = match path.file_name().map(OsStr::to_string_lossy).unwrap_or_default() {
        _ if path == Path::new(STANDARD_INPUT) => "standard-input".to_owned(),
        name => name.into_owned(),
    };
    let below = visit.depth > 0;
    if below && file_name.starts_with('.') {
        return Ok(VisitedPath::Sources(Vec::new()));
    }
    let link = below && files.is_link(path);
    let place = files.file_type(path).map_err(|error| match error.kind() {
        _ if link => "is a broken link; repair or remove it".to_owned(),
        ErrorKind::NotFound if below => "vanished while the folder was read; run again".to_owned(),
        ErrorKind::NotFound => "does not exist; check the path".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    let size = match place {
        FileType::Folder if link => {
            return Err("is a link to a folder and is not followed; name it to read it".to_owned());
        }
        FileType::Folder if visit.depth > settings.limits.depth => {
            return Err(format!(
                "is more than {} folders deep and is not read; name it to read it",
                settings.limits.depth
            ));
        }
        FileType::Folder => {
            return files.entries(path).map(VisitedPath::Folder).map_err(|error| match error.kind() {
                ErrorKind::NotFound => "vanished while the folder was read; run again".to_owned(),
                _ => format!("cannot be listed: {error}"),
            });
        }
        FileType::Other => {
            return Err("is neither a file nor a folder; use `-` to read standard input".to_owned());
        }
        FileType::File(0) => return Err("is empty; leave it out, or put text into it".to_owned()),
        FileType::File(size) => size,
    };
    let head = head(files, path)?;
    let folders = folders_below(named, path);
    let root = below.then(|| named.file_name()).flatten().map(OsStr::to_string_lossy);
    if let Some(bundle) = Bundle::of(&file_name, &head) {
        let display = display(path, visit, &folders, &file_name, names);
        return members(files, path, bundle, size, &display, &folders, root, settings, names)
            .map(VisitedPath::Sources);
    }
    let source = source(&file_name, &head, &folders, root)?;
    let name = display(path, visit, &folders, &file_name, names);
    Ok(VisitedPath::Sources(vec![Ok(Source { path: path.clone(), name, size, ..source })]))
}

/// A source with the properties that follow from its name, its first bytes and the folders that it is in.
fn source(
    file_name: &str,
    head: &[u8],
    folders: &[String],
    root: Option<Cow<'_, str>>,
) -> Result<Source, String> {
    let named = format::named(file_name)?;
    let (format, packing) = decide(&named, file_name, head)?;
    let code = matches!(format, Format::Code(_)).then(|| "code".to_owned());
    Ok(Source {
        path: PathBuf::new(),
        name: String::new(),
        packing,
        member: None,
        size: 0,
        mixture: mixture(root, folders, &format, &named.stem),
        genre: fields::genre_of_folders(folders).or(code),
        format,
    })
}

/// The members of an archive as sources, as if it were a folder. `display` is its name in ids, `folders` are its parent
/// folders.
#[allow(clippy::too_many_arguments, reason = "all that `look` knows of the archive")]
fn members(
    files: &dyn Files,
    path: &Path,
    bundle: Bundle,
    size: u64,
    display: &str,
    folders: &[String],
    root: Option<Cow<'_, str>>,
    settings: &Settings,
    names: &mut FxHashSet<String>,
) -> Result<Vec<Result<Source, Trouble>>, String> {
    // Limits on the members' total packed and unpacked size.
    let limits = &settings.limits;
    let (mut packed_left, mut unpacked) = (size, 0_u64);
    let members = archive::members(files.open(path).map_err(|error| open::cannot(&error))?, bundle)?;
    if members.is_empty() && bundle == Bundle::Book {
        return Err("has no text: it is not an EPUB book; rename it to .zip".to_owned());
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let within: Vec<String> = folders.iter().cloned().chain(root.is_some().then(|| stem.clone())).collect();
    let root = root.unwrap_or(Cow::Borrowed(&stem));
    let sources = members.into_iter().map(|member| {
        let name = member.as_ref().map_or_else(|(name, _)| name, |member| &member.name).clone();
        let source = || {
            let member = member.map_err(|(_, reason)| reason)?;
            packed_left = packed_left
                .checked_sub(member.packed)
                .ok_or_else(|| "overlaps other members of its archive; make the archive again".to_owned())?;
            unpacked = unpacked.saturating_add(member.size);
            limits
                .check_expansion(size, unpacked)
                .map_err(|reason| format!("with the members before it, {reason}"))?;
            let (folder, file_name) = name.rsplit_once('/').unwrap_or(("", &name));
            let head = member_head(files, path, &member)?;
            // Folders inside of a book say nothing about its text.
            let below = folder.split('/').filter(|part| bundle == Bundle::Files && !part.is_empty());
            let folders: Vec<String> = within.iter().cloned().chain(below.map(str::to_owned)).collect();
            let source = source(file_name, &head, &folders, Some(root.clone()))?;
            if member.size == 0 {
                return Err("is empty; leave it out, or put text into it".to_owned());
            }
            let format = if bundle == Bundle::Book { Format::Chapter } else { source.format };
            let name = unique(format!("{display}/{}", plain(&name)), names);
            Ok(Source {
                path: path.to_owned(),
                name,
                format,
                size: member.packed,
                member: Some(member),
                ..source
            })
        };
        let place = format!("{}/{}", path.display(), plain(&name));
        source().map_err(|reason| Trouble { place, reason })
    });
    Ok(sources.collect())
}

fn unique(name: String, names: &mut FxHashSet<String>) -> String {
    if names.insert(name.clone()) {
        return name;
    }
    let numbered = (2_u64..).map(|number| format!("{name}:{number}"));
    numbered.into_iter().find(|name| names.insert(name.clone())).unwrap_or(name)
}

fn member_head(files: &dyn Files, path: &Path, member: &Member) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    let file = files.open(path).map_err(|error| open::cannot(&error))?;
    let packed = archive::packed(file, member).map_err(|error| open::cannot(&error))?;
    let read = if member.deflated {
        flate2::read::DeflateDecoder::new(packed).take(HEAD).read_to_end(&mut head)
    } else {
        packed.take(HEAD).read_to_end(&mut head)
    };
    read.map_err(|error| open::broken(&error))?;
    Ok(head)
}

fn head(files: &dyn Files, path: &Path) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    let file = files.open(path).map_err(|error| open::cannot(&error))?;
    file.take(HEAD).read_to_end(&mut head).map_err(|error| open::cannot(&error))?;
    Ok(head)
}

/// Determines format and packing from the name and the first bytes. A file with an uninformative name is text if its first
/// bytes are.
pub(super) fn decide(
    name: &format::Named,
    file_name: &str,
    head: &[u8],
) -> Result<(Format, Packing), String> {
    let own = name.format.as_ref().filter(|format| format.row().begins(head));
    // An archive is refused, but not if the extension tells its format.
    let signature = own.cloned().map(Signature::Is).or_else(|| format::signature(head));
    let packing = match (&signature, name.packing) {
        // Saved pages and tables are often packed without an extension for it.
        (Some(Signature::Packed(found)), Packing::Plain) => *found,
        (Some(Signature::Packed(found)), named) if *found == named => named,
        (_, Packing::Plain) => Packing::Plain,
        (_, named) => {
            return Err(format!(
                "has the extension of {} but other first bytes; rename or repair it",
                named.name()
            ));
        }
    };
    if let Some(Signature::Refused(what)) = &signature {
        return Err(format!("is {what}"));
    }
    let told = match signature {
        Some(Signature::Is(format)) => Some(format),
        _ => None,
    };
    match (&name.format, told) {
        (Some(format), _) if format.row().is_packed && packing != Packing::Plain => {
            Err(format!("is packed with {} on top of its own packing; unpack it", packing.name()))
        }
        (Some(format), told) if format.row().needs_magic && packing == Packing::Plain => {
            if told.as_ref() != Some(format) {
                return Err(format!(
                    "does not start with {} as its extension requires; rename or repair it",
                    format.row().mark()
                ));
            }
            Ok((format.clone(), packing))
        }
        (Some(format), Some(told)) if *format != told && !told.row().mark().is_empty() => {
            Err(format!("is {} by its first bytes, despite its name; rename it", told.row().name))
        }
        (Some(format), _) => Ok((format.clone(), packing)),
        (None, Some(told)) => Ok((told, packing)),
        (None, None) if packing == Packing::Plain && ending(file_name).is_none() && is_text(head) => {
            Ok((if begins_record(head) { Format::JsonLines } else { Format::Text }, packing))
        }
        (None, None) => Err(unknown(file_name)),
    }
}

/// Whether the first line is a JSON record, or starts one that continues beyond `head`.
fn begins_record(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let error = match serde_json::from_slice::<Map<String, Value>>(line) {
        Ok(_) => return true,
        Err(error) => error,
    };
    line.starts_with(b"{\"") && line.len() == head.len() && head.len() as u64 == HEAD && error.is_eof()
}

fn ending(file_name: &str) -> Option<&str> {
    let (stem, ending) = file_name.rsplit_once('.')?;
    (!stem.is_empty() && !ending.is_empty()).then_some(ending)
}

fn unknown(file_name: &str) -> String {
    match ending(file_name) {
        Some(ending) => {
            let (ending, known) = (ending.escape_debug(), format::known());
            format!("has an unsupported format (.{ending}; {known}); save it as one of these")
        }
        None => format!("has no extension and is not text ({}); give it one of these", format::known()),
    }
}

fn folders_below(named: &Path, path: &Path) -> Vec<String> {
    let below = path.parent().and_then(|parent| parent.strip_prefix(named).ok());
    let names = below.into_iter().flat_map(Path::components);
    names.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect()
}

fn mixture(root: Option<Cow<'_, str>>, folders: &[String], format: &Format, stem: &str) -> String {
    let below = root.is_some();
    let pages = match format {
        Format::Html => Some("web pages"),
        Format::Markdown => Some("Markdown"),
        Format::Pdf => Some("PDF"),
        Format::Word => Some("Word"),
        Format::Code(_) => Some("code"),
        _ => None,
    };
    // Every project's own folder has this name, so it is not informative.
    let root = root.filter(|root| root != "documents");
    let among = pages.map(|kind| root.as_deref().unwrap_or(kind)).filter(|_| below);
    plain(folders.first().map(String::as_str).or(among).unwrap_or(stem))
}

/// The prefix of document ids: the path below the given one, preceded by outer folders if two given paths contain the same.
fn display(
    path: &Path,
    visit: &Visit,
    folders: &[String],
    file_name: &str,
    names: &mut FxHashSet<String>,
) -> String {
    let mut name = folders.iter().map(|folder| plain(folder) + "/").collect::<String>() + &plain(file_name);
    let outer: Vec<_> = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let mut outer = outer.iter().rev().skip(folders.len() + 1);
    while names.contains(&name) {
        match outer.next() {
            Some(folder) => name = format!("{}/{name}", plain(&folder.as_os_str().to_string_lossy())),
            None => name = format!("{}:{name}", visit.root + 1),
        }
    }
    names.insert(name.clone());
    name
}

/// A file's name as part of an id, with `#`, which precedes record numbers, and control characters escaped.
fn plain(name: &str) -> String {
    if !name.contains(|letter: char| letter == '#' || letter.is_control()) {
        return name.to_owned();
    }
    let escaped = |letter: char| {
        if letter == '#' || letter.is_control() {
            format!("%{:02X}", u32::from(letter))
        } else {
            letter.to_string()
        }
    };
    name.chars().map(escaped).collect()
}
