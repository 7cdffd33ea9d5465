//! Writing files so that a crash, a full disk or a lost plug leaves the old file or the new one, never half of one.

mod staging;

pub use staging::Staging;

use crate::error::{Error, Result};
use crate::platform::files::{File, OpenOptions};
use crate::platform::{Turns, files};
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::HashMap;
use std::convert::identity;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Bytes that are copied at a time.
const PIECE: usize = 1 << 18;

/// Replaces a file's content at once: a temporary file beside it, made durable, then renamed over it.
///
/// # Errors
/// Whatever the file system says; the old content is then as it was, and the temporary file is gone.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let partial = partial_path(path);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| files::rename(&partial, path)) {
        // What is left of it only takes space.
        files::remove_file(&partial).ok();
        return Err(Error::io(path)(error));
    }
    sync_folder_of(path);
    Ok(())
}

/// Refuses a folder that holds a file of other names than those of `what` is written there, and one that holds `what` unless that is to
/// be replaced. The first name tells ours from what a person may have: a README is in many folders.
///
/// # Errors
/// Such a folder, named; or it cannot be read.
pub fn check_place(folder: &Path, what: &str, names: &[&str], replace: bool) -> Result<()> {
    let entries = match files::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) if files::is_file(folder) => {
            return Err(Error::bad_file(folder, "is a file; choose an empty or new folder"));
        }
        Err(error) => return Err(Error::io(folder)(error)),
    };
    let whole = names.first().is_some_and(|first| files::is_file(&folder.join(first)));
    for entry in entries {
        let name = entry.map_err(Error::io(folder))?.file_name().to_string_lossy().into_owned();
        // An older version was stopped while it wrote.
        let known = name.strip_suffix(".partial").unwrap_or(&name);
        if !names.contains(&known) {
            let reason = format!("holds {name}, which is no file of {what}; choose an empty or new folder");
            return Err(Error::bad_file(folder, reason));
        }
        if !replace {
            return Err(Error::bad_file(
                folder,
                format!("holds {what} already; replace it, or choose another place"),
            ));
        }
        if !whole {
            let reason = format!("holds {name} without what makes it {what}; choose an empty or new folder");
            return Err(Error::bad_file(folder, reason));
        }
    }
    Ok(())
}

/// Asks for a folder's list of names to be made durable. Not every system can (Windows), and then it does so by itself.
pub fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).ok();
    }
}

/// Makes a folder and those around it that are missing, and their names durable.
pub fn create_folder(folder: &Path) -> Result<()> {
    if files::is_dir(folder) {
        return Ok(());
    }
    if let Some(around) = folder.parent().filter(|around| !around.as_os_str().is_empty()) {
        create_folder(around)?;
    }
    // Another program may make it at the same time.
    files::create_dir_all(folder).map_err(Error::io(folder))?;
    sync_folder_of(folder);
    Ok(())
}

/// Copies what is left of a file into another while others have their turns.
///
/// # Errors
/// One cannot be read, or the other takes no more.
pub(crate) async fn copy_in_turns(
    from: &mut dyn Read,
    to: &mut dyn Write,
    turns: &Turns,
) -> std::io::Result<()> {
    copy_pieces(from, to, (identity, identity), turns).await
}

/// The same, with what is made of the error of each.
async fn copy_pieces<E>(
    from: &mut dyn Read,
    to: &mut dyn Write,
    (unread, unwritten): (impl Fn(std::io::Error) -> E, impl Fn(std::io::Error) -> E),
    turns: &Turns,
) -> Result<(), E> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => to.write_all(&piece[..read]).map_err(&unwritten)?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(error)),
        }
        turns.give().await;
    }
}

/// Copies a file to a place where none is yet, while others have their turns. Not by the system's own copy, which does not say which of the
/// two failed.
///
/// # Errors
/// One cannot be read, or the other takes no more, whichever it is by its path.
pub(crate) async fn copy_file_in_turns(from: &Path, to: &Path, turns: &Turns) -> Result<()> {
    let mut source = File::open(from).map_err(Error::io(from))?;
    let mut copy = File::create(to).map_err(Error::io(to))?;
    let [unread, unwritten] = [from, to].map(|path| move |cause| Error::Io { path: path.to_owned(), cause });
    copy_pieces(&mut source, &mut copy, (unread, unwritten), turns).await
}

/// Reads a whole file while others have their turns.
///
/// # Errors
/// It cannot be read, or memory has no room for it.
pub(crate) async fn read_in_turns(path: &Path, turns: &Turns) -> Result<Vec<u8>> {
    let length = files::metadata(path).map_err(Error::io(path))?.len();
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length as usize)
        .map_err(|_| Error::io(path)(std::io::ErrorKind::OutOfMemory.into()))?;
    let mut file = File::open(path).map_err(Error::io(path))?;
    copy_in_turns(&mut file, &mut bytes, turns).await.map_err(Error::io(path))?;
    Ok(bytes)
}

/// The checksum of what one is of and of more bytes behind it, while others have their turns.
pub(crate) async fn crc32c_in_turns(mut checksum: u32, bytes: &[u8], turns: &Turns) -> u32 {
    for piece in bytes.chunks(PIECE) {
        checksum = crc32c::crc32c_append(checksum, piece);
        turns.give().await;
    }
    checksum
}

/// Copies a file to a place, at once or not at all.
///
/// # Errors
/// Whatever the file system says; what stood there is then as it was.
pub fn copy_atomically(from: &Path, to: &Path) -> Result<()> {
    let partial = partial_path(to);
    let copied = files::copy(from, &partial).map_err(Error::io(from)).and_then(|_| {
        // Some systems make durable only what is open for writing; and a copy of what may not be written may not be, either.
        OpenOptions::new().write(true).open(&partial).and_then(|file| file.sync_all()).ok();
        files::rename(&partial, to).map_err(Error::io(to))
    });
    if copied.is_err() {
        files::remove_file(&partial).ok();
    }
    sync_folder_of(to);
    copied
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    files::read(path).map_err(Error::io(path))
}

/// Reads a whole file of at most `limit` bytes.
fn read_within(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let size = files::metadata(path).map_err(Error::io(path))?.len();
    if size > limit {
        let reason = format!("{size} bytes are too many for this file (at most {limit})");
        return Err(Error::bad_file(path, reason));
    }
    read(path)
}

/// Reads a small text.
///
/// # Errors
/// The file cannot be read, is longer than `limit` bytes, or is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let text = String::from_utf8(read_within(path, limit)?);
    text.map_err(|_| Error::bad_file(path, "is not UTF-8; convert it to UTF-8"))
}

/// Reads a small JSON file.
///
/// # Errors
/// The file cannot be read, is longer than `limit` bytes, or is not the JSON that is expected.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path, limit: u64) -> Result<T> {
    let text = read_within(path, limit)?;
    serde_json::from_slice(&text).map_err(|error| Error::bad_file(path, error.to_string()))
}

/// What `read` makes of a file, and of so many bytes at most; `None` where there is no file.
///
/// # Errors
/// Those of `read`.
pub fn if_there<T>(path: &Path, limit: u64, read: impl FnOnce(&Path, u64) -> Result<T>) -> Result<Option<T>> {
    files::exists(path).then(|| read(path, limit)).transpose()
}

/// What a safetensors file begins with: the header's length, and the header with texts and with tensors one after another, padded to
/// eight bytes as safetensors itself writes it.
///
/// # Errors
/// The tensors do not follow each other.
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

/// Writes a small JSON file, indented for people, at once or not at all.
pub fn write_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    text.push(b'\n');
    write_atomically(path, &text)
}

/// What JSON with a checksum begins with; eight hexadecimal digits and [`AFTER_CHECKSUM`] follow, then what they are the crc32c of.
const BEFORE_CHECKSUM: &str = "{\"crc32c\":\"";
const AFTER_CHECKSUM: &str = "\",\n";

/// A value as JSON with a checksum of the rest in front.
pub fn checked_json_from<T: serde::Serialize>(value: &T) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    let covered = text.strip_prefix('{').unwrap_or(&text).trim_start();
    Ok(format!("{BEFORE_CHECKSUM}{:08x}{AFTER_CHECKSUM}{covered}", crc32c::crc32c(covered.as_bytes())))
}

/// The JSON of a text by [`checked_json_from`], without its checksum; `None` where the text begins as one without.
///
/// # Errors
/// The checksum does not fit.
pub fn json_from_checked(text: &str) -> Result<Option<String>, &'static str> {
    if !text.starts_with(BEFORE_CHECKSUM) {
        return Ok(None);
    }
    text.strip_prefix(BEFORE_CHECKSUM)
        .and_then(|rest| Some((rest.get(..8)?, rest.get(8..)?.strip_prefix(AFTER_CHECKSUM)?)))
        // Digits as we write them, so that no other byte is taken for the same.
        .filter(|(checksum, covered)| *checksum == format!("{:08x}", crc32c::crc32c(covered.as_bytes())))
        .map(|(_, covered)| Some(format!("{{{covered}")))
        .ok_or("its checksum does not fit its content")
}

/// Seconds since 1970 began, UTC.
pub fn unix_seconds() -> f64 {
    web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::at_once;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        write_atomically(&path, b"old").unwrap();
        // A folder where the temporary file should go makes the write fail on every system.
        std::fs::create_dir(partial_path(&path)).unwrap();
        assert!(write_atomically(&path, b"new").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_file_is_copied_once_and_whichever_fails_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to, missing] = ["from", "to", "missing/to"].map(|name| folder.path().join(name));
        let turns = Turns::none();
        let copy = |from: &Path, to: &Path| at_once(copy_file_in_turns(from, to, &turns));
        let content = vec![7_u8; 3 * PIECE];
        std::fs::write(&from, &content).unwrap();
        copy(&from, &to).unwrap();
        assert!(std::fs::read(&to).unwrap() == content);
        assert_eq!(turns.asked(), 3);
        let failed = |from: &Path, to: &Path| match copy(from, to) {
            Err(Error::Io { path, .. }) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(&from, &missing), missing);
        // On some systems a folder is opened as a file is, and cannot be read.
        assert_eq!(failed(folder.path(), &folder.path().join("copy")), folder.path());
        // Nothing is tried again where there is no more room.
        let mut room = vec![0_u8; PIECE];
        let sides = (|_: std::io::Error| "unread", |_: std::io::Error| "unwritten");
        let copied = at_once(copy_pieces(&mut &content[..], &mut &mut room[..], sides, &turns));
        assert_eq!((copied, turns.asked()), (Err("unwritten"), 4));
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
        // Of a name that we would write, and perhaps a person's.
        std::fs::write(place.join("README.md"), "mine").unwrap();
        refused(true, "holds README.md without what makes it an export");
        std::fs::write(place.join("config.json"), "{}").unwrap();
        refused(false, "holds an export already");
        check(true).unwrap();
        std::fs::write(place.join("thesis.docx"), "mine").unwrap();
        refused(true, "holds thesis.docx");
    }

    #[test]
    fn a_name_that_is_taken_by_a_folder_leaves_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        std::fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, b"new").is_err());
        assert!(!partial_path(&path).exists());
    }
}
