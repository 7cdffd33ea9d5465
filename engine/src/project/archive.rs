//! A project as one `.glasshouse` file: a zip of its folder, to carry it between a desktop and a browser.
//!
//! Such a file may come from anyone. Nothing is written outside the folder that it is unpacked into, and its sizes are
//! checked before anything is read.

use crate::error::{Error, Result};
use crate::platform::files;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Most files of a project.
const MOST_FILES: usize = 100_000;
/// Most bytes of all its files together.
const MOST_BYTES: u64 = 16 << 30;

/// Packs a project's folder, without locks and what a crash left unfinished.
pub fn pack(folder: &Path) -> Result<Vec<u8>> {
    super::Project::open(folder)?;
    pack_folder(folder)
}

/// Packs any folder. The same files give the same bytes.
pub fn pack_folder(folder: &Path) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // Without times, so that equal projects are equal files.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    let failed =
        |error: zip::result::ZipError| Error::bad_file(folder, format!("could not be packed: {error}"));
    for path in files_below(folder)? {
        let inside = path.strip_prefix(folder).unwrap_or(&path);
        let names: Vec<_> = inside.iter().map(|name| name.to_string_lossy()).collect();
        writer.start_file(names.join("/"), options).map_err(failed)?;
        let content = files::read(&path).map_err(Error::io(&path))?;
        writer.write_all(&content).map_err(Error::io(&path))?;
    }
    Ok(writer.finish().map_err(failed)?.into_inner())
}

/// Unpacks a `.glasshouse` file into a folder, which is made.
///
/// # Errors
/// It is no zip, is damaged, leads outside the folder, is too large, or holds no project of this version. What was
/// written by then is the caller's to remove.
pub fn unpack(content: &[u8], folder: &Path) -> Result<()> {
    let damaged = |reason: String| Error::bad_file("project file", format!("{reason}; nothing was imported"));
    let bad_zip =
        |error: zip::result::ZipError| damaged(format!("this is no whole .glasshouse file ({error})"));
    let mut archive = ZipArchive::new(Cursor::new(content)).map_err(bad_zip)?;
    if archive.len() > MOST_FILES {
        return Err(damaged(format!("it holds {} files, more than any project", archive.len())));
    }
    let mut left = MOST_BYTES;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(bad_zip)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(bad_zip)?.into_owned();
        let place = inner_path(&name).filter(|_| !entry.is_symlink());
        let place = place.ok_or_else(|| damaged(format!("{name:?} leads outside the project")))?;
        if entry.size() > left {
            return Err(damaged(format!("it unpacks to more than {MOST_BYTES} bytes")));
        }
        let path = folder.join(place);
        if let Some(parent) = path.parent() {
            files::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        // The size that is written there may be a lie: no more than that is read.
        let size = entry.size();
        let mut output = files::File::create(&path).map_err(Error::io(&path))?;
        let written = std::io::copy(&mut entry.by_ref().take(size.saturating_add(1)), &mut output);
        let written = written.map_err(|error| damaged(format!("{name:?} is damaged ({error})")))?;
        if written != size {
            return Err(damaged(format!("{name:?} is not as long as it says")));
        }
        left -= written;
    }
    super::Project::open(folder).map(|_| ()).map_err(|error| match error {
        Error::BadFile { reason, .. } => damaged(reason),
        other => other,
    })
}

/// A name inside the folder, without anything that leads elsewhere on any system.
fn inner_path(name: &str) -> Option<PathBuf> {
    if name.is_empty() || name.contains(['\\', ':', '\0']) {
        return None;
    }
    let path = Path::new(name);
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_owned())
}

/// Every file below a folder that belongs to the project, in the order of their names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries = files::read_dir(folder)
        .map_err(Error::io(folder))?
        .map(|entry| entry.map(|entry| entry.path()).map_err(Error::io(folder)))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let passing = name == "lock" || name.ends_with(".lock") || name.contains(".partial");
        if passing {
            continue;
        }
        if files::is_dir(&path) {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_packed_project_is_unpacked_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        Project::open_or_create(&from).unwrap();
        std::fs::create_dir_all(from.join("data/x")).unwrap();
        std::fs::write(from.join("data/x/tokens.bin"), vec![7; 10_000]).unwrap();
        std::fs::write(from.join("open.lock"), "").unwrap();
        let packed = pack(&from).unwrap();
        assert!(packed.len() < 5_000);
        assert_eq!(packed, pack(&from).unwrap());
        let to = folder.path().join("to");
        unpack(&packed, &to).unwrap();
        assert_eq!(std::fs::read(to.join("data/x/tokens.bin")).unwrap(), vec![7; 10_000]);
        assert!(!to.join("open.lock").exists());
        assert_eq!(pack(&to).unwrap(), packed);
    }

    #[test]
    fn hostile_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("p");
        Project::open_or_create(&project).unwrap();
        let marker = std::fs::read(project.join("project.json")).unwrap();
        for name in ["../escape", "/etc/escape", "a/../../escape", "C:\\escape", "a\\..\\..\\escape"] {
            let bytes = zip_of(&[("project.json", &marker), (name, b"x")]);
            let to = folder.path().join("to");
            let refused = unpack(&bytes, &to).unwrap_err().to_string();
            assert!(refused.contains("outside"), "{name}: {refused}");
            assert!(!folder.path().join("escape").exists());
        }
        for bytes in [&b"no zip"[..], &zip_of(&[("x", b"y")]), &pack(&project).unwrap()[..100]] {
            assert!(unpack(bytes, &folder.path().join("other")).is_err());
        }
    }
}
