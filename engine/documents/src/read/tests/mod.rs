//! Every format with valid input, and every kind of invalid input, which must be reported in a sentence without affecting the
//! rest.

mod columns;
mod crawls;
mod dumps;
mod encodings;
mod finding;
mod formats;
mod hostile;
mod packages;
mod papers;
mod properties;

use super::*;
use crate::files::{FileType, Files, Input, SystemFiles};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Opens a stream: a substitute for files that cannot exist on a disk.
type Make = Box<dyn Fn() -> io::Result<Box<dyn Input>> + Sync>;

#[derive(Default)]
pub(super) struct Memory {
    files: BTreeMap<PathBuf, (u64, Make)>,
    /// Readers of large formats to use instead of the built-in ones.
    readers: Option<Readers>,
}

impl Memory {
    pub(super) fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = Arc::new(content.as_ref().to_vec());
        let size = content.len() as u64;
        let open: Make = Box::new(move || Ok(Box::new(Cursor::new(content.to_vec()))));
        self.files.insert(path.into(), (size, open));
        self
    }

    pub(super) fn with_stream(mut self, path: &str, size: u64, make: Make) -> Self {
        self.files.insert(path.into(), (size, make));
        self
    }
}

impl Files for Memory {
    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        match self.files.get(path) {
            Some((size, _)) => Ok(FileType::File(*size)),
            None if self.files.keys().any(|file| file.starts_with(path)) => Ok(FileType::Folder),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let below = self.files.keys().filter_map(|file| file.strip_prefix(folder).ok());
        let mut entries: Vec<PathBuf> =
            below.filter_map(|file| Some(folder.join(file.components().next()?))).collect();
        entries.dedup();
        Ok(entries)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>> {
        self.files.get(path).ok_or(io::ErrorKind::NotFound)?.1()
    }

    fn readers(&self) -> Option<Readers> {
        self.readers
    }
}

pub(super) struct Stream<R>(pub(super) R);

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R> Seek for Stream<R> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Documents and troubles of all files in memory, in order; also checks progress.
pub(super) fn read_all(memory: &Memory, settings: &Settings) -> (Vec<Document>, Vec<Trouble>) {
    settings.validate().unwrap();
    let roots: Vec<PathBuf> = memory.files.keys().cloned().collect();
    let found = find(memory, &roots, settings);
    let mut documents = Vec::new();
    let mut troubles = found.troubles;
    let progress = Arc::new(AtomicU64::new(0));
    let mut size = 0;
    for source in &found.sources {
        size += source.size;
        for item in open(memory, source, settings, &progress) {
            match item {
                Ok(document) => documents.push(document),
                Err(trouble) => troubles.push(trouble),
            }
        }
        assert_eq!(progress.load(Ordering::Relaxed), size);
    }
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for trouble in &troubles {
        assert!(!trouble.reason.contains('\n') && !trouble.reason.is_empty(), "{trouble:?}");
        // Settings are named as in a recipe.
        for name in trouble.reason.split_ascii_whitespace().filter(|word| word.starts_with("reading.")) {
            let name = name.trim_end_matches(|mark: char| !mark.is_ascii_alphabetic());
            assert!(settings.pointer(&name["reading".len()..].replace('.', "/")).is_some(), "{trouble:?}");
        }
    }
    (documents, troubles)
}

/// Documents and troubles of one file.
pub(super) fn all(name: &str, content: impl AsRef<[u8]>) -> (Vec<Document>, Vec<Trouble>) {
    read_all(&Memory::default().with(name, content), &Settings::default())
}

/// The documents of one file without troubles.
pub(super) fn read(name: &str, content: impl AsRef<[u8]>) -> Vec<Document> {
    read_with(name, content, &Settings::default())
}

pub(super) fn read_with(name: &str, content: impl AsRef<[u8]>, settings: &Settings) -> Vec<Document> {
    let (documents, troubles) = read_all(&Memory::default().with(name, content), settings);
    assert_eq!(troubles, []);
    documents
}

/// The ids and texts of one file without troubles.
pub(super) fn texts(name: &str, content: impl AsRef<[u8]>) -> Vec<(String, String)> {
    read(name, content).into_iter().map(|document| (document.id, document.text)).collect()
}

/// The troubles of one file, as `place: reason`, and the texts that were read.
pub(super) fn wrong(
    name: &str,
    content: impl AsRef<[u8]>,
    settings: &Settings,
) -> (Vec<String>, Vec<String>) {
    let (documents, troubles) = read_all(&Memory::default().with(name, content), settings);
    let troubles = troubles.iter().map(|trouble| format!("{}: {}", trouble.place, trouble.reason)).collect();
    (troubles, documents.into_iter().map(|document| document.text).collect())
}

/// The texts of one file, whose first trouble must contain `said`.
pub(super) fn says(name: &str, content: impl AsRef<[u8]>, settings: &Settings, said: &str) -> Vec<String> {
    let (troubles, texts) = wrong(name, content, settings);
    assert!(troubles.first().is_some_and(|trouble| trouble.contains(said)), "{said}: {troubles:?}");
    texts
}

/// Limits small enough to reach in a test.
pub(super) fn small() -> Settings {
    let limits = Limits { document: 4 << 10, record: 8 << 10, expansion_free: 1 << 20, ..Limits::default() };
    Settings { limits, ..Settings::default() }
}

pub(super) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(content.as_ref()).unwrap();
    packed.finish().unwrap()
}

pub(super) fn zstandard(content: impl AsRef<[u8]>) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content.as_ref(), ruzstd::encoding::CompressionLevel::Fastest)
}

pub(super) fn bzip2(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(content.as_ref()).unwrap();
    packed.finish().unwrap()
}
