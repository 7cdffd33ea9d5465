//! A project as one file, `.glasshouse`: a zip of its folder, to carry it between a desktop and a browser.
//!
//! The same project gives the same bytes: entries come in the order of their names, without times. Such a file may come from
//! anyone, so everything that it claims is checked before a byte is unpacked: how many entries, how long each and all of
//! them, and that every name is a plain path inside the project. What is unpacked goes to a folder that gets its name only
//! when it is whole ([`super::shelf::Shelf::import`]).

use super::{LARGEST_RECORD, MARKER, Project};
use crate::error::{Error, Result};
use crate::platform::{self, PROJECT_LOCK, files};
use std::collections::BTreeSet;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The file's extension.
pub const EXTENSION: &str = "glasshouse";

/// Most entries that are unpacked.
const MOST_ENTRIES: usize = 20_000;
/// Most bytes that they may have together: several times what one device trains.
const MOST_BYTES: u64 = 64 << 30;
/// An entry that claims to unpack to more than this many times its packed bytes is no honest one: deflate ends near 1032.
const LARGEST_RATIO: u64 = 1100;
/// Longest name.
const LONGEST_NAME: usize = 512;
/// Bytes unpacked at a time.
const CHUNK: u64 = 1 << 20;

/// Whether a file belongs to programs at work rather than to the project: locks, and what is not whole yet.
fn is_transient(name: &str) -> bool {
    name == PROJECT_LOCK
        || name == "lock"
        || name == super::shelf::DELETED
        || name.starts_with(".partial")
        || name.ends_with(".partial")
        || name.ends_with(".lock")
}

/// The files of a project with `/` between names, sorted; links and what belongs to programs at work are left out.
pub(super) fn names_of(folder: &Path) -> Result<Vec<String>> {
    fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
        for entry in files::read_dir(folder).map_err(Error::io(folder))? {
            let entry = entry.map_err(Error::io(folder))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_transient(&name) {
                continue;
            }
            let kind = entry.file_type().map_err(Error::io(&path))?;
            if kind.is_dir() {
                walk(&path, &format!("{prefix}{name}/"), names)?;
            } else if kind.is_file() {
                names.push(format!("{prefix}{name}"));
            }
        }
        Ok(())
    }
    let mut names = Vec::new();
    walk(folder, "", &mut names)?;
    names.sort();
    Ok(names)
}

/// Bytes that are packed at a time.
const PIECE: usize = 1 << 18;

/// Packs the project in a folder.
///
/// # Errors
/// No project, or a file that cannot be read.
pub fn pack(folder: &Path) -> Result<Vec<u8>> {
    pack_with(folder, &mut || ())
}

/// As [`pack`]; `between` is called every few milliseconds, for those who must show that they are alive.
///
/// # Errors
/// No project, or a file that cannot be read.
pub fn pack_with(folder: &Path, between: &mut dyn FnMut()) -> Result<Vec<u8>> {
    Project::open(folder)?;
    pack_files(contents(folder)?, between)
}

/// Packs any folder: an exported model, say.
///
/// # Errors
/// A file that cannot be read.
pub fn pack_folder(folder: &Path) -> Result<Vec<u8>> {
    pack_files(contents(folder)?, &mut || ())
}

/// Name and bytes of each file in a folder.
fn contents(folder: &Path) -> Result<impl Iterator<Item = Result<(String, Vec<u8>)>>> {
    Ok(names_of(folder)?.into_iter().map(|name| {
        let path = folder.join(&name);
        let bytes = files::read(&path).map_err(Error::io(path))?;
        Ok((name, bytes))
    }))
}

fn pack_files(
    contents: impl Iterator<Item = Result<(String, Vec<u8>)>>,
    between: &mut dyn FnMut(),
) -> Result<Vec<u8>> {
    let internal = |error: zip::result::ZipError| Error::Internal(format!("packing a project: {error}"));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for content in contents {
        let (name, bytes) = content?;
        // Weights and tokens hardly shrink at higher levels, and take their time.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(4))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes.len() as u64 >= u64::from(u32::MAX));
        writer.start_file(&name, options).map_err(internal)?;
        for piece in bytes.chunks(PIECE) {
            writer.write_all(piece).map_err(|error| internal(error.into()))?;
            platform::pulse();
            between();
        }
    }
    Ok(writer.finish().map_err(internal)?.into_inner())
}

/// Unpacks a file into a folder that does not exist yet, or is empty.
///
/// # Errors
/// As [`Archive::read`] and [`Archive::unpack`].
pub fn unpack(bytes: &[u8], folder: &Path) -> Result<()> {
    Archive::read(bytes)?.unpack(folder)
}

/// A packed project that was looked through: it is safe to unpack.
#[derive(Debug)]
pub struct Archive<'bytes> {
    zip: ZipArchive<Cursor<&'bytes [u8]>>,
    /// Name and length of each entry that is a file, in the order of the file's list.
    entries: Vec<(usize, PathBuf, u64)>,
    name: String,
}

impl<'bytes> Archive<'bytes> {
    /// Looks a file's bytes through.
    ///
    /// # Errors
    /// One sentence: no zip, no project of ours or of another version, or a claim that is not safe to follow.
    pub fn read(bytes: &'bytes [u8]) -> Result<Self> {
        Self::look_through(bytes).map_err(|reason| {
            Error::Refused(format!("this is no .{EXTENSION} file that can be opened: {reason}"))
        })
    }

    fn look_through(bytes: &'bytes [u8]) -> Result<Self, String> {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        if zip.len() > MOST_ENTRIES {
            return Err(format!("it has {} entries, and {MOST_ENTRIES} are possible", zip.len()));
        }
        let (mut entries, mut sum, mut seen) = (Vec::new(), 0_u64, BTreeSet::new());
        for number in 0..zip.len() {
            let entry = zip.by_index_raw(number).map_err(|error| error.to_string())?;
            let name = entry.name().map_err(|error| error.to_string())?.into_owned();
            if entry.is_symlink() {
                return Err(format!("`{name}` is a link, which a project never has"));
            }
            if entry.encrypted() {
                return Err(format!("`{name}` is encrypted"));
            }
            let method = entry.compression();
            if !matches!(method, CompressionMethod::Deflated | CompressionMethod::Stored) {
                return Err(format!("`{name}` is packed by {method}, which is not known here"));
            }
            let path = safe_path(&name)?;
            let length = entry.size();
            sum = sum
                .checked_add(length)
                .filter(|sum| *sum <= MOST_BYTES)
                .ok_or_else(|| format!("it unpacks to more than {} GiB", MOST_BYTES >> 30))?;
            let packed = entry.compressed_size();
            if packed > bytes.len() as u64 || length > packed.saturating_mul(LARGEST_RATIO) {
                return Err(format!("`{name}` claims {length} bytes out of {packed}"));
            }
            if entry.is_dir() {
                continue;
            }
            // A file system that takes small for large letters would write two entries to one place.
            if !seen.insert(name.to_lowercase()) {
                return Err(format!("it has `{name}` twice"));
            }
            let transient = path.iter().any(|part| is_transient(&part.to_string_lossy()));
            if !transient {
                entries.push((number, path, length));
            }
        }
        let name = marker_name(&mut zip, &entries)?;
        Ok(Self { zip, entries, name })
    }

    /// What the project is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that it takes when it is unpacked.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, _, length)| length).sum()
    }

    /// Writes the project into a folder that does not exist yet.
    ///
    /// # Errors
    /// An entry that is damaged, or the file system refuses; what is left in the folder is no project then.
    pub fn unpack(self, folder: &Path) -> Result<()> {
        let create = |path: &Path| {
            files::create_dir_all(path.parent().unwrap_or(folder))?;
            files::File::create(path)
        };
        self.unpack_with(folder, create, |file| file.sync_all())
    }

    fn unpack_with<F: std::io::Write>(
        mut self,
        folder: &Path,
        create: impl Fn(&Path) -> std::io::Result<F>,
        finish: impl Fn(F) -> std::io::Result<()>,
    ) -> Result<()> {
        for (number, name, length) in &self.entries {
            let path = folder.join(name);
            let mut file = create(&path).map_err(Error::io(&path))?;
            unpack_entry(&mut self.zip, *number, *length, |part| {
                file.write_all(part).map_err(Error::io(&path))
            })?;
            finish(file).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}

/// Hands over an entry's bytes, a part at a time, as long as they are no more than it claims.
fn unpack_entry(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    number: usize,
    length: u64,
    mut put: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let damaged = |reason: String| Error::Refused(format!("the .{EXTENSION} file is damaged: {reason}"));
    let mut entry = zip.by_index(number).map_err(|error| damaged(error.to_string()))?;
    let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let mut done = 0;
    let mut part = Vec::new();
    loop {
        part.clear();
        // The checksum is compared where the entry ends, so the end is read to.
        entry
            .by_ref()
            .take(CHUNK)
            .read_to_end(&mut part)
            .map_err(|error| damaged(format!("`{name}`: {error}")))?;
        done += part.len() as u64;
        if done > length || (part.is_empty() && done < length) {
            return Err(damaged(format!("`{name}` does not hold the {length} bytes that it claims")));
        }
        if part.is_empty() {
            return Ok(());
        }
        put(&part)?;
    }
}

/// A name as a path inside the project.
fn safe_path(name: &str) -> Result<PathBuf, String> {
    let plain = |part: &str| {
        let device_or_stream = part.contains([':', '\\']);
        let control = part.chars().any(char::is_control);
        !part.is_empty()
            && part != "."
            && part != ".."
            && !device_or_stream
            && !control
            && !part.ends_with(['.', ' '])
    };
    let parts: Vec<&str> = name.strip_suffix('/').unwrap_or(name).split('/').collect();
    if name.len() > LONGEST_NAME || !parts.iter().copied().all(plain) {
        let shown: String = name.chars().take(80).collect();
        return Err(format!("the name {shown:?} is no plain place inside a project"));
    }
    Ok(parts.iter().collect())
}

/// The project's name, once its `project.json` was found to be ours.
fn marker_name(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    entries: &[(usize, PathBuf, u64)],
) -> Result<String, String> {
    let missing = || format!("it has no {MARKER}, so it is no packed project");
    let (number, _, length) =
        entries.iter().find(|(_, path, _)| path == Path::new(MARKER)).ok_or_else(missing)?;
    if *length > LARGEST_RECORD {
        return Err(format!("its {MARKER} is too long"));
    }
    let mut text = Vec::new();
    unpack_entry(zip, *number, *length, |part| {
        text.extend_from_slice(part);
        Ok(())
    })
    .map_err(|error| error.to_string())?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("its {MARKER}: {error}"))?;
    super::check_marker(&value)?;
    let name = value.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(if name.is_empty() { "Imported project".to_owned() } else { name.to_owned() })
}

#[cfg(test)]
mod tests;
