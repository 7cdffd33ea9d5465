//! The open project's text: files copied into its `documents` folder, or the embedded stories.

use super::Session;
use crate::data::survey::Survey;
use crate::error::{Error, Result};
use crate::platform::files;
use crate::protocol::{DataConfig, DocumentsOverview, Event, Parcel, Report};
use glasshouse_corpus::output::CORPUS_FILE;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Documents that answer a change of files.
const PAGE: usize = 50;
/// Endings that are text.
const KINDS: [&str; 4] = ["txt", "md", "jsonl", "text"];

impl<Tell: Fn(Parcel<Report>)> Session<Tell> {
    pub(super) fn add_documents(&mut self, id: u64, names: &[String], bytes: Vec<Vec<u8>>) -> Result<()> {
        let folder = self.opened()?.documents_folder();
        files::create_dir_all(&folder).map_err(Error::io(&folder))?;
        if bytes.is_empty() {
            for name in names {
                copy_in(Path::new(name), &folder)?;
            }
        } else {
            if names.len() != bytes.len() {
                return Err(Error::Internal(format!("{} names for {} files", names.len(), bytes.len())));
            }
            for (name, content) in names.iter().zip(bytes) {
                let path = free_place(&folder, Path::new(name))?;
                files::write(&path, content).map_err(Error::io(&path))?;
            }
        }
        self.documents_changed(id)
    }

    pub(super) fn remove_document(&mut self, id: u64, name: &str) -> Result<()> {
        let folder = self.opened()?.documents_folder();
        let path = folder.join(file_name(Path::new(name))?);
        files::remove_file(&path).map_err(Error::io(&path))?;
        self.documents_changed(id)
    }

    pub(super) fn documents_changed(&mut self, id: u64) -> Result<()> {
        let project = self.opened()?;
        project.survey = None;
        let validation = project.config.data.validation;
        self.list_documents(id, "", 0, PAGE, validation)
    }

    pub(super) fn list_documents(
        &mut self,
        id: u64,
        search: &str,
        offset: usize,
        count: usize,
        validation: f64,
    ) -> Result<()> {
        let folder = self.opened()?.documents_folder();
        let raw = raw_files(&folder);
        let (found, documents, overview) = if self.needs_cleaning()? {
            (0, Vec::new(), DocumentsOverview { files: raw, needs_cleaning: true, ..Default::default() })
        } else {
            let survey = self.survey()?;
            let (found, documents) = survey.list(search, offset, count, validation)?;
            let mut overview = survey.overview(validation);
            overview.cleaned = self.is_cleaned()?;
            if !raw.is_empty() {
                overview.files = raw;
            }
            (found, documents, overview)
        };
        let search = search.to_owned();
        self.outlet.answer(id, Event::Documents { overview, search, offset, found, documents });
        Ok(())
    }

    pub(super) fn read_document(&mut self, id: u64, number: u64) -> Result<()> {
        let (text, cut) = self.survey()?.read(number)?;
        self.outlet.answer(id, Event::Document { number, text, cut });
        Ok(())
    }

    /// Whether the project's documents were cleaned.
    fn is_cleaned(&mut self) -> Result<bool> {
        Ok(files::exists(&self.cleaned_folder()?.join(CORPUS_FILE)))
    }

    /// Whether the project has files of which none can be read as it is.
    fn needs_cleaning(&mut self) -> Result<bool> {
        let folder = self.opened()?.documents_folder();
        Ok(!raw_files(&folder).is_empty() && list(&folder).is_empty() && !self.is_cleaned()?)
    }

    /// What is known of the project's documents, read once.
    pub(super) fn survey(&mut self) -> Result<&Survey> {
        let data = self.data_config()?;
        let known = self.opened()?.survey.as_ref().is_some_and(|(of, _)| *of == data);
        if !known {
            let survey = Survey::of(&data, &mut || self.outlet.beat("reading documents"))?;
            self.opened()?.survey = Some((data, survey));
        }
        let project = self.opened()?;
        match &project.survey {
            Some((_, survey)) => Ok(survey),
            None => Err(Error::Internal("a survey that was just made".to_owned())),
        }
    }

    /// Where the project's text comes from: its cleaned documents, or its own as they are, or what its latest run was given on
    /// a command line, or the embedded stories.
    pub(super) fn data_config(&mut self) -> Result<DataConfig> {
        if self.is_cleaned()? {
            let paths = vec![self.cleaned_folder()?.display().to_string()];
            return Ok(DataConfig { paths, ..self.opened()?.config.data.clone() });
        }
        let shelf = self.options.shelf.clone();
        let project = self.opened()?;
        let folder = project.documents_folder();
        let own = !list(&folder).is_empty();
        let given = &project.config.data;
        let paths = if own {
            vec![folder.display().to_string()]
        } else if given.paths.iter().all(|path| is_elsewhere(Path::new(path), &shelf)) {
            given.paths.clone()
        } else {
            Vec::new()
        };
        Ok(DataConfig { paths, ..given.clone() })
    }
}

/// A text that a command line named, and not the folder of a project: a copy reads its own or none.
fn is_elsewhere(path: &Path, shelf: &Path) -> bool {
    files::exists(path) && !path.starts_with(shelf) && !path.ends_with("documents")
}

/// Every file in a folder: name and bytes.
fn raw_files(folder: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = files::read_dir(folder) else { return Vec::new() };
    let file = |entry: files::DirEntry| {
        let path = entry.path();
        let metadata = files::metadata(&path).ok().filter(files::Metadata::is_file)?;
        Some((entry.file_name().to_string_lossy().into_owned(), metadata.len()))
    };
    let mut found: Vec<_> = entries.filter_map(|entry| file(entry.ok()?)).collect();
    found.sort();
    found
}

/// The text files in a folder.
fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = files::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| is_text(path)).collect()
}

/// Whether the bench knows files of this name's kind.
fn is_known(path: &Path) -> bool {
    is_text(path) || glasshouse_corpus::read::is_known(&path.to_string_lossy())
}

fn is_text(path: &Path) -> bool {
    let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    KINDS.contains(&kind.as_str())
}

/// Copies a file, or every text in a folder.
pub(super) fn copy_in(from: &Path, folder: &Path) -> Result<()> {
    if files::is_dir(from) {
        let Ok(entries) = files::read_dir(from) else {
            return Err(Error::bad_file(from, "the folder cannot be read"));
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let texts: Vec<PathBuf> = paths.filter(|path| files::is_file(path) && is_known(path)).collect();
        if texts.is_empty() {
            return Err(Error::bad_file(from, "the folder holds no file of a kind that is read"));
        }
        return texts.iter().try_for_each(|path| copy_in(path, folder));
    }
    let to = free_place(folder, from)?;
    files::copy(from, &to).map_err(Error::io(from))?;
    Ok(())
}

/// A path's last name, for files that stay inside a folder.
fn file_name(path: &Path) -> Result<&OsStr> {
    let refused = || Error::bad_file(path, "this is no file name");
    path.file_name().ok_or_else(refused)
}

/// A place for a text file in the folder: its own name, or with a number behind it where that is taken.
fn free_place(folder: &Path, name: &Path) -> Result<PathBuf> {
    let name = Path::new(file_name(name)?);
    if !is_known(name) {
        return Err(Error::bad_file(
            name,
            "files of this kind are not read; text, Markdown, web pages, JSON, CSV, Parquet, PDF, WARC, Wikipedia and Stack \
             Exchange dumps and source code are, also packed by gzip or zstd",
        ));
    }
    let plain = folder.join(name);
    if !files::exists(&plain) {
        return Ok(plain);
    }
    let stem = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let kind = name.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..).map(|number| folder.join(format!("{stem} {number}.{kind}")));
    let free = |path: &PathBuf| !files::exists(path);
    numbered.take(10_000).find(free).ok_or_else(|| Error::bad_file(name, "too many files of this name"))
}
