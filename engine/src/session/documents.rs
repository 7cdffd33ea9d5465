//! The open project's text: files copied into its `documents` folder, or the built-in stories.

use super::Session;
use super::undo::Undo;
use crate::data::read::holds_rows;
use crate::data::recipes::{RECIPES_FOLDER, TASK_FOLDERS};
use crate::data::survey::{ConversationReader, ReadDocument, Survey};
use crate::platform::{self, ChatRenderer, CorpusFiles, Yielder, files};
use crate::project::FEEDBACK_FOLDER;
use crate::project::names::Siblings;
use crate::protocol::{CHATML, DataConfig, DocumentsChange, Event, Synthetic, answer, file_kind, order};
use crate::storage::{self, Staging};
use crate::tokenizer::{TokenizerFiles, template_fails};
use crate::{Error, Result};
use glasshouse_corpus::output::CORPUS_FILE;
use glasshouse_documents::read::{self, Settings, Trouble};
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Number of documents listed after a change.
const PAGE: usize = 50;
/// Maximum skipped files named in a notice.
const NAMED: usize = 8;
/// Project folders whose rows a run can train on instead of its text.
const LEARNED: [&str; 2] = [FEEDBACK_FOLDER, RECIPES_FOLDER];

impl Session {
    pub(super) async fn change_documents(
        &mut self,
        id: u64,
        change: DocumentsChange,
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        match change {
            DocumentsChange::Add { names } => self.add_documents(id, &names, bytes).await,
            DocumentsChange::Replace { names } => self.replace_documents(id, &names, bytes).await,
            DocumentsChange::Remove { name } => self.remove_document(id, &name).await,
        }
    }

    /// Copies files into the project: all of them, or none if one fails or the request is cancelled. Folders are searched
    /// recursively for supported files; a notice names skipped ones.
    pub(super) async fn add_documents(
        &mut self,
        id: u64,
        names: &[String],
        bytes: Vec<Vec<u8>>,
    ) -> Result<()> {
        let folder = self.opened()?.documents_folder();
        let mut added = Undo::new(Vec::new(), |added: &Vec<PathBuf>| {
            for path in added {
                files::remove_file(path).ok();
            }
        });
        let skipped = self.copy_documents(&folder, names, bytes, &mut added.value).await?;
        let changed = self.documents_changed().await?;
        self.sink.answer(id, changed);
        added.keep();
        skipped.into_iter().for_each(|skipped| self.sink.notice(skipped));
        Ok(())
    }

    /// Copies files, by path or with these contents, into a folder of documents; `added` gets the copies. Returns what to say about
    /// skipped files.
    pub(super) async fn copy_documents(
        &self,
        folder: &Path,
        names: &[String],
        bytes: Vec<Vec<u8>>,
        added: &mut Vec<PathBuf>,
    ) -> Result<Option<String>> {
        let mut passed_over = Vec::new();
        let given = if bytes.is_empty() {
            let mut files = Vec::new();
            for name in names {
                files.extend(files_of(Path::new(name), &mut passed_over).await?);
            }
            files.into_iter().map(|path| (path, None)).collect()
        } else {
            if names.len() != bytes.len() {
                return Err(Error::Internal(format!("{} names for {} files", names.len(), bytes.len())));
            }
            let mut given = names.iter().zip(&bytes);
            given.try_for_each(|(name, content)| known_kind(Path::new(name), content))?;
            let contents = bytes.into_iter().map(Some);
            names.iter().map(PathBuf::from).zip(contents).collect::<Vec<_>>()
        };
        files::create_dir_all(folder).map_err(Error::io(folder))?;
        let (yielder, count) = (Yielder::new(), given.len() as u64);
        // Names that an archive can store unchanged.
        let mut siblings = Siblings::in_folder(folder);
        for (done, (name, content)) in given.into_iter().enumerate() {
            let to = folder.join(siblings.take(file_name(&name)?));
            added.push(to.clone());
            match content {
                Some(content) => files::write(&to, content).map_err(Error::io(&to))?,
                None => copy(&name, &to, &yielder).await.map_err(Error::io(name))?,
            }
            self.sink.progress(done as u64 + 1, count);
            yielder.maybe_yield().await;
        }
        Ok(told(&passed_over))
    }

    pub(super) async fn remove_document(&mut self, id: u64, name: &str) -> Result<()> {
        let folder = self.opened()?.documents_folder();
        let path = folder.join(file_name(Path::new(name))?);
        // Restored if reading the remaining documents is cancelled.
        let staging = Staging::inside(self.opened()?.project.folder())?;
        let aside = staging.path().join("document");
        files::rename(&path, &aside).map_err(Error::io(&path))?;
        let removed = Undo::new((path, aside), |(path, aside)| {
            files::rename(aside, path).ok();
        });
        let changed = self.documents_changed().await?;
        self.sink.answer(id, changed);
        removed.keep();
        Ok(())
    }

    pub(super) async fn documents_changed(&mut self) -> Result<Event> {
        self.opened()?.survey = None;
        self.listed_documents().await
    }

    /// The first documents.
    pub(super) async fn listed_documents(&mut self) -> Result<Event> {
        let validation = self.opened()?.config.data.validation;
        self.list_documents("", 0, PAGE, validation).await
    }

    pub(super) async fn list_documents(
        &mut self,
        search: &str,
        offset: usize,
        count: usize,
        validation: f64,
    ) -> Result<Event> {
        let raw = raw_files(&self.opened()?.documents_folder());
        let cleaned = self.is_cleaned()?;
        let survey = self.survey().await?;
        let (found, documents) = survey.list(search, offset, count, validation, &Yielder::new()).await?;
        let mut overview = survey.overview(validation);
        overview.cleaned = cleaned;
        if !raw.is_empty() {
            overview.files = raw;
        }
        let search = search.to_owned();
        Ok(Event::Documents { overview, search, offset, found, documents })
    }

    pub(super) async fn read_document(&mut self, number: u64) -> Result<answer::Document> {
        let document = self.survey().await?.read(number, &Yielder::new()).await?;
        let reader = match document.row {
            Some(_) => self.conversation_reader()?,
            None => None,
        };
        let ReadDocument { text, learned, tokens, cut } = ReadDocument::new(document, reader.as_ref())?;
        let learned = learned.into_iter().map(|range| (range.start, range.end)).collect();
        Ok(answer::Document { number, text, learned, tokens, cut })
    }

    /// The chat template and tokenizer of the latest run, or the project's tokenizer if there is no run. Models without a
    /// template get ChatML, as for chat training. `None`, with a notice, if something cannot be read or compiled.
    fn conversation_reader(&mut self) -> Result<Option<ConversationReader>> {
        let project = self.opened()?;
        let latest = project.project.run_or_latest(None).ok();
        let read = match latest.and_then(|run| run.data_folder().ok()) {
            Some(folder) => TokenizerFiles::read(&folder).map(Some),
            None => Ok(project.prepared.as_ref().map(|prepared| prepared.tokenizer.clone().into())),
        };
        let compiled = read.and_then(|read| {
            let Some(files) = read else {
                let template = ChatRenderer::new(CHATML, &serde_json::Map::new());
                let template = template.map_err(|reason| template_fails(&reason))?;
                return Ok(ConversationReader { template, tokenizer: None });
            };
            let files = if files.chat_template.is_some() { files } else { files.with_chatml()? };
            Ok(ConversationReader { template: files.chat_renderer()?, tokenizer: Some(files.tokenizer) })
        });
        match compiled {
            Ok(reader) => Ok(Some(reader)),
            Err(error) => {
                self.sink.notice(format!("{error}; conversations are shown without it"));
                Ok(None)
            }
        }
    }

    fn is_cleaned(&mut self) -> Result<bool> {
        Ok(files::exists(&self.cleaned_folder()?.join(CORPUS_FILE)))
    }

    /// The survey of the project's documents, read once.
    pub(super) async fn survey(&mut self) -> Result<&mut Survey> {
        let data = self.data_config()?;
        let known = self.opened()?.survey.as_ref().is_some_and(|(of, _)| *of == data);
        if !known {
            let (_, rows) = self.own_files()?;
            let survey = Survey::with_rows(&data, &rows, &Yielder::new()).await?;
            self.opened()?.survey = Some((data, survey));
        }
        let project = self.opened()?;
        match &mut project.survey {
            Some((_, survey)) => Ok(survey),
            None => Err(Error::Internal("a survey that was just made".to_owned())),
        }
    }

    /// The source of the project's text: its cleaned documents, its original ones, the files given to its latest run on a command
    /// line, or the built-in stories.
    pub(super) fn data_config(&mut self) -> Result<DataConfig> {
        let project = self.opened()?;
        let draft = project.next.drafts.as_ref().map_or(&project.config, |(_, drafts)| &drafts.train);
        let held_out = draft.data.validation_files.clone();
        let mut validation_files = self.held_out(held_out)?;
        validation_files.retain(|path| !holds_rows(Path::new(path)));
        if self.is_cleaned()? {
            let paths = vec![self.cleaned_folder()?.display().to_string()];
            let given = self.opened()?.config.data.clone();
            return Ok(DataConfig { paths, validation_files, synthetic: Synthetic::None, ..given });
        }
        let shelf = self.options.shelf.clone();
        let (texts, _) = self.own_files()?;
        let project = self.opened()?;
        let given = &project.config.data;
        let paths = if !texts.is_empty() {
            texts.iter().map(|path| path.display().to_string()).collect()
        } else if given
            .paths
            .iter()
            .all(|path| is_elsewhere(Path::new(path), &shelf, project.project.folder()))
        {
            given.paths.clone()
        } else {
            Vec::new()
        };
        Ok(DataConfig { paths, validation_files, synthetic: Synthetic::None, ..given.clone() })
    }

    /// Paths of the project's documents: those with text (their folder, if it holds no others), and those with rows for fine-tuning.
    pub(super) fn own_files(&mut self) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
        let folder = self.opened()?.documents_folder();
        let all = raw_files(&folder).into_iter().map(|(name, _)| folder.join(name));
        let (rows, texts): (Vec<PathBuf>, Vec<PathBuf>) = all.partition(|path| holds_rows(path));
        Ok(if rows.is_empty() && !texts.is_empty() { (vec![folder], rows) } else { (texts, rows) })
    }

    /// Paths of the held-out files. Project documents are named by file name; removed ones are ignored. For cleaned documents,
    /// the cleaning recipe determines the split.
    pub(super) fn held_out(&mut self, named: Vec<String>) -> Result<Vec<String>> {
        let cleaned = self.is_cleaned()?;
        let folder = self.opened()?.documents_folder();
        let place = |named: String| {
            let path = Path::new(&named);
            if path.parent().is_some_and(|parent| parent != "" && !parent.ends_with("documents")) {
                return Some(named);
            }
            let own = folder.join(path.file_name()?);
            (!cleaned && files::exists(&own)).then(|| own.display().to_string())
        };
        Ok(named.into_iter().filter_map(place).collect())
    }
}

/// Whether a path is a text named on a command line, outside any project. A copied project must not read the original's
/// documents, nor the next run the rows that the previous one trained on instead of a text.
fn is_elsewhere(path: &Path, shelf: &Path, project: &Path) -> bool {
    let learned = LEARNED.iter().chain(&TASK_FOLDERS).any(|name| path.starts_with(project.join(name)));
    let is_in = |folder: &Path| {
        folder.ends_with("documents") && files::exists(&folder.with_file_name("project.json"))
    };
    let documents = path.ends_with("documents") || path.parent().is_some_and(is_in);
    files::exists(path) && !path.starts_with(shelf) && !documents && !learned
}

/// Name and size of every file in a folder.
pub(super) fn raw_files(folder: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = files::read_dir(folder) else { return Vec::new() };
    let file = |entry: files::DirEntry| {
        let path = entry.path();
        let metadata = files::metadata(&path).ok().filter(files::Metadata::is_file)?;
        Some((entry.file_name().to_string_lossy().into_owned(), metadata.len()))
    };
    let mut found: Vec<_> = entries.filter_map(|entry| file(entry.ok()?)).collect();
    order::sort(&mut found);
    found
}

/// The supported files at a path, searched recursively in folders. Others are added to `passed_over`, by their path relative to the folder.
async fn files_of(path: &Path, passed_over: &mut Vec<Trouble>) -> Result<Vec<PathBuf>> {
    if !files::is_dir(path) {
        known_kind(path, &head(path)?)?;
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.to_owned();
    // On another thread, so that searching a whole disk can be cancelled.
    let found =
        platform::spawn_blocking(move || read::find(&CorpusFiles, &[folder], &Settings::default())).await?;
    let below = |trouble: Trouble| match Path::new(&trouble.place).strip_prefix(path) {
        Ok(below) => Trouble { place: below.display().to_string(), ..trouble },
        Err(_) => trouble,
    };
    let mut troubles = found.troubles.into_iter().map(below);
    if found.sources.is_empty() {
        let reason = match troubles.next() {
            None => format!("the folder holds no supported file ({KINDS}); choose another folder"),
            Some(Trouble { place, reason }) if place.is_empty() => {
                format!("the folder {reason}; check its permissions")
            }
            Some(Trouble { place, reason }) => {
                format!("the folder holds no readable file: {place}: {reason}")
            }
        };
        return Err(Error::bad_file(path, reason));
    }
    passed_over.extend(troubles);
    let mut paths: Vec<PathBuf> = found.sources.into_iter().map(|source| source.path).collect();
    // An archive is listed once per member.
    paths.dedup();
    Ok(paths)
}

/// A notice about skipped files: the first with its reason, then the names of others.
fn told(passed_over: &[Trouble]) -> Option<String> {
    let (Trouble { place, reason }, others) = passed_over.split_first()?;
    let names: Vec<&str> = others.iter().take(NAMED).map(|trouble| trouble.place.as_str()).collect();
    let others = match others.len() {
        0 => String::new(),
        1..=NAMED => format!(". Also skipped: {}", names.join(", ")),
        count => format!(". Also skipped: {} and {} more", names.join(", "), count - NAMED),
    };
    Some(format!("{place}: {reason}{others}; the other files are read"))
}

const KINDS: &str = "text, Markdown, web pages, JSON, CSV, Parquet, PDF, Word, EPUB, WARC, Wikipedia and Stack Exchange dumps, and source code, also \
                     packed with gzip, zstd, bzip2 or zip";

/// The first bytes of a file, for detecting its format if the name is not enough.
fn head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = files::File::open(path).map_err(Error::io(path))?;
    file.take(read::HEAD).read_to_end(&mut head).map_err(Error::io(path))?;
    Ok(head)
}

/// Fails for unsupported formats, by name and first bytes, and for private keys of any name.
fn known_kind(name: &Path, head: &[u8]) -> Result<()> {
    if file_kind::is_private_key(head) {
        return Err(Error::bad_file(name, format!("is {}", file_kind::PRIVATE_KEY)));
    }
    if file_kind::is_empty(head) {
        return Err(Error::bad_file(name, "is empty; add a file with text"));
    }
    if read::is_known(&file_name(name)?.to_string_lossy(), head) {
        return Ok(());
    }
    Err(Error::bad_file(name, format!("this file type is not supported; save it as one of these: {KINDS}")))
}

fn file_name(path: &Path) -> Result<&OsStr> {
    let refused = || Error::bad_file(path, "this is not a file name");
    path.file_name().ok_or_else(refused)
}

async fn copy(from: &Path, to: &Path, yielder: &Yielder) -> std::io::Result<()> {
    let (mut from, mut to) = (files::File::open(from)?, files::File::create(to)?);
    storage::copy(&mut from, &mut to, yielder).await
}
