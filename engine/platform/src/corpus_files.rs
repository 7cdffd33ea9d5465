//! The browser's in-memory files, for data cleaning.

use super::{files, readers};
use glasshouse_documents::Files;
use glasshouse_documents::files::{FileType, Input};
use glasshouse_documents::read::Readers;
use glasshouse_protocol::order;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, Default)]
pub struct CorpusFiles;

impl Files for CorpusFiles {
    fn file_type(&self, path: &Path) -> io::Result<FileType> {
        let metadata = files::metadata(path)?;
        Ok(if metadata.is_dir() { FileType::Folder } else { FileType::File(metadata.len()) })
    }

    /// In-memory files have no links.
    fn is_link(&self, _: &Path) -> bool {
        false
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = files::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        order::sort(&mut paths);
        Ok(paths)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(files::File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(files::File::create(path)?))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        files::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        files::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        files::remove_file(path)
    }

    fn readers(&self) -> Option<Readers> {
        Some(readers::READERS)
    }
}
