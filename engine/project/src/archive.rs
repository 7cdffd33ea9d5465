//! A project as a single `.glasshouse` file: a zip of its folder, for moving it between desktop and browser.
//!
//! Packing is deterministic: entries are sorted by name and have no times. The file ends with a checksum of its contents and is
//! read back after writing. Archives are untrusted, so everything is validated before unpacking: the number of entries, their
//! individual and total sizes, and that every name is a plain path inside the project. Files are unpacked to a temporary folder,
//! which is moved into place once complete.

mod contents;
mod seal;

#[cfg(test)]
pub(super) use contents::names_of;
pub use contents::{Contents, Opened};

use super::{MARKER, MAX_RECORD_BYTES, Project};
use contents::is_transient;
use glasshouse_platform::storage::{self, Staging};
use glasshouse_platform::{Error, Result, Yielder, block_on, files, refuse};
use glasshouse_protocol::{Hint, order, quantity};
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

pub const EXTENSION: &str = "glasshouse";

const MAX_ENTRIES: usize = 200_000;
/// Maximum total size of all entries: several times what one device can train.
const MAX_BYTES: u64 = 64 << 30;
/// Maximum compression ratio of an entry; deflate cannot exceed about 1032.
const MAX_RATIO: u64 = 1100;
const MAX_NAME_BYTES: usize = 4096;
/// Error suffix for files that differ from what was packed.
const AGAIN: &str = "; download or create it again";
const CHUNK: u64 = 1 << 20;
const PIECE: usize = 1 << 18;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Length of the file.
    pub bytes: u64,
    pub files: usize,
    /// Entries that were renamed or could not be packed, one line each.
    pub notes: Vec<String>,
}

/// Packs the project in a folder. Fails if the folder is not a project, or a file cannot be read.
pub async fn pack(folder: &Path, yielder: &Yielder) -> Result<(Vec<u8>, Packed)> {
    Project::open(folder)?;
    pack_folder(folder, yielder).await
}

/// Packs any folder, such as an exported model.
pub async fn pack_folder(folder: &Path, yielder: &Yielder) -> Result<(Vec<u8>, Packed)> {
    let (file, packed) = pack_into(&Contents::from_folder(folder)?, Cursor::new(Vec::new()), yielder).await?;
    Ok((file.into_inner(), packed))
}

/// Packs the project in a folder into a file, atomically. An existing file is replaced only if `replace` is set, and kept if the future is
/// dropped. Fails if the folder is not a project, a file cannot be read or written, or `to` exists and `replace` is not set.
pub async fn pack_file(folder: &Path, to: &Path, replace: bool, yielder: &Yielder) -> Result<Packed> {
    Project::open(folder)?;
    storage::check_file(to, replace)?;
    let staging = Staging::beside(to)?;
    let path = staging.path().join(EXTENSION);
    let file = files::OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let (file, packed) =
        pack_into(&Contents::from_folder(folder)?, file.map_err(Error::io(&path))?, yielder).await?;
    file.sync_all().map_err(Error::io(to))?;
    drop(file);
    staging.put_file(EXTENSION, to)?;
    Ok(packed)
}

/// Packs files into an archive, seals it and verifies it by reading it back.
async fn pack_into<F: Read + Write + Seek>(
    contents: &Contents,
    file: F,
    yielder: &Yielder,
) -> Result<(F, Packed)> {
    let mut packer = Packer::new(file);
    contents.for_each(async |file| packer.add(file.name, file.bytes, file.content, yielder).await).await?;
    let files = packer.files;
    let mut file = packer.finish(yielder).await?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(unwritten)?;
    Archive::read(&mut file, false, yielder).await?.verify(yielder).await?;
    Ok((file, Packed { bytes, files, notes: contents.notes.clone() }))
}

fn unwritten(cause: std::io::Error) -> Error {
    Error::Io { path: format!("the .{EXTENSION} file").into(), cause }
}

struct Packer<F: Write + Seek> {
    writer: ZipWriter<F>,
    files: usize,
    bytes: u64,
}

impl<F: Read + Write + Seek> Packer<F> {
    fn new(file: F) -> Self {
        Self { writer: ZipWriter::new(file), files: 0, bytes: 0 }
    }

    async fn add(&mut self, name: &str, bytes: u64, content: &mut dyn Read, yielder: &Yielder) -> Result<()> {
        (self.files, self.bytes) = (self.files + 1, self.bytes.saturating_add(bytes));
        if self.files > MAX_ENTRIES || self.bytes > MAX_BYTES {
            refuse!(
                "the project has more than {MAX_ENTRIES} files or {} GiB, too many for a .{EXTENSION} file; remove unneeded runs, or \
                 copy its folder",
                MAX_BYTES >> 30
            );
        }
        // Higher levels are slow and hardly compress weights and tokens any better.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(4))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(bytes >= u64::from(u32::MAX));
        self.writer.start_file(name, options).map_err(|error| unwritten(error.into()))?;
        let mut piece = vec![0; PIECE.min(bytes as usize).max(1)];
        loop {
            let read = content.read(&mut piece).map_err(Error::io(name))?;
            if read == 0 {
                return Ok(());
            }
            self.writer.write_all(&piece[..read]).map_err(unwritten)?;
            glasshouse_platform::pulse();
            yielder.maybe_yield().await;
        }
    }

    async fn finish(mut self, yielder: &Yielder) -> Result<F> {
        self.writer.set_raw_comment(seal::comment()).map_err(|error| unwritten(error.into()))?;
        let mut file = self.writer.finish().map_err(|error| unwritten(error.into()))?;
        seal::close(&mut file, yielder).await.map_err(unwritten)?;
        Ok(file)
    }
}

/// Unpacks a file into a folder, atomically. An existing project is replaced only if `replace` is set. Fails as [`Archive::read`],
/// [`Archive::check_room`] and [`Archive::unpack`] do, or if the folder exists and may not be replaced, or is in use.
pub fn unpack_file(file: &Path, folder: &Path, replace: bool) -> Result<Project> {
    if files::exists(folder) {
        let taken = "it already exists; choose another project folder";
        if !replace {
            let reason = format!("{taken}, or replace it");
            return Err(Error::bad_file(folder, reason).hint(Hint::Replace).hint(Hint::Project));
        }
        let old = Project::open(folder)
            .map_err(|error| Error::bad_file(folder, format!("{taken} ({error})")).hint(Hint::Project))?;
        old.check_unused()?;
    }
    let opened = files::File::open(file).map_err(Error::io(file))?;
    let named = |error| match error {
        Error::Refused(reason) => Error::bad_file(file, reason),
        other => other,
    };
    let archive =
        block_on(Archive::read(std::io::BufReader::new(opened), true, &Yielder::none())).map_err(named)?;
    archive.check_room(glasshouse_platform::persistence::room(folder))?;
    let staging = Staging::beside(folder)?;
    block_on(archive.unpack(staging.path(), &Yielder::none())).map_err(named)?;
    Project::open(staging.path())?;
    if replace {
        staging.put(folder)?;
    } else if !staging.put_new(folder)? {
        let reason = "another program created it first; choose another project folder";
        return Err(Error::bad_file(folder, reason).hint(Hint::Project));
    }
    Project::open(folder)
}

/// A validated archive that is safe to unpack.
#[derive(Debug)]
pub struct Archive<F> {
    zip: ZipArchive<F>,
    /// Zip index, path and length of each file entry, in the zip's order.
    entries: Vec<(usize, PathBuf, u64)>,
    name: String,
}

impl<F: Read + Seek> Archive<F> {
    /// Reads and validates an archive: of a project, or of any packed folder from any program. Fails if the file is not a zip, not a
    /// supported project, damaged, or unsafe to unpack; the reason is one sentence.
    pub async fn read(file: F, project: bool, yielder: &Yielder) -> Result<Self> {
        let what = if project { format!(".{EXTENSION} file") } else { "zip".to_owned() };
        let refused = |reason: String| Error::Refused(format!("this {what} cannot be opened: {reason}"));
        let looked = Self::look_through(file, project, yielder).await;
        let mut archive = looked.map_err(|reason| refused(format!("{reason}{AGAIN}")))?;
        if project {
            archive.name = marker_name(&mut archive.zip, &archive.entries).await.map_err(refused)?;
        }
        Ok(archive)
    }

    /// Validates everything except the project's name.
    async fn look_through(mut file: F, project: bool, yielder: &Yielder) -> Result<Self, String> {
        if !seal::is_whole(&mut file, yielder).await.map_err(|error| error.to_string())? {
            return Err("it has changed since it was written (checksum)".to_owned());
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
        let mut zip = ZipArchive::new(file).map_err(|error| error.to_string())?;
        if zip.len() > MAX_ENTRIES {
            return Err(format!("it has {} entries; at most {MAX_ENTRIES} are allowed", zip.len()));
        }
        let (mut entries, mut sum, mut seen) = (Vec::new(), 0_u64, BTreeSet::new());
        for number in 0..zip.len() {
            yielder.maybe_yield().await;
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
                return Err(format!("`{name}` is compressed with {method}, which is not supported"));
            }
            let path = safe_path(&name)?;
            let length = entry.size();
            sum = sum
                .checked_add(length)
                .filter(|sum| *sum <= MAX_BYTES)
                .ok_or_else(|| format!("it unpacks to more than {} GiB", MAX_BYTES >> 30))?;
            let packed = entry.compressed_size();
            if packed > bytes || length > packed.saturating_mul(MAX_RATIO) {
                return Err(format!("`{name}` claims {length} bytes out of {packed}"));
            }
            if entry.is_dir() {
                continue;
            }
            // On a case-insensitive file system, the two entries would be the same file.
            if !seen.insert(name.to_lowercase()) {
                return Err(format!("it contains `{name}` twice"));
            }
            if !project || !is_transient(&path) {
                entries.push((number, path, length));
            }
        }
        Ok(Self { zip, entries, name: String::new() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Unpacked size in bytes.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, _, length)| length).sum()
    }

    /// Checks that the unpacked project fits into `room` bytes, if known.
    pub fn check_room(&self, room: Option<u64>) -> Result<()> {
        match room {
            Some(room) if room < self.bytes() => Err(Error::Refused(format!(
                "the project unpacks to {}, but there is room for {}; free some space, or unpack it in another place",
                quantity::bytes(self.bytes()),
                quantity::bytes(room)
            ))),
            _ => Ok(()),
        }
    }

    /// Unpacks the project into an empty or new folder. Fails if an entry is damaged, or writing fails; the folder may then hold an
    /// incomplete project.
    pub async fn unpack(self, folder: &Path, yielder: &Yielder) -> Result<()> {
        let folder_of = |(_, name, _): &(_, PathBuf, _)| Some(folder.join(name).parent()?.to_owned());
        let folders = order::distinct(self.entries.iter().filter_map(folder_of));
        let create = |path: &Path| {
            files::create_dir_all(path.parent().unwrap_or(folder))?;
            files::File::create(path)
        };
        self.unpack_with(folder, create, |file| file.sync_all(), yielder).await?;
        for folder in &folders {
            storage::sync_folder_of(&folder.join(MARKER));
            storage::sync_folder_of(folder);
        }
        Ok(())
    }

    /// Reads every entry to its end, which verifies its checksum.
    async fn verify(mut self, yielder: &Yielder) -> Result<()> {
        for (number, _, length) in &self.entries {
            unpack_entry(&mut self.zip, *number, *length, yielder, |_| Ok(())).await?;
        }
        Ok(())
    }

    async fn unpack_with<T: Write>(
        mut self,
        folder: &Path,
        create: impl Fn(&Path) -> std::io::Result<T>,
        finish: impl Fn(T) -> std::io::Result<()>,
        yielder: &Yielder,
    ) -> Result<()> {
        for (number, name, length) in &self.entries {
            let path = folder.join(name);
            let mut file = create(&path).map_err(Error::io(&path))?;
            let put = |part: &[u8]| file.write_all(part).map_err(Error::io(&path));
            unpack_entry(&mut self.zip, *number, *length, yielder, put).await?;
            finish(file).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}

/// Passes on an entry's bytes in chunks; fails if there are more than the entry claims.
async fn unpack_entry<F: Read + Seek>(
    zip: &mut ZipArchive<F>,
    number: usize,
    length: u64,
    yielder: &Yielder,
    mut put: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let damaged =
        |reason: String| Error::Refused(format!("the .{EXTENSION} file is damaged: {reason}{AGAIN}"));
    let mut entry = zip.by_index(number).map_err(|error| damaged(error.to_string()))?;
    let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
    let mut done = 0;
    let mut part = Vec::new();
    loop {
        part.clear();
        // The checksum is compared at the end of the entry, so read up to it.
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
        yielder.maybe_yield().await;
    }
}

/// Validates a name as a relative path inside the project.
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
    if name.len() > MAX_NAME_BYTES || !parts.iter().copied().all(plain) {
        let shown: String = name.chars().take(80).collect();
        return Err(format!("the name {shown:?} is not a plain path inside a project"));
    }
    Ok(parts.iter().collect())
}

/// Validates `project.json` and returns the project's name; the error says what to do.
async fn marker_name<F: Read + Seek>(
    zip: &mut ZipArchive<F>,
    entries: &[(usize, PathBuf, u64)],
) -> Result<String, String> {
    let missing = || format!("it has no {MARKER}, so it is not a packed project{AGAIN}");
    let (number, _, length) =
        entries.iter().find(|(_, path, _)| path == Path::new(MARKER)).ok_or_else(missing)?;
    if *length > MAX_RECORD_BYTES {
        return Err(format!("its {MARKER} is too long{AGAIN}"));
    }
    let mut text = Vec::new();
    unpack_entry(zip, *number, *length, &Yielder::none(), |part| {
        text.extend_from_slice(part);
        Ok(())
    })
    .await
    .map_err(|error| error.to_string())?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("its {MARKER}: {error}{AGAIN}"))?;
    super::check_marker(&value)?;
    let name = value.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    Ok(if name.is_empty() { "Imported project".to_owned() } else { name.to_owned() })
}

#[cfg(test)]
pub(crate) mod tests;
