//! Atomic file writes: a crash, a full disk or a power cut leaves either the old file or the new one.

mod staging;

pub use staging::{Staging, known};

use crate::files::{File, OpenOptions};
use crate::{Error, Result, Yielder, files};
use glasshouse_protocol::{Hint, json};
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::HashMap;
use std::convert::identity;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Extension of temporary files.
const PARTIAL: &str = "partial";
/// A temporary file that nobody has written to for so long belongs to a program that was killed.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
/// Bytes copied at a time.
const PIECE: usize = 1 << 18;

/// Replaces a file's content atomically: writes and syncs a temporary file of its own in the same folder, then renames it, so that of
/// several writers the last one wins. After an error the old content is unchanged and the temporary file removed.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let (partial, mut file) = loop {
        let partial = partial_path(path);
        match OpenOptions::new().write(true).create_new(true).open(&partial) {
            Ok(file) => break (partial, file),
            // Left by a killed program, or used on another machine.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io(path)(error)),
        }
    };
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    if let Err(error) = written.and_then(|()| files::rename(&partial, path)) {
        // The incomplete temporary file only takes space.
        files::remove_file(&partial).ok();
        return Err(Error::io(path)(error));
    }
    sync_folder_of(path);
    Ok(())
}

/// Checks that `what`, consisting of files called `names`, may be written into a folder. The folder must hold no other files. If it already
/// holds `what`, `replace` must be set and the first of `names`, which is specific to our format (unlike a README), must exist.
pub fn check_place(folder: &Path, what: &str, names: &[&str], replace: bool) -> Result<()> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) if files::is_file(folder) => {
            return Err(
                Error::bad_file(folder, "is a file; choose an empty or new folder").hint(Hint::Destination)
            );
        }
        Err(error) => return Err(Error::io(folder)(error)),
    };
    let whole = names.first().is_some_and(|first| files::is_file(&folder.join(first)));
    for entry in entries {
        let name = entry.map_err(Error::io(folder))?.file_name().to_string_lossy().into_owned();
        // Left by an older version that was interrupted while writing.
        let known = name.strip_suffix(".partial").unwrap_or(&name);
        if !names.contains(&known) {
            let reason = format!("holds {name}, which is not part of {what}; choose an empty or new folder");
            return Err(Error::bad_file(folder, reason).hint(Hint::Destination));
        }
        if !replace {
            let reason = format!("holds {what} already; replace it, or choose another place");
            return Err(Error::bad_file(folder, reason).hint(Hint::Replace));
        }
        if !whole {
            let reason = format!("holds {name} but is not {what}; choose an empty or new folder");
            return Err(Error::bad_file(folder, reason).hint(Hint::Destination));
        }
    }
    Ok(())
}

/// Checks that a file may be written: not in place of a folder, and of another file only with `replace`.
pub fn check_file(path: &Path, replace: bool) -> Result<()> {
    if files::is_dir(path) {
        return Err(Error::bad_file(path, "is a folder; choose a file").hint(Hint::Destination));
    }
    if files::exists(path) && !replace {
        let reason = "it already exists; replace it, or choose another place";
        return Err(Error::bad_file(path, reason).hint(Hint::Replace));
    }
    Ok(())
}

/// Syncs the folder of `path`, so that its entries are durable. Windows has no such call and does not need it.
pub fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).ok();
    }
}

/// Creates a folder and its missing parents, and syncs their entries.
pub fn create_folder(folder: &Path) -> Result<()> {
    if files::is_dir(folder) {
        return Ok(());
    }
    if let Some(around) = folder.parent().filter(|around| !around.as_os_str().is_empty()) {
        create_folder(around)?;
    }
    // Another process may create it at the same time.
    files::create_dir_all(folder).map_err(Error::io(folder))?;
    sync_folder_of(folder);
    Ok(())
}

/// Copies the rest of a file to another.
pub async fn copy(from: &mut dyn Read, to: &mut dyn Write, yielder: &Yielder) -> std::io::Result<()> {
    copy_pieces(from, to, (identity, identity), yielder).await
}

/// Like [`copy`], mapping read and write errors separately.
async fn copy_pieces<E>(
    from: &mut dyn Read,
    to: &mut dyn Write,
    (unread, unwritten): (impl Fn(std::io::Error) -> E, impl Fn(std::io::Error) -> E),
    yielder: &Yielder,
) -> Result<(), E> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&piece[..read]).map_err(&unwritten)?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(error)),
        }
        yielder.maybe_yield().await;
    }
}

/// Copies a file to a new path. The system's own copy is not used, because it does not report which of the two files failed. Fails if
/// reading or writing fails; the error names the file concerned.
pub async fn copy_file(from: &Path, to: &Path, yielder: &Yielder) -> Result<()> {
    let mut source = File::open(from).map_err(Error::io(from))?;
    let mut copy = File::create(to).map_err(Error::io(to))?;
    let [unread, unwritten] = [from, to].map(|path| move |cause| Error::Io { path: path.to_owned(), cause });
    copy_pieces(&mut source, &mut copy, (unread, unwritten), yielder).await
}

/// Extends a CRC-32C by `bytes`.
pub async fn crc32c(mut checksum: u32, bytes: &[u8], yielder: &Yielder) -> u32 {
    for piece in bytes.chunks(PIECE) {
        checksum = crc32c::crc32c_append(checksum, piece);
        yielder.maybe_yield().await;
    }
    checksum
}

/// A path in the same folder for a temporary file, which no other call in a running program of this machine returns.
pub fn partial_path(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = shortened(path.file_name().unwrap_or_default());
    let (process, number) = (crate::process_number(), COUNT.fetch_add(1, Ordering::Relaxed));
    name.push(format!(".{process}-{number}.{PARTIAL}"));
    path.with_file_name(name)
}

/// The beginning of a name, with room for a suffix within the 255 bytes of most file systems.
fn shortened(name: &OsStr) -> OsString {
    match name.to_str() {
        Some(text) => text[..text.floor_char_boundary(200)].into(),
        None => name.to_owned(),
    }
}

/// Removes temporary files of killed programs from a folder, as far as possible.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = files::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let changed = || files::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let is_partial = path.extension().is_some_and(|extension| extension == PARTIAL);
        let age = changed().filter(|_| is_partial).and_then(|changed| changed.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED_AFTER) {
            files::remove_file(&path).ok();
        }
    }
}

pub fn read(path: &Path) -> Result<Vec<u8>> {
    files::read(path).map_err(Error::io(path))
}

/// The length in bytes of a regular file. Fails for anything else: a device or a pipe may have no end.
pub fn regular_length(path: &Path) -> Result<u64> {
    let metadata = files::metadata(path).map_err(Error::io(path))?;
    if !metadata.is_file() {
        return Err(Error::bad_file(path, "is not a regular file; restore a copy of it"));
    }
    Ok(metadata.len())
}

/// Opens one of our files to write to, or creates it; its content stays. Fails if it is not a regular file itself: a link of a project
/// from elsewhere may name any file of this machine.
pub fn open_to_write(path: &Path) -> Result<File> {
    if files::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Error::bad_file(path, "is a link or no regular file; replace it by a copy of the file"));
    }
    OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(Error::io(path))
}

/// Reads a regular file of at most `limit` bytes.
pub fn read_within(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let size = regular_length(path)?;
    if size > limit {
        let reason = format!("{size} bytes are too many for this file (at most {limit})");
        return Err(Error::bad_file(path, reason));
    }
    read(path)
}

/// Reads a text file of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let text = String::from_utf8(read_within(path, limit)?);
    text.map_err(|_| Error::bad_file(path, "is not UTF-8; convert it to UTF-8"))
}

/// Reads a JSON file of at most `limit` bytes.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path, limit: u64) -> Result<T> {
    let text = read_within(path, limit)?;
    serde_json::from_slice(&text).map_err(|error| Error::bad_file(path, error.to_string()))
}

/// Reads JSON written by [`checked_json_from`]; earlier versions wrote it without a checksum.
pub fn read_checked_json<T: serde::de::DeserializeOwned>(path: &Path, limit: u64) -> Result<T> {
    let text = read_text(path, limit)?;
    let damaged = |reason: &str| Error::bad_file(path, format!("the file is damaged: {reason}"));
    let covered = json_from_checked(&text).map_err(damaged)?;
    serde_json::from_str(&covered.unwrap_or(text)).map_err(|error| damaged(&error.to_string()))
}

/// Calls `read` with the path and `limit`, or returns `None` if the file does not exist. A file that cannot be reached is an error.
pub fn if_there<T>(path: &Path, limit: u64, read: impl FnOnce(&Path, u64) -> Result<T>) -> Result<Option<T>> {
    match files::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
        Ok(_) => read(path, limit).map(Some),
    }
}

/// The head of a safetensors file: the header's length, then the header with metadata `texts` and contiguous `tensors`, padded to eight
/// bytes as safetensors does.
pub fn safetensors_head(
    texts: HashMap<String, String>,
    tensors: Vec<(String, TensorInfo)>,
) -> Result<Vec<u8>> {
    let internal = |error: String| Error::Internal(format!("safetensors header: {error}"));
    let metadata = Metadata::new(Some(texts), tensors).map_err(|error| internal(error.to_string()))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| internal(error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut head = (header.len() as u64).to_le_bytes().to_vec();
    head.append(&mut header);
    Ok(head)
}

/// Writes an indented JSON file atomically.
pub fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = json::indented(value).map_err(|error| Error::Internal(error.to_string()))?;
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

/// Start of JSON with a checksum. Eight hexadecimal digits and [`AFTER_CHECKSUM`] follow, then the text covered by the CRC-32C.
const BEFORE_CHECKSUM: &str = "{\"crc32c\":\"";
const AFTER_CHECKSUM: &str = "\",\n";

/// Serialises a value to JSON that begins with a checksum of the rest.
pub fn checked_json_from<T: serde::Serialize>(value: &T) -> Result<String> {
    let text = json::indented(value).map_err(|error| Error::Internal(error.to_string()))?;
    let covered = text.strip_prefix('{').unwrap_or(&text).trim_start();
    Ok(format!("{BEFORE_CHECKSUM}{:08x}{AFTER_CHECKSUM}{covered}", crc32c::crc32c(covered.as_bytes())))
}

/// Writes a JSON file with a checksum atomically; [`read_checked_json`] reads it.
pub fn write_checked_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    write_atomically(path, checked_json_from(value)?.as_bytes())
}

/// Verifies JSON written by [`checked_json_from`] and removes its checksum; `None` if the text has no checksum.
pub fn json_from_checked(text: &str) -> Result<Option<String>, &'static str> {
    if !text.starts_with(BEFORE_CHECKSUM) {
        return Ok(None);
    }
    text.strip_prefix(BEFORE_CHECKSUM)
        .and_then(|rest| Some((rest.get(..8)?, rest.get(8..)?.strip_prefix(AFTER_CHECKSUM)?)))
        // Compare the digits exactly as written, so that any changed byte is detected.
        .filter(|(checksum, covered)| *checksum == format!("{:08x}", crc32c::crc32c(covered.as_bytes())))
        .map(|(_, covered)| Some(format!("{{{covered}")))
        .ok_or("its checksum does not match its content")
}

/// Seconds since 1970, UTC.
pub fn unix_seconds() -> f64 {
    web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        // A folder in its place makes the renaming fail on every system.
        std::fs::create_dir_all(path.join("old")).unwrap();
        assert!(write_atomically(&path, b"new").is_err());
        assert!(path.join("old").is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// 255 bytes are the most that a name may have.
    #[cfg(unix)]
    #[test]
    fn names_may_be_as_long_as_the_file_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ü".repeat(127));
        write_atomically(&path, b"file").unwrap();
        let staging = Staging::beside(&path).unwrap();
        std::fs::write(staging.path().join("new"), "content").unwrap();
        staging.put_file("new", &path).unwrap();
        drop(staging);
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn several_writers_publish_only_whole_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let contents: Vec<Vec<u8>> = (0..4_usize).map(|own| vec![own as u8; 50_000 * (own + 1)]).collect();
        write_atomically(&path, &contents[0]).unwrap();
        std::thread::scope(|scope| {
            for content in &contents {
                let path = &path;
                scope.spawn(move || (0..40).for_each(|_| write_atomically(path, content).unwrap()));
            }
            for _ in 0..200 {
                assert!(contents.contains(&std::fs::read(&path).unwrap()));
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_old_temporary_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - ABANDONED_AFTER * 2;
        for (name, is_old) in [("a.json", true), ("a.json.7-0.partial", true), ("a.json.7-1.partial", false)]
        {
            let file = File::create(folder.path().join(name)).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
        }
        remove_abandoned(folder.path());
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(["a.json", "a.json.7-0.partial", "a.json.7-1.partial"].map(left), [true, false, true]);
    }

    #[test]
    fn a_file_is_copied_once_and_whichever_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to, missing] = ["from", "to", "missing/to"].map(|name| folder.path().join(name));
        let yielder = Yielder::none();
        let copy = |from: &Path, to: &Path| block_on(copy_file(from, to, &yielder));
        let content = vec![7_u8; 3 * PIECE];
        std::fs::write(&from, &content).unwrap();
        copy(&from, &to).unwrap();
        assert!(std::fs::read(&to).unwrap() == content);
        assert_eq!(yielder.asked(), 3);
        let failed = |from: &Path, to: &Path| match copy(from, to) {
            Err(Error::Io { path, .. }) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(&from, &missing), missing);
        // Some systems can open a folder like a file but not read it.
        assert_eq!(failed(folder.path(), &folder.path().join("copy")), folder.path());
        // Write errors are not retried.
        let mut room = vec![0_u8; PIECE];
        let sides = (|_: std::io::Error| "unread", |_: std::io::Error| "unwritten");
        let copied = block_on(copy_pieces(&mut &content[..], &mut &mut room[..], sides, &yielder));
        assert_eq!((copied, yielder.asked()), (Err("unwritten"), 4));
    }

    #[test]
    fn a_file_need_not_be_there_and_is_read_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text = |limit| if_there(&path, limit, read_text).map_err(|error| error.to_string());
        assert_eq!(text(4), Ok(None));
        std::fs::write(&path, "1234").unwrap();
        assert_eq!(text(4), Ok(Some("1234".to_owned())));
        assert_eq!(if_there(&path, 4, read_json::<u32>).unwrap(), Some(1234));
        assert!(text(3).unwrap_err().contains("4 bytes are too many for this file (at most 3)"));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(text(3).unwrap_err().contains("not UTF-8"));
    }

    #[test]
    fn a_place_is_written_over_only_where_it_holds_ours_and_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("model");
        let check = |replace| {
            let checked = check_place(&place, "an export", &["config.json", "README.md"], replace);
            checked.map_err(|error| error.to_string())
        };
        let refused = |replace, reason: &str| {
            let error = check(replace).unwrap_err();
            assert!(error.contains(reason), "{error}");
        };
        check(false).unwrap();
        std::fs::write(&place, "mine").unwrap();
        refused(true, "is a file");
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        check(false).unwrap();
        // README.md is one of our names, but may be the user's file.
        std::fs::write(place.join("README.md"), "mine").unwrap();
        refused(true, "holds README.md but is not an export");
        std::fs::write(place.join("config.json"), "{}").unwrap();
        refused(false, "holds an export already");
        check(true).unwrap();
        std::fs::write(place.join("thesis.docx"), "mine").unwrap();
        refused(true, "holds thesis.docx");
    }
}
