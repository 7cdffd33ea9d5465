//! A project as one file, `.glasshouse`: a zip of its folder, to carry it between a desktop and a browser.
//!
//! The same project gives the same bytes: entries come in the order of their names, without times. The file ends with a checksum of
//! all of it, and is read back once it is written. It may come from anyone, so everything that it claims is checked before a byte is
//! unpacked: how many entries, how long each and all of them, and that every name is a plain path inside the project. What is
//! unpacked goes to a folder that gets its place only when it is whole.

mod contents;
mod seal;

#[cfg(test)]
pub(super) use contents::names_of;
pub use contents::{Contents, Opened};

use super::{MARKER, MAX_RECORD_BYTES, Project};
use crate::error::{Error, Result};
use crate::platform::{self, Turns, at_once, files};
use crate::protocol::quantity;
use crate::storage::{self, Staging};
use contents::is_transient;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// The file's extension.
pub const EXTENSION: &str = "glasshouse";

/// Most entries that are packed and unpacked.
const MAX_ENTRIES: usize = 200_000;
/// Most bytes that they may have together: several times what one device trains.
const MAX_BYTES: u64 = 64 << 30;
/// An entry that claims to unpack to more than this many times its packed bytes is no honest one: deflate ends near 1032.
const MAX_RATIO: u64 = 1100;
/// Bytes of the longest name, folders included.
const MAX_NAME_BYTES: usize = 4096;
/// What to do about a file that is not what was packed.
const AGAIN: &str = "; get or make it again";
/// Bytes unpacked at a time.
const CHUNK: u64 = 1 << 20;
/// Bytes that are packed at a time.
const PIECE: usize = 1 << 18;

/// What was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Length of the file.
    pub bytes: u64,
    /// Files in it.
    pub files: usize,
    /// What is carried by another name, or could not be carried, a line each.
    pub notes: Vec<String>,
}

/// Packs the project in a folder.
///
/// # Errors
/// No project, or a file that cannot be read.
pub fn pack(folder: &Path) -> Result<Vec<u8>> {
    at_once(pack_in_turns(folder, &Turns::none())).map(|(bytes, _)| bytes)
}

/// As [`pack`], while others have their turns.
///
/// # Errors
/// As there.
pub(crate) async fn pack_in_turns(folder: &Path, turns: &Turns) -> Result<(Vec<u8>, Packed)> {
    Project::open(folder)?;
    pack_folder(folder, turns).await
}

/// Packs any folder, as that of an exported model, while others have their turns.
///
/// # Errors
/// A file that cannot be read.
pub(crate) async fn pack_folder(folder: &Path, turns: &Turns) -> Result<(Vec<u8>, Packed)> {
    let (file, packed) = pack_into(&Contents::of(folder)?, Cursor::new(Vec::new()), turns).await?;
    Ok((file.into_inner(), packed))
}

/// Packs the project in a folder into a file, at once or not at all, while others have their turns: what stands in its place is replaced
/// where that is asked for. Whoever drops it leaves what stood there before.
///
/// # Errors
/// No project, a file that cannot be read or written, or the place is taken.
pub(crate) async fn pack_file_in_turns(
    folder: &Path,
    to: &Path,
    replace: bool,
    turns: &Turns,
) -> Result<Packed> {
    Project::open(folder)?;
    if files::exists(to) && !replace {
        return Err(Error::bad_file(to, "there is a file already; replace it, or choose another place"));
    }
    let staging = Staging::beside(to)?;
    let path = staging.path().join(EXTENSION);
    let file = files::OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let (file, packed) = pack_into(&Contents::of(folder)?, file.map_err(Error::io(&path))?, turns).await?;
    file.sync_all().map_err(Error::io(to))?;
    drop(file);
    staging.put_file(EXTENSION, to)?;
    Ok(packed)
}

/// Packs files into an archive, seals it and reads it back.
async fn pack_into<F: Read + Write + Seek>(
    contents: &Contents,
    file: F,
    turns: &Turns,
) -> Result<(F, Packed)> {
    let mut packer = Packer::new(file);
    contents.for_each(async |file| packer.add(file.name, file.bytes, file.content, turns).await).await?;
    let files = packer.files;
    let mut file = packer.finish(turns).await?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(unwritten)?;
    Archive::read_with(&mut file, false, turns).await?.verify(turns).await?;
    Ok((file, Packed { bytes, files, notes: contents.notes.clone() }))
}

/// The file that is packed into takes no more.
fn unwritten(cause: std::io::Error) -> Error {
    Error::Io { path: format!("the .{EXTENSION} file").into(), cause }
}

/// An archive that is being written.
struct Packer<F: Write + Seek> {
    writer: ZipWriter<F>,
    files: usize,
    bytes: u64,
}

impl<F: Read + Write + Seek> Packer<F> {
    fn new(file: F) -> Self {
        Self { writer: ZipWriter::new(file), files: 0, bytes: 0 }
    }

    async fn add(&mut self, name: &str, bytes: u64, content: &mut dyn Read, turns: &Turns) -> Result<()> {
        (self.files, self.bytes) = (self.files + 1, self.bytes.saturating_add(bytes));
        if self.files > MAX_ENTRIES || self.bytes > MAX_BYTES {
            return Err(Error::Refused(format!(
                "the project has more than {MAX_ENTRIES} files or {} GiB, and no .{EXTENSION} file holds that; remove runs that \
                 nobody needs, or copy its folder",
                MAX_BYTES >> 30
            )));
        }
        // Weights and tokens hardly shrink at higher levels, and take their time.
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
            platform::pulse();
            turns.give().await;
        }
    }

    async fn finish(mut self, turns: &Turns) -> Result<F> {
        self.writer.set_raw_comment(seal::comment()).map_err(|error| unwritten(error.into()))?;
        let mut file = self.writer.finish().map_err(|error| unwritten(error.into()))?;
        seal::close(&mut file, turns).await.map_err(unwritten)?;
        Ok(file)
    }
}

/// Unpacks a file into a folder, at once or not at all; a project that stands there is replaced where that is asked for.
///
/// # Errors
/// As [`Archive::read`], [`Archive::check_room`] and [`Archive::unpack`]; the place is taken, or what is there is in use.
pub fn unpack_file(file: &Path, folder: &Path, replace: bool) -> Result<Project> {
    if files::exists(folder) {
        let taken = "there is something already; name another project folder";
        if !replace {
            return Err(Error::bad_file(folder, format!("{taken}, or replace it")));
        }
        let old =
            Project::open(folder).map_err(|error| Error::bad_file(folder, format!("{taken} ({error})")))?;
        old.check_unused()?;
    }
    let opened = files::File::open(file).map_err(Error::io(file))?;
    let named = |error| match error {
        Error::Refused(reason) => Error::bad_file(file, reason),
        other => other,
    };
    let archive = Archive::read(std::io::BufReader::new(opened)).map_err(named)?;
    archive.check_room(platform::storage::room(folder))?;
    let staging = Staging::beside(folder)?;
    archive.unpack(staging.path()).map_err(named)?;
    Project::open(staging.path())?;
    if replace {
        staging.put(folder)?;
    } else if !staging.put_new(folder)? {
        return Err(Error::bad_file(folder, "another program was quicker; name another project folder"));
    }
    Project::open(folder)
}

/// A packed project that was looked through: it is safe to unpack.
#[derive(Debug)]
pub struct Archive<F> {
    zip: ZipArchive<F>,
    /// Name and length of each entry that is a file, in the order of the file's list.
    entries: Vec<(usize, PathBuf, u64)>,
    name: String,
}

impl<F: Read + Seek> Archive<F> {
    /// Looks a file through.
    ///
    /// # Errors
    /// One sentence: no zip, no project of ours or of another version, damage, or a claim that is not safe to follow.
    pub fn read(file: F) -> Result<Self> {
        at_once(Self::read_in_turns(file, &Turns::none()))
    }

    /// As [`Archive::read`], while others have their turns.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn read_in_turns(file: F, turns: &Turns) -> Result<Self> {
        Self::read_with(file, true, turns).await
    }

    /// As [`Archive::read`], of any folder that was packed, by whatever program.
    ///
    /// # Errors
    /// As there, but that it need be no project.
    pub(crate) async fn read_folder(file: F, turns: &Turns) -> Result<Self> {
        Self::read_with(file, false, turns).await
    }

    /// As [`Archive::read`], where wanted of any folder that was packed.
    async fn read_with(file: F, project: bool, turns: &Turns) -> Result<Self> {
        let what = if project { format!(".{EXTENSION} file") } else { "zip".to_owned() };
        let refused =
            |reason: String| Error::Refused(format!("this is no {what} that can be opened: {reason}"));
        let looked = Self::look_through(file, project, turns).await;
        let mut archive = looked.map_err(|reason| refused(format!("{reason}{AGAIN}")))?;
        if project {
            archive.name = marker_name(&mut archive.zip, &archive.entries).await.map_err(refused)?;
        }
        Ok(archive)
    }

    /// All but the project's name.
    async fn look_through(mut file: F, project: bool, turns: &Turns) -> Result<Self, String> {
        if !seal::is_whole(&mut file, turns).await.map_err(|error| error.to_string())? {
            return Err("its bytes are not those that were written (checksum)".to_owned());
        }
        let bytes = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
        let mut zip = ZipArchive::new(file).map_err(|error| error.to_string())?;
        if zip.len() > MAX_ENTRIES {
            return Err(format!("it has {} entries, and {MAX_ENTRIES} are possible", zip.len()));
        }
        let (mut entries, mut sum, mut seen) = (Vec::new(), 0_u64, BTreeSet::new());
        for number in 0..zip.len() {
            turns.give().await;
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
                .filter(|sum| *sum <= MAX_BYTES)
                .ok_or_else(|| format!("it unpacks to more than {} GiB", MAX_BYTES >> 30))?;
            let packed = entry.compressed_size();
            if packed > bytes || length > packed.saturating_mul(MAX_RATIO) {
                return Err(format!("`{name}` claims {length} bytes out of {packed}"));
            }
            if entry.is_dir() {
                continue;
            }
            // A file system that takes small for large letters would write two entries to one place.
            if !seen.insert(name.to_lowercase()) {
                return Err(format!("it has `{name}` twice"));
            }
            if !project || !is_transient(&path) {
                entries.push((number, path, length));
            }
        }
        Ok(Self { zip, entries, name: String::new() })
    }

    /// What the project is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes that it takes when it is unpacked.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, _, length)| length).sum()
    }

    /// Compares what it takes with the room that there is, where that is known.
    ///
    /// # Errors
    /// It takes more.
    pub fn check_room(&self, room: Option<u64>) -> Result<()> {
        match room {
            Some(room) if room < self.bytes() => Err(Error::Refused(format!(
                "the project unpacks to {} and there is room for {}; free some space, or unpack it in another place",
                quantity::bytes(self.bytes()),
                quantity::bytes(room)
            ))),
            _ => Ok(()),
        }
    }

    /// Writes the project into a folder that is empty or does not exist yet.
    ///
    /// # Errors
    /// An entry that is damaged, or the file system refuses; what is left in the folder is no project then.
    pub fn unpack(self, folder: &Path) -> Result<()> {
        at_once(self.unpack_in_turns(folder, &Turns::none()))
    }

    /// As [`Archive::unpack`], while others have their turns.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn unpack_in_turns(self, folder: &Path, turns: &Turns) -> Result<()> {
        let folders: BTreeSet<PathBuf> = self
            .entries
            .iter()
            .filter_map(|(_, name, _)| Some(folder.join(name).parent()?.to_owned()))
            .collect();
        let create = |path: &Path| {
            files::create_dir_all(path.parent().unwrap_or(folder))?;
            files::File::create(path)
        };
        self.unpack_with(folder, create, |file| file.sync_all(), turns).await?;
        for folder in &folders {
            storage::sync_folder_of(&folder.join(MARKER));
            storage::sync_folder_of(folder);
        }
        Ok(())
    }

    /// Reads every entry to its end, where its checksum is compared.
    async fn verify(mut self, turns: &Turns) -> Result<()> {
        for (number, _, length) in &self.entries {
            unpack_entry(&mut self.zip, *number, *length, turns, |_| Ok(())).await?;
        }
        Ok(())
    }

    async fn unpack_with<T: Write>(
        mut self,
        folder: &Path,
        create: impl Fn(&Path) -> std::io::Result<T>,
        finish: impl Fn(T) -> std::io::Result<()>,
        turns: &Turns,
    ) -> Result<()> {
        for (number, name, length) in &self.entries {
            let path = folder.join(name);
            let mut file = create(&path).map_err(Error::io(&path))?;
            let put = |part: &[u8]| file.write_all(part).map_err(Error::io(&path));
            unpack_entry(&mut self.zip, *number, *length, turns, put).await?;
            finish(file).map_err(Error::io(&path))?;
        }
        Ok(())
    }
}

/// Hands over an entry's bytes, a part at a time, as long as they are no more than it claims.
async fn unpack_entry<F: Read + Seek>(
    zip: &mut ZipArchive<F>,
    number: usize,
    length: u64,
    turns: &Turns,
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
        turns.give().await;
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
    if name.len() > MAX_NAME_BYTES || !parts.iter().copied().all(plain) {
        let shown: String = name.chars().take(80).collect();
        return Err(format!("the name {shown:?} is no plain place inside a project"));
    }
    Ok(parts.iter().collect())
}

/// The project's name, once its `project.json` was found to be ours; else why it is not, and what to do.
async fn marker_name<F: Read + Seek>(
    zip: &mut ZipArchive<F>,
    entries: &[(usize, PathBuf, u64)],
) -> Result<String, String> {
    let missing = || format!("it has no {MARKER}, so it is no packed project{AGAIN}");
    let (number, _, length) =
        entries.iter().find(|(_, path, _)| path == Path::new(MARKER)).ok_or_else(missing)?;
    if *length > MAX_RECORD_BYTES {
        return Err(format!("its {MARKER} is too long{AGAIN}"));
    }
    let mut text = Vec::new();
    unpack_entry(zip, *number, *length, &Turns::none(), |part| {
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
mod tests;
